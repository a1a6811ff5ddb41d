package desk

import (
	"github.com/watchpost-edge/watchpost/bridge"
)

// raising is an alert about to be raised.
type raising struct {
	data     AlertRaised // without incident and clips
	occurred bridge.Stamp
	drill    bool
	about    string   // kind of the incident, when the alert opens one
	bound    []string // cameras of the incident, when the alert opens one
	like     *Alert   // for similar incidents
	openKey  string   // key on incident.opened, when the alert opens one
	key      string   // key on alert.raised
	reopens  string   // id of the older incident that goes on in the one it opens
}

// raise writes the alert, into the incident it joins or one that it opens:
// then incident.opened comes before it.
func (t *step) raise(a raising, join *Incident) {
	a.data.Schema = schema
	a.data.Alert = t.id()
	a.data.Clips = t.r.clips(a.data.Cameras, a.occurred)
	a.data.Cameras = list(a.data.Cameras)
	if join == nil {
		a.data.Incident = t.open(a)
	} else {
		a.data.Incident = join.ID
		if a.data.Press != nil && !a.drill && join.State != Open {
			a.data.Limit, a.data.AnswerBy = t.answerLimit(join, a.data.Priority)
		} else if a.data.Priority < join.Priority { // P0 before P1
			a.data.Limit = earlier(join.Limit, t.r.limit(t.now, a.data.Priority, join.State))
		}
	}
	a.data.ShowBy = t.showBy(a, join)
	t.add(bridge.Draft{
		Type: TypeAlertRaised, Subject: "incidents/" + a.data.Incident, Time: a.occurred, Lane: bridge.Alarm,
		Severity: a.data.Priority, Drill: a.drill, Key: a.key,
	}, a.data)
	t.answer.Incident, t.answer.Alert = a.data.Incident, a.data.Alert
}

// answerLimit is until when a press that joins an answered incident must be
// answered itself (by): as soon as one that opens an incident. next is the
// incident's deadline then: an earlier one that is still to come stays. Zero
// keeps what there is.
func (t *step) answerLimit(join *Incident, priority string) (next, by bridge.Stamp) {
	if join.Unanswered > 0 && priority >= join.Priority {
		return next, by // pressing on does not put it off
	}
	by = t.r.limit(t.now, min(priority, join.Priority), Open)
	if join.Limit.After(t.now.Time) {
		return earlier(join.Limit, by), by
	}
	return by, by
}

func (t *step) open(a raising) string {
	incident, links := t.id(), t.links(a)
	t.add(bridge.Draft{
		Type: TypeIncidentOpened, Subject: "incidents/" + incident, Time: a.occurred, Lane: bridge.Alarm,
		Severity: a.data.Priority, Drill: a.drill, Key: a.openKey,
	}, IncidentOpened{
		Schema: schema, Incident: incident, Kind: a.about, Priority: a.data.Priority, Place: a.data.Place,
		Position: a.data.Position, Cameras: list(a.bound), Alerts: []string{a.data.Alert},
		Limit: t.r.limit(t.now, a.data.Priority, Open), Similar: t.similar(a, links), Linked: links, Reopens: a.reopens, Config: t.r.setup.Config,
	})
	return incident
}

// duplicate answers with what the first one did.
func (t *step) duplicate(hit *bridge.Record) {
	t.answer.Duplicate = true
	if data, err := decode[AlertRaised](&hit.Event); err == nil && data != nil {
		t.answer.Incident, t.answer.Alert = data.Incident, data.Alert
	}
}

func earlier(a, b bridge.Stamp) bridge.Stamp {
	if a.IsZero() || !b.IsZero() && b.Before(a.Time) {
		return b
	}
	return a
}
