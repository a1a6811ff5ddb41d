package desk

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Verbs on a task.
const (
	verbAccept   = "accept"
	verbArrive   = "arrive"
	verbReport   = "report"
	verbConfirm  = "confirm"
	verbReturn   = "return"
	verbHandBack = "hand_back"
	verbCancel   = "cancel"
)

// TaskVerbs are all verbs on a task.
func TaskVerbs() []string {
	return []string{verbAccept, verbArrive, verbReport, verbConfirm, verbReturn, verbHandBack, verbCancel}
}

// owing are the states in which the receiver still has to do something.
func owing() []TaskState { return []TaskState{Issued, Accepted, Arrived, Returned} }

// taskTransition is one line of the table state × action × role for tasks.
type taskTransition struct {
	verb   string
	roles  []string
	from   []TaskState
	to     TaskState
	event  string
	issuer bool // only who issued it, or a lead
}

// taskTransitions is the whole table; what it does not hold is refused. An
// officer acts on his own orders only. An order from above is confirmed and
// returned by headquarters' receipt of its task.reported; a lead of the room
// may do it in its place, with a reason.
func taskTransitions() []taskTransition {
	return []taskTransition{
		{verbAccept, noters(), []TaskState{Issued}, Accepted, TypeTaskAccepted, false},
		{verbArrive, noters(), []TaskState{Accepted, Returned}, Arrived, TypeTaskArrived, false},
		{verbReport, noters(), []TaskState{Arrived, Returned}, Reported, TypeTaskReported, false},
		{verbConfirm, room(), []TaskState{Reported}, Confirmed, TypeTaskConfirmed, true},
		{verbReturn, room(), []TaskState{Reported}, Returned, TypeTaskReturned, true},
		{verbHandBack, noters(), owing(), HandedBack, TypeTaskHandedBack, false},
		{verbCancel, room(), owing(), Cancelled, TypeTaskCancelled, true},
	}
}

// mayOn says why the actor may not use the transition on the task; nil: he may.
func (r *Rules) mayOn(tr taskTransition, task *Task, by Actor) error {
	switch {
	case !slices.Contains(tr.roles, by.Role):
		return &ForbiddenError{tr.verb, by.Role, tr.roles}
	case by.Role == "officer" && !r.Acts(by, task.To):
		return &ForbiddenError{tr.verb, by.Role, []string{"the officer whom the task is for"}}
	case tr.issuer && !slices.Contains(leads(), by.Role) && (task.HQID != "" || task.By != by.Name):
		return &ForbiddenError{tr.verb, by.Role, append([]string{"who issued the task"}, leads()...)}
	}
	return nil
}

// Possible are the verbs that the actor may use on the task.
func (r *Rules) Possible(task *Task, by Actor) []string {
	verbs := []string{}
	for _, tr := range taskTransitions() {
		if slices.Contains(tr.from, task.State) && r.mayOn(tr, task, by) == nil {
			verbs = append(verbs, tr.verb)
		}
	}
	return verbs
}

// issue writes a task.
func (t *step) issue(in TaskIn, hit *bridge.Record) error {
	if hit != nil {
		return t.issuedBefore(in, hit)
	}
	if err := t.checkTask(in); err != nil {
		return err
	}
	data := TaskIssued{
		Schema: schema, Task: t.id(), Kind: t.r.kindOf(in), Incident: in.Incident, Template: in.Template, To: in.To, By: in.By.Name, Note: in.Note,
		Priority: in.Priority, Limit: bridge.At(in.Limit), Uplink: in.Uplink, HQID: in.HQID, Config: t.r.setup.Config,
	}
	drill := false
	if inc := t.s.k.Incidents[in.Incident]; inc != nil {
		drill = inc.Drill
		if data.Priority == "" {
			data.Priority = inc.Priority
		}
	}
	if data.Priority == "" {
		data.Priority = "P2"
	}
	draft := bridge.Draft{Type: TypeTaskIssued, Subject: "tasks/" + data.Task, Lane: bridge.Alarm, Severity: data.Priority, Drill: drill}
	switch {
	case in.HQID != "":
		draft.Key = HQKey(in.Uplink, in.HQID)
	case in.Idempotency != "":
		draft.Key = idemKey(in.By, in.Idempotency)
	}
	t.add(draft, data)
	t.answer.Task, t.answer.Incident = data.Task, data.Incident
	t.follow(data.Incident, in.By, data.Task, verbDispatch)
	if in.HQID != "" {
		t.answerOrder(data.Priority, OrderAnswered{
			Uplink: in.Uplink, Order: "task", HQID: in.HQID, Result: OrderTaken, Task: data.Task, Incident: data.Incident,
		})
	}
	return nil
}

func (t *step) issuedBefore(in TaskIn, hit *bridge.Record) error {
	if hit.Event.Type != TypeTaskIssued {
		if in.HQID != "" {
			return usedOrder(in.HQID)
		}
		return usedKey(in.Idempotency)
	}
	t.answer.Duplicate = true
	t.answer.Task = strings.TrimPrefix(hit.Event.Subject, "tasks/")
	return nil
}

func usedOrder(id string) error {
	return &InvalidError{"id", id, "a new id: this one was used for another kind of order"}
}

func (t *step) checkTask(in TaskIn) error {
	issuers := append(room(), "uplink")
	switch {
	case !slices.Contains(issuers, in.By.Role):
		return &ForbiddenError{"issue", in.By.Role, issuers}
	case in.By.Name == "":
		return &InvalidError{"by", "", "the name of who issues it"}
	case in.By.Role == "uplink" && (in.Uplink == "" || in.HQID == ""):
		return &InvalidError{"id", in.HQID, "headquarters' id of the order, and the uplink's name"}
	case in.To == "":
		return &InvalidError{"to", "", "the person, team or partner whom it is for"}
	case in.Note == "" && in.Template == "":
		return &InvalidError{"note", "", "what is to be done, or a template"}
	case in.Incident != "" && t.s.k.Incidents[in.Incident] == nil:
		return &NotFoundError{"incident", in.Incident}
	case in.Limit.Sub(t.now.Time) > taskLimitMax:
		return &InvalidError{"limit", in.Limit.Format(time.RFC3339), "a time within a year"}
	}
	if in.Priority != "" {
		if err := oneOf("priority", in.Priority, "P0", "P1", "P2", "P3"); err != nil {
			return err
		}
	}
	if err := text("note", in.Note, noteBytesMax); err != nil {
		return err
	}
	return texts("to", in.To, "template", in.Template, "id", in.HQID, "idempotency_key", in.Idempotency)
}

// taskAction is one verb on a task.
func (t *step) taskAction(in TaskActionIn, hit *bridge.Record) error {
	i := slices.IndexFunc(taskTransitions(), func(tr taskTransition) bool { return tr.verb == in.Verb })
	if i < 0 {
		return &InvalidError{"verb", in.Verb, strings.Join(TaskVerbs(), ", ")}
	}
	tr := taskTransitions()[i]
	t.answer.Task = in.Task
	if hit != nil {
		if hit.Event.Type != tr.event || hit.Event.Subject != "tasks/"+in.Task {
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
	if !slices.Contains(tr.from, task.State) {
		return &IllegalError{What: "task", ID: task.ID, Verb: in.Verb, State: string(task.State), Possible: t.r.Possible(task, in.By)}
	}
	if err := t.checkAction(task, in); err != nil {
		return err
	}
	data := changed(task, in.By.Name, tr.to)
	data.Reason, data.Report, data.Pictures = in.Reason, in.Report, in.Pictures
	if in.Verb == verbReturn {
		data.Limit = t.newLimit(task, in.Limit)
	}
	t.addTask(tr.event, task, data, in)
	if in.Verb == verbArrive {
		t.follow(task.Incident, in.By, task.ID, verbArrive)
	}
	return nil
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
	case len(in.Pictures) > picturesMax:
		return &InvalidError{"pictures", in.Pictures[0], "at most 16"}
	case in.Limit.Sub(t.now.Time) > taskLimitMax:
		return &InvalidError{"limit", in.Limit.Format(time.RFC3339), "a time within a year"}
	}
	for _, hash := range in.Pictures {
		if b, err := hex.DecodeString(hash); err != nil || len(b) != 32 {
			return &InvalidError{"pictures", hash[:min(len(hash), 80)], "the SHA-256 of a picture, 64 hexadecimal digits"}
		}
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
		Schema: schema, Task: task.ID, Incident: task.Incident, Template: task.Template, To: task.To, By: by, State: to,
		Limit: task.Limit, Uplink: task.Uplink, HQID: task.HQID,
	}
}

func (t *step) addTask(typ string, task *Task, data TaskChanged, in TaskActionIn) {
	draft := bridge.Draft{Type: typ, Subject: "tasks/" + task.ID, Lane: bridge.Alarm, Severity: task.Priority, Drill: task.Drill}
	if in.Idempotency != "" {
		draft.Key = idemKey(in.By, in.Idempotency)
	}
	t.add(draft, data)
}
