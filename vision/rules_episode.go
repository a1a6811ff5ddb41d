package vision

import (
	"slices"
	"time"
)

// episode is one sighting of something that either is or is not: it is raised
// when it has lasted, bridges short pauses, and ends when it is over.
type episode struct {
	sighting Sighting
	since    time.Duration // media time of its beginning
	last     time.Duration // media time at which it was so
	updated  time.Duration
	running  bool
	raised   bool
}

// step takes whether it is so at m; fill completes the sighting while it is.
func (e *episode) step(m moment, r *rule, is bool, release time.Duration, fill func(*Sighting)) []Sighting {
	if !is {
		return e.expire(m.at, release)
	}
	if !e.running {
		*e = episode{running: true, since: m.at, sighting: r.sighting(m)}
	}
	e.last = m.at
	e.sighting.To = m.captured
	fill(&e.sighting)
	switch {
	case !e.raised && m.at-e.since >= r.Dwell && r.inForce(m):
		e.raised, e.updated = true, m.at
		e.sighting.raise(m)
		return []Sighting{e.sighting}
	case e.raised && m.at-e.updated >= updateEvery:
		e.updated = m.at
		e.sighting.Phase, e.sighting.draw = Updated, false
		return []Sighting{e.sighting}
	}
	return nil
}

// expire ends it when it has not been so for release.
func (e *episode) expire(at, release time.Duration) []Sighting {
	if !e.running || at-e.last < release {
		return nil
	}
	return e.finish()
}

func (e *episode) finish() []Sighting {
	s := e.sighting
	raised := e.raised
	*e = episode{}
	if !raised {
		return nil
	}
	return s.ended()
}

func (e *episode) open() int {
	if e.raised {
		return 1
	}
	return 0
}

const (
	crowdRelease  = 5 * time.Second // too few for so long: the crowd is gone
	motionRelease = 5 * time.Second
)

// crowdWatch counts who is in a zone at once.
type crowdWatch struct {
	rule
	episode
}

func (w *crowdWatch) observe(m moment, s scene) []Sighting {
	if !s.detected {
		return nil
	}
	var in []*Track
	for _, t := range s.tracks {
		if (t.Seen || t.Hidden || t.Still(m.at)) && w.minds(t) && w.holds(stand(t.Box)) {
			in = append(in, t)
		}
	}
	// Once it is a crowd, one fewer does not end it: boxes flicker.
	least := w.Count
	if w.raised && least > 2 {
		least--
	}
	return w.step(m, &w.rule, len(in) >= least, crowdRelease, func(g *Sighting) {
		g.Count = max(g.Count, len(in))
		g.Box, g.Class, g.Track = around(in), in[0].Class, in[0].ID
		sum := 0.0
		for _, t := range in {
			sum += t.Score
		}
		g.Confidence = max(g.Confidence, sum/float64(len(in)))
	})
}

func (w *crowdWatch) expire(at time.Duration) []Sighting { return w.episode.expire(at, crowdRelease) }

// around is the box around all tracks.
func around(tracks []*Track) Box {
	boxes := make([]Box, len(tracks))
	for i, t := range tracks {
		boxes[i] = t.Box
	}
	return union(boxes).Clip()
}

// union is the box around all boxes.
func union(boxes []Box) Box {
	if len(boxes) == 0 {
		return Box{}
	}
	x0, y0, x1, y1 := boxes[0].X, boxes[0].Y, boxes[0].X+boxes[0].W, boxes[0].Y+boxes[0].H
	for _, b := range boxes[1:] {
		x0, y0, x1, y1 = min(x0, b.X), min(y0, b.Y), max(x1, b.X+b.W), max(y1, b.Y+b.H)
	}
	return Box{x0, y0, x1 - x0, y1 - y0}
}

// motionWatch sees that anything moves, whatever it is.
type motionWatch struct {
	rule
	episode
}

func (w *motionWatch) observe(m moment, s scene) []Sighting {
	if s.detected {
		return nil
	}
	area := 0.0
	var in []Box
	for _, b := range s.motion.Regions {
		if b.W*b.H > 0 && w.holds(b.Centre()) || w.touches(b) {
			area += b.W * b.H
			in = append(in, b)
		}
	}
	return w.step(m, &w.rule, area >= w.MinArea, motionRelease, func(g *Sighting) {
		g.Box, g.Confidence = union(in).Clip(), 1
	})
}

// touches tells whether a corner of the box lies in the zone.
func (w *motionWatch) touches(b Box) bool {
	return slices.ContainsFunc([]Point{{b.X, b.Y}, {b.X + b.W, b.Y}, {b.X, b.Y + b.H}, {b.X + b.W, b.Y + b.H}}, w.holds)
}

func (w *motionWatch) expire(at time.Duration) []Sighting { return w.episode.expire(at, motionRelease) }
