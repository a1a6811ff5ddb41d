package desk

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// issue writes a task: from the words it came with, and from its template. A
// harmless instruction that headquarters gives again while the receiver still
// owes the first becomes part of that one.
func (t *step) issue(in TaskIn, hit *bridge.Record) error {
	if hit != nil {
		return t.issuedBefore(in, hit)
	}
	if known := t.s.k.Tasks[t.s.ix.tasks.orders[HQKey(in.Uplink, in.HQID)]]; known != nil && in.HQID != "" {
		t.orderTaken(known, in) // before this journal began
		return nil
	}
	if in.HQID != "" && t.s.ix.above[HQKey(in.Uplink, in.HQID)] != "" {
		return usedOrder(in.HQID)
	}
	in.Incident = t.s.final(in.Incident)
	if err := t.checkTask(in); err != nil {
		return err
	}
	data, drill := t.order(in)
	if first := t.s.repeats(&data); first != nil {
		t.repeated(first, data)
		return nil
	}
	key := ""
	switch {
	case in.HQID != "":
		key = HQKey(in.Uplink, in.HQID)
	case in.Idempotency != "":
		key = idemKey(in.By, in.Idempotency)
	}
	t.addIssued(data, drill, key)
	t.answer.Task, t.answer.Incident = data.Task, data.Incident
	fresh := &Task{ID: data.Task, Kind: data.Kind, Priority: data.Priority, Incident: data.Incident}
	if fresh.sends() {
		t.follow(data.Incident, in.By, data.Task, verbDispatch)
	}
	if in.HQID != "" {
		t.orderTaken(fresh, in)
	}
	return nil
}

// sends reports whether the order sends somebody to the incident's place: only
// these move the incident on.
func (task *Task) sends() bool {
	return task.Kind != Push && task.Kind != Visit && task.Kind != Supervision
}

// order is the data of a new task.
func (t *step) order(in TaskIn) (data TaskIssued, drill bool) {
	data = TaskIssued{
		Schema: schema, Task: t.id(), Kind: t.r.kindOf(in), Incident: in.Incident, Template: in.Template, To: in.To, By: in.By.Name,
		Note: in.Note, Priority: in.Priority, Limit: bridge.At(in.Limit), Uplink: in.Uplink, HQID: in.HQID, Config: t.r.setup.Config,
	}
	if to := t.r.Party(in.To); to.Name != in.To {
		data.ToName = to.Name
	}
	with := []string{"map"}
	if template := t.r.templates[in.Template]; template != nil {
		data.Title, data.Note, data.Priority = template.Name, cmp.Or(in.Note, template.Note), cmp.Or(in.Priority, template.Priority)
		if in.Limit.IsZero() && template.Limit > 0 {
			data.Limit = bridge.At(t.now.Add(template.Limit))
		}
		for _, s := range template.Steps {
			tick := TaskTick{Name: s.Name, DoneBy: s.DoneBy}
			if s.Limit > 0 {
				tick.Limit = bridge.At(t.now.Add(s.Limit))
			}
			data.Steps = append(data.Steps, tick)
		}
		data.Done, data.Wanted, with = template.Done, template.Pictures, template.With
	}
	if inc := t.s.k.Incidents[in.Incident]; inc != nil {
		drill = inc.Drill
		data.Priority = cmp.Or(data.Priority, inc.Priority)
		data.Along = t.s.along(inc, with)
	}
	data.Priority = cmp.Or(data.Priority, "P2")
	if data.Kind == Instruction && data.Priority < "P2" {
		data.SignBy = t.r.limit(t.now, data.Priority, Open)
	}
	data.Order = t.orderFor(in.To, t.s.k.Incidents[in.Incident], "")
	return data, drill
}

// along is what goes along of the incident, as it is now; nil when there is
// nothing.
func (s *State) along(inc *Incident, with []string) *Along {
	var a Along
	if slices.Contains(with, "map") {
		a.Position = inc.Position
		if inc.Place != (PlaceRef{}) {
			place := inc.Place
			a.Place = &place
		}
	}
	if slices.Contains(with, "snapshot") {
		a.Snapshot = inc.Snapshot
	}
	if slices.Contains(with, "clip") {
		newest := map[string]int{} // clip → its place in the list: the whole stands for part 1
		for _, c := range s.ClipsOf(inc.ID) {
			i, known := newest[c.ID]
			switch {
			case c.Evicted != "" || c.Location == "":
			case known:
				a.Clips[i] = c.Location
			case len(a.Clips) < alongClipsMax:
				newest[c.ID] = len(a.Clips)
				a.Clips = append(a.Clips, c.Location)
			}
		}
	}
	if a.Place == nil && a.Position == nil && a.Snapshot == "" && len(a.Clips) == 0 {
		return nil
	}
	return &a
}

func (t *step) addIssued(data TaskIssued, drill bool, key string) {
	t.add(bridge.Draft{
		Type: TypeTaskIssued, Subject: "tasks/" + data.Task, Lane: bridge.Alarm, Severity: data.Priority, Drill: drill, Key: key,
	}, data)
}

// issuedBefore answers an order that was given before; a key that was used for
// another order, or for something else, is refused.
func (t *step) issuedBefore(in TaskIn, hit *bridge.Record) error {
	if in.HQID != "" {
		if answer, err := decode[OrderAnswered](&hit.Event); err == nil && hit.Event.Type == TypeOrderAnswered && answer != nil && answer.Order == "task" {
			t.answer.Duplicate, t.answer.Task = true, answer.Task
			return nil
		}
		if hit.Event.Type != TypeTaskIssued && hit.Event.Type != TypeTaskRepeated {
			return usedOrder(in.HQID)
		}
	} else if before, err := decode[TaskIssued](&hit.Event); err != nil || hit.Event.Type != TypeTaskIssued || before != nil && !t.same(before, in) {
		return usedKey(in.Idempotency)
	}
	t.answer.Duplicate = true
	t.answer.Task = strings.TrimPrefix(hit.Event.Subject, "tasks/")
	return nil
}

// orderTaken is the receipt for an order that the room has: since now, or from
// a journal that was set aside.
func (t *step) orderTaken(task *Task, in TaskIn) {
	t.answer.Task, t.answer.Incident = task.ID, task.Incident
	t.answerOrder(task.Priority, OrderAnswered{
		Uplink: in.Uplink, Order: "task", HQID: in.HQID, Result: OrderTaken, Task: task.ID, Incident: task.Incident,
	})
}

// same reports whether an order is what was asked for: an incident may have
// become part of another one since.
func (t *step) same(before *TaskIssued, in TaskIn) bool {
	routed := before.Order != nil && before.Order.RouteKind != ""
	said := in.Note == "" || before.Note == in.Note // else it has its template's words
	return said && before.To == in.To && before.Template == in.Template && t.s.final(before.Incident) == t.s.final(in.Incident) && !routed
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
	case in.HQID == "" && !in.Limit.IsZero() && !in.Limit.After(t.now.Time): // headquarters' may have been on its way for long
		return &InvalidError{"limit", in.Limit.Format(time.RFC3339), "a time to come: an order that is late when it is given counts against whoever gets it"}
	}
	if in.Priority != "" {
		if err := oneOf("priority", in.Priority, "P0", "P1", "P2", "P3"); err != nil {
			return err
		}
	}
	if err := text("note", in.Note, noteBytesMax); err != nil {
		return err
	}
	if err := texts("to", in.To, "template", in.Template, "id", in.HQID, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	return t.r.checkKind(in)
}

// checkKind checks the kind and the template: the room's own must be
// configured, headquarters' may be a word of its own.
func (r *Rules) checkKind(in TaskIn) error {
	template := r.templates[in.Template]
	if in.Template != "" && template == nil && in.HQID == "" {
		ids := make([]string, len(r.setup.Templates))
		for i := range r.setup.Templates {
			ids[i] = r.setup.Templates[i].ID
		}
		remedy := "the id of a template: " + strings.Join(ids, ", ")
		if len(ids) == 0 {
			remedy = "none, and a note: the configuration has no templates"
		}
		return &InvalidError{"template", in.Template, remedy}
	}
	if in.Kind == "" {
		return nil
	}
	kinds := []string{string(PlainTask), string(Push), string(Visit), string(PatrolTask), string(WorkOrder)}
	if in.HQID != "" {
		kinds = []string{string(Instruction), string(PlainTask), string(Push), string(Visit), string(PatrolTask)}
	}
	if err := oneOf("kind", string(in.Kind), kinds...); err != nil {
		return err
	}
	if partner := r.Party(in.To).Kind == "partner"; in.Kind == WorkOrder && !partner {
		return &InvalidError{"kind", string(in.Kind), "task: " + in.To + " is no partner of the configuration"}
	}
	if template != nil && in.HQID == "" && in.Kind != WorkOrder && in.Kind != template.Kind {
		return &InvalidError{"kind", string(in.Kind), string(template.Kind) + ", which is template " + in.Template + "'s"}
	}
	return nil
}
