package desk

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// A supervision order (督导单) goes to the lead by itself when an incident or a
// task is past its limit; there is one open at most about each. It ends when
// what it is about is no longer late (the task was reported, judged or has
// ended, its late steps were done, the incident has left the state in which it
// was late), or when a lead reports on
// it. What is late still at the next step brings a new one. An exercise never
// brings one.

// toLead is whom supervision orders are for.
const toLead = "lead"

// supervise gives the open supervision order about something, or issues one.
func (t *step) supervise(about, incident, priority string) string {
	if open := t.s.ix.tasks.about[about]; open != "" {
		return open
	}
	data := TaskIssued{
		Schema: schema, Task: t.id(), Kind: Supervision, Incident: incident, About: about, To: toLead, By: "box",
		Priority: priority, Config: t.r.setup.Config,
	}
	t.addIssued(data, false, "")
	return data.Task
}

// superviseTask is the supervision order about a task; none in an exercise.
func (t *step) superviseTask(task *Task) string {
	if task.Drill {
		return ""
	}
	return t.supervise("tasks/"+task.ID, task.Incident, task.Priority)
}

// endSupervision ends the open supervision order about something, once.
func (t *step) endSupervision(about, why string) {
	id := t.s.ix.tasks.about[about]
	if id == "" || slices.Contains(t.ended, id) {
		return
	}
	t.ended = append(t.ended, id)
	t.endTask(t.s.k.Tasks[id], why)
}

// superviseTasks says of every task that is late what of it is overdue, one
// thing at a time: the next tick follows at once.
func (t *step) superviseTasks() {
	var due []*Task
	for id := range t.s.ix.tasks.open {
		if task := t.s.k.Tasks[id]; isDue(task.due(), t.now) {
			due = append(due, task)
		}
	}
	slices.SortFunc(due, func(a, b *Task) int {
		return cmp.Or(strings.Compare(a.Priority, b.Priority), cmp.Compare(a.Number, b.Number))
	})
	if len(due) == 0 {
		return
	}
	late := t.overdue()
	for _, task := range due[:min(len(due), tickEventsMax/2)] {
		if t.full() {
			return
		}
		switch {
		case task.State == Reported:
			t.tellUnjudged(task, late)
		case !isDue(task.Next, t.now):
			t.tellLateSteps(task, task.lateSteps(t.now))
		case task.unsigned(t.now):
			t.superviseUnsigned(task)
		default:
			t.superviseLate(task, late)
		}
	}
}

// superviseLate says once that an order is past its limit, and orders the lead
// to see to it: at once, then after as long as the order had, doubled every
// time.
func (t *step) superviseLate(task *Task, late map[Party]int) {
	data := changed(task, "box", task.State)
	data.Reason = "limit"
	t.countOverdue(&data, task, t.r.Party(task.To), late, task.OverdueAt.IsZero())
	if task.OverdueAt.IsZero() {
		t.addTask(TypeTaskOverdue, task, data, TaskActionIn{})
	}
	n := task.Supervised + 1
	if n < escalationsMax {
		data.Next = bridge.At(t.now.Add(max(task.Limit.Sub(task.IssuedAt.Time), taskSpanMin) << (n - 1)))
	}
	data.Step, data.To = n, toLead
	data.Supervision = t.superviseTask(task)
	t.addTask(TypeTaskSupervised, task, data, TaskActionIn{})
}

// unsigned reports whether what is due is the signature, and not yet the report.
func (task *Task) unsigned(now bridge.Stamp) bool {
	return task.State == Issued && !task.SignBy.IsZero() && task.Supervised == 0 && (task.Limit.IsZero() || task.Limit.After(now.Time))
}

// superviseUnsigned tells the lead of an urgent instruction that nobody has
// signed for in time. It is not overdue by that.
func (t *step) superviseUnsigned(task *Task) {
	data := changed(task, "box", task.State)
	data.Reason, data.To, data.Step, data.Next = "unsigned", toLead, 1, task.Limit
	data.Supervision = t.superviseTask(task)
	t.addTask(TypeTaskSupervised, task, data, TaskActionIn{})
}

// overdue is how often each one was late within the time that counts: with an
// order that he had, or with the judgement of a report. Drills never count.
func (t *step) overdue() map[Party]int {
	late, since := map[Party]int{}, t.now.Add(-t.r.setup.Overdue.Within)
	for _, task := range t.s.k.Tasks {
		if task.Drill {
			continue
		}
		if n := task.overdueSince(since); n > 0 {
			late[t.r.Party(task.To)] += n
		}
		for _, one := range task.Unjudged {
			late[t.r.Party(one.By)] += oneIf(one.At.After(since))
		}
	}
	return late
}

func (task *Task) overdueSince(since time.Time) int {
	if len(task.Overdues) == 0 && task.OverdueAt.After(since) {
		return 1 // a checkpoint from before they were counted
	}
	n := 0
	for _, at := range task.Overdues {
		if at.After(since) {
			n++
		}
	}
	return n
}
