package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

func watched(t testing.TB) *room {
	s := setup()
	s.ShownWithin = 2 * time.Second
	r := newRoom(t)
	var err error
	r.rules, err = desk.NewRules(s)
	require.NoError(t, err)
	return r
}

// TestUnshownEscalates: a P0 that no screen drew within 2 s is told at once,
// and once, until somebody answers.
func TestUnshownEscalates(t *testing.T) {
	r := watched(t)
	_, first := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	_, second := r.after(time.Second).do(press("P-1", "e2", ingest.PressAlarm, r.now))
	require.Equal(t, bridge.At(start().Add(2*time.Second)), r.state.Deadline())
	records, _ := r.after(time.Second).do(desk.Tick{})
	require.Equal(t, []string{"incident.escalated"}, types(records))
	told := data[desk.IncidentChanged](t, records[0])
	require.Equal(t, "unshown", told.Reason)
	require.Equal(t, 1, told.Step)
	require.Equal(t, first.Alert, told.Alert)
	require.Equal(t, bridge.Alarm, records[0].Event.Lane)
	require.Equal(t, "P0", records[0].Event.Severity, "what is P0 goes to headquarters on now")
	require.True(t, r.state.Incident(first.Incident).Unshown)
	require.Equal(t, bridge.At(start().Add(time.Minute)), r.state.Deadline(), "the state's own limit stays")

	r.after(time.Second).do(press("P-1", "e3", ingest.PressAlarm, r.now))
	records, _ = r.after(10 * time.Second).do(desk.Tick{})
	require.Empty(t, records, "told once")
	r.do(desk.ShownIn{Alert: second.Alert, Screen: "tv", At: r.now})
	require.False(t, r.state.Incident(first.Incident).Unshown)
	r.do(press("P-1", "e4", ingest.PressAlarm, r.now))
	records, _ = r.after(2 * time.Second).do(desk.Tick{})
	require.Equal(t, []string{"incident.escalated"}, types(records), "the screen went dark again")
	records, _ = r.after(46 * time.Second).do(desk.Tick{})
	require.Equal(t, 2, data[desk.IncidentChanged](t, records[0]).Step, "the state's limit is the next step")
}

func TestShownOrAnsweredIsEnough(t *testing.T) {
	for name, one := range map[string]struct {
		kind ingest.PressKind
		then func(incident, alert string) desk.Input
	}{
		"drawn":   {ingest.PressAlarm, func(_, alert string) desk.Input { return desk.ShownIn{Alert: alert, Screen: "tv"} }},
		"claimed": {ingest.PressAlarm, func(i, _ string) desk.Input { return desk.ActionIn{Incident: i, Verb: "claim", By: operator("li")} }},
		"closed": {ingest.PressAlarm, func(i, _ string) desk.Input {
			return desk.ActionIn{Incident: i, Verb: "close", Result: "false_alarm", By: operator("li")}
		}},
		"P1":    {ingest.PressTalk, func(_, _ string) desk.Input { return desk.Tick{} }},
		"drill": {ingest.PressTest, func(_, _ string) desk.Input { return desk.Tick{} }},
	} {
		t.Run(name, func(t *testing.T) {
			r := watched(t)
			_, answer := r.do(press("P-1", "e1", one.kind, r.now))
			r.after(time.Second).do(one.then(answer.Incident, answer.Alert))
			records, _ := r.after(5 * time.Second).do(desk.Tick{})
			require.Empty(t, records)
		})
	}
}
