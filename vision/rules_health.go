package vision

import "time"

// Fault is something wrong with the picture itself, now.
type Fault struct {
	Kind string    // video_covered, video_defocused, video_moved, video_frozen, video_loss
	From time.Time // Captured of the first picture of it
	Why  string    // in words
}

// healthRelease is nothing: picture health has its own hysteresis.
const healthRelease = 0

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
			return w.step(m, &w.rule, true, healthRelease, func(g *Sighting) { g.From, g.Confidence, g.Box = f.From, 1, Box{W: 1, H: 1} })
		}
	}
	return w.step(m, &w.rule, false, healthRelease, nil)
}

// expire does nothing: a fault lasts until a picture shows that it is over.
func (w *healthWatch) expire(time.Duration) []Sighting { return nil }
