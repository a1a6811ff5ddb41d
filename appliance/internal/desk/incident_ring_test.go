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

// answered is a room with an incident of P-1 that li has claimed.
func answered(t *testing.T) (*room, string) {
	r := newRoom(t)
	_, first := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.after(10 * time.Second).do(desk.ActionIn{Incident: first.Incident, Verb: "claim", By: operator("li")})
	return r, first.Incident
}

func (r *room) act(incident, verb string, by desk.Actor) []bridge.Record {
	records, _ := r.do(desk.ActionIn{Incident: incident, Verb: verb, Result: "resolved", By: by})
	return records
}

// A press that joins an answered incident has a limit of its own, which its
// event names; the answer to it is scored as the first one is, by who gave it,
// and the state it came in by its own limit.
func TestFurtherPressesAreScored(t *testing.T) {
	r, id := answered(t)
	records, _ := r.after(time.Minute).do(press("P-1", "e2", ingest.PressAlarm, r.now.Add(time.Minute)))
	raised := data[desk.AlertRaised](t, records[0])
	require.Equal(t, bridge.At(r.now.Add(time.Minute)), raised.AnswerBy)
	first := raised.Alert
	records, _ = r.after(10 * time.Second).do(press("P-1", "e3", ingest.PressAlarm, r.now.Add(10*time.Second)))
	require.True(t, data[desk.AlertRaised](t, records[0]).AnswerBy.IsZero(), "pressing on is the same ring")
	r.do(desk.ActionIn{Incident: id, Verb: "note", Note: "在看", By: operator("li")})
	require.Contains(t, types(r.after(50*time.Second).settle()), "incident.escalated")
	r.after(20 * time.Second)
	r.act(id, "acknowledge", operator("wang")) // 80 s after it
	r.after(time.Minute).do(press("P-1", "e4", ingest.PressDuress, r.now.Add(time.Minute)))
	second := r.state.Incident(id).Rings[1].Press
	r.after(20 * time.Second)
	r.act(id, "claim", operator("li"))
	r.after(2 * time.Minute)
	r.act(id, "dispatch", operator("li"))
	r.act(id, "arrive", officer("wu"))
	scored := data[desk.IncidentScored](t, of(r.act(id, "close", operator("li")), desk.TypeIncidentScored)[0])
	require.Equal(t, []desk.ScoredStep{
		{State: desk.Open, Press: first, By: "wang", TookMS: 80_000, LimitMS: 60_000, Result: "late", Points: 4},
		{State: desk.Open, Press: second, By: "li", TookMS: 20_000, LimitMS: 60_000, Result: "in_time", Points: 10},
	}, scored.Steps[4:])
	for i, state := range []desk.IncidentState{desk.Open, desk.Acknowledged, desk.Dispatched, desk.OnScene} {
		require.Equal(t, []any{state, "in_time"}, []any{scored.Steps[i].State, scored.Steps[i].Result})
	}
	require.Equal(t, 54, scored.Points)
	replayed(t, r)
}

// Sending a patrol, or its arrival, does not put off who pressed again.
func TestMovingOnAnswersNoPress(t *testing.T) {
	r, id := answered(t)
	r.after(time.Minute).do(press("P-1", "e2", ingest.PressAlarm, r.now.Add(time.Minute)))
	pressed := r.now
	r.after(10 * time.Second)
	r.act(id, "dispatch", operator("li"))
	inc := r.state.Incident(id)
	require.Equal(t, bridge.At(r.now.Add(10*time.Minute)), inc.Limit, "of the state")
	require.Equal(t, bridge.At(pressed.Add(time.Minute)), inc.Next, "of the press")
	require.Equal(t, 1, inc.Unanswered)
	r.after(50 * time.Second)
	require.Equal(t, []string{"incident.escalated", "task.issued"}, types(r.settle()))
	next := r.state.Incident(id).Next
	require.Equal(t, []string{"incident.on_scene"}, types(r.act(id, "arrive", officer("wu"))), "and the lead still has to see to it")
	inc = r.state.Incident(id)
	require.Equal(t, []any{next, 1}, []any{inc.Next, inc.Escalated})
	r.now = next.Time
	r.do(desk.Tick{})
	require.Equal(t, 2, r.state.Incident(id).Escalated)
	require.Equal(t, []string{"incident.acknowledged", "task.confirmed"}, types(r.act(id, "acknowledge", operator("li"))))
	inc = r.state.Incident(id)
	require.Equal(t, []any{inc.Limit, 0, bridge.At(r.now.Add(2 * time.Hour))}, []any{inc.Next, inc.Escalated, inc.Limit})
	require.Equal(t, "li", inc.Rings[0].By)
	replayed(t, r)

	r.do(press("P-1", "e3", ingest.PressAlarm, r.now))
	for inc = r.state.Incident(id); !inc.Next.IsZero(); inc = r.state.Incident(id) {
		r.now = inc.Next.Time
		r.do(desk.Tick{})
	}
	require.Equal(t, 3, inc.Escalated, "told often enough")
}

// Who takes the room over has read a page, and not the press of a moment ago.
func TestTakingOverAnswersNoPress(t *testing.T) {
	r, id := answered(t)
	_, offered := r.do(desk.HandoverIn{By: operator("li"), PassClaims: true})
	r.do(press("P-1", "e2", ingest.PressAlarm, r.now))
	next := r.state.Incident(id).Next
	take := desk.TakeOverIn{Handover: offered.Handover, SHA256: r.state.Handover().SHA256, By: operator("wang")}
	records, _ := r.after(10 * time.Second).do(take)
	require.Equal(t, []string{"shift.handed_over", "incident.claimed"}, types(records))
	inc := r.state.Incident(id)
	require.Equal(t, []any{"wang", 1, next}, []any{inc.ClaimedBy, inc.Unanswered, inc.Next})
	require.Equal(t, []string{"incident.escalated", "task.issued"}, types(r.after(50*time.Second).settle()))
	r.act(id, "claim", operator("wang"))
	require.Equal(t, "wang", r.state.Incident(id).Rings[0].By)
	replayed(t, r)
}

// A press that is only counted rings with a limit too, and an incident that
// rings without end keeps so much and no more.
func TestRingsOfAStuckButton(t *testing.T) {
	s := setup()
	s.FoldAfter = 2
	r := newRoom(t)
	var err error
	r.rules, err = desk.NewRules(s)
	require.NoError(t, err)
	_, first := r.do(press("P-1", "e", ingest.PressAlarm, r.now))
	id := first.Incident
	r.act(id, "acknowledge", operator("li"))
	for i := range 40 {
		r.after(10 * time.Minute).do(press("P-1", fmt.Sprint("e", i), ingest.PressAlarm, r.now.Add(10*time.Minute)))
		require.Equal(t, bridge.At(r.now.Add(time.Minute)), r.state.Incident(id).Next)
		r.after(time.Second)
		r.act(id, "acknowledge", operator("li"))
	}
	inc := r.state.Incident(id)
	require.Len(t, inc.Rings, 32)
	require.Equal(t, 8, inc.RingsFolded)
	scored := data[desk.IncidentScored](t, of(r.act(id, "close", operator("li")), desk.TypeIncidentScored)[0])
	require.Equal(t, []int{2 + 32, 8}, []int{len(scored.Steps), scored.More})
	replayed(t, r)
}

// What is more urgent than all that the lead was told of is told anew, as often:
// whether it joins by itself or somebody merges it.
func TestMoreUrgentAlertEscalatesAnew(t *testing.T) {
	for _, joins := range []bool{true, false} {
		r := newRoom(t)
		seen := func(id string, phase vision.Phase, priority string) desk.SightingIn {
			in := sighting(id, phase, "gate", "intrusion", r.now.Add(-time.Second), r.now)
			in.Sighting.Priority, in.Sighting.Rule = priority, "rule-of-"+priority
			return in
		}
		_, first := r.do(seen("s1", vision.Raised, "P2"))
		r.act(first.Incident, "claim", operator("li"))
		told := func() (n int) {
			for inc := r.state.Incident(first.Incident); !inc.Next.IsZero(); inc = r.state.Incident(first.Incident) {
				r.now = inc.Next.Time
				n += len(of(r.settle(), desk.TypeIncidentEscalated))
			}
			return n
		}
		require.Equal(t, 3, told())
		if joins {
			r.do(seen("s1", vision.Updated, "P2"))
		}
		_, second := r.do(seen("s2", vision.Raised, "P0"))
		require.Equal(t, joins, second.Incident == first.Incident)
		if !joins {
			r.do(desk.ActionIn{Incident: first.Incident, Verb: "merge", Other: second.Incident, Reason: "同一起", By: lead("chen")})
		}
		require.Equal(t, "P0", r.state.Incident(first.Incident).Priority)
		require.Equal(t, 3, told())
		replayed(t, r)
	}
}
