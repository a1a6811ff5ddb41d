package desk

import (
	"cmp"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// answerOrder writes the receipt for what came from above, in the step that
// takes it: both are there, or none.
func (t *step) answerOrder(priority string, data OrderAnswered) {
	data.Schema = schema
	key := AnsweredKey(data.Uplink, data.HQID)
	switch {
	case data.Result == OrderRefused:
		key = RefusedOrderIn{Uplink: data.Uplink, Order: data.Order, Digest: data.Digest}.key()
	case data.Order == "cancel":
		key = CancelledKey(data.Uplink, data.HQID)
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
	if err := oneOf("order", in.Order, "task", "incident", "cancel"); err != nil {
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
// means: confirmed, or returned. Its word on an order that was pushed to it is
// that it takes the thing, or does not.
func (t *step) judgeReport(in ReceiptIn) {
	by := cmp.Or(in.By, in.Uplink)
	task := t.s.k.Tasks[t.s.ix.tasks.reports[in.ID]]
	switch {
	case task == nil:
		return
	case task.Kind == Push && task.HQID == "" && task.State == Issued && task.To == in.Uplink:
		data, typ := changed(task, by, Confirmed), TypeTaskConfirmed
		if !in.Accepted {
			data.State, typ = HandedBack, TypeTaskHandedBack
		}
		data.Reason = cut(in.Reason)
		t.addTask(typ, task, data, TaskActionIn{})
	case task.State == Reported && task.Uplink == in.Uplink && task.HQID != "":
		data, typ := changed(task, by, Confirmed), TypeTaskConfirmed
		if !in.Accepted {
			typ, data.State, data.Limit = TypeTaskReturned, Returned, t.newLimit(task, time.Time{})
		}
		data.Reason = cut(in.Reason)
		t.addTask(typ, task, data, TaskActionIn{})
	default:
		return
	}
	t.answer.Task = task.ID
}

// repeats is the order that the new one says again, or nil. What is urgent is
// never folded, nor what goes on after it was reported.
func (s *State) repeats(data *TaskIssued) *Task {
	if data.Kind != Instruction || data.Priority < "P2" {
		return nil
	}
	var first *Task
	for id := range s.ix.tasks.open {
		task := s.k.Tasks[id]
		same := task.Kind == Instruction && task.Uplink == data.Uplink && task.To == data.To && task.Note == data.Note &&
			task.Template == data.Template && task.Incident == data.Incident && task.Priority == data.Priority
		if same && task.State.running() && len(task.HQIDs) < repeatsMax && (first == nil || task.Number < first.Number) {
			first = task
		}
	}
	return first
}

// repeated folds an order into the first that said the same: it has all of
// headquarters' ids from then on, and one signature and one report answer all.
func (t *step) repeated(first *Task, again TaskIssued) {
	data := changed(first, again.By, first.State)
	data.HQIDs = append(slices.Clone(first.ids()), again.HQID)
	data.Limit = earlier(first.Limit, again.Limit)
	t.add(bridge.Draft{
		Type: TypeTaskRepeated, Subject: "tasks/" + first.ID, Lane: bridge.Alarm, Severity: first.Priority, Drill: first.Drill,
		Key: HQKey(again.Uplink, again.HQID),
	}, data)
	t.orderTaken(first, TaskIn{Uplink: again.Uplink, HQID: again.HQID})
}

// ids are all of headquarters' ids of the task.
func (task *Task) ids() []string {
	if len(task.HQIDs) > 0 {
		return task.HQIDs
	}
	return []string{task.HQID}
}

// cancelOrder takes back what headquarters ordered itself. One of several
// orders for the same is only withdrawn: the task goes on for the others.
func (t *step) cancelOrder(in CancelOrderIn, hit *bridge.Record) error {
	if hit != nil {
		t.answer.Duplicate = true
		return nil
	}
	switch {
	case in.Uplink == "" || in.HQID == "":
		return &InvalidError{"id", in.HQID, "headquarters' id of the order, and the uplink's name"}
	case in.Reason == "":
		return &InvalidError{"reason", "", "why it is cancelled"}
	}
	if err := texts("id", in.HQID, "by", in.By, "reason", in.Reason); err != nil {
		return err
	}
	task := t.s.k.Tasks[t.s.ix.tasks.orders[HQKey(in.Uplink, in.HQID)]]
	if task == nil {
		return &NotFoundError{"order", in.HQID}
	}
	if task.State.done() {
		return &IllegalError{What: "task", ID: task.ID, Verb: verbCancel, State: string(task.State), Possible: []string{}, Why: "it has ended"}
	}
	data, typ := changed(task, cmp.Or(in.By, in.Uplink), Cancelled), TypeTaskCancelled
	data.Reason = in.Reason
	if rest := slices.DeleteFunc(slices.Clone(task.ids()), func(id string) bool { return id == in.HQID }); len(rest) > 0 {
		typ, data.State, data.HQID, data.HQIDs = TypeTaskWithdrawn, task.State, rest[0], rest
	}
	t.addTask(typ, task, data, TaskActionIn{})
	t.answer.Task, t.answer.Incident = task.ID, task.Incident
	t.answerOrder(task.Priority, OrderAnswered{
		Uplink: in.Uplink, Order: "cancel", HQID: in.HQID, Result: OrderTaken, Task: task.ID, Incident: task.Incident,
	})
	return nil
}
