package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// TestOrdersOfAClosedIncident is the table of what becomes of an incident's
// open orders when it closes.
func TestOrdersOfAClosedIncident(t *testing.T) {
	issued, accepted, reported := "", "accept", "accept arrive report"
	own, above, partner := desk.TaskIn{To: "wu", Note: "去", By: operator("sun")}, fromAbove("T-1"), desk.TaskIn{To: "lamps", Note: "灯", By: operator("sun")}
	for i, row := range []struct {
		order         desk.TaskIn
		verbs         string
		result, tasks string
		becomes       string
		owner         string
	}{
		{own, issued, "resolved", "", "cancelled", ""},
		{own, accepted, "resolved", "", "kept", "sun"},
		{own, reported, "resolved", "", "kept", "sun"},
		{own, issued, "resolved", "keep", "kept", "sun"},
		{own, accepted, "resolved", "cancel", "cancelled", ""},
		{own, reported, "resolved", "cancel", "kept", "sun"},
		{own, issued, "false_alarm", "", "cancelled", ""},
		{own, issued, "transferred", "", "cancelled", ""},
		{above, issued, "resolved", "", "kept", "li"},
		{above, accepted, "resolved", "cancel", "kept", "li"},
		{partner, issued, "resolved", "", "cancelled", ""},
		{partner, issued, "transferred", "", "kept", "sun"},
		{partner, issued, "transferred", "cancel", "cancelled", ""},
	} {
		r := standardRoom(t)
		_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
		r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
		row.order.Incident = pressed.Incident
		task := r.issue(row.order)
		r.reach(task.ID, operator("sun"), strings.Fields(row.verbs)...)
		before := r.state.Task(task.ID).State
		records, _ := r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "close", Result: row.result, Tasks: row.tasks, By: operator("li")})
		closed := data[desk.IncidentChanged](t, records[0])
		require.Equal(t, []desk.OrderLeft{{Task: task.ID, Becomes: row.becomes}}, closed.Orders, "row %d", i)
		require.Equal(t, "task."+row.becomes, types(records)[1], "row %d", i)
		task = r.state.Task(task.ID)
		require.Equal(t, row.owner, task.Owner, "row %d", i)
		if row.becomes == "cancelled" {
			require.Equal(t, []any{desk.Cancelled, row.result}, []any{task.State, task.Reason}, "row %d", i)
			continue
		}
		require.Equal(t, before, task.State, "row %d", i)
		require.Equal(t, bridge.At(r.now.Add(24*time.Hour)), task.Limit, "the incident's clock no longer runs")
		if task.State != desk.Reported {
			require.Contains(t, []bridge.Stamp{task.Limit, task.SignBy}, r.state.Deadline())
		}
		require.Contains(t, r.rules.Possible(task, lead("chen")), map[bool]string{true: "confirm", false: "cancel"}[task.State == desk.Reported])
	}
	r := standardRoom(t)
	_, drill := r.do(press("P-1", "e1", ingest.PressTest, r.now))
	task := r.issue(desk.TaskIn{To: "wu", Note: "去", Incident: drill.Incident})
	r.reach(task.ID, officer("wu"), "accept")
	r.do(desk.ActionIn{Incident: drill.Incident, Verb: "close", Result: "drill", By: operator("li")})
	require.Equal(t, desk.Cancelled, r.state.Task(task.ID).State, "of an exercise nothing goes on")
	_, _, err := r.try(desk.ActionIn{Incident: drill.Incident, Verb: "close", Result: "drill", Tasks: "forget", By: operator("li")})
	require.Error(t, err)
}

// The owner of a kept order judges it as its issuer does.
func TestOwnerJudges(t *testing.T) {
	r := standardRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	in := fromAbove("T-1")
	in.Incident = pressed.Incident
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	task := r.issue(in)
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	require.NotContains(t, r.rules.Possible(r.state.Task(task.ID), operator("li")), "cancel", "headquarters' order is headquarters'")
}

// After closing somebody looks again (回访).
func TestFollowUp(t *testing.T) {
	r := standardRoom(t)
	_, answer := r.do(report(operator("li")))
	demand := desk.ActionIn{Incident: answer.Incident, Verb: "follow_up", To: "wu", By: operator("li"), Idempotency: "k"}
	_, _, err := r.try(demand)
	var illegal *desk.IllegalError
	require.ErrorAs(t, err, &illegal, "after closing only")
	r.do(desk.ActionIn{Incident: answer.Incident, Verb: "claim", By: operator("li")})
	r.do(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	records, demanded := r.do(demand)
	require.Equal(t, []string{"task.issued"}, types(records))
	task := r.state.Task(demanded.Task)
	require.Equal(t, []any{desk.Visit, "look-again", answer.Incident, "wu"}, []any{task.Kind, task.Template, task.Incident, task.To})
	require.Equal(t, bridge.At(r.now.Add(72*time.Hour)), task.Limit)
	require.Equal(t, desk.Closed, r.state.Incident(answer.Incident).State)
	require.Contains(t, r.state.Incident(answer.Incident).Tasks, task.ID)
	_, again := r.do(demand)
	require.True(t, again.Duplicate)
	require.Equal(t, task.ID, again.Task)
	twice := demand
	twice.Idempotency = ""
	_, _, err = r.try(twice)
	require.ErrorContains(t, err, "is that visit already")
	for want, change := range map[string]func(*desk.ActionIn){
		`to "": want`: func(in *desk.ActionIn) { in.To = "" }, `template "x"`: func(in *desk.ActionIn) { in.Template = "x" },
		`kind "visit": want task`: func(in *desk.ActionIn) { in.Template = "arrive" }, "needs operator": func(in *desk.ActionIn) { in.By = officer("wu") },
	} {
		in := demand
		in.Idempotency = ""
		change(&in)
		_, _, err := r.try(in)
		require.ErrorContains(t, err, want)
	}
	r.reach(task.ID, officer("wu"), "accept", "report")
	require.Equal(t, desk.Confirmed, r.reach(task.ID, operator("li"), "confirm").State)
	_, second := r.do(twice)
	require.NotEqual(t, task.ID, second.Task, "that one is done")
}

// What comes up again after 7 days is a new incident that names the old one.
func TestReopensAfterSevenDays(t *testing.T) {
	r := standardRoom(t)
	_, first := r.do(report(operator("li")))
	again := report(operator("li"))
	again.Reopens = first.Incident
	refused := func() *desk.IllegalError {
		_, _, err := r.try(again)
		var illegal *desk.IllegalError
		require.ErrorAs(t, err, &illegal)
		return illegal
	}
	require.Contains(t, refused().Why, "still in the room")
	r.do(desk.ActionIn{Incident: first.Incident, Verb: "claim", By: operator("li")})
	r.do(desk.ActionIn{Incident: first.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	require.Contains(t, refused().Possible, "reopen")
	r.after(7*24*time.Hour + time.Minute)
	_, other := r.do(report(operator("li")))
	require.Nil(t, r.state.Incident(first.Incident), "it has left the state")
	_, _, err := r.try(desk.ActionIn{Incident: first.Incident, Verb: "reopen", By: operator("li")})
	var unknown *desk.NotFoundError
	require.ErrorAs(t, err, &unknown)
	records, opened := r.do(again)
	require.NotEqual(t, other.Incident, opened.Incident, "it joins nothing")
	require.Equal(t, first.Incident, data[desk.IncidentOpened](t, records[0]).Reopens)
	require.Equal(t, first.Incident, r.state.Incident(opened.Incident).Reopens)
	again.Reopens = "12"
	_, _, err = r.try(again)
	require.ErrorContains(t, err, `reopens "12": want the id`)
}
