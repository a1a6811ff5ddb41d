package desk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Verbs of operators on an incident.
const (
	verbClaim       = "claim"
	verbAcknowledge = "acknowledge"
	verbClose       = "close"
	verbReopen      = "reopen"
	verbNote        = "note"
	verbDispatch    = "dispatch"
	verbLink        = "link"
	verbMerge       = "merge"
	verbSplit       = "split"
	verbScore       = "score"
	verbFollowUp    = "follow_up"
)

// Roles, by what they may.
func room() []string      { return []string{"operator", "lead", "admin"} }
func leads() []string     { return []string{"lead", "admin"} }
func reporters() []string { return []string{"operator", "lead", "admin", "officer", "uplink"} }
func noters() []string    { return []string{"operator", "lead", "admin", "officer"} }

// States, by what they have in common.
func working() []IncidentState   { return []IncidentState{Acknowledged, Dispatched, OnScene} }
func notClosed() []IncidentState { return append(working(), Open) }
func allStates() []IncidentState { return append(notClosed(), Closed) }

// transition is one line of the table state × action × role.
type transition struct {
	verb  string
	roles []string
	from  []IncidentState
	to    IncidentState // "" stays
	event string
}

// transitions is the whole table; what it does not hold is refused. Closing
// has two lines more, by result: closable.
func transitions() []transition {
	return []transition{
		{verbClaim, room(), notClosed(), "", TypeIncidentClaimed},
		{verbAcknowledge, room(), []IncidentState{Open}, Acknowledged, TypeIncidentAcknowledged}, // and a further press: fits
		{verbClose, room(), notClosed(), Closed, TypeIncidentClosed},
		{verbReopen, room(), []IncidentState{Closed}, Acknowledged, TypeIncidentReopened},
		{verbNote, noters(), allStates(), "", TypeIncidentNoted},
		{verbDispatch, room(), []IncidentState{Acknowledged}, Dispatched, TypeIncidentDispatched},
		{verbArrive, noters(), []IncidentState{Acknowledged, Dispatched}, OnScene, TypeIncidentOnScene},
		{verbLink, room(), allStates(), "", TypeIncidentLinked},
		{verbMerge, room(), notClosed(), "", TypeIncidentMerged},
		{verbSplit, room(), notClosed(), "", TypeIncidentSplit},
		{verbScore, leads(), []IncidentState{Closed}, "", TypeIncidentScored},
		{verbFollowUp, room(), []IncidentState{Closed}, "", TypeTaskIssued},
	}
}

// IncidentVerbs are all verbs on an incident.
func IncidentVerbs() []string {
	var verbs []string
	for _, tr := range transitions() {
		verbs = append(verbs, tr.verb)
	}
	return verbs
}

// closable are the states from which a result closes.
func closable(result string) []IncidentState {
	switch result {
	case "resolved", "transferred":
		return working()
	case "false_alarm", "drill":
		return notClosed()
	}
	return nil
}

// Possible are the verbs that the role may use on an incident in that state.
func Possible(state IncidentState, role string) []string {
	verbs := []string{}
	for _, tr := range transitions() {
		if slices.Contains(tr.from, state) && slices.Contains(tr.roles, role) {
			verbs = append(verbs, tr.verb)
		}
	}
	return verbs
}

// Possible are the verbs that the role may use on the incident.
func (inc *Incident) Possible(role string) []string {
	verbs := []string{}
	for _, tr := range transitions() {
		if tr.fits(inc) && slices.Contains(tr.roles, role) {
			verbs = append(verbs, tr.verb)
		}
	}
	return verbs
}

// fits reports whether the incident's state has the transition. One in which
// somebody pressed again can be acknowledged again, and is not closed before:
// who closes it may not have seen the press that came a moment ago.
func (tr transition) fits(inc *Incident) bool {
	rings := inc.Unanswered > 0 && slices.Contains(working(), inc.State)
	if rings && tr.verb == verbClose || inc.MergedInto != "" && tr.verb != verbNote && tr.verb != verbLink {
		return false
	}
	return rings && tr.verb == verbAcknowledge || slices.Contains(tr.from, inc.State)
}

// answers reports whether an event says that somebody looks after the presses
// that came until then.
func answers(typ string) bool { return typ == TypeIncidentClaimed || typ == TypeIncidentAcknowledged }

func (t *step) action(in ActionIn, hit *bridge.Record) error {
	i := slices.IndexFunc(transitions(), func(tr transition) bool { return tr.verb == in.Verb })
	if i < 0 {
		return &InvalidError{"verb", in.Verb, strings.Join(IncidentVerbs(), ", ")}
	}
	tr := transitions()[i]
	t.answer.Incident = in.Incident
	if hit != nil && in.Verb == verbFollowUp {
		return t.followUp(in, hit)
	}
	if hit != nil {
		if hit.Event.Type != tr.event || hit.Event.Subject != "incidents/"+in.Incident || !in.repeated(hit) {
			return usedKey(in.Idempotency)
		}
		t.answer.Duplicate = true
		return nil
	}
	if !slices.Contains(tr.roles, in.By.Role) {
		return &ForbiddenError{in.Verb, in.By.Role, tr.roles}
	}
	if in.By.Name == "" {
		return &InvalidError{"by", "", "the name of who does it"}
	}
	if err := texts("reason", in.Reason, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	inc := t.s.k.Incidents[in.Incident]
	if inc == nil {
		return &NotFoundError{"incident", in.Incident}
	}
	if !tr.fits(inc) {
		why := ""
		if in.Verb == verbClose && inc.State != Closed {
			why = fmt.Sprintf("somebody pressed again at %s and nobody has answered: acknowledge it first", inc.PressedAt)
		}
		return t.illegal(inc, in, why)
	}
	if in.Verb == verbAcknowledge && inc.State != Open {
		tr.to = "" // what is on its way stays so
	}
	switch in.Verb {
	case verbClaim:
		return t.claim(inc, in)
	case verbClose:
		return t.close(inc, in)
	case verbLink:
		return t.link(inc, in)
	case verbMerge:
		return t.merge(inc, in)
	case verbSplit:
		return t.split(inc, in)
	case verbScore:
		return t.correct(inc, in)
	case verbFollowUp:
		return t.followUp(in, nil)
	case verbReopen:
		if t.now.Sub(inc.ClosedAt.Time) > incidentKept {
			return t.illegal(inc, in, "it was closed more than 7 days ago: report a new one that reopens it")
		}
	case verbNote:
		if in.Note == "" || len(in.Note) > noteBytesMax {
			return &InvalidError{"note", cut(in.Note[:min(len(in.Note), 32)]), "1 to 4096 bytes"}
		}
	}
	t.change(tr.event, inc, in, tr.to, nil)
	if in.Verb == verbAcknowledge && inc.State == Open {
		t.answered(inc, in.By)
	}
	return nil
}

// answered follows the orders that were given while nobody had answered.
func (t *step) answered(inc *Incident, by Actor) {
	now := *inc
	now.State, now.Limit = Acknowledged, t.r.limit(t.now, inc.Priority, Acknowledged)
	t.catchUp(now, t.s.TasksOf(inc.ID), by)
}

// claim makes the incident its operator's; from open, and after a further
// press, it also acknowledges. The first one wins. A lead takes over with a
// reason.
func (t *step) claim(inc *Incident, in ActionIn) error {
	own, rings := inc.ClaimedBy == in.By.Name, inc.State == Open || inc.Unanswered > 0
	if own && !rings {
		t.answer.Duplicate = true
		return nil
	}
	if inc.ClaimedBy != "" && !own {
		taken := &ConflictError{What: "incident", ID: inc.ID, By: inc.ClaimedBy, At: inc.ClaimedAt, Remedy: "a lead can take over with a reason"}
		if !slices.Contains(leads(), in.By.Role) {
			return taken
		}
		if in.Reason == "" {
			return taken
		}
	}
	to := inc.State
	if to == Open {
		to = Acknowledged
	}
	t.change(TypeIncidentClaimed, inc, in, to, func(data *IncidentChanged) {
		if !own {
			data.From = inc.ClaimedBy
		}
	})
	if rings {
		in.Idempotency = ""
		t.change(TypeIncidentAcknowledged, inc, in, to, nil)
	}
	if inc.State == Open {
		t.answered(inc, in.By)
	}
	return nil
}

func (t *step) illegal(inc *Incident, in ActionIn, why string) error {
	return &IllegalError{What: "incident", ID: inc.ID, Verb: in.Verb, State: string(inc.State), Possible: inc.Possible(in.By.Role), Why: why}
}

// change writes one incident.… event. A state that begins brings its limit, and
// so does one that goes on after a further press was answered; else it stays.
func (t *step) change(typ string, inc *Incident, in ActionIn, to IncidentState, more func(*IncidentChanged)) {
	data := IncidentChanged{
		Schema: schema, Incident: inc.ID, By: in.By.Name, Reason: in.Reason, State: inc.State, Limit: inc.Limit, Note: in.Note,
	}
	moved, answered := to != "" && to != inc.State, inc.Unanswered > 0 && answers(typ) && in.handover == ""
	switch {
	case moved:
		data.State, data.Limit = to, t.r.limit(t.now, inc.Priority, to)
	case answered:
		data.Limit = t.r.limit(t.now, inc.Priority, inc.State)
	}
	if more != nil {
		more(&data)
	}
	draft := bridge.Draft{
		Type: typ, Subject: "incidents/" + inc.ID, Lane: bridge.Alarm, Severity: inc.Priority, Drill: inc.Drill,
	}
	draft.Key = idemKey(in.By, in.Idempotency)
	t.add(draft, data)
	unheard := inc.Unanswered > 0 && data.State != Closed && !answers(typ) // what is late may be the answer
	if moved && !unheard || answered {
		t.endSupervision("incidents/"+inc.ID, string(data.State))
	}
}
