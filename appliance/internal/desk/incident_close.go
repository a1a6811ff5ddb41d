package desk

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// What becomes of the orders of an incident that closes.
const (
	ordersCancel = "cancel"
	ordersKeep   = "keep"
)

// OrderLeft says what became of an order of an incident that closed: cancelled,
// kept. Supervision orders about the incident have ended.
type OrderLeft struct {
	Task    string `json:"task"`
	Becomes string `json:"becomes"`
}

// close ends the incident, and leaves no order of it without an end or an
// owner.
func (t *step) close(inc *Incident, in ActionIn) error {
	results := []string{"resolved", "false_alarm", "transferred"}
	if inc.Drill {
		results = []string{"drill"} // never counted with real ones
	}
	if err := oneOf("result", in.Result, results...); err != nil {
		return err
	}
	if err := oneOf("tasks", in.Tasks, "", ordersCancel, ordersKeep); err != nil {
		return err
	}
	if !slices.Contains(closable(in.Result), inc.State) {
		return t.illegal(inc, in, "it closes as "+in.Result+" only after somebody acknowledged it")
	}
	var left []OrderLeft
	for _, task := range t.s.TasksOf(inc.ID) {
		if becomes := t.becomes(task, inc, in); becomes != "" {
			left = append(left, OrderLeft{task.ID, becomes})
		}
	}
	t.change(TypeIncidentClosed, inc, in, Closed, func(data *IncidentChanged) { data.Result, data.Orders = in.Result, left })
	for _, one := range left {
		t.leave(t.s.k.Tasks[one.Task], one.Becomes, in)
	}
	t.score(inc, in)
	return nil
}

// becomes is what becomes of an order: unless it was said, what nobody has
// accepted is cancelled, and what somebody is at goes on. Headquarters' own
// orders always go on, and what waits for its issuer's judgement; a work order
// does where the incident was handed over with it; of a drill nothing does.
func (t *step) becomes(task *Task, inc *Incident, in ActionIn) string {
	handedOver := task.Kind == WorkOrder && in.Result == "transferred"
	switch {
	case task.State.done() || task.Kind == Supervision:
		return ""
	case task.HQID != "" || !task.State.running():
		return "kept"
	case inc.Drill || in.Tasks == ordersCancel:
		return "cancelled"
	case in.Tasks == ordersKeep || task.State != Issued || handedOver:
		return "kept"
	}
	return "cancelled"
}

// leave writes what becomes of one order. One that goes on has an owner who
// answers for it from then on, and a limit: the incident's clock no longer runs.
func (t *step) leave(task *Task, becomes string, in ActionIn) {
	if becomes == "cancelled" {
		data := changed(task, in.By.Name, Cancelled)
		data.Reason = in.Result
		t.addTask(TypeTaskCancelled, task, data, TaskActionIn{})
		return
	}
	data := changed(task, in.By.Name, task.State)
	data.Reason, data.Owner = in.Result, cmp.Or(task.Owner, task.By)
	if task.By == "box" || task.HQID != "" {
		data.Owner = in.By.Name
	}
	if data.Limit.IsZero() {
		data.Limit = bridge.At(t.now.Add(keptLimit))
	}
	t.addTask(TypeTaskKept, task, data, TaskActionIn{})
}

// followUp demands a visit (回访) after an incident was closed.
func (t *step) followUp(in ActionIn, hit *bridge.Record) error {
	visit := TaskIn{
		Kind: Visit, Template: cmp.Or(in.Template, t.r.visit()), To: in.To, Note: in.Note, Limit: in.Limit, Incident: in.Incident, By: in.By,
		Idempotency: in.Idempotency,
	}
	t.answer.Incident = in.Incident
	if hit != nil {
		return t.issuedBefore(visit, hit)
	}
	inc := t.s.k.Incidents[in.Incident]
	for _, id := range inc.Tasks {
		task := t.s.k.Tasks[id]
		if task == nil || task.Kind != Visit || task.Template != visit.Template || task.State.done() {
			continue
		}
		if t.r.Party(task.To) == t.r.Party(in.To) {
			return t.illegal(inc, in, fmt.Sprintf("order %d is that visit already", task.Number))
		}
	}
	return t.issue(visit, nil)
}

// visit is the template of a follow-up visit that names none: the one with that
// id, or the first of that kind; "" when there is none.
func (r *Rules) visit() string {
	if t := r.templates[string(Visit)]; t != nil && t.Kind == Visit {
		return t.ID
	}
	for i := range r.setup.Templates {
		if r.setup.Templates[i].Kind == Visit {
			return r.setup.Templates[i].ID
		}
	}
	return ""
}
