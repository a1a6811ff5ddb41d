package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// flood is a room that folds without keeping a journal: as many inputs as a
// test likes.
type flood struct {
	t     testing.TB
	rules *desk.Rules
	state *desk.State
	now   time.Time
	n     uint64
}

func newFlood(t testing.TB) *flood {
	rules, err := desk.NewRules(setup())
	require.NoError(t, err)
	return &flood{t: t, rules: rules, state: desk.NewState(), now: start()}
}

func (f *flood) do(in desk.Input) ([]bridge.Draft, desk.Answer) {
	drafts, answer, err := f.rules.Step(f.state, bridge.At(f.now), [16]byte{byte(f.n), byte(f.n >> 8), byte(f.n >> 16)}, in, nil)
	require.NoError(f.t, err)
	for _, d := range drafts {
		f.n++
		require.NoError(f.t, f.state.Apply(bridge.Record{Place: f.n, Event: bridge.Event{
			ID: d.ID, Type: d.Type, Subject: d.Subject, Time: d.Time, RecordedTime: d.Recorded, Lane: d.Lane, Severity: d.Severity,
			Drill: d.Drill, Data: d.Data,
		}}))
	}
	return drafts, answer
}

func (f *flood) size() int {
	b, err := f.state.Bytes()
	require.NoError(f.t, err)
	return len(b)
}

// TestStuckButton: a button that is pressed every second for an hour neither
// grows the room nor loses a press.
func TestStuckButton(t *testing.T) {
	const day = 60 * 60 // its short form: the state is the same size after a whole one
	f := newFlood(t)
	var incident, last string
	half := 0
	for i := range day {
		f.now = f.now.Add(time.Second)
		drafts, answer := f.do(press("P-1", fmt.Sprint("e", i), ingest.PressAlarm, f.now))
		require.Len(t, drafts, map[bool]int{true: 2, false: 1}[i == 0])
		require.NotEmpty(t, drafts[len(drafts)-1].Key, "press %d is found again by its key", i)
		incident, last = answer.Incident, answer.Alert
		if i == day/2 {
			half = f.size()
		}
	}
	require.Less(t, f.size(), half+100, "bytes after half of it and after all")
	alerts := f.state.AlertsOf(incident)
	require.Len(t, alerts, 100)
	require.Equal(t, last, alerts[99].ID)
	require.Equal(t, day-99, alerts[99].Count, "each press is counted")
	require.Equal(t, bridge.At(f.now), alerts[99].To)
	require.Equal(t, 0, f.state.Incident(incident).Unanswered)
	t.Logf("%d presses: state of %d bytes", day, f.size())

	other, _ := f.do(press("P-1", "d", ingest.PressDuress, f.now))
	require.Equal(t, "watchpost.alert.raised", other[0].Type, "duress is never counted into something else")
	f.do(desk.ActionIn{Incident: incident, Verb: "claim", By: operator("li")})
	f.now = f.now.Add(time.Second)
	f.do(press("P-1", "e-on", ingest.PressAlarm, f.now))
	require.Equal(t, 0, f.state.Incident(incident).Unanswered, "the stuck button goes on, and rings no more")
	f.now = f.now.Add(time.Hour)
	drafts, _ := f.do(press("P-1", "e-back", ingest.PressAlarm, f.now))
	require.True(t, dataOf[desk.AlertUpdated](t, drafts[0]).Rings)
	require.NotEmpty(t, dataOf[desk.AlertUpdated](t, drafts[0]).Clips)
	require.Equal(t, 1, f.state.Incident(incident).Unanswered, "after a pause it rings again")
}

// TestCountedPressIsADuplicate: a resend of a counted press finds the alert
// that counted it.
func TestCountedPressIsADuplicate(t *testing.T) {
	s := setup()
	s.FoldAfter = 2
	r := newRoom(t)
	var err error
	r.rules, err = desk.NewRules(s)
	require.NoError(t, err)
	var third desk.Answer
	for i := range 3 {
		_, third = r.after(time.Second).do(press("P-1", fmt.Sprint("e", i), ingest.PressAlarm, r.now))
	}
	require.Len(t, r.state.AlertsOf(third.Incident), 2)
	records, again := r.do(press("P-1", "e2", ingest.PressAlarm, r.now))
	require.Empty(t, records)
	require.True(t, again.Duplicate)
	require.Equal(t, third.Incident, again.Incident)
	require.Equal(t, third.Alert, again.Alert)
}

// TestFloodingRule: a rule that is met again and again after its window opens
// a few incidents, and then counts.
func TestFloodingRule(t *testing.T) {
	f := newFlood(t)
	half := 0
	const stays = 4000
	for i := range stays {
		f.now = f.now.Add(3 * time.Minute)
		id := fmt.Sprint("s", i)
		f.do(sighting(id, vision.Raised, "gate", "intrusion", f.now, f.now))
		f.do(sighting(id, vision.Ended, "gate", "intrusion", f.now, f.now.Add(time.Second)))
		if i == stays/2 {
			half = f.size()
		}
	}
	require.Len(t, f.state.OpenIncidents(), 3)
	count := 0
	for _, a := range f.state.Alerts() {
		count += a.Count
	}
	require.Equal(t, stays, count)
	require.Less(t, f.size(), half+3000) // escalations' and stills' few lines
}
