package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// judgedRoom reminds whoever has to judge a report after a day.
func judgedRoom(t testing.TB) *room {
	r := newRoom(t)
	r.configure(func(s *desk.Setup) {
		*s = standards()
		s.JudgeWithin = 24 * time.Hour
	})
	return r
}

// reported is an order that was given, worked on and reported.
func (r *room) reported(in desk.TaskIn) *desk.Task {
	task := r.issue(in)
	r.reach(task.ID, lead("chen"), "accept", "arrive")
	r.do(desk.TaskActionIn{Task: task.ID, Verb: "report", By: lead("chen"), Report: "r", Reason: "r"})
	return r.state.Task(task.ID)
}

// TestReportWaitsForItsJudge: who issued the order is overdue when he lets its
// report lie, told once, and the lead sees to it until it is judged.
func TestReportWaitsForItsJudge(t *testing.T) {
	for verb, state := range map[string]desk.TaskState{"confirm": desk.Confirmed, "return": desk.Returned} {
		r := judgedRoom(t)
		task := r.reported(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
		limit := bridge.At(r.now.Add(24 * time.Hour))
		require.Equal(t, []bridge.Stamp{limit, limit}, []bridge.Stamp{task.JudgeBy, r.state.Deadline()})
		records, _ := r.after(24*time.Hour - time.Millisecond).do(desk.Tick{})
		require.Empty(t, records)
		records, _ = r.after(time.Millisecond).do(desk.Tick{})
		require.Equal(t, []string{"task.issued", "task.overdue"}, types(records))
		told := data[desk.TaskChanged](t, records[1])
		order := data[desk.TaskIssued](t, records[0])
		require.Equal(t, []any{"judge", "li", limit, 1, false, desk.Reported, order.Task}, []any{told.What, told.Who, told.JudgeBy, told.Overdue, told.Flagged, told.State, told.Supervision})
		require.Equal(t, []any{"lead", "tasks/" + task.ID, desk.Supervision}, []any{order.To, order.About, order.Kind})
		require.True(t, r.state.Deadline().IsZero(), "once")
		task = r.state.Task(task.ID)
		require.Equal(t, bridge.At(r.now), task.UnjudgedAt)
		require.True(t, task.OverdueAt.IsZero(), "it was reported in time")
		line := task.History[len(task.History)-1]
		require.Equal(t, []string{"task.overdue", "judge", "li"}, []string{line.Type, line.What, line.Note})

		records, _ = r.do(desk.TaskActionIn{Task: task.ID, Verb: verb, Reason: "r", By: operator("li")})
		require.Equal(t, []string{"task." + string(state), "task.confirmed"}, types(records), "the supervision order ends with it")
		task = r.state.Task(task.ID)
		require.True(t, task.JudgeBy.IsZero() && task.UnjudgedAt.IsZero() && r.state.Deadline().IsZero())
		require.Len(t, task.Unjudged, 1)
	}
}

// TestWhoJudges: whose the judgement is, and of what there is none.
func TestWhoJudges(t *testing.T) {
	r := judgedRoom(t)
	_, begun := r.do(press("P-1", "e1", ingest.PressTest, r.now))
	_, real := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: real.Incident, Verb: "claim", By: operator("sun")})
	kept := r.reported(desk.TaskIn{To: "he", Note: "去", Incident: real.Incident, By: operator("li")})
	r.do(desk.ActionIn{Incident: real.Incident, Verb: "close", Result: "resolved", By: lead("chen")})
	order := r.issue(desk.TaskIn{To: "lamps", Note: "灯不亮", By: operator("sun")})
	r.do(desk.ReplyIn{Partner: "lamps", Order: order.ID, Result: desk.ReplyDone, Report: "修好", By: operator("sun")})
	for _, one := range []struct {
		task    *desk.Task
		judge   string
		flagged bool
	}{
		{kept, "li", false},
		{r.state.Task(order.ID), "sun", false},
		{r.reported(fromAbove("T-1")), "", false},
		{r.reported(desk.TaskIn{To: "wu", Note: "演练", Incident: begun.Incident, By: operator("wang")}), "wang", false},
	} {
		r.now = r.state.Now().Add(24 * time.Hour)
		var told []bridge.Record
		for _, rec := range of(r.settle(), desk.TypeTaskOverdue) {
			if rec.Event.Subject == "tasks/"+one.task.ID {
				told = append(told, rec)
			}
		}
		if one.judge == "" {
			require.Empty(t, told, "headquarters judges its own")
			require.True(t, one.task.JudgeBy.IsZero())
			continue
		}
		if len(told) == 0 { // told with an earlier one's time
			require.Equal(t, one.judge, r.state.Task(one.task.ID).Unjudged[0].By)
			continue
		}
		require.Equal(t, one.judge, data[desk.TaskChanged](t, told[0]).Who)
		require.Equal(t, one.task.Drill, data[desk.TaskChanged](t, told[0]).Supervision == "", "an exercise supervises nobody")
	}
	calm := standardRoom(t)
	require.True(t, calm.reported(desk.TaskIn{To: "wu", Note: "去"}).JudgeBy.IsZero(), "without a limit nobody is reminded")
}

// TestThirdUnjudgedIsTheJudges: reports that lie count with the overdues of who
// has to judge them, and never with those of who reported.
func TestThirdUnjudgedIsTheJudges(t *testing.T) {
	r := judgedRoom(t)
	for range 2 {
		r.reported(desk.TaskIn{To: "patrol-1", Note: "去", By: operator("li")})
	}
	r.issue(desk.TaskIn{To: "li", Note: "写报告", Limit: r.now.Add(time.Hour), By: lead("chen")})
	var counted []int
	for _, rec := range of(r.after(24*time.Hour).settle(), desk.TypeTaskOverdue) {
		counted = append(counted, data[desk.TaskChanged](t, rec).Overdue)
	}
	require.Equal(t, []int{1, 2, 3}, counted, "all of li's")
	flagged := 0
	for _, task := range r.state.Tasks() {
		if task.Flagged {
			flagged++
		}
		for _, one := range task.Unjudged {
			require.Equal(t, "li", one.By)
			if one.Flagged {
				flagged++
			}
		}
	}
	require.Equal(t, 1, flagged, "the third")
	r.issue(desk.TaskIn{To: "patrol-1", Note: "去", Limit: r.now.Add(time.Minute)})
	late := data[desk.TaskChanged](t, of(r.after(time.Minute).settle(), desk.TypeTaskOverdue)[0])
	require.Equal(t, []any{"", 1, false}, []any{late.What, late.Overdue, late.Flagged}, "the team has one")
	require.Equal(t, []any{3, int64(7 * 24 * 3600_000)}, []any{late.OverdueMax, late.WithinMS})
}

// TestStepIsLate: a step that is past its own limit is told once, by name, and
// is no overdue of the order.
func TestStepIsLate(t *testing.T) {
	r := judgedRoom(t)
	task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1"})
	limit := task.Steps[0].Limit
	require.Equal(t, limit, r.state.Deadline(), "before the order's own")
	r.reach(task.ID, officer("wu"), "accept", "arrive")
	records, _ := r.after(10 * time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"task.issued", "task.overdue"}, types(records))
	told := data[desk.TaskChanged](t, records[1])
	require.Equal(t, []any{"step", []desk.LateStep{{Step: 1, Name: "到场", Limit: limit}}, desk.Arrived}, []any{told.What, told.Late, told.State})
	require.Equal(t, []any{0, false, 0}, []any{told.Overdue, told.Flagged, told.OverdueMax}, "an order that is in time is no overdue one")
	task = r.state.Task(task.ID)
	require.Equal(t, bridge.At(r.now), task.Steps[0].LateAt)
	require.Equal(t, task.Limit, r.state.Deadline(), "once")
	require.Equal(t, "到场", task.History[len(task.History)-1].Note)

	records, _ = r.do(desk.TaskActionIn{Task: task.ID, Verb: "tick", Steps: []int{1}, By: officer("wu")})
	require.Equal(t, []string{"task.ticked", "task.confirmed"}, types(records), "what is done is no longer supervised")
	records = r.after(5 * time.Minute).settle()
	require.Equal(t, []string{"task.overdue", "task.issued", "task.supervised"}, types(records), "now the order is late")
	r.do(desk.TaskActionIn{Task: task.ID, Verb: "tick", Steps: []int{2}, By: officer("wu")})
	require.Len(t, open(r, desk.Supervision), 1, "its steps are done, its report is late still")
}

func open(r *room, kind desk.TaskKind) (some []*desk.Task) {
	for _, task := range r.state.Tasks() {
		if task.Kind == kind && task.EndedAt.IsZero() {
			some = append(some, task)
		}
	}
	return some
}

// TestStepsThatAreNeverLate: an order that has ended, was reported, or is done
// with its step says nothing of it; one that was returned, and one that nobody
// took, does.
func TestStepsThatAreNeverLate(t *testing.T) {
	for name, one := range map[string]struct {
		verbs []string
		tells int
	}{
		"issued": {nil, 1}, "accepted": {[]string{"accept"}, 1}, "returned": {[]string{"accept", "arrive", "report", "return"}, 1},
		"reported": {[]string{"accept", "arrive", "report"}, 0}, "confirmed": {[]string{"accept", "arrive", "report", "confirm"}, 0},
		"handed back": {[]string{"hand_back"}, 0}, "cancelled": {[]string{"cancel"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := judgedRoom(t)
			task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1", By: operator("li")})
			r.reach(task.ID, lead("chen"), one.verbs...)
			require.Len(t, of(r.after(10*time.Minute).settle(), desk.TypeTaskOverdue), one.tells)
			records := r.after(10 * time.Minute).settle()
			for _, rec := range of(records, desk.TypeTaskOverdue) {
				require.Empty(t, data[desk.TaskChanged](t, rec).What)
			}
			if one.tells == 1 {
				r.reach(task.ID, lead("chen"), "cancel")
			}
			require.Empty(t, open(r, desk.Supervision))
			require.Equal(t, one.verbs != nil && name == "reported", !r.state.Deadline().IsZero(), "only a report waits still")
		})
	}
	r := judgedRoom(t)
	task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1"})
	r.reach(task.ID, officer("wu"), "accept")
	r.do(desk.TaskActionIn{Task: task.ID, Verb: "tick", Steps: []int{1}, By: officer("wu")})
	require.Empty(t, of(r.after(10*time.Minute).settle(), desk.TypeTaskOverdue), "done in time")
}

// TestStepsAreScored: each step with a limit of its own counts with the states
// of its incident when that closes.
func TestStepsAreScored(t *testing.T) {
	r := judgedRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	issue := func() string {
		return r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1", Incident: pressed.Incident, By: operator("li")}).ID
	}
	inTime, late, undone, missing, cancelled := issue(), issue(), issue(), issue(), issue()
	by := officer("wu")
	for _, id := range []string{inTime, late, undone, missing} {
		r.reach(id, by, "accept", "arrive")
	}
	r.after(time.Minute).do(desk.TaskActionIn{Task: inTime, Verb: "tick", Steps: []int{1}, By: by})
	r.reach(missing, by, "report")
	r.reach(cancelled, operator("li"), "cancel")
	r.after(10 * time.Minute).do(desk.TaskActionIn{Task: late, Verb: "tick", Steps: []int{1, 2}, By: by})
	r.settle()
	fresh := issue()
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "acknowledge", By: operator("li")})
	records, _ := r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "close", Result: "resolved", By: lead("chen")})
	scored := data[desk.IncidentScored](t, of(records, desk.TypeIncidentScored)[0])
	points := 0
	steps := map[string]desk.ScoredStep{}
	for _, one := range scored.Steps {
		points += one.Points
		if one.Task != "" {
			require.Empty(t, one.State)
			require.Equal(t, []any{1, "到场", "wu", int64(600_000)}, []any{one.Step, one.Name, one.By, one.LimitMS})
			steps[one.Task] = one
		}
	}
	require.Equal(t, points, scored.Points)
	want := map[string]desk.ScoredStep{
		inTime: {Result: "in_time", Points: 10, TookMS: 60_000}, late: {Result: "late", Points: 4, TookMS: 660_000},
		undone: {Result: "late", Points: 4, TookMS: 660_000}, missing: {Result: "missing"},
	}
	require.Len(t, steps, len(want), "nothing of %s and %s", cancelled, fresh)
	for id, one := range want {
		got := steps[id]
		require.Equal(t, []any{one.Result, one.Points, one.TookMS}, []any{got.Result, got.Points, got.TookMS}, one.Result)
	}
}

// Steps of very many orders have no room in one event: they are counted.
func TestScoredStepsAreBounded(t *testing.T) {
	r := judgedRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	for range 120 {
		r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1", Incident: pressed.Incident, By: operator("li")})
	}
	r.after(time.Hour).do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	records, _ := r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "close", Result: "resolved", Tasks: "keep", By: lead("chen")})
	scored := of(records, desk.TypeIncidentScored)[0]
	require.Less(t, len(scored.Event.Data), 48<<10)
	told := data[desk.IncidentScored](t, scored)
	require.Len(t, told.Steps, 100)
	require.Positive(t, told.More)
	require.Equal(t, told.More, r.state.Incident(pressed.Incident).Score.More)
}

// What is late stands on the page of the handover, with what of it is.
func TestHandoverSaysWhatIsLate(t *testing.T) {
	r := judgedRoom(t)
	waits := r.reported(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
	r.after(24*time.Hour - 11*time.Minute)
	step := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1"})
	r.after(11 * time.Minute).settle()
	page := r.rules.HandoverPage(r.state, bridge.At(r.now), nil)
	what := map[string]string{}
	for _, line := range page.Tasks {
		if line.Overdue {
			what[line.ID] = line.What
		}
	}
	require.Equal(t, map[string]string{waits.ID: "judge", step.ID: "step"}, what)
	require.Equal(t, 2, page.Counts.Overdue)
}

// A state that was restored tells of the same at the same time.
func TestLateSurvivesACheckpoint(t *testing.T) {
	r := judgedRoom(t)
	r.reported(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
	r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1"})
	for range 4 {
		deadline := r.state.Deadline()
		require.False(t, deadline.IsZero())
		b, err := r.state.Bytes()
		require.NoError(t, err)
		r.state, err = desk.Restore(b)
		require.NoError(t, err)
		require.Equal(t, deadline, r.state.Deadline())
		r.now = deadline.Time
		records, _ := r.do(desk.Tick{})
		require.NotEmpty(t, records)
	}
}

// TestReportsOfBeforeTheLimit: whoever has to judge a report that was written
// while there was no limit is reminded of it after the start that brings one,
// counted from the report; nobody else is.
func TestReportsOfBeforeTheLimit(t *testing.T) {
	r := judgedRoom(t)
	r.configure(func(s *desk.Setup) { s.JudgeWithin = 0 })
	old := r.reported(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
	reported := r.now
	fresh := r.after(30 * time.Hour).reported(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
	above := r.reported(fromAbove("T-1"))
	running := r.issue(desk.TaskIn{To: "wu", Note: "去"})
	require.True(t, r.state.Deadline().IsZero(), "nobody is reminded")

	started := r.after(time.Hour).restarted(func(s *desk.Setup) { s.JudgeWithin = 24 * time.Hour })
	timed := of(started, desk.TypeTaskTimed)
	require.Len(t, timed, 2)
	require.Equal(t, bridge.At(reported.Add(24*time.Hour)), r.state.Task(old.ID).JudgeBy)
	require.Equal(t, bridge.At(reported.Add(54*time.Hour)), r.state.Task(fresh.ID).JudgeBy)
	for _, id := range []string{above.ID, running.ID} {
		require.True(t, r.state.Task(id).JudgeBy.IsZero())
	}
	told := of(r.settle(), desk.TypeTaskOverdue)
	require.Len(t, told, 1)
	late := data[desk.TaskChanged](t, told[0])
	require.Equal(t, []any{old.ID, "judge", "li"}, []any{late.Task, late.What, late.Who})
	require.Empty(t, of(r.restarted(func(*desk.Setup) {}), desk.TypeTaskTimed), "once")
	r.do(desk.TaskActionIn{Task: fresh.ID, Verb: "confirm", By: operator("li")})
	require.True(t, r.state.Task(fresh.ID).JudgeBy.IsZero())
	replayed(t, r)
}
