package vision

import (
	"time"
)

// Change is a thing that was put down, or is gone, and how long the picture
// has been so.
type Change struct {
	Box     Box
	Removed bool          // it was there and is gone
	Lasts   time.Duration // how long it has been so
	Area    float64       // share of the picture
}

const (
	changeRelease = 5 * time.Second // as before for so long: it is over
	changeSame    = 0.3             // overlap of a change with one known
	trackCovers   = 0.3             // share of a change that a track covers: it is the object itself
)

// changeWatch makes a sighting of each thing that was left or taken.
type changeWatch struct {
	rule
	episodes []*changed
}

type changed struct {
	episode
	box Box
}

func newChangeWatch(r rule) *changeWatch { return &changeWatch{rule: r} }

func (w *changeWatch) observe(m moment, s scene) []Sighting {
	if s.detected {
		return nil
	}
	var out []Sighting
	for _, c := range s.changes {
		if c.Removed != (w.Kind == RemovedObject) || c.Area < w.MinArea || !w.holds(c.Box.Foot()) && !w.holds(c.Box.Centre()) {
			continue
		}
		known := w.known(c.Box)
		if known == nil {
			if c.Lasts < w.Dwell || covered(c.Box, s.tracks) {
				continue
			}
			known = &changed{box: c.Box}
			w.episodes = append(w.episodes, known)
		}
		known.box = c.Box
		// The change has lasted already: the rule's dwell is over.
		now := w.rule
		now.Dwell = 0
		out = append(out, known.step(m, &now, true, changeRelease, func(g *Sighting) {
			if g.ID == "" {
				g.From = m.captured.Add(-c.Lasts)
			}
			g.Box, g.Confidence = c.Box, 1
		})...)
	}
	return append(out, w.expire(m.at)...)
}

func (w *changeWatch) known(b Box) *changed {
	for _, e := range w.episodes {
		if IoU(e.box, b) >= changeSame {
			return e
		}
	}
	return nil
}

// covered tells whether a track accounts for the change: whoever stands or
// parks there is no thing that was left.
func covered(b Box, tracks []*Track) bool {
	for _, t := range tracks {
		w := min(b.X+b.W, t.Box.X+t.Box.W) - max(b.X, t.Box.X)
		h := min(b.Y+b.H, t.Box.Y+t.Box.H) - max(b.Y, t.Box.Y)
		if w > 0 && h > 0 && w*h >= trackCovers*b.W*b.H {
			return true
		}
	}
	return false
}

func (w *changeWatch) expire(at time.Duration) []Sighting {
	var out []Sighting
	kept := w.episodes[:0]
	for _, e := range w.episodes {
		out = append(out, e.expire(at, changeRelease)...)
		if e.running {
			kept = append(kept, e)
		}
	}
	clear(w.episodes[len(kept):])
	w.episodes = kept
	return out
}

func (w *changeWatch) finish() []Sighting {
	var out []Sighting
	for _, e := range w.episodes {
		out = append(out, e.finish()...)
	}
	w.episodes = nil
	return out
}

func (w *changeWatch) open() int {
	n := 0
	for _, e := range w.episodes {
		n += e.open()
	}
	return n
}
