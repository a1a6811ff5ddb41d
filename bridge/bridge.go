// Package bridge owns what leaves the station: events, their lanes and hashes,
// the interfaces of the journal and of uplinks, and the forwarder between
// them. An event is acknowledged only after the journal has synced it, and is
// never copied into a second queue: an uplink is a cursor over the journal.
//
// It knows nothing of cameras, incidents or operators: an event's data is
// opaque bytes here.
package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Lane is a class of events with its own numbers and its own priority.
type Lane string

// Lanes, highest priority first. Local is never forwarded.
const (
	Alarm  Lane = "alarm"
	Notice Lane = "notice"
	Clip   Lane = "clip"
	Local  Lane = "local"
)

// Lanes lists all lanes, highest priority first.
func Lanes() []Lane { return []Lane{Alarm, Notice, Clip, Local} }

// Forwarded reports whether events of the lane leave the station.
func (l Lane) Forwarded() bool { return l == Alarm || l == Notice || l == Clip }

// Code is the lane's byte in journal keys; 0 for an unknown lane.
func (l Lane) Code() byte {
	switch l {
	case Alarm:
		return 1
	case Notice:
		return 2
	case Clip:
		return 3
	case Local:
		return 4
	}
	return 0
}

// Stamp is a time as events carry it: RFC 3339, UTC, milliseconds. Its text is
// part of the hash, so there is one way to write it.
type Stamp struct{ time.Time }

// At is t as a Stamp, truncated to milliseconds.
func At(t time.Time) Stamp { return Stamp{t.UTC().Truncate(time.Millisecond)} }

func (s Stamp) String() string {
	if s.IsZero() {
		return ""
	}
	t := s.UTC()
	b := t.AppendFormat(make([]byte, 0, 24), time.RFC3339) // package time writes that one fast
	ms := t.Nanosecond() / int(time.Millisecond)
	return string(append(b[:len(b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z'))
}

// MarshalJSON writes the stamp's one form; a zero stamp is the empty string.
func (s Stamp) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads RFC 3339 of any precision.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text == "" {
		*s = Stamp{}
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("time %q: want RFC 3339: %w", text, err)
	}
	*s = At(t)
	return nil
}

// Event is one line of the journal: a CloudEvents 1.0 event in JSON structured
// mode with the extensions of contracts.md. Field order is the order on the
// wire.
type Event struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"` // ULID
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            Stamp           `json:"time"`         // when it occurred
	RecordedTime    Stamp           `json:"recordedtime"` // when the desk recorded it
	Subject         string          `json:"subject"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Epoch           string          `json:"epoch"`
	Lane            Lane            `json:"lane"`
	Sequence        string          `json:"sequence"` // 20 digits
	PrevHash        string          `json:"prevhash"`
	DataHash        string          `json:"datahash"`
	DataSalt        string          `json:"datasalt,omitempty"` // hex of 16 bytes; absent with data
	Severity        string          `json:"severity"`
	Drill           bool            `json:"drill"`
	Data            json.RawMessage `json:"data,omitempty"` // RFC 8785; absent when withheld or erased
}

// EventMaxBytes is the largest event, as JSON, that the journal takes.
const EventMaxBytes = 64 << 10

// Draft is an event before the journal numbers, salts and chains it.
type Draft struct {
	ID       string
	Type     string
	Subject  string
	Time     Stamp
	Recorded Stamp
	Lane     Lane
	Severity string // P0..P3
	Drill    bool
	Data     json.RawMessage // any JSON object; the journal makes it canonical
	Key      string          // optional; found again by Find; neither chained nor forwarded
}

// Record is an event at its place in the journal.
type Record struct {
	Place uint64 // from 1 within the epoch, without holes
	Key   string // as in the Draft
	Event Event
}

// RetiredError says that a read begins in what retention has removed: all up to
// and including Through. Lane is empty when Through is a place.
type RetiredError struct {
	Lane    Lane
	Through uint64
}

func (e *RetiredError) Error() string {
	if e.Lane == "" {
		return fmt.Sprintf("the journal is retired up to place %d", e.Through)
	}
	return fmt.Sprintf("lane %s is retired up to sequence %d", e.Lane, e.Through)
}

// Ticket stands for an append that is on its way to the disk.
type Ticket interface {
	// Wait returns nil after the sync that covers the append. It returns
	// ctx's error if ctx ends first: the append may still become durable.
	Wait(ctx context.Context) error
}

// Appender is the desk's side of the journal. Only the desk has it.
type Appender interface {
	// Append numbers the drafts and queues them as one unit: all of them
	// become durable, or none. The records are final at once; nothing may be
	// shown or acknowledged before the ticket's Wait. A refusal (too large,
	// disk below its reserve, closed) comes here and changes nothing.
	Append(drafts []Draft) ([]Record, Ticket, error)
	// Find returns the record that was appended with the key, pending ones
	// included.
	Find(key string) (Record, bool, error)
	// Checkpoint writes state as of place beside the journal, verified by
	// reading it back.
	Checkpoint(place uint64, state []byte) error
	// Newest returns the newest verified checkpoint; place 0 when there is none.
	Newest() (place uint64, state []byte, err error)
	Reader
}

// Reader is what everybody but the desk gets. It shows synced records only.
type Reader interface {
	Epoch() string
	// Source is the CloudEvents source of this box's events.
	Source() string
	// Last is the newest synced place; 0 when the journal is empty.
	Last() uint64
	// LastSequence is the newest synced sequence of the lane.
	LastSequence(lane Lane) uint64
	// Read returns up to limit records after place, in order. Below what is
	// kept it is a *RetiredError.
	Read(after uint64, limit int) ([]Record, error)
	// ReadLane returns up to limit records of the lane after the sequence;
	// below what is kept it is a *RetiredError.
	ReadLane(lane Lane, after uint64, limit int) ([]Record, error)
	// Changed returns a channel that is closed at the next sync after the call.
	Changed() <-chan struct{}
	// Cursor is the saved position of an uplink or worker; 0 at first. It
	// counts sequences of a lane, or places when lane is empty.
	Cursor(name string, lane Lane) (uint64, error)
	// SaveCursor remembers the position; it is on disk within 100 ms, and at
	// Close. A crash in between repeats work, so effects are idempotent.
	SaveCursor(name string, lane Lane, position uint64) error
}
