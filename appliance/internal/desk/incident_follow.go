package desk

// An incident follows its orders: it is dispatched with the first that sends
// somebody, and on scene when somebody arrives. An order is no answer to who
// pressed: while nobody has given one it stays open, and follows as soon as it
// has it.

// advance writes that the incident, as the step has made it so far, goes on to
// another state.
func (t *step) advance(now *Incident, typ string, to IncidentState, in ActionIn, task string) {
	t.change(typ, now, in, to, func(data *IncidentChanged) { data.Task = task })
	now.State, now.Limit = to, t.r.limit(t.now, now.Priority, to)
}

// follow moves an incident on by what one of its orders does.
func (t *step) follow(incident string, by Actor, task string, verb string) {
	inc := t.s.k.Incidents[incident]
	if inc == nil {
		return
	}
	now, in := *inc, ActionIn{Incident: incident, By: by}
	switch {
	case verb == verbDispatch && now.State == Acknowledged:
		t.advance(&now, TypeIncidentDispatched, Dispatched, in, task)
	case verb == verbArrive && (now.State == Acknowledged || now.State == Dispatched):
		t.advance(&now, TypeIncidentOnScene, OnScene, in, task)
	}
}

// catchUp moves an incident on to where orders are that it has not followed yet:
// those of before it was answered, or of one that became part of it.
func (t *step) catchUp(now Incident, tasks []*Task, by Actor) {
	in := ActionIn{Incident: now.ID, By: by}
	sent, arrived := "", ""
	for _, task := range tasks {
		if !task.sends() || task.State == HandedBack || task.State == Cancelled {
			continue
		}
		if sent == "" {
			sent = task.ID
		}
		if arrived == "" && !task.ArrivedAt.IsZero() {
			arrived = task.ID
		}
	}
	if sent != "" && now.State == Acknowledged {
		t.advance(&now, TypeIncidentDispatched, Dispatched, in, sent)
	}
	if arrived != "" && now.State == Dispatched {
		t.advance(&now, TypeIncidentOnScene, OnScene, in, arrived)
	}
}
