package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// An order from above is an instruction: accepting it signs for it.
func TestInstructionIsSignedFor(t *testing.T) {
	r := standardRoom(t)
	task := r.issue(fromAbove("T-1"))
	require.Equal(t, desk.Instruction, task.Kind)
	task = r.reach(task.ID, operator("li"), "accept")
	require.Equal(t, "li", task.AcceptedBy)
	task = r.reach(task.ID, operator("li"), "report") // nobody has to arrive
	require.Equal(t, desk.Reported, task.State)

	ordered := fromAbove("T-2")
	ordered.Kind = desk.PlainTask
	require.Equal(t, desk.PlainTask, r.issue(ordered).Kind, "headquarters may order what it calls a task")
}

// Harmless instructions that say the same are one, with one signature and one
// report; urgent ones never are, nor what was reported already.
func TestRepeatedInstructionsAreOne(t *testing.T) {
	r := standardRoom(t)
	first := fromAbove("T-1")
	first.Limit = r.now.Add(2 * time.Hour)
	task := r.issue(first)
	r.reach(task.ID, officer("wu"), "accept")
	again := fromAbove("T-2")
	again.Limit = r.now.Add(time.Hour)
	records, answer := r.after(time.Minute).do(again)
	require.Equal(t, []string{"task.repeated", "order.answered"}, types(records))
	require.Equal(t, task.ID, answer.Task)
	require.Equal(t, task.ID, data[desk.OrderAnswered](t, records[1]).Task)
	_, answer = r.do(again)
	require.True(t, answer.Duplicate)
	require.Equal(t, task.ID, answer.Task)
	task = r.state.Task(task.ID)
	require.Equal(t, []string{"T-1", "T-2"}, task.HQIDs)
	require.Equal(t, bridge.At(again.Limit), task.Limit, "the earlier one")
	require.Equal(t, task.Limit, r.state.Deadline())

	for name, change := range map[string]func(*desk.TaskIn){
		"urgent": func(in *desk.TaskIn) { in.Priority = "P1" }, "to": func(in *desk.TaskIn) { in.To = "he" },
		"note": func(in *desk.TaskIn) { in.Note = "另一件" }, "kind": func(in *desk.TaskIn) { in.Kind = desk.PlainTask },
	} {
		for i := range 2 {
			in := fromAbove(fmt.Sprint("T-", name, i))
			change(&in)
			_, answer := r.do(in)
			require.NotEqual(t, task.ID, answer.Task, name)
		}
	}
	records, _ = r.do(desk.TaskActionIn{Task: task.ID, Verb: "report", Report: "已办", By: officer("wu")})
	require.Equal(t, []string{"T-1", "T-2"}, data[desk.TaskChanged](t, records[0]).HQIDs, "it answers both")
	require.NotEqual(t, task.ID, r.issue(fromAbove("T-3")).ID, "what was reported is another thing")
	records, _ = r.do(desk.ReceiptIn{Uplink: "hq", ID: records[0].Event.ID, Accepted: true, By: "赵"})
	require.Equal(t, []string{"T-1", "T-2"}, data[desk.TaskChanged](t, records[0]).HQIDs)
}

// A flood of the same is folded 64 deep, and what comes then is an order again.
func TestRepeatsAreBounded(t *testing.T) {
	r := standardRoom(t)
	tasks := map[string]int{}
	for i := range 130 {
		_, answer := r.do(fromAbove(fmt.Sprint("T-", i)))
		tasks[answer.Task]++
	}
	require.Len(t, tasks, 3)
	for _, task := range r.state.Tasks() {
		require.LessOrEqual(t, len(task.HQIDs), 64)
	}
}

// Headquarters cancels what it ordered, and nothing else.
func TestHeadquartersCancels(t *testing.T) {
	r := standardRoom(t)
	cancel := func(id string) desk.CancelOrderIn {
		return desk.CancelOrderIn{Uplink: "hq", HQID: id, Reason: "情况已解除", By: "赵指挥"}
	}
	task := r.issue(fromAbove("T-1"))
	r.do(fromAbove("T-2"))
	records, _ := r.do(cancel("T-1"))
	require.Equal(t, []string{"task.withdrawn", "order.answered"}, types(records))
	told := data[desk.OrderAnswered](t, records[1])
	require.Equal(t, []string{"cancel", "T-1", "taken", task.ID}, []string{told.Order, told.HQID, told.Result, told.Task})
	require.Equal(t, desk.CancelledKey("hq", "T-1"), records[1].Key)
	task = r.state.Task(task.ID)
	require.Equal(t, []any{desk.Issued, "T-2", 0}, []any{task.State, task.HQID, len(task.HQIDs)}, "it goes on for the other")
	_, again := r.do(cancel("T-1"))
	require.True(t, again.Duplicate)
	_, again, err := r.try(fromAbove("T-1"))
	require.NoError(t, err)
	require.True(t, again.Duplicate, "a late copy of the order brings nothing back")

	r.reach(task.ID, officer("wu"), "accept")
	records, _ = r.do(cancel("T-2"))
	require.Equal(t, []string{"task.cancelled", "order.answered"}, types(records))
	ended := data[desk.TaskChanged](t, records[0])
	require.Equal(t, []string{"赵指挥", "情况已解除", "T-2"}, []string{ended.By, ended.Reason, ended.HQID})
	require.Equal(t, desk.Cancelled, r.state.Task(task.ID).State)

	r.issue(desk.TaskIn{To: "wu", Note: "去"})
	done := r.issue(fromAbove("T-9"))
	r.reach(done.ID, lead("chen"), "accept", "report", "confirm")
	for want, in := range map[string]desk.CancelOrderIn{
		`order "T-7": not found`: cancel("T-7"), `reason "": want why`: {Uplink: "hq", HQID: "T-9"}, `id "": want`: {Uplink: "hq", Reason: "r"},
		"it is confirmed: it has ended": cancel("T-9"), `order "T-9": not found`: {Uplink: "city", HQID: "T-9", Reason: "r"},
	} {
		_, _, err := r.try(in)
		require.ErrorContains(t, err, want)
	}
}

// Its cancelling may come while the report waits for its word.
func TestCancelAfterTheReport(t *testing.T) {
	r := standardRoom(t)
	task := r.issue(fromAbove("T-1"))
	task = r.reach(task.ID, officer("wu"), "accept", "report")
	r.do(desk.CancelOrderIn{Uplink: "hq", HQID: "T-1", Reason: "r"})
	require.Equal(t, desk.Cancelled, r.state.Task(task.ID).State)
	r.do(desk.ReceiptIn{Uplink: "hq", ID: task.ReportEvent, Accepted: true})
	require.Equal(t, desk.Cancelled, r.state.Task(task.ID).State)
}

// Nobody signs for an urgent instruction: the lead hears of it as soon as of an
// incident that nobody answers, and no longer once somebody has signed.
func TestUnsignedInstructionIsSupervised(t *testing.T) {
	r := standardRoom(t)
	in := fromAbove("T-1")
	in.Priority = "P1"
	task := r.issue(in)
	require.Equal(t, bridge.At(r.now.Add(3*time.Minute)), task.SignBy)
	require.Equal(t, task.SignBy, r.state.Deadline())
	records, _ := r.after(3 * time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"task.issued", "task.supervised"}, types(records))
	told := data[desk.TaskChanged](t, records[1])
	require.Equal(t, []any{"unsigned", 0}, []any{told.Reason, told.Overdue}, "it is not overdue")
	require.True(t, r.state.Deadline().IsZero(), "once")
	records, _ = r.do(desk.TaskActionIn{Task: task.ID, Verb: "accept", By: operator("li")})
	require.Equal(t, []string{"task.accepted", "task.confirmed"}, types(records))

	in = fromAbove("T-2")
	in.Priority, in.Limit = "P0", r.now.Add(time.Hour)
	task = r.issue(in)
	r.after(time.Minute).do(desk.Tick{})
	require.Equal(t, task.Limit, r.state.Task(task.ID).Next, "then its own limit")
	records, _ = r.after(time.Hour).do(desk.Tick{})
	require.Equal(t, []string{"task.overdue", "task.supervised"}, types(records), "the lead's order about it is open")
	require.Empty(t, r.issue(fromAbove("T-3")).SignBy, "what is harmless waits")
}
