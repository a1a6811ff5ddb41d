package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// An order that was given before anybody answered counts when somebody does:
// nobody is to be reminded of a patrol that is on its way, or there.
func TestAnswerFollowsTheOrdersBeforeIt(t *testing.T) {
	for verb, want := range map[string][]string{
		"acknowledge": {"incident.acknowledged", "incident.dispatched", "incident.on_scene"},
		"claim":       {"incident.claimed", "incident.acknowledged", "incident.dispatched", "incident.on_scene"},
	} {
		r := newRoom(t)
		_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
		order := fromAbove("T-1")
		order.Incident = pressed.Incident
		first := r.issue(order)
		back := r.issue(desk.TaskIn{To: "he", Note: "去", Incident: pressed.Incident})
		r.reach(back.ID, officer("he"), "accept", "arrive", "hand_back")
		there := r.issue(desk.TaskIn{To: "wu", Note: "去", Incident: pressed.Incident})
		r.reach(there.ID, officer("wu"), "accept", "arrive")
		require.Equal(t, desk.Open, r.state.Incident(pressed.Incident).State, "nobody has answered who pressed")

		in := desk.ActionIn{Incident: pressed.Incident, Verb: verb, By: operator("li"), Idempotency: "k"}
		records, _ := r.after(10 * time.Second).do(in)
		require.Equal(t, want, types(records))
		n := len(records)
		sent, arrived := data[desk.IncidentChanged](t, records[n-2]), data[desk.IncidentChanged](t, records[n-1])
		require.Equal(t, []string{first.ID, there.ID, "li"}, []string{sent.Task, arrived.Task, sent.By})
		inc := r.state.Incident(pressed.Incident)
		require.Equal(t, []any{desk.OnScene, bridge.At(r.now.Add(2 * time.Hour))}, []any{inc.State, inc.Limit})
		_, again := r.do(in)
		require.True(t, again.Duplicate)
		replayed(t, r)
	}

	r := newRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.issue(desk.TaskIn{Kind: desk.Push, To: "hq", Note: "请求支援", Incident: pressed.Incident})
	require.Equal(t, []string{"incident.acknowledged"}, types(r.act(pressed.Incident, "acknowledge", operator("li"))), "a word up sends nobody")
}

// What an incident takes over with another one's orders is as far as these are.
func TestMergeFollowsTheOrders(t *testing.T) {
	r := newRoom(t)
	_, stays := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	_, goes := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	for _, id := range []string{stays.Incident, goes.Incident} {
		r.act(id, "acknowledge", operator("li"))
	}
	task := r.issue(desk.TaskIn{To: "wu", Note: "去", Incident: goes.Incident})
	r.reach(task.ID, officer("wu"), "accept", "arrive")
	records, _ := r.do(desk.ActionIn{Incident: stays.Incident, Verb: "merge", Other: goes.Incident, Reason: "同一起", By: operator("li")})
	require.Equal(t, []string{"incident.merged", "incident.closed", "incident.dispatched", "incident.on_scene"}, types(records))
	inc := r.state.Incident(stays.Incident)
	require.Equal(t, []any{desk.OnScene, []string{task.ID}}, []any{inc.State, inc.Tasks})
	replayed(t, r)
}
