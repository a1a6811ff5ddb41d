package desk

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// A P0 has a second clock besides its state's limit: a screen must draw it
// within Setup.ShownWithin, or the lead and headquarters hear of it at once.
// What a browser really drew is the only proof that the room can see at all.

// ReasonUnshown is the reason of that escalation.
const ReasonUnshown = "unshown"

// showBy is until when a screen must have drawn an alert; zero when nobody
// waits for it: it is no P0, or its incident has escalated so already.
func (t *step) showBy(a raising, join *Incident) bridge.Stamp {
	if a.data.Priority != "P0" || a.drill || t.r.setup.ShownWithin <= 0 || join != nil && join.Unshown {
		return bridge.Stamp{}
	}
	return bridge.At(t.now.Add(t.r.setup.ShownWithin))
}

// unshown reports whether the alert still waits for a screen. Once it does not
// it never does again: somebody drew it, answered or closed its incident, or
// it has escalated.
func (k *kept) unshown(a *Alert) bool {
	if a == nil || a.ShowBy.IsZero() || !a.ShownAt.IsZero() {
		return false
	}
	inc := k.Incidents[a.Incident]
	return inc != nil && inc.State != Closed && a.Recorded.After(inc.SeenThrough.Time)
}

func (ix *index) addShowBy(a *Alert) {
	if !a.ShowBy.IsZero() {
		heap.Push(&ix.deadlines, deadline{at: a.ShowBy, alert: a.ID})
	}
}

// escalateUnshown tells of the incidents with a P0 that no screen drew in time,
// once each until somebody draws or answers it.
func (t *step) escalateUnshown() {
	var due []*Alert
	for _, d := range t.s.ix.deadlines {
		if a := t.s.k.Alerts[d.alert]; t.s.k.unshown(a) && !a.ShowBy.After(t.now.Time) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b *Alert) int { return cmp.Or(a.ShowBy.Compare(b.ShowBy.Time), strings.Compare(a.ID, b.ID)) })
	told := map[string]bool{}
	for _, a := range due {
		if told[a.Incident] || len(told) >= tickEventsMax || t.full() {
			continue
		}
		told[a.Incident] = true
		inc := t.s.k.Incidents[a.Incident]
		t.add(bridge.Draft{
			Type: TypeIncidentEscalated, Subject: "incidents/" + inc.ID, Lane: bridge.Alarm, Severity: a.Priority, Drill: inc.Drill,
		}, IncidentChanged{
			Schema: schema, Incident: inc.ID, By: "box", Reason: ReasonUnshown, State: inc.State, Limit: inc.Limit,
			Step: max(1, inc.Escalated), Next: inc.Next, Alert: a.ID, Since: a.Recorded,
		})
	}
}

func (t *step) shown(in ShownIn) error {
	a := t.s.k.Alerts[in.Alert]
	if a == nil {
		return &NotFoundError{"alert", in.Alert}
	}
	if in.Screen == "" || len(in.Screen) > 64 {
		return &InvalidError{"screen", in.Screen, "the screen's name, 1 to 64 bytes"}
	}
	t.answer.Incident, t.answer.Alert = a.Incident, a.ID
	for _, screen := range a.Screens {
		if screen == in.Screen {
			t.answer.Duplicate = true
			return nil
		}
	}
	if len(a.Screens) >= screensMax {
		return &InvalidError{"screen", in.Screen, "one of the screens that drew the alert before: there are too many"}
	}
	at := bridge.At(in.At)
	if in.At.IsZero() || at.After(t.now.Time) {
		at = t.now
	}
	t.add(bridge.Draft{Type: TypeAlertShown, Subject: "alerts/" + a.ID, Time: at, Lane: bridge.Local, Drill: a.Drill},
		AlertShown{Schema: schema, Alert: a.ID, Screen: in.Screen, At: at})
	return nil
}

func (s *State) alertShown(e *bridge.Event, data *AlertShown) {
	old := s.k.Alerts[data.Alert]
	if old == nil {
		return
	}
	a := *old
	if a.ShownAt.IsZero() || data.At.Before(a.ShownAt.Time) {
		a.ShownAt = data.At
	}
	a.Screens = append(a.Screens, data.Screen)
	inc := s.change(a.Incident)
	s.putAlert(&a, inc)
	s.drillShown(e, a.ID, data.Screen)
	if inc.Unshown {
		inc.Unshown = false
		s.putIncident(inc)
	}
}
