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

func officer(name string) desk.Actor { return desk.Actor{Name: name, Role: "officer"} }

func above() desk.Actor { return desk.Actor{Name: "hq", Role: "uplink"} }

// fromAbove is a task that headquarters orders.
func fromAbove(id string) desk.TaskIn {
	return desk.TaskIn{To: "wu", Note: "到步行街南口核查", By: above(), HQID: id, Uplink: "hq"}
}

// reach does the verbs one after the other and gives the task.
func (r *room) reach(id string, by desk.Actor, verbs ...string) *desk.Task {
	for _, verb := range verbs {
		r.do(desk.TaskActionIn{Task: id, Verb: verb, By: by, Reason: "理由", Report: "已到场，无异常"})
	}
	return r.state.Task(id)
}

func TestTaskGoesItsWay(t *testing.T) {
	r := newRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	issue := desk.TaskIn{
		To: "wu", Note: "速去", Incident: pressed.Incident, Limit: r.now.Add(10 * time.Minute), By: operator("li"), Idempotency: "k1",
	}
	records, answer := r.do(issue)
	require.Equal(t, []string{"task.issued"}, types(records))
	require.Equal(t, bridge.Alarm, records[0].Event.Lane)
	require.Equal(t, "P0", records[0].Event.Severity, "the incident's")
	require.Equal(t, "tasks/"+answer.Task, records[0].Event.Subject)
	_, again := r.do(issue)
	require.True(t, again.Duplicate)
	require.Equal(t, answer.Task, again.Task)

	r.after(time.Minute).reach(answer.Task, officer("wu"), "accept")
	r.after(time.Minute).reach(answer.Task, officer("wu"), "arrive")
	picture := strings.Repeat("ab", 32)
	records, _ = r.after(time.Minute).do(desk.TaskActionIn{Task: answer.Task, Verb: "report", By: officer("wu"), Report: "抓获一人", Pictures: []string{picture}})
	told := data[desk.TaskChanged](t, records[0])
	require.Equal(t, []string{picture}, told.Pictures)
	require.Equal(t, pressed.Incident, told.Incident)
	require.Equal(t, desk.Reported, told.State)
	task := r.after(time.Minute).reach(answer.Task, operator("li"), "confirm")
	require.Equal(t, desk.Confirmed, task.State)
	require.Equal(t, bridge.At(start().Add(time.Minute)), task.AcceptedAt)
	require.Equal(t, "wu", task.AcceptedBy)
	require.Equal(t, "抓获一人", task.Report)
	require.Equal(t, bridge.At(r.now), task.EndedAt)
	require.Len(t, task.History, 5)

	inc := r.state.Incident(pressed.Incident)
	require.Equal(t, []string{answer.Task}, inc.Tasks)
	require.Equal(t, []*desk.Task{task}, r.state.TasksOf(inc.ID))
	require.Equal(t, "task.confirmed", inc.History[len(inc.History)-1].Type)
	require.Equal(t, answer.Task, inc.History[len(inc.History)-1].Task)
	require.Equal(t, desk.Open, inc.State, "a task is not the incident's state")

	r.after(7*24*time.Hour + time.Second).do(desk.DeviceIn{Device: "gate", Type: "camera", State: "online", Since: r.now})
	require.Nil(t, r.state.Task(answer.Task), "it leaves the state 7 days after its end")
}

// TestTaskTable goes through every state, verb and role.
func TestTaskTable(t *testing.T) {
	ways := map[desk.TaskState][]string{
		desk.Issued: {}, desk.Accepted: {"accept"}, desk.Arrived: {"accept", "arrive"}, desk.Reported: {"accept", "arrive", "report"},
		desk.Returned: {"accept", "arrive", "report", "return"}, desk.Confirmed: {"accept", "arrive", "report", "confirm"},
		desk.HandedBack: {"hand_back"}, desk.Cancelled: {"cancel"},
	}
	owing := "issued accepted arrived returned"
	table := map[string]struct{ from, to string }{
		"accept": {"issued", "accepted"}, "arrive": {"accepted returned", "arrived"}, "report": {"arrived returned", "reported"},
		"confirm": {"reported", "confirmed"}, "return": {"reported", "returned"},
		"hand_back": {owing, "handed_back"}, "cancel": {owing, "cancelled"},
	}
	actors := map[string]struct {
		by    desk.Actor
		verbs string // of the room's task, which li issued to wu
	}{
		"issuer": {operator("li"), "accept arrive report confirm return hand_back cancel"}, "lead": {lead("chen"), "accept arrive report confirm return hand_back cancel"},
		"other operator": {operator("sun"), "accept arrive report hand_back"}, "receiver": {officer("wu"), "accept arrive report hand_back"},
		"other officer": {officer("he"), ""}, "wall": {desk.Actor{Name: "tv", Role: "wall"}, ""}, "uplink": {above(), ""},
	}
	for state, way := range ways {
		begin := func() (*room, string) {
			r := newRoom(t)
			_, answer := r.do(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
			require.Equal(t, state, r.reach(answer.Task, lead("chen"), way...).State)
			return r, answer.Task
		}
		r, task := begin()
		for verb, row := range table {
			for who, actor := range actors {
				may := strings.Contains(" "+actor.verbs+" ", " "+verb+" ")
				fits := strings.Contains(" "+row.from+" ", " "+string(state)+" ")
				possible := r.rules.Possible(r.state.Task(task), actor.by)
				records, _, err := r.try(desk.TaskActionIn{Task: task, Verb: verb, By: actor.by, Reason: "理由", Report: "结果"})
				where := who + " " + verb + " " + string(state)
				switch {
				case !may:
					var forbidden *desk.ForbiddenError
					require.ErrorAs(t, err, &forbidden, where)
				case !fits:
					var illegal *desk.IllegalError
					require.ErrorAs(t, err, &illegal, where)
					require.Equal(t, possible, illegal.Possible, where)
				default:
					require.NoError(t, err, where)
					require.Contains(t, possible, verb, where)
					require.Equal(t, row.to, string(data[desk.TaskChanged](t, records[0]).State), where)
					r, task = begin()
				}
				if !may || !fits {
					require.NotContains(t, possible, verb, where)
				}
			}
		}
	}
}

func TestTaskInputIsChecked(t *testing.T) {
	r := newRoom(t)
	good := desk.TaskIn{To: "wu", Note: "去", By: operator("li")}
	for want, change := range map[string]func(*desk.TaskIn){
		`to "": want the person`:       func(in *desk.TaskIn) { in.To = "" },
		`note "": want what is`:        func(in *desk.TaskIn) { in.Note = "" },
		"note ":                        func(in *desk.TaskIn) { in.Note = strings.Repeat("x", 4097) },
		`incident "x": not found`:      func(in *desk.TaskIn) { in.Incident = "x" },
		"limit ":                       func(in *desk.TaskIn) { in.Limit = r.now.Add(400 * 24 * time.Hour) },
		`priority "P9"`:                func(in *desk.TaskIn) { in.Priority = "P9" },
		"needs operator or lead":       func(in *desk.TaskIn) { in.By = officer("wu") },
		`id "": want headquarters' id`: func(in *desk.TaskIn) { in.By = above() },
	} {
		in := good
		change(&in)
		_, _, err := r.try(in)
		require.ErrorContains(t, err, want)
	}
	_, answer := r.do(good)
	r.reach(answer.Task, operator("li"), "accept", "arrive")
	for want, in := range map[string]desk.TaskActionIn{
		`verb "fly"`: {Verb: "fly"}, `report "": want what`: {Verb: "report"}, `reason "": want why`: {Verb: "hand_back"},
		`pictures "zz"`: {Verb: "report", Report: "r", Pictures: []string{"zz"}}, "at most 16": {Verb: "report", Report: "r", Pictures: make([]string, 17)},
	} {
		in.Task, in.By = answer.Task, operator("li")
		_, _, err := r.try(in)
		require.ErrorContains(t, err, want)
	}
	_, _, err := r.try(desk.TaskActionIn{Task: "none", Verb: "accept", By: operator("li")})
	require.ErrorContains(t, err, `task "none": not found`)
}

// What headquarters orders arrives once, is answered in the step that takes
// it, and carries its id in every event.
func TestOrderFromAbove(t *testing.T) {
	r := newRoom(t)
	in := fromAbove("T-1")
	in.Limit = r.now.Add(time.Hour)
	records, answer := r.do(in)
	require.Equal(t, []string{"task.issued", "order.answered"}, types(records))
	require.Equal(t, desk.HQKey("hq", "T-1"), records[0].Key)
	require.Equal(t, desk.AnsweredKey("hq", "T-1"), records[1].Key)
	told := data[desk.OrderAnswered](t, records[1])
	require.Equal(t, desk.OrderAnswered{Schema: 1, Uplink: "hq", Order: "task", HQID: "T-1", Result: "taken", Task: answer.Task}, told)
	_, again, err := r.try(fromAbove("T-1"))
	require.NoError(t, err)
	require.True(t, again.Duplicate)
	require.Equal(t, answer.Task, again.Task)

	_, _, err = r.try(desk.ReportIn{Source: "hq", Place: "bxj", By: above(), Uplink: "hq", HQID: "T-1"})
	require.ErrorContains(t, err, "used for another kind of order")
	records, _ = r.do(desk.ReportIn{Source: "hq", Place: "bxj", By: above(), Uplink: "hq", HQID: "I-1"})
	require.Equal(t, []string{"incident.opened", "alert.raised", "order.answered"}, types(records))
	require.Equal(t, "incident", data[desk.OrderAnswered](t, records[2]).Order)
	_, _, err = r.try(fromAbove("I-1"))
	require.ErrorContains(t, err, "used for another kind of order")

	// The room may not confirm it: headquarters' word on the report does.
	r.reach(answer.Task, officer("wu"), "accept", "arrive", "report")
	_, _, err = r.try(desk.TaskActionIn{Task: answer.Task, Verb: "confirm", By: operator("li")})
	var forbidden *desk.ForbiddenError
	require.ErrorAs(t, err, &forbidden)
	judge := func(accepted bool, reason string) []bridge.Record {
		event := r.state.Task(answer.Task).ReportEvent
		records, _ := r.do(desk.ReceiptIn{Uplink: "hq", ID: event, Accepted: accepted, By: "赵指挥", Reason: reason})
		return records
	}
	r.after(2 * time.Hour)
	r.do(desk.Tick{})
	records = judge(false, "照片不清楚")
	require.Equal(t, []string{"task.returned", "receipt.rejected"}, types(records))
	returned := data[desk.TaskChanged](t, records[0])
	require.Equal(t, "T-1", returned.HQID)
	require.Equal(t, "赵指挥", returned.By)
	require.Equal(t, bridge.At(r.now.Add(time.Hour)), returned.Limit, "as long again")
	task := r.reach(answer.Task, officer("wu"), "report")
	require.Equal(t, desk.Reported, task.State)
	require.Equal(t, []string{"task.confirmed", "receipt.accepted"}, types(judge(true, "")))
	require.Equal(t, []string{"receipt.rejected"}, types(judge(false, "太晚了")), "its end is its end")
	require.Equal(t, desk.Confirmed, r.state.Task(answer.Task).State)
	for _, rec := range r.m.records {
		if strings.HasPrefix(rec.Event.Type, "watchpost.task.") && !strings.Contains(string(rec.Event.Data), `"kind":"supervision"`) {
			require.Contains(t, string(rec.Event.Data), `"hq_id":"T-1"`)
			require.Equal(t, bridge.Alarm, rec.Event.Lane)
		}
	}
}

func TestRefusedOrderIsAnsweredOnce(t *testing.T) {
	r := newRoom(t)
	in := desk.RefusedOrderIn{Uplink: "hq", Order: "task", HQID: "T-9", Reason: "to is empty", Digest: desk.Digest([]byte("{}"))}
	records, _ := r.do(in)
	require.Equal(t, []string{"order.answered"}, types(records))
	require.Equal(t, bridge.Alarm, records[0].Event.Lane)
	require.Equal(t, "uplinks/hq", records[0].Event.Subject)
	told := data[desk.OrderAnswered](t, records[0])
	require.Equal(t, "refused", told.Result)
	require.Equal(t, "to is empty", told.Reason)
	_, again := r.do(in)
	require.True(t, again.Duplicate)
	in.Digest = desk.Digest([]byte("[]"))
	records, _ = r.do(in)
	require.Len(t, records, 1, "other bytes are another order")
}

func TestOverdueTaskIsSupervised(t *testing.T) {
	r := newRoom(t)
	in := fromAbove("T-1")
	in.Limit = r.now.Add(10 * time.Minute)
	_, first := r.do(in)
	_, second := r.do(desk.TaskIn{To: "wu", Note: "去", Limit: in.Limit.Add(time.Minute), By: operator("li"), Priority: "P1"})
	require.Equal(t, bridge.At(in.Limit), r.state.Deadline())
	r.after(10 * time.Minute)
	records, _ := r.do(desk.Tick{})
	require.Equal(t, []string{"task.overdue", "task.issued", "task.supervised"}, types(records))
	supervised := data[desk.TaskChanged](t, records[2])
	require.Equal(t, "lead", supervised.To)
	require.Equal(t, "T-1", supervised.HQID)
	require.Equal(t, 1, supervised.Overdue)
	require.Equal(t, bridge.At(r.now.Add(10*time.Minute)), supervised.Next)

	records, _ = r.after(time.Minute).do(desk.Tick{})
	require.Equal(t, 2, data[desk.TaskChanged](t, records[2]).Overdue, "of the same receiver")
	require.Equal(t, "tasks/"+second.Task, records[2].Event.Subject)
	r.reach(second.Task, officer("wu"), "hand_back")

	for next := r.state.Task(first.Task).Next; !next.IsZero(); next = r.state.Task(first.Task).Next {
		r.now = next.Time
		records, _ = r.do(desk.Tick{})
		require.Equal(t, []string{"task.supervised"}, types(records), "overdue is said once")
	}
	task := r.state.Task(first.Task)
	require.Equal(t, 3, task.Supervised)
	require.Equal(t, desk.Issued, task.State)
	require.True(t, r.state.Deadline().IsZero())

	// What is reported waits for its issuer, and is not overdue.
	_, third := r.do(desk.TaskIn{To: "wu", Note: "去", Limit: r.now.Add(time.Minute), By: operator("li")})
	r.reach(third.Task, officer("wu"), "accept", "arrive", "report")
	require.True(t, r.state.Deadline().IsZero())
	r.after(time.Hour)
	records, _ = r.do(desk.Tick{})
	require.Empty(t, records)
	returned := r.reach(third.Task, operator("li"), "return")
	require.Equal(t, bridge.At(r.now.Add(5*time.Minute)), returned.Next)
}

// A restored state decides as the folded one does.
func TestTasksSurviveACheckpoint(t *testing.T) {
	r := newRoom(t)
	in := fromAbove("T-1")
	in.Limit = r.now.Add(10 * time.Minute)
	_, answer := r.do(in)
	r.reach(answer.Task, officer("wu"), "accept", "arrive", "report")
	_, other := r.do(desk.TaskIn{To: "wu", Note: "去", Limit: r.now.Add(time.Minute), By: operator("li")})
	_, done := r.do(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
	r.reach(done.Task, operator("li"), "cancel")
	b, err := r.state.Bytes()
	require.NoError(t, err)
	r.state, err = desk.Restore(b)
	require.NoError(t, err)
	restored, err := r.state.Bytes()
	require.NoError(t, err)
	require.Equal(t, string(b), string(restored))
	require.Len(t, r.state.Tasks(), 3)
	require.Equal(t, bridge.At(r.now.Add(time.Minute)), r.state.Deadline())
	records, _ := r.do(desk.ReceiptIn{Uplink: "hq", ID: r.state.Task(answer.Task).ReportEvent, Accepted: true})
	require.Equal(t, []string{"task.confirmed", "receipt.accepted"}, types(records))
	records, _ = r.after(time.Hour).do(desk.Tick{})
	require.Equal(t, "tasks/"+other.Task, records[0].Event.Subject)
	r.after(7 * 24 * time.Hour).do(desk.TaskActionIn{Task: other.Task, Verb: "accept", By: officer("wu")})
	require.Len(t, r.state.Tasks(), 2, "it and what supervises it")
}
