package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// link says that two incidents have to do with each other.
func (t *step) link(inc *Incident, in ActionIn) error {
	other, err := t.other(inc, in)
	if err != nil {
		return err
	}
	if slices.Contains(inc.Linked, other.ID) {
		t.answer.Duplicate = true
		return nil
	}
	t.change(TypeIncidentLinked, inc, in, "", func(data *IncidentChanged) { data.Other = other.ID })
	return nil
}

// merge makes the other incident part of this one: its alerts, clips and tasks
// move over, and it closes as merged. One that somebody else works on is taken
// from him by a lead only, with a reason.
func (t *step) merge(inc *Incident, in ActionIn) error {
	other, err := t.other(inc, in)
	if err != nil {
		return err
	}
	switch {
	case in.Reason == "":
		return &InvalidError{"reason", "", "why they are one"}
	case other.Drill != inc.Drill:
		return &InvalidError{"other", other.ID, "an incident of the same kind: a drill never joins a real one"}
	case other.State == Closed:
		return &IllegalError{What: "incident", ID: other.ID, Verb: in.Verb, State: string(other.State), Possible: other.Possible(in.By.Role), Why: "reopen it first"}
	case other.ClaimedBy != "" && other.ClaimedBy != in.By.Name && !slices.Contains(leads(), in.By.Role):
		return &ConflictError{What: "incident", ID: other.ID, By: other.ClaimedBy, At: other.ClaimedAt, Remedy: "a lead can merge it"}
	}
	t.change(TypeIncidentMerged, inc, in, "", func(data *IncidentChanged) {
		data.Other, data.Alerts = other.ID, slices.Clone(other.Alerts)
		if other.Priority < inc.Priority {
			data.Limit = earlier(inc.Limit, t.r.limit(t.now, other.Priority, inc.State))
		}
	})
	in.Idempotency = ""
	t.change(TypeIncidentClosed, other, in, Closed, func(data *IncidentChanged) { data.Result, data.Other = "merged", inc.ID })
	now := *inc
	now.Priority = min(inc.Priority, other.Priority)
	t.catchUp(now, t.s.TasksOf(other.ID), in.By)
	return nil
}

// split gives some alerts an incident of their own, which whoever does it has
// seen: it does not ring again.
func (t *step) split(inc *Incident, in ActionIn) error {
	if in.Reason == "" {
		return &InvalidError{"reason", "", "why they are two"}
	}
	var moved []string
	for _, id := range in.Alerts {
		if !slices.Contains(inc.Alerts, id) {
			return &NotFoundError{"alert", id}
		}
		moved = union(moved, []string{id})
	}
	if len(moved) == 0 || len(moved) >= len(inc.Alerts) {
		return &InvalidError{"alerts", "", "some of the incident's alerts, and not all of them"}
	}
	first := t.s.k.Alerts[moved[0]]
	fresh := &Incident{ID: t.id(), State: Open, Priority: first.Priority, Drill: inc.Drill}
	for _, id := range moved {
		fresh.Priority = min(fresh.Priority, t.s.k.Alerts[id].Priority)
	}
	kind := first.Kind
	if first.Reported != "" {
		kind = first.Reported
	}
	t.add(bridge.Draft{
		Type: TypeIncidentOpened, Subject: "incidents/" + fresh.ID, Time: first.From, Lane: bridge.Alarm, Severity: fresh.Priority, Drill: fresh.Drill,
	}, IncidentOpened{
		Schema: schema, Incident: fresh.ID, Kind: kind, Priority: fresh.Priority, Place: first.Place, Position: first.Position,
		Cameras: list(t.camerasOf(first)), Alerts: moved, Limit: t.r.limit(t.now, fresh.Priority, Open), Similar: []string{}, Config: t.r.setup.Config,
	})
	t.change(TypeIncidentSplit, inc, in, "", func(data *IncidentChanged) { data.Other, data.Alerts = fresh.ID, moved })
	in.Idempotency = ""
	t.change(TypeIncidentAcknowledged, fresh, in, Acknowledged, nil)
	return nil
}

// camerasOf are the cameras bound to an alert's place.
func (t *step) camerasOf(a *Alert) []string {
	if t.r.pillars[a.Device] != nil && a.Origin == "press" {
		return t.r.bound[a.Device]
	}
	if c := t.r.cameras[a.Device]; c != nil {
		return t.r.around(c)
	}
	if a.Position != nil {
		return t.r.Nearest(*a.Position)
	}
	return nil
}

// other is the second incident that a verb speaks of.
func (t *step) other(inc *Incident, in ActionIn) (*Incident, error) {
	if in.Other == "" || in.Other == inc.ID {
		return nil, &InvalidError{"other", cut(in.Other), "the id of another incident"}
	}
	if err := texts("other", in.Other); err != nil {
		return nil, err
	}
	other := t.s.k.Incidents[in.Other]
	if other == nil {
		return nil, &NotFoundError{"incident", in.Other}
	}
	return other, nil
}
