package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of the forwarder.
const (
	windowEventsMax = 500             // in flight per uplink, all lanes together
	batchEventsMax  = 100             // of one Send
	nowScanMax      = 1000            // newest alarms looked through for P0 when an uplink comes up; older ones come in order
	nowAwaitedMax   = 4096            // copies on "now" whose receipt is awaited
	marksMax        = 8192            // events whose way is remembered with times
	replaysMax      = 16              // requests of a lane that wait
	asideMax        = 4096            // refused events that this run remembers
	replayPerSecond = 2000            // events, per uplink
	stateEvery      = 5 * time.Second // at most; when something changed
	confirmEvery    = 250 * time.Millisecond
	flushFor        = 5 * time.Second // at the end
	retryFirst      = 200 * time.Millisecond
	retryMax        = 5 * time.Second
	retrySteady     = 10 * time.Second // a session that lasts is a recovery
	receiptWithin   = 60 * time.Second
)

// A batch fits into the window.
const _ = uint(windowEventsMax - batchEventsMax)

// Confirm says what moves an uplink's cursor.
type Confirm string

// Ways of confirming.
const (
	ByReceipt   Confirm = "receipt"   // headquarters' receipt; the drain waits for its presence
	ByTransport Confirm = "transport" // PUBACK, 2xx, publish ack
)

// UplinkConfig is one uplink and what it is for.
type UplinkConfig struct {
	Name          string // also of its cursors: a renamed uplink begins anew
	Uplink        Uplink
	Lanes         []Lane
	Confirm       Confirm       // "" is ByReceipt
	ReceiptWithin time.Duration // then it is sent again; 0 is 60 s
	Types         []string      // of events that go with data; none: all
	Priorities    []string      // likewise
	Drills        bool          // drills go with data
}

// Options is what a Forwarder needs. Journal and Down are required.
type Options struct {
	Journal Reader
	Uplinks []UplinkConfig
	Version string // of the program, in State
	// Dir is where each uplink's requests for replays and times of receipts
	// are kept; "" keeps them in memory only.
	Dir    string
	Logger *slog.Logger
	// Down takes what is for the room. After nil it is stored for good, or
	// will never be taken; after an error it comes again.
	Down func(ctx context.Context, m Message) error
	// SetAside is told that an uplink will never take an event. After an
	// error it is told again. Nil: it is logged only.
	SetAside func(ctx context.Context, uplink string, e Event, reason string) error
	// Withheld reports whether an uplink's headquarters refused the event and
	// nobody has sent it again: then it goes without data. It is asked for
	// every event and must not block. Nil: only this run's are known.
	Withheld func(uplink, id string) bool
	// Older gives the epochs before the journal's, the oldest first: what an
	// uplink has not had of them goes before the journal. Run asks once, beside
	// its other work, and closes them at its end. Nil: there are none.
	Older func(ctx context.Context) ([]OlderReader, error)
	// Flush is how long Run may go on after its context ended; 0 is 5 s,
	// negative not at all.
	Flush time.Duration
	Now   func() time.Time // nil: time.Now
}

// Forwarder carries the journal to every uplink. Uplinks share nothing but the
// journal: one that is gone, slow or refuses never holds up another.
type Forwarder struct {
	options Options
	lines   []*line
}

// NewForwarder checks the options; Run does the work.
func NewForwarder(o Options) (*Forwarder, error) {
	if o.Journal == nil || o.Down == nil {
		return nil, errors.New("new forwarder: Journal and Down are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Flush == 0 {
		o.Flush = flushFor
	}
	f := &Forwarder{options: o}
	for _, u := range o.Uplinks {
		if err := checkUplink(&u, f.lines); err != nil {
			return nil, fmt.Errorf("new forwarder: uplink %q: %w", u.Name, err)
		}
		l, err := newLine(o, u)
		if err != nil {
			return nil, fmt.Errorf("new forwarder: uplink %q: %w", u.Name, err)
		}
		f.lines = append(f.lines, l)
	}
	return f, nil
}

func checkUplink(u *UplinkConfig, before []*line) error {
	if u.Confirm == "" {
		u.Confirm = ByReceipt
	}
	if u.ReceiptWithin <= 0 {
		u.ReceiptWithin = receiptWithin
	}
	switch {
	case u.Uplink == nil:
		return errors.New("has no transport")
	case u.Name == "" || strings.Contains(u.Name, "/"):
		return errors.New("want a name without /")
	case slices.ContainsFunc(before, func(l *line) bool { return l.config.Name == u.Name }):
		return errors.New("the name is taken")
	case u.Confirm != ByReceipt && u.Confirm != ByTransport:
		return fmt.Errorf("confirm %q: want receipt or transport", u.Confirm)
	case len(u.Lanes) == 0:
		return errors.New("has no lanes")
	}
	for _, lane := range u.Lanes {
		if !lane.Forwarded() {
			return fmt.Errorf("lane %q never leaves the station", lane)
		}
	}
	return nil
}

// Run forwards until ctx ends, then for at most Options.Flush what is on its
// way, and returns when all its goroutines have ended. Its error is the
// context's, or nil.
func (f *Forwarder) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var group sync.WaitGroup
	for _, l := range f.lines {
		group.Go(func() { l.run(inner) })
	}
	var older []OlderReader
	group.Go(func() { older = f.loadOlder(inner) })
	<-ctx.Done()
	f.flush()
	cancel()
	group.Wait()
	var err error
	for _, j := range older {
		err = errors.Join(err, j.Close())
	}
	return err
}

// flush waits until every uplink that stands has confirmed all.
func (f *Forwarder) flush() {
	if f.options.Flush < 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), f.options.Flush)
	defer cancel()
	for _, l := range f.lines {
		l.waitIdle(ctx)
	}
}

// Status is how one uplink stands.
type Status struct {
	Name      string          `json:"name"`
	Connected bool            `json:"connected"`
	Listening bool            `json:"listening"` // headquarters, or with confirm: transport its broker
	Since     Stamp           `json:"since"`     // of connected
	Lag       map[Lane]uint64 `json:"lag"`       // events not yet confirmed
	InFlight  int             `json:"in_flight"`
	// OldestUnreceived is the recorded time of the oldest alarm that is not
	// confirmed; zero when there is none.
	OldestUnreceived Stamp  `json:"oldest_unreceived"`
	LastError        string `json:"last_error,omitempty"`
	LastErrorAt      Stamp  `json:"last_error_at"`
	SetAside         uint64 `json:"set_aside"` // since start
	Rejected         uint64 `json:"rejected"`  // by people there, since start
	Sent             uint64 `json:"sent"`      // in lanes, since start, repeated ones too
	Overdue          uint64 `json:"overdue"`   // times that no receipt came within its limit
	Malformed        uint64 `json:"malformed"` // messages from above that could not be read
	Refused          uint64 `json:"refused"`   // requests for replays of what the uplink does not carry
}

// Status is how the uplinks stand, in the order of the configuration.
func (f *Forwarder) Status() []Status {
	all := make([]Status, len(f.lines))
	for i, l := range f.lines {
		all[i] = l.status()
	}
	return all
}

// Deliveries is how far an event has come on each uplink that carries its
// lane.
func (f *Forwarder) Deliveries(e *Event) []Delivery {
	var all []Delivery
	for _, l := range f.lines {
		if d, ok := l.delivery(e); ok {
			all = append(all, d)
		}
	}
	return all
}
