package desk

import (
	"maps"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// PlanIn goes on with what a start had no room for in one step. Since is what
// Handle found as the time of the newest record before the start. The desk
// itself gives it, until a step has nothing more to say.
type PlanIn struct{ Since bridge.Stamp }

func (in PlanIn) decide(t *step, _ *bridge.Record) error {
	t.plan(in.Since)
	return nil
}

// startStepsMax bounds the steps of one start.
const startStepsMax = 1000

// started records the start, and puts the configuration in force.
func (t *step) started(in StartedIn) error {
	if err := texts("version", in.Version, "boot", in.Boot, "config", in.Config); err != nil {
		return err
	}
	t.add(bridge.Draft{Type: TypeBoxStarted, Subject: "box", Lane: bridge.Notice},
		BoxStarted{Schema: schema, Version: in.Version, Boot: in.Boot, Config: in.Config})
	t.plan(t.s.k.Now)
	return nil
}

// plan makes the room's work fit the configuration, as much of it as a step has
// room for: what is done already is found done. What the box was at when it
// went down, and what is not configured any more, ends.
func (t *step) plan(since bridge.Stamp) {
	t.endBlindOfRemoved()
	t.planPatrols(since)
	t.planDrills()
	t.timeReports()
	t.endUnreachable()
	t.endSightings()
}

// endSightings ends whatever vision still saw when the box went down: its ids
// never come again.
func (t *step) endSightings() {
	var going []*Alert
	for _, id := range t.s.ix.sightings {
		if a := t.s.k.Alerts[id]; a != nil && len(a.Sightings) > 0 && !slices.Contains(going, a) {
			going = append(going, a)
		}
	}
	slices.SortFunc(going, func(a, b *Alert) int { return strings.Compare(a.ID, b.ID) })
	for _, a := range going {
		if t.full() {
			return
		}
		t.update(TypeAlertEnded, a.Incident, a.Priority, AlertUpdated{
			Alert: a.ID, From: a.From, To: a.To, Count: a.Count, Confidence: a.Confidence,
		})
	}
}

// endUnreachable sets aside what waits for partners that have no line any more:
// their orders go on, by telephone.
func (t *step) endUnreachable() {
	for _, id := range slices.Sorted(maps.Keys(t.s.ix.tasks.waiting)) {
		if p := t.r.partners[id]; p != nil && p.Line != "" {
			continue
		}
		for _, order := range slices.Sorted(maps.Keys(t.s.ix.tasks.waiting[id])) {
			if t.full() {
				return
			}
			task := t.s.k.Tasks[order]
			t.tellDelivered(TypeTaskUndeliverable, task, DeliveredIn{
				Task: order, Message: task.Order.Waiting[0].Event, News: task.Order.Waiting[0].News, Refused: "no line to it is configured any more",
			})
		}
	}
}
