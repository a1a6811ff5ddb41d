package desk

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// An order is late in three ways, each told once by task.overdue with what is
// late: its report (task_supervise.go), the judgement of that report by who
// issued the order, and a step that has a limit of its own. The last two bring
// one supervision order each, and no further ones.

// What of an order is overdue, besides its report: TaskChanged.What.
const (
	OverdueJudge = "judge"
	OverdueStep  = "step"
)

// LateStep names a step of an order that is past its own limit.
type LateStep struct {
	Step  int          `json:"step"` // from 1
	Name  string       `json:"name"`
	Limit bridge.Stamp `json:"limit"`
}

// Unjudged is one time at which a report waited too long for its judgement.
type Unjudged struct {
	By      string       `json:"by"` // who had to judge
	At      bridge.Stamp `json:"at"`
	Flagged bool         `json:"flagged,omitempty"` // it was one too many of his overdues
}

// judge is who has to judge the order's report: who answers for it, else who
// issued it. "" is nobody of the room: headquarters judges its own orders, and
// a supervision order ends with its report.
func (task *Task) judge() string {
	if task.HQID != "" || task.Kind == Supervision {
		return ""
	}
	return cmp.Or(task.Owner, task.By)
}

// judgeBy is by when a report that is written now is to be judged; empty: there
// is no limit.
func (t *step) judgeBy(task *Task) bridge.Stamp {
	if task.judge() == "" || t.r.setup.JudgeWithin <= 0 {
		return bridge.Stamp{}
	}
	return bridge.At(t.now.Add(t.r.setup.JudgeWithin))
}

// timeReports gives a limit to the reports that were written while there was none:
// counted from when they were written, and told as any other that has passed.
func (t *step) timeReports() {
	if t.r.setup.JudgeWithin <= 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(t.s.ix.tasks.open)) {
		task := t.s.k.Tasks[id]
		if task.State != Reported || !task.JudgeBy.IsZero() || task.judge() == "" {
			continue
		}
		if t.full() {
			return
		}
		data := changed(task, "box", task.State)
		data.JudgeBy = bridge.At(task.ReportedAt.Add(t.r.setup.JudgeWithin))
		t.addTask(TypeTaskTimed, task, data, TaskActionIn{})
	}
}

// due is when a tick has something to say of the task; empty: never.
func (task *Task) due() bridge.Stamp {
	due := task.Next
	if task.State == Reported && task.UnjudgedAt.IsZero() {
		due = earlier(due, task.JudgeBy)
	}
	if task.State.running() {
		for i := range task.Steps {
			if step := &task.Steps[i]; step.DoneAt.IsZero() && step.LateAt.IsZero() {
				due = earlier(due, step.Limit)
			}
		}
	}
	return due
}

func isDue(at, now bridge.Stamp) bool { return !at.IsZero() && !at.After(now.Time) }

// lateSteps are the steps past their limits that nobody was told of.
func (task *Task) lateSteps(now bridge.Stamp) []LateStep {
	var late []LateStep
	for i := range task.Steps {
		if step := &task.Steps[i]; step.DoneAt.IsZero() && step.LateAt.IsZero() && isDue(step.Limit, now) {
			late = append(late, LateStep{Step: i + 1, Name: step.Name, Limit: step.Limit})
		}
	}
	return late
}

// behind reports whether a step that was told as late is still to be done, were
// these ticked now.
func (task *Task) behind(ticked []int) bool {
	for i := range task.Steps {
		if step := &task.Steps[i]; !step.LateAt.IsZero() && step.DoneAt.IsZero() && !slices.Contains(ticked, i+1) {
			return true
		}
	}
	return false
}

// late reports whether something of an open order is overdue, and what comes
// first: the judgement of its report, the report, a step.
func (task *Task) late() (is bool, what string) {
	switch {
	case !task.UnjudgedAt.IsZero():
		return true, OverdueJudge
	case !task.OverdueAt.IsZero():
		return true, ""
	case task.State.running() && task.behind(nil):
		return true, OverdueStep
	}
	return false, ""
}

// tellUnjudged says that a report waits for too long. It is an overdue of who
// has to judge, and counts with his others, never with those of who reported.
func (t *step) tellUnjudged(task *Task, late map[Party]int) {
	data := changed(task, "box", task.State)
	data.Reason, data.What, data.Who, data.JudgeBy = "limit", OverdueJudge, task.judge(), task.JudgeBy
	t.countOverdue(&data, task, t.r.Party(data.Who), late, true)
	data.Supervision = t.superviseTask(task)
	t.addTask(TypeTaskOverdue, task, data, TaskActionIn{})
}

// tellLateSteps names the steps that are past their own limits. The order may
// still be in time: a step is never counted as an overdue order.
func (t *step) tellLateSteps(task *Task, steps []LateStep) {
	data := changed(task, "box", task.State)
	data.Reason, data.What, data.Late = "limit", OverdueStep, steps
	data.Supervision = t.superviseTask(task)
	t.addTask(TypeTaskOverdue, task, data, TaskActionIn{})
}

// countOverdue writes how often whoever is late was so within the time that
// counts; fresh: this is one more. Drills never count.
func (t *step) countOverdue(data *TaskChanged, task *Task, who Party, late map[Party]int, fresh bool) {
	limit := t.r.setup.Overdue
	data.OverdueMax, data.WithinMS = limit.Count, limit.Within.Milliseconds()
	if task.Drill {
		return
	}
	if fresh {
		late[who]++
	}
	data.Overdue, data.Flagged = late[who], late[who] >= limit.Count
}

// overdue folds task.overdue, and gives the line's words of it.
func (task *Task) overdue(data *TaskChanged, at bridge.Stamp) (note string) {
	switch data.What {
	case OverdueJudge:
		task.UnjudgedAt = at
		task.Unjudged = append(slices.Clone(task.Unjudged), Unjudged{By: data.Who, At: at, Flagged: data.Flagged})
		task.Unjudged = task.Unjudged[max(0, len(task.Unjudged)-overduesMax):]
		return data.Who
	case OverdueStep:
		var names []string
		task.Steps = slices.Clone(task.Steps)
		for _, late := range data.Late {
			if late.Step >= 1 && late.Step <= len(task.Steps) {
				task.Steps[late.Step-1].LateAt = at
				names = append(names, late.Name)
			}
		}
		return strings.Join(names, ", ")
	}
	task.OverdueAt, task.Flagged = at, data.Flagged
	task.Overdues = append(slices.Clone(task.Overdues), at)
	task.Overdues = task.Overdues[max(0, len(task.Overdues)-overduesMax):]
	return ""
}
