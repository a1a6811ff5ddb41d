package desk

import (
	"cmp"
	"math"
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// What belongs together by place and time, whatever its kind: a press opens an
// incident at its pillar, and for a Span the sightings of cameras that see the
// pillar, drones overhead and what people report from there join it. A press
// never joins what another device began, and so presses of different pillars
// never meet by themselves: they are linked, and the room may merge them.

// linkedMax is how many incidents are linked to one.
const linkedMax = 16

// fact is what near must know of an alert that is looking for its incident.
type fact struct {
	like     *Alert
	at       *ingest.Position // of a report or a drone
	camera   *Camera          // of a sighting
	from, to bridge.Stamp
}

// near is the open incident at the fact's place and time, nil when there is
// none: the nearest by the metre (a place's middle and the pillar on it are the
// same spot), the newest of equals.
func (t *step) near(f fact) *Incident {
	var best *Incident
	var far float64
	for id := range t.s.ix.open {
		inc := t.s.k.Incidents[id]
		if inc.Drill != f.like.Drill || !t.inTime(inc, f.from, f.to) {
			continue
		}
		d, ok := t.distance(inc, f)
		d = math.Round(d)
		if ok && (best == nil || cmp.Or(cmp.Compare(d, far), cmp.Compare(best.Number, inc.Number)) < 0) {
			best, far = inc, d
		}
	}
	return best
}

// inTime reports whether the interval lies within a Window of what the
// incident heard, and within a Span of its beginning or its newest press.
func (t *step) inTime(inc *Incident, from, to bridge.Stamp) bool {
	window := t.r.setup.Window
	return from.Sub(t.s.ix.signs[inc.ID].Time) <= window && inc.OccurredAt.Sub(to.Time) <= window &&
		from.Sub(later(inc.OccurredAt, inc.PressedAt).Time) <= t.r.setup.Span
}

// distance is how far, in metres, the fact lies from the incident, and whether
// that is near enough to be the same thing.
func (t *step) distance(inc *Incident, f fact) (float64, bool) {
	if len(inc.Alerts) == 0 {
		return 0, false
	}
	began := t.s.k.Alerts[inc.Alerts[0]]
	spot := t.spotOf(inc, began)
	if spot == nil || began == nil {
		return 0, false
	}
	if f.camera == nil {
		if f.at == nil || f.like.Origin == "report" && !t.sameReport(inc, f.like.Reported) {
			return 0, false
		}
		d := distance(*spot, *f.at)
		return d, d <= t.r.setup.Radius
	}
	if f.camera.Position == nil {
		return 0, false
	}
	d := distance(*spot, f.camera.target())
	if began.Origin == "sighting" { // another rule is another matter
		return d, d <= t.r.setup.Radius && began.Kind == f.like.Kind
	}
	return d, t.r.sees(f.camera, *spot)
}

// spotOf is where the incident is: of one that a camera began, what the camera
// looks at.
func (t *step) spotOf(inc *Incident, began *Alert) *ingest.Position {
	if began != nil && began.Origin == "sighting" {
		if c := t.r.cameras[began.Device]; c != nil && c.Position != nil {
			at := c.target()
			return &at
		}
	}
	return inc.Position
}

// sameReport: a second report of another kind is another matter, however near.
func (t *step) sameReport(inc *Incident, kind string) bool {
	for _, id := range inc.Alerts {
		if a := t.s.k.Alerts[id]; a != nil && a.Origin == "report" && (kind == "" || a.Reported != kind) {
			return false
		}
	}
	return true
}

// target is the middle of what a camera with a position looks at.
func (c *Camera) target() ingest.Position {
	if c.RangeM > 0 && c.FOV > 0 && c.FOV < 360 {
		return ahead(*c.Position, c.Bearing, c.RangeM/2)
	}
	return *c.Position
}

// links are the open incidents of the same place and time that an alert which
// opens its own one does not join: offered to the room for merging.
func (t *step) links(a raising) []string {
	var found newest
	said := reportedAt(a.data.Place)
	for id := range t.s.ix.open {
		inc := t.s.k.Incidents[id]
		if inc.Drill != a.drill || !t.inTime(inc, a.occurred, a.occurred) {
			continue
		}
		same := inc.Place.ID != "" && inc.Place.ID == a.data.Place.ID ||
			inc.Position == nil && a.data.Position == nil && said != "" && reportedAt(inc.Place) == said
		if !same && inc.Position != nil && a.data.Position != nil {
			same = distance(*inc.Position, *a.data.Position) <= t.r.setup.Radius
		}
		if same {
			found.add(inc)
		}
	}
	return found.ids()
}

// nearby are the incidents that were within a Radius of a report from a place that
// nobody configured.
func (t *step) nearby(a raising, add func(*Incident)) {
	if a.like == nil || a.like.Origin != "report" || a.data.Place.ID != "" || a.data.Position == nil {
		return
	}
	for _, inc := range t.s.k.Incidents {
		if !inc.Drill && len(inc.Alerts) > 0 && inc.Position != nil && distance(*inc.Position, *a.data.Position) <= t.r.setup.Radius {
			add(inc)
		}
	}
}

// linkBoth notes on both incidents that they have to do with each other.
func (s *State) linkBoth(a, b *Incident) {
	a.Linked = tail(union(slices.Clone(a.Linked), []string{b.ID}), linkedMax)
	b.Linked = tail(union(slices.Clone(b.Linked), []string{a.ID}), linkedMax)
}
