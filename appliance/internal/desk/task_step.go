package desk

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// taskAction is one verb on a task.
func (t *step) taskAction(in TaskActionIn, hit *bridge.Record) error {
	i := slices.IndexFunc(taskTransitions(), func(tr taskTransition) bool { return tr.verb == in.Verb })
	if i < 0 {
		return &InvalidError{"verb", in.Verb, strings.Join(TaskVerbs(), ", ")}
	}
	tr := taskTransitions()[i]
	t.answer.Task = in.Task
	if hit != nil {
		if hit.Event.Type != tr.event || hit.Event.Subject != "tasks/"+in.Task || !in.repeated(hit) {
			return usedKey(in.Idempotency)
		}
		t.answer.Duplicate = true
		return nil
	}
	if in.By.Name == "" {
		return &InvalidError{"by", "", "the name of who does it"}
	}
	task := t.s.k.Tasks[in.Task]
	if task == nil {
		if !slices.Contains(tr.roles, in.By.Role) {
			return &ForbiddenError{in.Verb, in.By.Role, tr.roles}
		}
		return &NotFoundError{"task", in.Task}
	}
	if err := t.r.mayOn(tr, task, in.By); err != nil {
		return err
	}
	if !tr.fits(task) {
		return &IllegalError{What: "task", ID: task.ID, Verb: in.Verb, State: string(task.State), Possible: t.r.Possible(task, in.By)}
	}
	if err := t.checkAction(task, in); err != nil {
		return err
	}
	data := changed(task, in.By.Name, cmp.Or(tr.to, task.State))
	data.Reason, data.Report, data.Pictures = in.Reason, in.Report, in.Pictures
	data.Ticked = in.Steps
	switch in.Verb {
	case verbArrive:
		data.Ticked = task.doneBy(in.Verb)
	case verbReport:
		data.Missing = task.missing(in.Steps)
	case verbReturn:
		data.Limit = t.newLimit(task, in.Limit)
	}
	t.addTask(tr.event, task, data, in)
	switch {
	case in.Verb == verbArrive && task.sends():
		t.follow(task.Incident, in.By, task.ID, verbArrive)
	case in.Verb == verbReport && task.Kind == Supervision:
		t.endTask(task, verbReport) // nobody else judges it
	}
	return nil
}

// endTask is the box's word that a supervision order has come to its end.
func (t *step) endTask(task *Task, why string) {
	data := changed(task, "box", Confirmed)
	data.Reason = why
	t.addTask(TypeTaskConfirmed, task, data, TaskActionIn{})
}

// checkAction checks what the verb needs to be told.
func (t *step) checkAction(task *Task, in TaskActionIn) error {
	explained := in.Verb == verbReturn || in.Verb == verbHandBack || in.Verb == verbCancel
	above := task.HQID != "" && (in.Verb == verbConfirm || in.Verb == verbCancel)
	switch {
	case in.Reason == "" && explained:
		return &InvalidError{"reason", "", "why"}
	case in.Reason == "" && above:
		return &InvalidError{"reason", "", "why the room does it in headquarters' place"}
	case in.Report == "" && in.Verb == verbReport:
		return &InvalidError{"report", "", "what was done and found"}
	case in.Limit.Sub(t.now.Time) > taskLimitMax:
		return &InvalidError{"limit", in.Limit.Format(time.RFC3339), "a time within a year"}
	case in.Verb == verbReturn && !in.Limit.IsZero() && !in.Limit.After(t.now.Time):
		return &InvalidError{"limit", in.Limit.Format(time.RFC3339), "a time to come, or none: then it has as long again"}
	}
	if err := task.checkSteps(in); err != nil {
		return err
	}
	if err := pictures(in.Pictures); err != nil {
		return err
	}
	if err := text("report", in.Report, noteBytesMax); err != nil {
		return err
	}
	return texts("reason", in.Reason, "idempotency_key", in.Idempotency)
}

// newLimit is until when a returned task is to be reported again: as asked,
// else as long as it had at first; one that is still to come stays.
func (t *step) newLimit(task *Task, asked time.Time) bridge.Stamp {
	switch {
	case !asked.IsZero():
		return bridge.At(asked)
	case task.Limit.IsZero() || task.Limit.After(t.now.Time):
		return task.Limit
	}
	return bridge.At(t.now.Add(max(task.Limit.Sub(task.IssuedAt.Time), taskSpanMin)))
}

// changed is the data of a change that leaves all but the state as it is.
func changed(task *Task, by string, to TaskState) TaskChanged {
	return TaskChanged{
		Schema: schema, Task: task.ID, Kind: task.Kind, Incident: task.Incident, About: task.About, Template: task.Template,
		To: task.To, By: by, State: to, Limit: task.Limit, Uplink: task.Uplink, HQID: task.HQID, HQIDs: task.HQIDs,
	}
}

func (t *step) addTask(typ string, task *Task, data TaskChanged, in TaskActionIn) {
	draft := bridge.Draft{Type: typ, Subject: "tasks/" + task.ID, Lane: bridge.Alarm, Severity: task.Priority, Drill: task.Drill}
	draft.Key = idemKey(in.By, in.Idempotency)
	t.addChange(draft, task, data)
}

// addChange writes what changed; who is no longer late is no longer supervised.
func (t *step) addChange(draft bridge.Draft, task *Task, data TaskChanged) {
	if draft.Type == TypeTaskReported {
		data.JudgeBy = t.judgeBy(task)
	}
	t.add(draft, data)
	left := data.State != task.State && (task.State == Reported || task.State.running() && !data.State.running())
	caughtUp := task.State == Issued && data.State == Accepted || len(data.Ticked) > 0
	if left || caughtUp && task.OverdueAt.IsZero() && !task.behind(data.Ticked) {
		t.endSupervision("tasks/"+task.ID, string(data.State))
	}
}
