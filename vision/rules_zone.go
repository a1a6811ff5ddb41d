package vision

import (
	"maps"
	"math"
	"slices"
	"time"
)

const (
	leftAfter   = 3 * time.Second // outside for so long: the stay is over
	lostAfter   = 4 * time.Second // not seen for so long: the stay is over
	updateEvery = time.Second
	rejoinReach = 1.0         // a new track this near (in box heights) to a lost one continues its stay
	pauseMax    = time.Second // of going fast or the wrong way, before it is raised
	betterShot  = 1.3         // a snapshot so many times as good replaces the one there is
	wayLeast    = 0.15        // box heights a second, below which nobody goes any way
	wayCosine   = 0.5         // within 60 degrees of a direction
)

// zoneWatch applies rules about single objects in a zone: one stay of one
// object is one sighting, from entering to leaving.
type zoneWatch struct {
	rule
	stays  map[uint64]*stay // by the track that continues it now
	passed int              // counting
}

// stay is one object that meets a rule, for as long as it does.
type stay struct {
	sighting Sighting
	entered  time.Duration
	inside   time.Duration // last time it met the rule
	seen     time.Duration // last time seen anywhere
	updated  time.Duration
	shot     float64 // how good the snapshot is
	raised   bool
	counted  bool
	track    uint64
}

func newZoneWatch(r rule) *zoneWatch { return &zoneWatch{rule: r, stays: map[uint64]*stay{}} }

func (w *zoneWatch) observe(m moment, s scene) []Sighting {
	if !s.detected {
		return nil
	}
	live := make(map[uint64]bool, len(s.tracks))
	for _, t := range s.tracks {
		live[t.ID] = t.Seen
	}
	var out []Sighting
	for _, t := range s.tracks {
		known := w.stays[t.ID]
		if !t.Seen {
			if known != nil && t.Still(m.at) { // parked, and not found just now
				known.seen, known.inside = m.at, m.at
			}
			continue
		}
		if w.minds(t) || known != nil && known.raised {
			out = append(out, w.take(m, t, live)...)
		}
	}
	return out
}

// met tells whether the track meets the rule now.
func (w *zoneWatch) met(m moment, t *Track) bool {
	if !w.holds(stand(t.Box)) {
		return false
	}
	switch w.Kind {
	case FastMove:
		vx, vy := t.pace(m.aspect)
		return t.Hits >= hitsConfirm && math.Hypot(vx, vy) >= w.Speed
	case WrongWay:
		return t.goes(w.Direction, m.aspect)
	}
	return true
}

// take applies the rule to one track that is seen.
func (w *zoneWatch) take(m moment, t *Track, live map[uint64]bool) []Sighting {
	s := w.stays[t.ID]
	if s != nil {
		s.seen = m.at
	}
	if !w.met(m, t) {
		return nil
	}
	if s == nil {
		s = w.rejoin(t, live)
	}
	if s == nil || !s.raised && !s.counted && m.at-s.inside > pauseMax && w.pausing() {
		s = &stay{entered: m.at, sighting: w.sighting(m)}
		s.sighting.Track = t.ID
		if w.Kind == WrongWay {
			s.sighting.Direction = w.Direction
		}
	}
	w.stays[t.ID] = s
	s.track, s.inside, s.seen = t.ID, m.at, m.at
	return w.say(m, s, t)
}

// pausing tells whether it must go on without a pause to be raised.
func (w *zoneWatch) pausing() bool { return w.Kind == FastMove || w.Kind == WrongWay }

// say decides what is to be told of a stay that goes on.
func (w *zoneWatch) say(m moment, s *stay, t *Track) []Sighting {
	g := &s.sighting
	g.To, g.Box, g.Class = m.captured, t.Box.Clip(), t.Class
	g.Confidence = max(g.Confidence, t.Score)
	shot := t.Score * math.Sqrt(g.Box.W*g.Box.H)
	switch {
	case s.counted:
		return nil
	case !s.raised:
		if m.at-s.entered < w.Dwell || !w.inForce(m) {
			return nil
		}
		if w.Kind == Counting {
			s.counted = true
			w.passed++
			return w.tally(m, g)
		}
		s.raised, s.updated, s.shot = true, m.at, shot
		g.raise(m)
		return []Sighting{*g}
	case m.at-s.updated >= updateEvery:
		s.updated = m.at
		g.Phase, g.draw = Updated, shot > betterShot*s.shot
		if g.draw {
			s.shot = shot
		}
		return []Sighting{*g}
	}
	return nil
}

// tally raises and ends a sighting after each so many that entered.
func (w *zoneWatch) tally(m moment, g *Sighting) []Sighting {
	if w.passed%w.Count != 0 {
		return nil
	}
	g.Count = w.passed
	g.raise(m)
	return append([]Sighting{*g}, g.ended()...)
}

// stand is where the object stands, just inside the picture: whose feet are cut
// off stands in a zone that reaches down to the edge.
func stand(b Box) Point {
	const edge = 1e-3
	p := b.Foot()
	return Point{max(edge, min(1-edge, p.X)), max(edge, min(1-edge, p.Y))}
}

// rejoin finds the stay of a track that was lost close by: a box that flickers
// or an identity that changed behind a tree is the same stay.
func (w *zoneWatch) rejoin(t *Track, live map[uint64]bool) *stay {
	var best *stay
	near := math.Inf(1)
	for _, id := range slices.Sorted(maps.Keys(w.stays)) {
		s := w.stays[id]
		if live[id] {
			continue
		}
		a, b := s.sighting.Box.Foot(), t.Box.Foot()
		d := math.Hypot(a.X-b.X, a.Y-b.Y)
		if d <= rejoinReach*t.Box.H && d < near {
			best, near = s, d
		}
	}
	if best != nil {
		delete(w.stays, best.track)
	}
	return best
}

// expire ends the stays of those who left or were lost.
func (w *zoneWatch) expire(at time.Duration) []Sighting {
	var out []Sighting
	for _, id := range slices.Sorted(maps.Keys(w.stays)) {
		s := w.stays[id]
		if s.seen > s.inside && at-s.inside >= leftAfter || at-s.seen >= lostAfter {
			delete(w.stays, id)
			out = append(out, s.end()...)
		}
	}
	return out
}

func (w *zoneWatch) finish() []Sighting {
	var out []Sighting
	for _, id := range slices.Sorted(maps.Keys(w.stays)) {
		out = append(out, w.stays[id].end()...)
	}
	clear(w.stays)
	return out
}

func (s *stay) end() []Sighting {
	if !s.raised {
		return nil
	}
	return s.sighting.ended()
}

func (w *zoneWatch) open() int {
	n := 0
	for _, s := range w.stays {
		if s.raised {
			n++
		}
	}
	return n
}
