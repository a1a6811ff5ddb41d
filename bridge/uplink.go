package bridge

import (
	"context"
	"fmt"
)

// Way is how a batch travels: in its lane's order, at once, or again.
type Way string

// Ways of contracts.md.
const (
	WayLane   Way = "lane"
	WayNow    Way = "now"
	WayReplay Way = "replay"
)

// WayOrder is a message to a partner that takes orders, and no events of a lane.
const WayOrder Way = "order"

// Outgoing is an event as it leaves: the same bytes on every way.
type Outgoing struct {
	ID       string
	Epoch    string
	Lane     Lane
	Sequence uint64
	Wire     []byte // Event.Encode
}

// Batch is what one Send hands over; its events are of one lane, in order.
type Batch struct {
	Way     Way
	Lane    Lane
	Request string // of a replay: headquarters' name for it
	Events  []Outgoing
}

// Uplink is one way to one headquarters. An implementation makes one attempt
// at a time; the forwarder repeats, orders, counts and confirms.
type Uplink interface {
	// Connect makes one attempt and returns a session that stands, or why
	// not. What comes down is given to h from then on, even before Connect
	// returns. It gives up when ctx ends.
	Connect(ctx context.Context, h Handler) (Session, error)
}

// Session is an uplink while it stands. Its methods may be called from many
// goroutines.
type Session interface {
	// Send hands a batch over. Batches of one way and lane arrive in the order
	// of the calls. The ticket's Wait returns nil once the transport has
	// confirmed the whole batch; its error ends the session. An *EventError
	// returned here says that the batch can never be taken and that the
	// session still stands; every other error ends it.
	Send(ctx context.Context, b Batch) (Ticket, error)
	// State replaces what headquarters sees of the box. It is never queued.
	State(ctx context.Context, s State) error
	// Done is closed when the session has ended; Err then says why.
	Done() <-chan struct{}
	Err() error
	// Close ends the session and waits for it. What the transport has not
	// confirmed is sent again in the next session.
	Close()
}

// Handler takes what comes down. Calls come one after the other.
type Handler interface {
	// Presence says whether headquarters listens behind the transport.
	Presence(listening bool)
	// Receive takes a message. After nil it may be acknowledged: it is stored,
	// or will never be taken. After an error it must come again.
	Receive(ctx context.Context, kind MessageKind, payload []byte) error
}

// MessageKind says what came down.
type MessageKind string

// Kinds of contracts.md.
const (
	KindReceipt  MessageKind = "receipt"
	KindTask     MessageKind = "task"
	KindIncident MessageKind = "incident"
	KindReplay   MessageKind = "replay"
)

// Message is what came down and is for the room: a judgement by a person
// there, an order, an incident.
type Message struct {
	Uplink  string
	Kind    MessageKind
	Receipt *Receipt // with KindReceipt: accepted or rejected
	Payload []byte   // as it came: an order's may be no JSON
}

// Results of a receipt.
const (
	Received = "received"
	Accepted = "accepted"
	Rejected = "rejected"
)

// Receipt is headquarters' word on one event (ID), or on all of a lane up to
// a sequence (Through).
type Receipt struct {
	ID      string `json:"id,omitempty"`
	Epoch   string `json:"epoch,omitempty"`
	Lane    Lane   `json:"lane,omitempty"`
	Through uint64 `json:"through,omitempty"`
	Result  string `json:"result"`
	Reason  string `json:"reason,omitempty"`
	By      string `json:"by,omitempty"`
	At      Stamp  `json:"at"`
}

// Replay asks for a range of a lane again.
type Replay struct {
	Request string `json:"request"`
	Epoch   string `json:"epoch"`
	Lane    Lane   `json:"lane"`
	From    uint64 `json:"from"`
	To      uint64 `json:"to"`
}

// State is what headquarters sees of the box at a glance.
type State struct {
	Online  bool            `json:"online"`
	At      Stamp           `json:"at"`
	Version string          `json:"version"`
	Epoch   string          `json:"epoch"`
	Last    map[Lane]uint64 `json:"last"` // newest synced sequence
	Lag     map[Lane]uint64 `json:"lag"`  // not yet confirmed by this uplink
}

// EventError says that a batch can never be taken as it is: one of its events
// is at fault, not the uplink.
type EventError struct{ Reason string }

func (e *EventError) Error() string { return fmt.Sprintf("event refused: %s", e.Reason) }
