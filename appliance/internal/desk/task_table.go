package desk

import "slices"

// Verbs on a task.
const (
	verbAccept   = "accept" // of an instruction: its signature (签收)
	verbArrive   = "arrive"
	verbTick     = "tick"
	verbReport   = "report"
	verbConfirm  = "confirm"
	verbReturn   = "return"
	verbHandBack = "hand_back"
	verbCancel   = "cancel"
)

// TaskVerbs are all verbs on a task.
func TaskVerbs() []string {
	verbs := []string{}
	for _, tr := range taskTransitions() {
		verbs = append(verbs, tr.verb)
	}
	return verbs
}

// owing are the states in which the receiver still has to do something.
func owing() []TaskState { return []TaskState{Issued, Accepted, Arrived, Returned} }

// taskTransition is one line of the table state × action × role for tasks.
type taskTransition struct {
	verb   string
	roles  []string
	from   []TaskState
	to     TaskState // "" stays
	event  string
	issuer bool // only who issued it, who answers for it, or a lead
}

// taskTransitions is the whole table; what it does not hold is refused, and
// fits has what the kind of a task makes of it. An officer acts on his own
// orders only. An order from above is confirmed and returned by headquarters'
// receipt of its task.reported; a lead of the room may do it in its place, with
// a reason.
func taskTransitions() []taskTransition {
	return []taskTransition{
		{verbAccept, noters(), []TaskState{Issued}, Accepted, TypeTaskAccepted, false},
		{verbArrive, noters(), []TaskState{Accepted, Returned}, Arrived, TypeTaskArrived, false},
		{verbTick, noters(), []TaskState{Accepted, Arrived, Returned}, "", TypeTaskTicked, false},
		{verbReport, noters(), []TaskState{Arrived, Returned}, Reported, TypeTaskReported, false},
		{verbConfirm, room(), []TaskState{Reported}, Confirmed, TypeTaskConfirmed, true},
		{verbReturn, room(), []TaskState{Reported}, Returned, TypeTaskReturned, true},
		{verbHandBack, noters(), owing(), HandedBack, TypeTaskHandedBack, false},
		{verbCancel, room(), owing(), Cancelled, TypeTaskCancelled, true},
	}
}

// fits reports whether the task's state and kind have the transition. Only a
// plain task must be arrived at before it is reported: the others may be done
// from a desk. A supervision order is seen and reported on by a lead, and that
// is its end; nobody can hand it back.
func (tr taskTransition) fits(task *Task) bool {
	switch {
	case task.Kind == Supervision && tr.verb == verbReport:
		return task.State == Issued || task.State == Accepted
	case task.Kind == Supervision:
		return tr.verb == verbAccept && task.State == Issued
	case tr.verb == verbTick && len(task.Steps) == 0:
		return false
	case tr.verb == verbReport && task.State == Accepted && task.Kind != PlainTask:
		return true
	}
	return slices.Contains(tr.from, task.State)
}

// mayOn says why the actor may not use the transition on the task; nil: he may.
func (r *Rules) mayOn(tr taskTransition, task *Task, by Actor) error {
	switch {
	case !slices.Contains(tr.roles, by.Role):
		return &ForbiddenError{tr.verb, by.Role, tr.roles}
	case task.Kind == Supervision && !slices.Contains(leads(), by.Role):
		return &ForbiddenError{tr.verb, by.Role, leads()}
	case by.Role == "officer" && !r.Acts(by, task.To):
		return &ForbiddenError{tr.verb, by.Role, []string{"the officer whom the task is for"}}
	case tr.issuer && !slices.Contains(leads(), by.Role) && (task.HQID != "" || task.By != by.Name && task.Owner != by.Name):
		return &ForbiddenError{tr.verb, by.Role, append([]string{"who issued the task"}, leads()...)}
	}
	return nil
}

// Possible are the verbs that the actor may use on the task.
func (r *Rules) Possible(task *Task, by Actor) []string {
	verbs := []string{}
	for _, tr := range taskTransitions() {
		if tr.fits(task) && r.mayOn(tr, task, by) == nil {
			verbs = append(verbs, tr.verb)
		}
	}
	return verbs
}
