package desk

import (
	"fmt"
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Events about the journal itself and about uplinks that fell behind. The
// event is the decision; a worker carries it out.
const (
	TypeJournalRetired  = "watchpost.journal.retired"
	TypeJournalErased   = "watchpost.journal.erased"
	TypeUplinkSuspended = "watchpost.uplink.suspended"
	TypeUplinkResumed   = "watchpost.uplink.resumed"
)

// JournalRetired is the data of journal.retired: of the lane, all from From to
// To has gone, and the next event's prevhash is Hash.
type JournalRetired struct {
	Schema    int         `json:"schema"`
	Lane      bridge.Lane `json:"lane"`
	From      uint64      `json:"from"`
	To        uint64      `json:"to"`
	Hash      string      `json:"hash"`
	Signature string      `json:"signature"` // base64; empty: the box had no key
	Through   uint64      `json:"through"`   // the place up to which the journal has gone
	Lanes     int         `json:"lanes"`     // how many lanes this retirement is about
	Nth       int         `json:"nth"`       // of these, from 1
}

// JournalErased is the data of journal.erased.
type JournalErased struct {
	Schema   int         `json:"schema"`
	Lane     bridge.Lane `json:"lane"`
	Sequence uint64      `json:"sequence"`
	By       string      `json:"by"`
	Second   string      `json:"second"`
	Reason   string      `json:"reason"`
}

// UplinkSuspended is the data of uplink.suspended and uplink.resumed: the range
// of lane alarm that the uplink had not confirmed.
type UplinkSuspended struct {
	Schema int         `json:"schema"`
	Uplink string      `json:"uplink"`
	Lane   bridge.Lane `json:"lane"`
	From   uint64      `json:"from"`
	To     uint64      `json:"to"`
	Why    string      `json:"why"`
}

// RetiredIn says that retention takes the oldest range of the journal: one
// range for each lane that has something in it.
type RetiredIn struct {
	Through uint64
	Ranges  []RetiredRange
}

// RetiredRange is one lane's part.
type RetiredRange struct {
	Lane      bridge.Lane
	From, To  uint64
	Hash      string
	Signature string
}

// ErasedIn removes the data of one event, as law may demand. That By and Second
// are two leads is for the caller to see to.
type ErasedIn struct {
	Lane     bridge.Lane
	Sequence uint64
	By       Actor
	Second   string
	Reason   string
}

// SuspendedIn says that an uplink is beyond its max_backlog (or, with Resumed,
// no longer): its cursor holds back retention no more.
type SuspendedIn struct {
	Uplink   string
	From, To uint64 // of lane alarm, not confirmed
	Why      string
	Resumed  bool
}

func (in RetiredIn) decide(t *step, hit *bridge.Record) error { return t.retired(in, hit) }
func (in ErasedIn) decide(t *step, hit *bridge.Record) error  { return t.erased(in, hit) }
func (in SuspendedIn) decide(t *step, _ *bridge.Record) error { return t.suspended(in) }

func (in RetiredIn) keys() []string { return []string{retiredKey(in.Through)} }
func (in ErasedIn) keys() []string  { return []string{erasedKey(in)} }

func retiredKey(through uint64) string { return fmt.Sprintf("retired/%d", through) }

func erasedKey(in ErasedIn) string { return fmt.Sprintf("erased/%s/%d", in.Lane, in.Sequence) }

// retired writes one event a lane, all in one step: the worker that finds them
// finds all.
func (t *step) retired(in RetiredIn, hit *bridge.Record) error {
	if hit != nil {
		t.answer.Duplicate = true
		return nil
	}
	if in.Through == 0 || len(in.Ranges) == 0 {
		return &InvalidError{"through", fmt.Sprint(in.Through), "a place, and the lanes that end there"}
	}
	for i, r := range in.Ranges {
		d := bridge.Draft{Type: TypeJournalRetired, Subject: "journal", Lane: bridge.Notice}
		if i == 0 {
			d.Key = retiredKey(in.Through)
		}
		t.add(d, JournalRetired{
			Schema: schema, Lane: r.Lane, From: r.From, To: r.To, Hash: r.Hash, Signature: r.Signature,
			Through: in.Through, Lanes: len(in.Ranges), Nth: i + 1,
		})
	}
	return nil
}

func (t *step) erased(in ErasedIn, hit *bridge.Record) error {
	if hit != nil {
		t.answer.Duplicate = true
		return nil
	}
	switch {
	case in.Lane.Code() == 0 || in.Sequence == 0:
		return &InvalidError{"event", fmt.Sprintf("%s %d", in.Lane, in.Sequence), "a lane and a sequence"}
	case in.Reason == "":
		return &InvalidError{"reason", "", "why the law demands it"}
	case in.By.Name == "" || in.Second == "" || in.By.Name == in.Second:
		return &InvalidError{"second", in.Second, "a second person"}
	}
	if err := texts("by", in.By.Name, "second", in.Second, "reason", in.Reason); err != nil {
		return err
	}
	t.add(bridge.Draft{Type: TypeJournalErased, Subject: "journal", Lane: bridge.Notice, Key: erasedKey(in)}, JournalErased{
		Schema: schema, Lane: in.Lane, Sequence: in.Sequence, By: in.By.Name, Second: in.Second, Reason: in.Reason,
	})
	return nil
}

// suspended writes only what changes something.
func (t *step) suspended(in SuspendedIn) error {
	if in.Uplink == "" {
		return &InvalidError{"uplink", "", "an uplink's name"}
	}
	if err := texts("uplink", in.Uplink); err != nil {
		return err
	}
	if t.s.Suspended(in.Uplink) != in.Resumed {
		t.answer.Duplicate = true
		return nil
	}
	typ := TypeUplinkSuspended
	if in.Resumed {
		typ = TypeUplinkResumed
	}
	t.add(bridge.Draft{Type: typ, Subject: "uplinks/" + in.Uplink, Lane: bridge.Notice, Severity: "P2"}, UplinkSuspended{
		Schema: schema, Uplink: in.Uplink, Lane: bridge.Alarm, From: in.From, To: in.To, Why: cut(in.Why),
	})
	return nil
}

func (s *State) uplinkSuspended(e *bridge.Event, data *UplinkSuspended) {
	others := slices.DeleteFunc(slices.Clone(s.k.Suspended), func(name string) bool { return name == data.Uplink })
	if e.Type == TypeUplinkSuspended {
		others = append(others, data.Uplink)
		slices.Sort(others)
	}
	s.k.Suspended = others
}

// Suspended reports whether an uplink is beyond its max_backlog.
func (s *State) Suspended(uplink string) bool { return slices.Contains(s.k.Suspended, uplink) }
