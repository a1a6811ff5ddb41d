package review_test

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// truth is what the simulation itself knows of what it did: from what it asked
// for, when, and the desk's short answers, never from the events that the
// review folds (but for deadlines, which the desk alone knows of).
type truth struct {
	zone      *time.Location
	incidents map[string]*known
	alerts    map[string]*told // by alert
	days      map[string]int   // alerts by date
	folded    int
	orders    map[string]*ordered
	escalated map[string]bool
	unshown   map[string]bool
}

// known is an incident as whoever works on it knows it.
type known struct {
	id       string
	date     string
	hour     int
	weekday  time.Weekday
	priority string
	kind     string
	place    string
	source   string
	origins  []string
	alerts   []string
	teams    []string

	state   desk.IncidentState
	since   time.Time
	opened  time.Time
	arrived bool
	waits   map[string][]time.Duration
	result  string
	claimed string
	score   *desk.Score // as the desk has it after closing
	word    int         // of a lead, on the points
	split   bool
	again   bool
}

// told is an alert as whoever told it knows it.
type told struct {
	id, origin, source, kind, place, priority string
	at                                        time.Time
	incident                                  string
}

type ordered struct {
	date, kind, to, by string
	state              string
	overdue            bool
}

func newTruth(zone *time.Location) *truth {
	return &truth{
		zone: zone, incidents: map[string]*known{}, alerts: map[string]*told{}, days: map[string]int{}, orders: map[string]*ordered{},
		escalated: map[string]bool{}, unshown: map[string]bool{},
	}
}

// alert notes what an input came to, and gives the incident when it is new.
func (u *truth) alert(one told, now time.Time, result desk.Result) *known {
	if u.alerts[result.Alert] != nil {
		u.folded++
		return nil
	}
	one.id, one.incident = result.Alert, result.Incident
	u.alerts[one.id] = &one
	u.days[one.at.Format(time.DateOnly)]++
	if i := u.incidents[one.incident]; i != nil {
		i.join(&one)
		return nil
	}
	return u.incident(one.incident, &one, now)
}

func (u *truth) incident(id string, first *told, now time.Time) *known {
	i := &known{
		id: id, date: first.at.Format(time.DateOnly), hour: first.at.Hour(), weekday: first.at.Weekday(), priority: first.priority,
		kind: first.kind, place: first.place, source: first.source, state: desk.Open, since: now, opened: now, waits: map[string][]time.Duration{},
	}
	i.join(first)
	u.incidents[id] = i
	return i
}

func (i *known) join(one *told) {
	i.alerts = append(i.alerts, one.id)
	i.priority = min(i.priority, one.priority)
	if one.origin != "" && !slices.Contains(i.origins, one.origin) {
		i.origins = append(i.origins, one.origin)
	}
}

// becomes moves the incident on.
func (i *known) becomes(state desk.IncidentState, now time.Time) {
	if i.state == state {
		return
	}
	if i.state != desk.Closed && !(i.split && i.state == desk.Open) {
		i.waits[string(i.state)] = append(i.waits[string(i.state)], now.Sub(i.since))
	}
	if state == desk.OnScene && !i.arrived {
		i.arrived = true
		i.waits["arrival"] = []time.Duration{now.Sub(i.opened)}
	}
	delete(i.waits, "whole")
	if state == desk.Closed {
		i.waits["whole"] = []time.Duration{now.Sub(i.opened)}
	}
	i.state, i.since = state, now
}

// move gives alerts to another incident.
func (u *truth) move(from, to *known, ids []string) {
	from.alerts = slices.DeleteFunc(from.alerts, func(id string) bool { return slices.Contains(ids, id) })
	for _, id := range ids {
		if !slices.Contains(to.alerts, id) {
			to.alerts = append(to.alerts, id)
		}
		u.alerts[id].incident = to.id
	}
	for _, i := range []*known{from, to} {
		if len(i.alerts) == 0 {
			continue
		}
		i.origins, i.priority = nil, "P9"
		for _, id := range i.alerts {
			one := u.alerts[id]
			i.priority = min(i.priority, one.priority)
			if one.origin != "" && !slices.Contains(i.origins, one.origin) {
				i.origins = append(i.origins, one.origin)
			}
		}
	}
}

// ticked notes what time alone brought.
func (u *truth) ticked(result desk.Result) {
	for _, r := range result.Events {
		_, id, _ := strings.Cut(r.Event.Subject, "/")
		if r.Event.Drill {
			continue
		}
		switch r.Event.Type {
		case desk.TypeIncidentEscalated:
			var data desk.IncidentChanged
			if json.Unmarshal(r.Event.Data, &data) == nil && data.Reason == desk.ReasonUnshown {
				u.unshown[id] = true
			}
			u.escalated[id] = true
		case desk.TypeTaskOverdue:
			if o := u.orders[id]; o != nil {
				o.overdue = true
			}
		case desk.TypeTaskIssued:
			u.orders[id] = &ordered{date: r.Event.RecordedTime.In(u.zone).Format(time.DateOnly), kind: "supervision"}
		}
	}
}

// real are the incidents that count: those that are nobody else's part.
func (u *truth) real() []*known {
	var list []*known
	for _, i := range u.incidents {
		if i.result != "merged" {
			list = append(list, i)
		}
	}
	return list
}
