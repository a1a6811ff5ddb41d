package desk

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// pressKey names a press: a resend differs in replayed only. The time is the
// pillar's own text, so that no rounding makes two presses one.
func pressKey(p ingest.Press) string {
	return fmt.Sprintf("press/%s/%s/%s/%d", p.Pillar, p.ID, p.AtText, p.Seq)
}

// key is the pressKey of a press that was stored.
func (f *PressFact) key() string {
	return pressKey(ingest.Press{Pillar: f.Pillar, ID: f.ID, AtText: f.At, Seq: f.Seq})
}

// pressClass is how urgent a kind of press is. A test goes the way of a crime
// (P1), marked as drill: it is seen at once and takes no screen away.
func pressClass(kind ingest.PressKind) (priority string, drill, ok bool) {
	switch kind {
	case ingest.PressAlarm, ingest.PressDuress:
		return "P0", false, true
	case ingest.PressTalk, ingest.PressTamper:
		return "P1", false, true
	case ingest.PressTest:
		return "P1", true, true
	}
	return "", false, false
}

// press makes an alert of every press that was not stored before: in the open
// incident of the same pillar, else in a new one. Presses of different pillars
// never meet by themselves, drills and real ones neither.
func (t *step) press(p ingest.Press, hit *bridge.Record) error {
	counted := hit != nil && t.anotherPress(p, hit.Event.RecordedTime)
	if hit != nil && samePress(hit, p) && !counted {
		t.duplicate(hit)
		return nil
	}
	if before := t.heard(p); hit == nil && before != nil {
		t.answer.Duplicate, t.answer.Incident, t.answer.Alert = true, before.Incident, before.Alert
		return nil
	}
	pillar := t.r.pillars[p.Pillar]
	if pillar == nil {
		return &NotFoundError{"pillar", p.Pillar}
	}
	if p.ID == "" || utf8.RuneCountInString(p.ID) > pressIDMax {
		return &InvalidError{"id", cut(p.ID), "the pillar's own id of the press, 1 to 128 characters"}
	}
	if len(p.AtText) > 64 {
		return &InvalidError{"at", p.AtText[:32], "an RFC 3339 time"}
	}
	if p.Seq > numberMax {
		return &InvalidError{"seq", strconv.FormatUint(p.Seq, 10), "at most 2^53: what every JSON reader can count to"}
	}
	priority, drill, ok := pressClass(p.Kind)
	if !ok {
		return &InvalidError{"kind", string(p.Kind), "alarm, duress, talk, tamper or test"}
	}
	occurred, late := t.occurred(p.At, p.Received)
	place := t.r.spot(pillar.Name, pillar.Position)
	like := &Alert{Origin: "press", Device: pillar.ID, Drill: drill, Place: place}
	fact := &PressFact{Pillar: pillar.ID, ID: p.ID, Kind: string(p.Kind), At: p.AtText, Seq: p.Seq, Replayed: p.Replayed}
	if hit != nil || t.s.ix.presses[pillar.ID+"/"+p.ID] > 0 {
		fact.Reused = true
		t.answer.Warning = fmt.Sprintf("pillar %s used the press id %q again with other content", pillar.ID, p.ID)
	}
	if counted {
		t.answer.Warning = fmt.Sprintf("pillar %s gives no time and used the press id %q again after more than %s: taken as a new press", pillar.ID, p.ID, clocklessResend)
	}
	cameras := t.r.bound[pillar.ID]
	join := t.s.joinable(like, t.now, 0)
	if join != nil {
		if a, n := t.s.sameAs(join, &Alert{Origin: "press", Device: pillar.ID, Kind: string(p.Kind)}); n >= t.r.setup.FoldAfter {
			t.foldPress(a, join, fact, cameras, occurred)
			return nil
		}
	}
	t.raise(raising{
		data: AlertRaised{
			Kind: string(p.Kind), Priority: priority, Place: place, Position: pillar.Position,
			Device: pillar.ID, Late: late || p.Replayed, Cameras: cameras, Press: fact,
		},
		occurred: occurred, drill: drill, about: string(p.Kind), bound: cameras, like: like, key: pressKey(p),
	}, join)
	if drill && join == nil {
		t.pressedDrill(pillar)
	}
	return nil
}

// anotherPress reports whether a press without a time is another one than the
// one that was recorded under its key. A pillar that has no clock, and lost its
// counter with its battery, gives its presses the keys of old ones: rather a
// press twice than never.
func (t *step) anotherPress(p ingest.Press, recorded bridge.Stamp) bool {
	return p.AtText == "" && t.now.Sub(recorded.Time) > clocklessResend
}

// samePress reports whether the press that was found is this one: the kind is
// not part of the key, and an alarm must not pass for the talk before it.
func samePress(hit *bridge.Record, p ingest.Press) bool {
	data, err := decode[AlertRaised](&hit.Event)
	return err != nil || data == nil || data.Press == nil || data.Press.Kind == string(p.Kind)
}
