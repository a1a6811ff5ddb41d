package desk

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// answerOrder writes the receipt for what came from above, in the step that
// takes it: both are there, or none.
func (t *step) answerOrder(priority string, data OrderAnswered) {
	data.Schema = schema
	key := AnsweredKey(data.Uplink, data.HQID)
	if data.Result == OrderRefused {
		key = RefusedOrderIn{Uplink: data.Uplink, Order: data.Order, Digest: data.Digest}.key()
	}
	t.add(bridge.Draft{
		Type: TypeOrderAnswered, Subject: "uplinks/" + data.Uplink, Lane: bridge.Alarm, Severity: priority, Key: key,
	}, data)
}

// refuseOrder answers what can never be taken, once for the same bytes.
func (t *step) refuseOrder(in RefusedOrderIn, hit *bridge.Record) error {
	if hit != nil {
		t.answer.Duplicate = true
		return nil
	}
	if err := oneOf("order", in.Order, "task", "incident"); err != nil {
		return err
	}
	if in.Uplink == "" || in.Digest == "" {
		return &InvalidError{"uplink", in.Uplink, "the uplink's name and the digest of what came"}
	}
	t.answerOrder("P2", OrderAnswered{
		Uplink: in.Uplink, Order: in.Order, HQID: cut(in.HQID), Result: OrderRefused, Reason: cut(in.Reason), Digest: in.Digest,
	})
	return nil
}

// judgeReport makes headquarters' word on the report of its own order what it
// means: confirmed, or returned.
func (t *step) judgeReport(in ReceiptIn) {
	task := t.s.k.Tasks[t.s.ix.tasks.reports[in.ID]]
	if task == nil || task.State != Reported || task.Uplink != in.Uplink || task.HQID == "" {
		return
	}
	by := cmp.Or(in.By, in.Uplink)
	data := changed(task, by, Confirmed)
	typ := TypeTaskConfirmed
	if !in.Accepted {
		typ, data.State, data.Limit = TypeTaskReturned, Returned, t.newLimit(task, time.Time{})
	}
	data.Reason = cut(in.Reason)
	t.addTask(typ, task, data, TaskActionIn{})
	t.answer.Task = task.ID
}

// superviseTasks says of every task past its limit that it is overdue, and
// orders the lead to see to it: at once, then after as long as the task had,
// doubled every time.
func (t *step) superviseTasks() {
	var due []*Task
	for id := range t.s.ix.tasks.open {
		if task := t.s.k.Tasks[id]; !task.Next.IsZero() && !task.Next.After(t.now.Time) {
			due = append(due, task)
		}
	}
	slices.SortFunc(due, func(a, b *Task) int {
		return cmp.Or(strings.Compare(a.Priority, b.Priority), cmp.Compare(a.Number, b.Number))
	})
	late := map[string]int{}
	for _, task := range t.s.k.Tasks {
		if !task.OverdueAt.IsZero() {
			late[task.To]++
		}
	}
	for _, task := range due[:min(len(due), tickEventsMax/2)] {
		data := changed(task, "box", task.State)
		data.Reason = "limit"
		if task.OverdueAt.IsZero() {
			t.addTask(TypeTaskOverdue, task, data, TaskActionIn{})
			late[task.To]++
		}
		n := task.Supervised + 1
		if n < escalationsMax {
			data.Next = bridge.At(t.now.Add(max(task.Limit.Sub(task.IssuedAt.Time), taskSpanMin) << (n - 1)))
		}
		data.Step, data.Overdue, data.To = n, late[task.To], "lead"
		t.addTask(TypeTaskSupervised, task, data, TaskActionIn{})
	}
}
