package vision

import (
	"math"
	"time"
)

const (
	lineMargin  = 0.006            // beside a line, in picture units: neither side
	crossAgain  = 2 * time.Second  // one track crosses a line once in: a box that trembles on it does so often
	crossForget = 10 * time.Second // a track's side of a line is forgotten
)

// lineWatch applies rules about crossing a line. A crossing has no duration:
// it is raised and ended at once.
type lineWatch struct {
	rule
	sides  map[uint64]*crossing // by track
	passed int                  // counting
}

// crossing is on which side of a line a track was last.
type crossing struct {
	foot    Point
	side    float64 // -1 left, 1 right
	seen    time.Duration
	crossed time.Duration
	ever    bool
	owed    bool // it has crossed since, and has not crossed back
}

func newLineWatch(r rule) *lineWatch { return &lineWatch{rule: r, sides: map[uint64]*crossing{}} }

func (w *lineWatch) observe(m moment, s scene) []Sighting {
	if !s.detected {
		return nil
	}
	var out []Sighting
	for _, t := range s.tracks {
		if t.Seen && (w.minds(t) || w.sides[t.ID] != nil) {
			out = append(out, w.take(m, t)...)
		}
	}
	return out
}

func (w *lineWatch) take(m moment, t *Track) []Sighting {
	c := w.sides[t.ID]
	foot := stand(t.Box)
	off := w.line.Offset(foot)
	if c == nil {
		c = &crossing{}
		w.sides[t.ID] = c
	}
	c.seen = m.at
	if math.Abs(off) < lineMargin {
		return nil
	}
	side := math.Copysign(1, off)
	was := *c
	c.side, c.foot = side, foot
	if was.side != 0 && was.side != side && w.line.CrossedBy(was.foot, foot) {
		c.owed = !c.owed
	}
	if !c.owed || c.ever && m.at-c.crossed < crossAgain {
		return nil // who turned back at once is told of later, if he stays there
	}
	c.owed = false
	direction := LeftToRight
	if side < 0 {
		direction = RightToLeft
	}
	if w.Direction != "" && w.Direction != direction || !w.inForce(m) {
		return nil
	}
	c.crossed, c.ever = m.at, true
	w.passed++
	if w.Kind == Counting && w.passed%w.Count != 0 {
		return nil
	}
	g := w.sighting(m)
	g.Direction, g.Track, g.Class, g.Confidence, g.Box = direction, t.ID, t.Class, t.Score, t.Box.Clip()
	if w.Kind == Counting {
		g.Count = w.passed
	}
	g.raise(m)
	return append([]Sighting{g}, g.ended()...)
}

func (w *lineWatch) expire(at time.Duration) []Sighting {
	for id, c := range w.sides {
		if at-c.seen > crossForget {
			delete(w.sides, id)
		}
	}
	return nil
}

func (w *lineWatch) finish() []Sighting {
	clear(w.sides)
	return nil
}

func (w *lineWatch) open() int { return 0 }
