package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// row is one line of the table that TestTransitions walks; without a to the
// state does not have the verb.
type row struct {
	from         desk.IncidentState
	verb, result string
	to           desk.IncidentState
	events       []string
}

func table() []row {
	const no = desk.IncidentState("")
	return []row{
		{desk.Open, "claim", "", desk.Acknowledged, []string{"incident.claimed", "incident.acknowledged"}},
		{desk.Open, "acknowledge", "", desk.Acknowledged, []string{"incident.acknowledged"}},
		{desk.Open, "close", "resolved", no, nil},
		{desk.Open, "close", "transferred", no, nil},
		{desk.Open, "close", "false_alarm", desk.Closed, []string{"incident.closed", "incident.scored"}},
		{desk.Open, "reopen", "", no, nil},
		{desk.Open, "note", "", desk.Open, []string{"incident.noted"}},
		{desk.Acknowledged, "claim", "", desk.Acknowledged, []string{"incident.claimed"}},
		{desk.Acknowledged, "acknowledge", "", no, nil},
		{desk.Acknowledged, "close", "resolved", desk.Closed, []string{"incident.closed", "incident.scored"}},
		{desk.Acknowledged, "close", "transferred", desk.Closed, []string{"incident.closed", "incident.scored"}},
		{desk.Acknowledged, "close", "false_alarm", desk.Closed, []string{"incident.closed", "incident.scored"}},
		{desk.Acknowledged, "reopen", "", no, nil},
		{desk.Acknowledged, "note", "", desk.Acknowledged, []string{"incident.noted"}},
		{desk.Open, "dispatch", "", no, nil},
		{desk.Open, "arrive", "", no, nil},
		{desk.Acknowledged, "dispatch", "", desk.Dispatched, []string{"incident.dispatched"}},
		{desk.Acknowledged, "arrive", "", desk.OnScene, []string{"incident.on_scene"}},
		{desk.Dispatched, "dispatch", "", no, nil},
		{desk.Dispatched, "arrive", "", desk.OnScene, []string{"incident.on_scene"}},
		{desk.Dispatched, "close", "resolved", desk.Closed, []string{"incident.closed", "incident.scored"}},
		{desk.OnScene, "dispatch", "", no, nil},
		{desk.OnScene, "arrive", "", no, nil},
		{desk.OnScene, "close", "resolved", desk.Closed, []string{"incident.closed", "incident.scored"}},
		{desk.OnScene, "close", "false_alarm", desk.Closed, []string{"incident.closed", "incident.scored"}},
		{desk.OnScene, "reopen", "", no, nil},
		{desk.Closed, "dispatch", "", no, nil},
		{desk.Closed, "arrive", "", no, nil},
		{desk.Closed, "claim", "", no, nil},
		{desk.Closed, "acknowledge", "", no, nil},
		{desk.Closed, "close", "resolved", no, nil},
		{desk.Closed, "close", "false_alarm", no, nil},
		{desk.Closed, "reopen", "", desk.Acknowledged, []string{"incident.reopened"}},
		{desk.Closed, "note", "", desk.Closed, []string{"incident.noted"}},
	}
}

// TestTransitions walks the whole table: every state, every verb.
func TestTransitions(t *testing.T) {
	reach := map[desk.IncidentState]func(*room, string){
		desk.Open:         func(*room, string) {},
		desk.Acknowledged: func(r *room, id string) { r.do(desk.ActionIn{Incident: id, Verb: "acknowledge", By: operator("li")}) },
		desk.Dispatched: func(r *room, id string) {
			r.do(desk.ActionIn{Incident: id, Verb: "claim", By: operator("li")})
			r.do(desk.ActionIn{Incident: id, Verb: "dispatch", By: operator("li")})
		},
		desk.OnScene: func(r *room, id string) {
			r.do(desk.ActionIn{Incident: id, Verb: "claim", By: operator("li")})
			r.do(desk.ActionIn{Incident: id, Verb: "arrive", By: operator("li")})
		},
		desk.Closed: func(r *room, id string) {
			r.do(desk.ActionIn{Incident: id, Verb: "close", Result: "false_alarm", By: operator("li")})
		},
	}
	for _, c := range table() {
		t.Run(string(c.from)+" "+c.verb+" "+c.result, func(t *testing.T) {
			r := newRoom(t)
			_, answer := r.do(report(operator("li")))
			reach[c.from](r, answer.Incident)
			records, _, err := r.try(desk.ActionIn{Incident: answer.Incident, Verb: c.verb, Result: c.result, Note: "n", By: operator("li")})
			inc := r.state.Incident(answer.Incident)
			if c.to == "" {
				var illegal *desk.IllegalError
				require.ErrorAs(t, err, &illegal)
				require.Equal(t, string(c.from), illegal.State)
				require.NotEmpty(t, illegal.Possible)
				require.Equal(t, c.from, inc.State)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.events, types(records))
			require.Equal(t, c.to, inc.State)
			for _, rec := range records {
				if rec.Event.Type == desk.TypeIncidentScored {
					continue
				}
				changed := data[desk.IncidentChanged](t, rec)
				require.Equal(t, c.to, changed.State)
				require.Equal(t, inc.Limit, changed.Limit)
				require.Equal(t, "li", changed.By)
			}
			require.Equal(t, inc.State == desk.Closed, inc.Limit.IsZero())
		})
	}
}

func TestRoles(t *testing.T) {
	for role, may := range map[string][]string{
		"operator": {"claim", "acknowledge", "close", "note", "link", "merge", "split"},
		"lead":     {"claim", "acknowledge", "close", "note", "link", "merge", "split"},
		"admin":    {"claim", "acknowledge", "close", "note", "link", "merge", "split"},
		"officer":  {"note"},
		"wall":     {}, "kiosk": {}, "uplink": {}, "": {},
	} {
		require.Equal(t, may, desk.Possible(desk.Open, role), role)
		r := newRoom(t)
		_, answer := r.do(report(operator("li")))
		_, _, err := r.try(desk.ActionIn{Incident: answer.Incident, Verb: "claim", By: desk.Actor{Name: "x", Role: role}})
		var forbidden *desk.ForbiddenError
		require.Equal(t, len(may) < 7, err != nil)
		if err != nil {
			require.ErrorAs(t, err, &forbidden)
		}
	}
}

func TestClaimHasOneWinner(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	id := answer.Incident
	r.after(time.Second).do(desk.ActionIn{Incident: id, Verb: "claim", By: operator("li"), Idempotency: "k"})
	inc := r.state.Incident(id)
	require.Equal(t, "li", inc.ClaimedBy)
	require.Equal(t, bridge.At(r.now), inc.AcknowledgedAt)
	require.Equal(t, bridge.At(r.now.Add(5*time.Minute)), inc.Limit)

	records, again := r.do(desk.ActionIn{Incident: id, Verb: "claim", By: operator("li"), Idempotency: "k"})
	require.Empty(t, records)
	require.True(t, again.Duplicate)

	for _, by := range []desk.Actor{operator("wang"), lead("chen")} { // a lead without a reason neither
		_, _, err := r.try(desk.ActionIn{Incident: id, Verb: "claim", By: by})
		var conflict *desk.ConflictError
		require.ErrorAs(t, err, &conflict)
		require.Equal(t, "li", conflict.By)
	}
	records, _ = r.do(desk.ActionIn{Incident: id, Verb: "claim", By: lead("chen"), Reason: "交接班"})
	require.Equal(t, []string{"incident.claimed"}, types(records))
	require.Equal(t, "li", data[desk.IncidentChanged](t, records[0]).From)
	require.Equal(t, "chen", r.state.Incident(id).ClaimedBy)
}

func TestDrillClosesAsDrillOnly(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(press("P-1", "e1", ingest.PressTest, r.now))
	_, _, err := r.try(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	require.ErrorContains(t, err, `result "resolved": want drill`)
	records, _ := r.do(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "drill", By: operator("li")})
	require.True(t, records[0].Event.Drill)

	_, answer = r.do(press("P-1", "e2", ingest.PressAlarm, r.now))
	_, _, err = r.try(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "drill", By: operator("li")})
	require.ErrorContains(t, err, `result "drill"`)
}

func TestReopenWithinSevenDays(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(report(operator("li")))
	r.do(desk.ActionIn{Incident: answer.Incident, Verb: "claim", By: operator("li")})
	r.do(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	require.Empty(t, r.state.OpenIncidents())
	r.after(6 * 24 * time.Hour).do(desk.ActionIn{Incident: answer.Incident, Verb: "reopen", Reason: "又来了", By: operator("li")})
	inc := r.state.Incident(answer.Incident)
	require.Equal(t, desk.Acknowledged, inc.State)
	require.Empty(t, inc.ClaimedBy)
	require.Empty(t, inc.Result)
	require.Len(t, r.state.OpenIncidents(), 1)

	r.do(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	_, _, err := r.after(7*24*time.Hour + time.Second).try(desk.ActionIn{Incident: answer.Incident, Verb: "reopen", By: operator("li")})
	var illegal *desk.IllegalError
	require.ErrorAs(t, err, &illegal)
	require.Contains(t, illegal.Why, "7 days")

	// The next event's time takes it out of the state, with all that is its.
	r.do(desk.DeviceIn{Device: "gate", Type: "camera", State: "online", Since: r.now})
	require.Nil(t, r.state.Incident(answer.Incident))
	require.Empty(t, r.state.Alerts())
}

func TestEscalationGrowsAndEnds(t *testing.T) {
	r := newRoom(t)
	_, urgent := r.do(report(operator("li"))) // P2, first
	_, most := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	records, _ := r.after(59 * time.Second).do(desk.Tick{})
	require.Empty(t, records)
	require.Equal(t, bridge.At(start().Add(time.Minute)), r.state.Deadline())

	records, _ = r.after(15 * time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"incident.escalated", "task.issued", "incident.escalated", "task.issued"}, types(records))
	require.Equal(t, "incidents/"+most.Incident, records[0].Event.Subject, "priority comes first")
	require.Equal(t, "incidents/"+urgent.Incident, records[2].Event.Subject)
	require.Equal(t, bridge.At(start().Add(time.Minute)), r.state.Incident(most.Incident).Limit, "the deadline itself stays")

	var waits []time.Duration
	last := r.now
	for inc := r.state.Incident(most.Incident); !inc.Next.IsZero(); inc = r.state.Incident(most.Incident) {
		waits = append(waits, inc.Next.Sub(last))
		last = inc.Next.Time
		r.now = last
		r.do(desk.Tick{})
	}
	require.Equal(t, []time.Duration{2 * time.Minute, 4 * time.Minute}, waits)
	require.Equal(t, 3, r.state.Incident(most.Incident).Escalated)

	// A new state begins anew.
	r.do(desk.ActionIn{Incident: most.Incident, Verb: "claim", By: operator("li")})
	require.Equal(t, 0, r.state.Incident(most.Incident).Escalated)
	require.Equal(t, bridge.At(r.now.Add(5*time.Minute)), r.state.Incident(most.Incident).Next)
}

func TestPillarsThatMaySpeak(t *testing.T) {
	r := newRoom(t)
	_, a := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	require.Equal(t, []string{"P-1"}, r.state.PillarsOf(a.Incident))
	r.do(press("P-1", "e2", ingest.PressDuress, r.now))
	require.Empty(t, r.state.PillarsOf(a.Incident), "duress: no light, no words")

	_, drill := r.do(press("P-1", "e3", ingest.PressTest, r.now))
	require.NotEqual(t, a.Incident, drill.Incident)
	require.Empty(t, r.state.PillarsOf(drill.Incident), "nor for another incident of the pillar")
	require.Empty(t, r.state.AlertsOf("none"))

	r.do(desk.ActionIn{Incident: a.Incident, Verb: "close", Result: "false_alarm", By: operator("li")})
	require.Equal(t, []string{"P-1"}, r.state.PillarsOf(a.Incident), "its light burns since the alarm and may go out")
	require.Equal(t, []string{"P-1"}, r.state.PillarsOf(drill.Incident))

	_, silent := r.do(press("P-2", "e4", ingest.PressDuress, r.now))
	r.do(desk.ActionIn{Incident: silent.Incident, Verb: "close", Result: "false_alarm", By: operator("li")})
	require.Empty(t, r.state.PillarsOf(silent.Incident), "it was never lit")
}

// Somebody who presses again while help is on its way is heard again.
func TestPressThatJoinsRingsUntilItIsAnswered(t *testing.T) {
	r := newRoom(t)
	_, first := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	id := first.Incident
	r.do(press("P-1", "e2", ingest.PressAlarm, r.now))
	require.Zero(t, r.state.Incident(id).Unanswered, "an open one rings anyway")
	r.after(time.Second).do(desk.ActionIn{Incident: id, Verb: "claim", By: operator("li")})
	acknowledged := r.state.Incident(id).AcknowledgedAt
	for _, verb := range []string{"claim", "acknowledge"} {
		records, answer, err := r.try(desk.ActionIn{Incident: id, Verb: verb, By: operator("li")})
		require.Empty(t, records)
		require.True(t, answer.Duplicate || err != nil)
	}

	r.after(4 * time.Minute).do(press("P-1", "e3", ingest.PressTalk, r.now))
	inc := r.state.Incident(id)
	require.Equal(t, desk.Acknowledged, inc.State)
	require.Equal(t, 1, inc.Unanswered)
	require.Equal(t, bridge.At(r.now), inc.PressedAt)
	require.Equal(t, bridge.At(r.now.Add(time.Minute)), inc.Next, "to be answered as soon as a new one of its priority")
	r.after(10 * time.Second).do(press("P-1", "e4", ingest.PressAlarm, r.now))
	inc = r.state.Incident(id)
	require.Equal(t, 2, inc.Unanswered)
	require.Equal(t, bridge.At(r.now), inc.PressedAt)
	require.Equal(t, bridge.At(r.now.Add(50*time.Second)), inc.Next, "pressing on does not put it off")
	r.do(press("P-1", "e5", ingest.PressTest, r.now))
	require.Equal(t, 2, r.state.Incident(id).Unanswered, "a drill is another incident")

	records, _ := r.after(50 * time.Second).do(desk.Tick{})
	require.Equal(t, []string{"incident.escalated", "task.issued"}, types(records))
	require.Equal(t, bridge.At(r.now.Add(2*time.Minute)), r.state.Incident(id).Next, "as one that is open")

	// Another operator may acknowledge, not claim.
	_, _, err := r.try(desk.ActionIn{Incident: id, Verb: "claim", By: operator("wang")})
	var conflict *desk.ConflictError
	require.ErrorAs(t, err, &conflict)
	records, _ = r.do(desk.ActionIn{Incident: id, Verb: "acknowledge", By: operator("wang")})
	require.Equal(t, []string{"incident.acknowledged", "task.confirmed"}, types(records), "and what supervised it ends")
	inc = r.state.Incident(id)
	require.Zero(t, inc.Unanswered)
	require.True(t, inc.PressedAt.IsZero())
	require.Zero(t, inc.Escalated)
	require.Equal(t, bridge.At(r.now.Add(5*time.Minute)), inc.Limit)
	require.Equal(t, inc.Limit, inc.Next)
	require.Equal(t, acknowledged, inc.AcknowledgedAt, "the first answer is what is measured")
	require.Equal(t, "li", inc.ClaimedBy)

	// Its own operator may claim again, which answers.
	r.do(press("P-1", "e6", ingest.PressDuress, r.now))
	records, _ = r.after(time.Second).do(desk.ActionIn{Incident: id, Verb: "claim", By: operator("li")})
	require.Equal(t, []string{"incident.claimed", "incident.acknowledged"}, types(records))
	require.Empty(t, data[desk.IncidentChanged](t, records[0]).From)
	inc = r.state.Incident(id)
	require.Zero(t, inc.Unanswered)
	require.Equal(t, bridge.At(r.now.Add(5*time.Minute)), inc.Next)
	_, _, err = r.try(desk.ActionIn{Incident: id, Verb: "acknowledge", By: operator("li")})
	var illegal *desk.IllegalError
	require.ErrorAs(t, err, &illegal)

	// Who closes it may not have seen the press of a moment ago.
	r.do(press("P-1", "e7", ingest.PressAlarm, r.now))
	closing := desk.ActionIn{Incident: id, Verb: "close", Result: "resolved", By: operator("li")}
	_, _, err = r.try(closing)
	require.ErrorAs(t, err, &illegal)
	require.Contains(t, illegal.Why, "pressed again")
	require.NotContains(t, illegal.Possible, "close")
	require.Equal(t, 1, r.state.Incident(id).Unanswered)
	r.do(desk.ActionIn{Incident: id, Verb: "acknowledge", By: operator("li")})
	r.do(closing)
	require.Equal(t, desk.Closed, r.state.Incident(id).State)
}

// An incident that was long overdue, and told often enough, rings anew.
func TestPressThatJoinsAnOverdueIncidentEscalatesAnew(t *testing.T) {
	r := newRoom(t)
	_, first := r.do(press("P-1", "e1", ingest.PressTalk, r.now))
	r.do(desk.ActionIn{Incident: first.Incident, Verb: "acknowledge", By: operator("li")})
	for inc := r.state.Incident(first.Incident); !inc.Next.IsZero(); inc = r.state.Incident(first.Incident) {
		r.now = inc.Next.Time
		r.do(desk.Tick{})
	}
	r.after(time.Hour).do(press("P-1", "e2", ingest.PressAlarm, r.now))
	inc := r.state.Incident(first.Incident)
	require.Equal(t, "P0", inc.Priority)
	require.Zero(t, inc.Escalated)
	require.Equal(t, bridge.At(r.now.Add(time.Minute)), inc.Next)
	records, _ := r.after(time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"incident.escalated"}, types(records))
	require.Equal(t, 1, r.state.Incident(first.Incident).Escalated)
}
