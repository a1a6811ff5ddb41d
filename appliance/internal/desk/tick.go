package desk

import (
	"cmp"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// tick does what is due: the most urgent first, the oldest first among equals,
// as much as a step has room for. What is left is due still, and the next tick
// follows at once.
func (t *step) tick() {
	t.escalateUnshown()
	t.escalateIncidents()
	t.superviseTasks()
	t.superviseHandover()
	t.expireApprovals()
	t.missRounds()
	t.endDrills()
	t.dueDrills()
}

func (t *step) escalateIncidents() {
	var due []*Incident
	for id := range t.s.ix.open {
		if inc := t.s.k.Incidents[id]; !inc.Next.IsZero() && !inc.Next.After(t.now.Time) {
			due = append(due, inc)
		}
	}
	slices.SortFunc(due, urgency)
	for _, inc := range due[:min(len(due), tickEventsMax)] {
		if t.full() {
			return
		}
		n := inc.Escalated + 1
		data := IncidentChanged{
			Schema: schema, Incident: inc.ID, By: "box", Reason: "limit", State: inc.State, Limit: inc.Limit, Step: n,
		}
		if n < escalationsMax {
			state := inc.State
			if inc.Unanswered > 0 {
				state = Open // it waits for an answer
			}
			data.Next = bridge.At(t.now.Add(t.r.escalateAfter(inc.Priority, state, n)))
		}
		t.add(bridge.Draft{
			Type: TypeIncidentEscalated, Subject: "incidents/" + inc.ID, Lane: bridge.Alarm, Severity: inc.Priority, Drill: inc.Drill,
		}, data)
		if !inc.Drill {
			t.supervise("incidents/"+inc.ID, inc.ID, inc.Priority)
		}
	}
}

// urgency orders incidents: priority, then age.
func urgency(a, b *Incident) int {
	return cmp.Or(strings.Compare(a.Priority, b.Priority), cmp.Compare(a.Number, b.Number))
}
