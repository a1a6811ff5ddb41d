package vision

import (
	"context"
	"slices"
	"time"
)

// Fault is something wrong with the picture itself, now.
type Fault struct {
	Kind string    // video_covered, video_defocused, video_moved, video_frozen, video_loss
	From time.Time // Captured of the first picture of it
	Why  string    // in words
}

// Blindness is a fault of the picture that has begun, or is over at To.
type Blindness struct {
	Fault
	To time.Time // zero: it goes on
}

// note tells faults that are new from those that are over.
func (w *watch) note(m moment, now []Fault) {
	has := func(list []Fault, kind string) bool {
		return slices.ContainsFunc(list, func(f Fault) bool { return f.Kind == kind })
	}
	for _, f := range now {
		if !has(w.faults, f.Kind) {
			w.blind = append(w.blind, Blindness{Fault: f})
		}
	}
	for _, f := range w.faults {
		if !has(now, f.Kind) {
			w.blind = append(w.blind, Blindness{f, m.captured})
		}
	}
	w.faults = now
}

// news is what of it was not told yet.
func (w *watch) news() []Blindness {
	out := w.blind
	w.blind = nil
	return out
}

// blinds hands on what begins or ends to hide the view.
func (a *Analyzer) blinds(ctx context.Context) {
	for _, b := range a.watch.news() {
		a.log.Warn("picture health", "kind", b.Kind, "from", b.From, "to", b.To, "why", b.Why)
		if a.parts.Blind != nil {
			a.parts.Blind(ctx, b)
		}
	}
}

// lossAfter is how long no picture may come before that is video_loss.
const lossAfter = 5 * time.Second

// healthWatch makes sightings of one fault of the picture.
type healthWatch struct {
	rule
	episode
}

func (w *healthWatch) observe(m moment, s scene) []Sighting {
	if s.detected {
		return nil
	}
	for _, f := range s.health {
		if f.Kind == w.Kind {
			return w.step(m, &w.rule, true, 0, func(g *Sighting) { g.From, g.Confidence, g.Box = f.From, 1, Box{W: 1, H: 1} })
		}
	}
	return w.finish() // at once: picture health has its own hysteresis
}

// expire does nothing: a fault lasts until a picture shows that it is over.
func (w *healthWatch) expire(time.Duration) []Sighting { return nil }
