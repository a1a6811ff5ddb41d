package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// standards is a station with templates, a person in a team, and a partner.
func standards() desk.Setup {
	s := setup()
	s.Templates = []desk.Template{
		{
			ID: "arrive", Name: "到场处置", Kind: desk.PlainTask, Note: "到现场核实", Priority: "P1", Limit: 15 * time.Minute, Done: "照片一张", Pictures: 1,
			Steps: []desk.TemplateStep{{Name: "到场", Limit: 10 * time.Minute}, {Name: "拍照"}}, With: []string{"map", "snapshot", "clip"},
		},
		{ID: "push", Name: "推送", Kind: desk.Push, Note: "请求支援"},
		{ID: "look-again", Name: "回访", Kind: desk.Visit, Note: "三日内回访", Limit: 72 * time.Hour},
	}
	s.Persons = []desk.Person{{ID: "wu-jun", Name: "吴军", User: "wu"}}
	s.Teams = []desk.Team{{ID: "patrol-1", Name: "巡逻一组", Kind: "patrol", Members: []string{"wu-jun"}}}
	s.Partners = []desk.Partner{{ID: "lamps", Name: "路灯所"}}
	return s
}

func standardRoom(t testing.TB) *room {
	r := newRoom(t)
	rules, err := desk.NewRules(standards())
	require.NoError(t, err)
	r.rules = rules
	return r
}

func (r *room) issue(in desk.TaskIn) *desk.Task {
	if in.By.Name == "" {
		in.By = operator("li")
	}
	_, answer := r.do(in)
	return r.state.Task(answer.Task)
}

func picture() string { return strings.Repeat("ab", 32) }

// A template and a receiver are enough: the rest is the configuration's.
func TestOrderFromATemplate(t *testing.T) {
	r := standardRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	clip := desk.Clip{ID: pressed.Incident + "-gate-1", Part: "1", Incident: pressed.Incident, Camera: "gate", Location: "/api/v1/clips/x/1.mp4"}
	r.do(desk.ClipIn{Clip: clip})
	task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1", Incident: pressed.Incident})
	require.Equal(t, desk.PlainTask, task.Kind)
	require.Equal(t, []string{"到场处置", "到现场核实", "P1", "照片一张"}, []string{task.Title, task.Note, task.Priority, task.Done})
	require.Equal(t, bridge.At(r.now.Add(15*time.Minute)), task.Limit)
	require.Equal(t, task.Limit, task.Next)
	require.Equal(t, []desk.TaskTick{{Name: "到场", Limit: bridge.At(r.now.Add(10 * time.Minute))}, {Name: "拍照"}}, task.Steps)
	require.Equal(t, r.state.Incident(pressed.Incident).Position, task.Along.Position)
	require.Equal(t, []string{clip.Location}, task.Along.Clips)

	said := r.issue(desk.TaskIn{Template: "arrive", To: "wu", Note: "带上防刺服", Priority: "P0", Limit: r.now.Add(time.Minute)})
	require.Equal(t, []string{"带上防刺服", "P0"}, []string{said.Note, said.Priority}, "what was said stands")
	require.Equal(t, bridge.At(r.now.Add(time.Minute)), said.Limit)
	require.Nil(t, said.Along)
	require.Equal(t, desk.WorkOrder, r.issue(desk.TaskIn{To: "lamps", Note: "灯不亮"}).Kind)
	for want, in := range map[string]desk.TaskIn{
		`template "none": want the id of a template: arrive, push, look-again`: {Template: "none", To: "wu"},
		`kind "visit": want task, which is template arrive's`:                  {Template: "arrive", Kind: desk.Visit, To: "wu"},
		`kind "supervision": want task, push`:                                  {Kind: desk.Supervision, To: "wu", Note: "n"},
		`kind "instruction": want task, push`:                                  {Kind: desk.Instruction, To: "wu", Note: "n"},
		`kind "work_order": want task: wu is no partner`:                       {Kind: desk.WorkOrder, To: "wu", Note: "n"},
	} {
		in.By = operator("li")
		_, _, err := r.try(in)
		require.ErrorContains(t, err, want)
	}
	above := fromAbove("T-1")
	above.Template, above.Note = "theirs", ""
	require.Equal(t, "theirs", r.issue(above).Template, "headquarters may have words of its own")
}

// Steps are ticked on the way or with the report; one that is missing, and
// pictures, want a reason.
func TestWhatCountsAsDone(t *testing.T) {
	r := standardRoom(t)
	task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1"})
	by := officer("wu")
	r.reach(task.ID, by, "accept", "arrive")
	records, _ := r.after(time.Minute).do(desk.TaskActionIn{Task: task.ID, Verb: "tick", Steps: []int{1}, Report: "已到", By: by})
	require.Equal(t, []string{"task.ticked"}, types(records))
	task = r.state.Task(task.ID)
	require.Equal(t, desk.Arrived, task.State)
	require.Equal(t, []any{bridge.At(r.now), "wu"}, []any{task.Steps[0].DoneAt, task.Steps[0].By})
	for want, in := range map[string]desk.TaskActionIn{
		`steps "": want the numbers`:        {Verb: "tick"},
		`steps "3": want numbers`:           {Verb: "tick", Steps: []int{3}},
		`steps "2": want numbers`:           {Verb: "report", Report: "r", Steps: []int{2, 2}},
		`steps "拍照": want each step ticked`: {Verb: "report", Report: "r", Pictures: []string{picture()}},
		`pictures "0": want 1 of them`:      {Verb: "report", Report: "r", Steps: []int{2}},
		`steps "1": want none: steps are`:   {Verb: "hand_back", Steps: []int{1}, Reason: "r"},
	} {
		in.Task, in.By = task.ID, by
		_, _, err := r.try(in)
		require.ErrorContains(t, err, want)
	}
	records, _ = r.do(desk.TaskActionIn{Task: task.ID, Verb: "report", Report: "无异常", Reason: "雨太大", By: by})
	require.Equal(t, []int{2}, data[desk.TaskChanged](t, records[0]).Missing)
	r.reach(task.ID, operator("li"), "return")
	task = r.reach(task.ID, by, "arrive")
	require.False(t, task.Steps[0].DoneAt.IsZero(), "what is done is done")
	r.do(desk.TaskActionIn{Task: task.ID, Verb: "report", Report: "好了", Steps: []int{2}, Pictures: []string{picture()}, By: by})
	task = r.reach(task.ID, operator("li"), "confirm")
	require.Equal(t, desk.Confirmed, task.State)
	require.False(t, task.Steps[1].DoneAt.IsZero())
}

// TestKinds is what the kind of a task makes of the table: which verbs the
// issuer's lead has in each state.
func TestKinds(t *testing.T) {
	all := map[desk.TaskState]string{
		desk.Issued: "accept hand_back cancel", desk.Accepted: "arrive report hand_back cancel", desk.Arrived: "report hand_back cancel",
		desk.Reported: "confirm return", desk.Returned: "arrive report hand_back cancel", desk.Confirmed: "", desk.HandedBack: "", desk.Cancelled: "",
	}
	tables := map[desk.TaskKind]map[desk.TaskState]string{
		desk.PlainTask: {desk.Accepted: "arrive hand_back cancel"}, desk.Push: {}, desk.Visit: {}, desk.PatrolTask: {}, desk.Instruction: {}, desk.WorkOrder: {},
		desk.Supervision: {
			desk.Issued: "accept report", desk.Accepted: "report", desk.Arrived: "", desk.Reported: "", desk.Returned: "",
		},
	}
	require.Len(t, tables, len(desk.TaskKinds()))
	r := standardRoom(t)
	for kind, own := range tables {
		for state, verbs := range all {
			if special, ok := own[state]; ok {
				verbs = special
			}
			task := &desk.Task{ID: "x", Kind: kind, State: state, To: "wu", By: "li"}
			possible := r.rules.Possible(task, lead("chen"))
			require.Equal(t, verbs, strings.Join(possible, " "), "%s %s", kind, state)
			if kind == desk.Supervision {
				require.Empty(t, r.rules.Possible(task, operator("li")), "a supervision order is the lead's")
			}
		}
	}
}

// What is late goes to the lead as an order of its own, one at a time, and
// ends with what it is about.
func TestSupervisionOrders(t *testing.T) {
	r := standardRoom(t)
	late := r.issue(desk.TaskIn{To: "wu", Note: "去", Limit: r.now.Add(10 * time.Minute)})
	records, _ := r.after(10 * time.Minute).do(desk.Tick{})
	supervised := data[desk.TaskChanged](t, records[2])
	order := r.state.Task(supervised.Supervision)
	require.Equal(t, []any{desk.Supervision, "tasks/" + late.ID, "lead", "box", desk.Issued}, []any{order.Kind, order.About, order.To, order.By, order.State})
	require.True(t, order.Next.IsZero(), "nobody supervises the lead")

	records, _ = r.after(10 * time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"task.supervised"}, types(records), "one is open")
	require.Equal(t, order.ID, data[desk.TaskChanged](t, records[0]).Supervision)

	var forbidden *desk.ForbiddenError
	_, _, err := r.try(desk.TaskActionIn{Task: order.ID, Verb: "report", Report: "已催办", By: operator("li")})
	require.ErrorAs(t, err, &forbidden)
	r.do(desk.TaskActionIn{Task: order.ID, Verb: "accept", By: lead("chen")})
	records, _ = r.do(desk.TaskActionIn{Task: order.ID, Verb: "report", Report: "已催办", By: lead("chen")})
	require.Equal(t, []string{"task.reported", "task.confirmed"}, types(records), "nobody else judges it")

	records, _ = r.after(20 * time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"task.issued", "task.supervised"}, types(records), "late still: a new one")
	records, _ = r.do(desk.TaskActionIn{Task: late.ID, Verb: "hand_back", Reason: "走不开", By: officer("wu")})
	require.Equal(t, []string{"task.handed_back", "task.confirmed"}, types(records))
	require.Equal(t, "handed_back", data[desk.TaskChanged](t, records[1]).Reason)
	for _, task := range r.state.Tasks() {
		require.False(t, task.EndedAt.IsZero(), "task %d %s", task.Number, task.Kind)
	}
}

func TestSupervisionOfAnIncident(t *testing.T) {
	r := standardRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	records, _ := r.after(time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"incident.escalated", "task.issued"}, types(records))
	order := strings.TrimPrefix(records[1].Event.Subject, "tasks/")
	require.Equal(t, "incidents/"+pressed.Incident, r.state.Task(order).About)
	require.Equal(t, desk.Open, r.state.Incident(pressed.Incident).State, "nobody was sent by it")
	records, _ = r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "note", Note: "n", By: operator("li")})
	require.Equal(t, []string{"incident.noted"}, types(records))
	records, _ = r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	require.Equal(t, []string{"incident.claimed", "task.confirmed", "incident.acknowledged"}, types(records), "it is no longer late")
	require.Equal(t, "acknowledged", r.state.Task(order).History[1].Reason)

	// Each state that is late has its own; closing and merging end it too.
	r.after(5 * time.Minute).do(desk.Tick{})
	_, other := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: other.Incident, Verb: "claim", By: operator("li")})
	records, _ = r.do(desk.ActionIn{Incident: other.Incident, Verb: "merge", Other: pressed.Incident, Reason: "同一件事", By: operator("li")})
	require.Equal(t, []string{"incident.merged", "incident.closed", "task.confirmed"}, types(records))
	for _, task := range r.state.Tasks() {
		require.Equal(t, desk.Confirmed, task.State)
		require.Equal(t, other.Incident, task.Incident, "orders went over")
	}
}

// The third overdue order of one receiver in a period is flagged, by whatever
// name he was meant.
func TestThirdOverdueIsFlagged(t *testing.T) {
	r := standardRoom(t)
	begin := r.now
	for i, row := range []struct {
		to      string
		after   time.Duration
		count   int
		flagged bool
	}{
		{"wu", 0, 1, false}, {"wu-jun", time.Hour, 2, false}, {"he", 2 * time.Hour, 1, false}, {"wu", 3 * time.Hour, 3, true},
		{"wu", 7*24*time.Hour + 30*time.Minute, 3, true}, {"wu", 7*24*time.Hour + 4*time.Hour, 2, false},
	} {
		r.now = begin.Add(row.after)
		task := r.issue(desk.TaskIn{To: row.to, Note: "去", Limit: r.now.Add(time.Minute)})
		records, _ := r.after(time.Minute).do(desk.Tick{})
		for len(records) > 0 && records[0].Event.Subject != "tasks/"+task.ID {
			records = records[1:] // of earlier ones
		}
		overdue := data[desk.TaskChanged](t, records[0])
		require.Equal(t, []any{row.count, row.flagged, 3}, []any{overdue.Overdue, overdue.Flagged, overdue.OverdueMax}, "row %d", i)
		require.Equal(t, (7 * 24 * time.Hour).Milliseconds(), overdue.WithinMS)
		require.Equal(t, row.flagged, r.state.Task(task.ID).Flagged)
		r.do(desk.TaskActionIn{Task: task.ID, Verb: "cancel", Reason: "r", By: operator("li")})
	}
}

func TestPushUp(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		r := standardRoom(t)
		task := r.issue(desk.TaskIn{Template: "push", To: "hq", Limit: r.now.Add(time.Hour)})
		require.Equal(t, desk.Push, task.Kind)
		r.do(desk.ReceiptIn{Uplink: "other", ID: task.History[0].Event, Accepted: true})
		require.Equal(t, desk.Issued, r.state.Task(task.ID).State)
		r.do(desk.ReceiptIn{Uplink: "hq", ID: task.History[0].Event, Accepted: accepted, By: "赵指挥", Reason: "警力不足"})
		want := map[bool]desk.TaskState{true: desk.Confirmed, false: desk.HandedBack}[accepted]
		require.Equal(t, want, r.state.Task(task.ID).State, fmt.Sprint(accepted))
	}
}

// work is an order that is given, done, or taken back.
func (c *chance) work() desk.Input {
	id, by := fmt.Sprint("T-", c.IntN(30)), c.actor()
	limit := []time.Time{{}, c.clock.Wall().Add(time.Duration(c.IntN(7200)) * time.Second)}[c.IntN(2)]
	incident := []string{"", c.pick(c.incidents)}[c.IntN(2)]
	switch c.IntN(8) {
	case 0, 1:
		return desk.TaskIn{
			Template: []string{"", "arrive", "push", "look-again", "none"}[c.IntN(5)], To: []string{"he", "wu", "hq"}[c.IntN(3)], Note: "n",
			Incident: incident, Limit: limit, By: by, Idempotency: []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)],
		}
	case 2, 3:
		in := fromAbove(id)
		in.Limit, in.Incident, in.Priority = limit, incident, []string{"", "P1", "P3"}[c.IntN(3)]
		return in
	case 4:
		return desk.CancelOrderIn{Uplink: "hq", HQID: id, Reason: "r"}
	case 5:
		return desk.ActionIn{
			Incident: c.pick(c.incidents), Verb: []string{"close", "follow_up"}[c.IntN(2)], Result: "resolved", Tasks: []string{"", "keep", "cancel"}[c.IntN(3)], To: "he", By: by,
		}
	}
	in := desk.TaskActionIn{
		Task: c.pick(c.orders), Verb: desk.TaskVerbs()[c.IntN(len(desk.TaskVerbs()))], Reason: "r", Report: "r", Limit: limit, By: by,
	}
	if in.Verb == "tick" || in.Verb == "report" && c.IntN(2) == 0 {
		in.Steps = []int{1 + c.IntN(2)}
	}
	return in
}
