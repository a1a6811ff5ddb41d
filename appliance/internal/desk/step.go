package desk

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Answer is what a step says besides its events.
type Answer struct {
	Incident, Alert, Task, Hold string
	Round                       string
	Approval                    *Approval
	Handover                    string
	Duplicate                   bool
	Warning                     string
}

// Step decides what an input means: the events to append, all of them or none,
// and the answer. It is pure: the same state, now, random bytes, input and hit
// give the same events. hit is the record that the journal found under one of
// the input's Keys, or nil. A state is never changed here.
func (r *Rules) Step(s *State, now bridge.Stamp, random [16]byte, in Input, hit *bridge.Record) ([]bridge.Draft, Answer, error) {
	t := &step{r: r, s: s, now: now, random: random}
	if err := in.decide(t, hit); err != nil {
		return nil, t.answer, err
	}
	if t.err != nil {
		return nil, t.answer, t.err
	}
	return t.drafts, t.answer, nil
}

// Keys are the names under which an input may have been stored before
// (journal.md, "Store"), to be looked up in this order.
func Keys(in Input) []string {
	if keyed, is := in.(interface{ keys() []string }); is {
		return keyed.keys()
	}
	return nil
}

// idemKey is the key of an event that somebody asked for; none without his.
func idemKey(by Actor, key string) string {
	if key == "" {
		return ""
	}
	return "idem/" + by.Name + "/" + key
}

func idemKeys(by Actor, key string) []string {
	if key == "" {
		return nil
	}
	return []string{idemKey(by, key)}
}

// step is one step under way.
type step struct {
	r      *Rules
	s      *State
	now    bridge.Stamp
	random [16]byte
	ids    byte
	drafts []bridge.Draft
	bytes  int      // of their data
	ended  []string // supervision orders that this step has ended
	answer Answer
	err    error
}

// id is the next ULID of the step: its time is now, its entropy the step's
// random bytes and a counter through SHA-256.
func (t *step) id() string {
	sum := sha256.Sum256(append(t.random[:], t.ids))
	t.ids++
	var id ulid.ULID
	// SetTime fails only for times after the year 10889.
	if err := id.SetTime(ulid.Timestamp(t.now.Time)); err != nil {
		t.err = fmt.Errorf("make id: %w", err)
	}
	copy(id[6:], sum[:10])
	return id.String()
}

// add writes one event. What the draft leaves out is now, P3, and a fresh id.
func (t *step) add(d bridge.Draft, data any) {
	d.ID, d.Recorded = t.id(), t.now
	if d.Time.IsZero() {
		d.Time = t.now
	}
	if d.Severity == "" {
		d.Severity = "P3"
	}
	b, err := json.Marshal(data)
	if err != nil {
		t.err = fmt.Errorf("write data of %s: %w", d.Type, err)
	}
	d.Data = b
	t.drafts = append(t.drafts, d)
	t.bytes += len(b) + envelopeBytes
}

// full reports whether what is done one by one goes on in another step: the
// journal takes so much in one and no more (journal.md), and between two of
// them a press gets its turn.
func (t *step) full() bool { return len(t.drafts) >= stepEventsMax || t.bytes >= stepBytesMax }

// occurred believes a device's clock as long as it can be right; else the
// arrival counts. late says that the record comes long after the fact.
func (t *step) occurred(at, received time.Time) (stamp bridge.Stamp, late bool) {
	if received.IsZero() || received.After(t.now.Time) {
		received = t.now.Time
	}
	if at.IsZero() || at.Sub(received) > futureMax || received.Sub(at) > pressAgeMax {
		at = received
	}
	return bridge.At(at), t.now.Sub(at) > lateAfter
}

// text bounds what people and devices write.
func text(field, value string, maxBytes int) error {
	if len(value) > maxBytes {
		return &InvalidError{field, strings.ToValidUTF8(value[:32], "") + "…", fmt.Sprintf("at most %d bytes", maxBytes)}
	}
	return nil
}

// cut bounds what another program says of itself: its length is no reason to
// lose the fact.
func cut(value string) string {
	return strings.ToValidUTF8(value[:min(len(value), textBytesMax)], "")
}

// trim takes away the white space around what people write: a reason of blanks
// is none.
func trim(fields ...*string) {
	for _, field := range fields {
		*field = strings.TrimSpace(*field)
	}
}

// texts bounds several fields: name, value, name, value, …
func texts(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := text(pairs[i], pairs[i+1], textBytesMax); err != nil {
			return err
		}
	}
	return nil
}

func position(p *ingest.Position) error {
	if p != nil && !onEarth(p) {
		return &InvalidError{"position", fmt.Sprintf("%v, %v", p.Lat, p.Lon), "lat −90..90 and lon −180..180"}
	}
	return nil
}

// finite makes a number fit for JSON.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

func oneOf(field, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return &InvalidError{field, value, strings.Join(allowed, ", ")}
}
