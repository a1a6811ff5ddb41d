package desk

import (
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// A device that floods (a stuck button, a rule that fires at leaves) must not
// grow the room. Beyond Setup.FoldAfter alerts of one kind in one incident what
// comes next is counted into the newest of them: alert.updated, with its own
// key and answer, so that nothing is lost and nothing multiplies.

// sameKey is what makes two alerts of an incident the same thing again.
type sameKey struct {
	incident, origin, device, kind, rule, zone, line, direction string
}

// sameAlerts are an incident's alerts of one sameKey.
type sameAlerts struct {
	n    int
	last string // id of the newest
}

func keyOf(incident string, a *Alert) sameKey {
	return sameKey{incident, a.Origin, a.Device, a.Kind, a.Rule, a.Zone, a.Line, a.Direction}
}

// addNew indexes an alert that the incident did not have before.
func (ix *index) addNew(a *Alert) {
	if a.Press != "" {
		ix.presses[a.Device+"/"+a.Press]++
	}
	ix.addSame(a)
}

func (ix *index) addSame(a *Alert) {
	key := keyOf(a.Incident, a)
	ix.same[key] = sameAlerts{ix.same[key].n + 1, a.ID}
}

// dropSame forgets the alerts of a key, and that its incident is like others.
func (ix *index) dropSame(a *Alert) {
	delete(ix.same, keyOf(a.Incident, a))
	for _, key := range similarKeys(a) {
		others := ix.similar[key]
		if i := slices.Index(others, a.Incident); i >= 0 {
			others = slices.Delete(others, i, i+1)
		}
		if ix.similar[key] = others; len(others) == 0 {
			delete(ix.similar, key)
		}
	}
}

// sameAs gives the incident's newest alert that is the same thing as this one,
// and how many there are.
func (s *State) sameAs(inc *Incident, like *Alert) (*Alert, int) {
	same := s.ix.same[keyOf(inc.ID, like)]
	return s.k.Alerts[same.last], same.n
}

// foldPress counts a press into the alert of the presses before it. It still
// rings when the pillar was quiet for a Window: then somebody may have come
// back to it.
func (t *step) foldPress(a *Alert, inc *Incident, fact *PressFact, cameras []string, occurred bridge.Stamp) {
	data := AlertUpdated{
		Schema: schema, Alert: a.ID, Incident: inc.ID, From: earlier(a.From, occurred), To: later(a.To, occurred),
		Count: a.Count + 1, Press: fact,
	}
	if !a.Drill && occurred.Sub(a.To.Time) > t.r.setup.Window {
		data.Rings = true
		data.Clips = t.r.clips(cameras, occurred)
		if inc.State != Open {
			data.Limit, data.AnswerBy = t.answerLimit(inc, a.Priority)
		}
	}
	t.add(bridge.Draft{
		Type: TypeAlertUpdated, Subject: "incidents/" + inc.ID, Time: occurred, Lane: bridge.Alarm, Severity: a.Priority,
		Drill: a.Drill, Key: fact.key(),
	}, data)
	t.answer.Incident, t.answer.Alert = inc.ID, a.ID
}

// RingsAgain reports whether the record is a counted press that rings: somebody
// came back to a pillar that had been quiet.
func RingsAgain(record bridge.Record) bool {
	if record.Event.Type != TypeAlertUpdated {
		return false
	}
	data, err := decode[AlertUpdated](&record.Event)
	return err == nil && data != nil && data.Rings
}

// pressFolded folds what a counted press changes of its incident.
func (s *State) pressFolded(e *bridge.Event, data *AlertUpdated, inc *Incident) {
	if !data.Rings || inc.State == Open || inc.State == Closed {
		return
	}
	inc.pressedAgain(e.Time)
	inc.ring(data.Alert, e.RecordedTime, data.AnswerBy)
	if !data.Limit.IsZero() {
		inc.Limit, inc.Next = data.Limit, data.Limit
		s.ix.addDeadline(inc)
	}
	s.line(inc, e, Step{Alert: data.Alert})
	s.putIncident(inc)
}

// flooded is the alert that a sighting extends although the window has passed:
// so many incidents of the same rule wait for an answer already, or so many
// alerts of it stand in the incident, that one more would tell nobody anything.
func (t *step) flooded(join *Incident, like *Alert) *Alert {
	if join != nil {
		if a, n := t.s.sameAs(join, like); n >= t.r.setup.FoldAfter {
			return a
		}
		return nil
	}
	var waiting []*Incident
	for id := range t.s.ix.joins[joinKeys(like)[0]] {
		if inc := t.s.k.Incidents[id]; inc.State == Open {
			if _, n := t.s.sameAs(inc, like); n > 0 {
				waiting = append(waiting, inc)
			}
		}
	}
	if len(waiting) < t.r.setup.FloodIncidents {
		return nil
	}
	newest := slices.MaxFunc(waiting, func(a, b *Incident) int { return int(a.Number) - int(b.Number) })
	a, _ := t.s.sameAs(newest, like)
	return a
}

// repeated is the alert of the incident that a new sighting repeats: the same
// camera, rule, zone, line and direction, not longer ago than the window.
func (s *State) repeated(inc *Incident, like *Alert, since bridge.Stamp, within time.Duration) *Alert {
	if a, _ := s.sameAs(inc, like); a != nil && since.Sub(a.To.Time) <= within {
		return a
	}
	return nil
}

func later(a, b bridge.Stamp) bridge.Stamp {
	if b.After(a.Time) {
		return b
	}
	return a
}
