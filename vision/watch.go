package vision

import (
	"time"

	"github.com/oklog/ulid/v2"
)

// moment is the instant of a frame on the three clocks that matter here.
type moment struct {
	at       time.Duration // media time: what intervals are measured in
	captured time.Time     // what people read, and schedules
	received time.Time     // for the latency
	aspect   float64       // width of the picture over its height; 0 is unknown
	keys     int           // key pictures so far, this one included
	keyBytes int           // of the newest
}

// scene is what was seen on a frame. Tracks are only there when the detector
// looked (detected), the rest whenever frames were compared.
type scene struct {
	detected bool
	tracks   []*Track
	motion   Motion
	changes  []Change
	health   []Fault
}

// watcher applies one rule to a camera. All say what is to be told, in order.
type watcher interface {
	observe(m moment, s scene) []Sighting
	// expire must be called as media time goes on, frames or not.
	expire(at time.Duration) []Sighting
	// finish ends all: nobody watches any more.
	finish() []Sighting
	// open is the number of sightings that were raised and not ended.
	open() int
}

// watch applies a camera's rules and makes sightings of what they see.
type watch struct {
	watchers  []watcher
	tracks    []*Track // the newest
	inspector inspector
	backdrop  *backdrop // nil: no rule is about things
	faults    []Fault   // the newest
	blind     []Blindness
}

func newWatch(cfg Config) (*watch, error) {
	w := &watch{}
	for _, r := range cfg.Rules {
		p, err := prepare(r, cfg)
		if err != nil {
			return nil, err
		}
		w.watchers = append(w.watchers, newWatcher(p))
		if p.Kind == LeftObject || p.Kind == RemovedObject {
			w.backdrop = &backdrop{}
		}
	}
	return w, nil
}

func newWatcher(r rule) watcher {
	switch {
	case r.Kind == Crowd:
		return &crowdWatch{rule: r}
	case r.Kind == MotionSeen:
		return &motionWatch{rule: r}
	case r.Kind == LeftObject || r.Kind == RemovedObject:
		return newChangeWatch(r)
	case !NeedsOf(r.Kind).Objects:
		return &healthWatch{rule: r}
	case r.Line != "":
		return newLineWatch(r)
	}
	return newZoneWatch(r)
}

// observe takes the tracks of a frame that the detector looked at.
func (w *watch) observe(m moment, tracks []*Track) []Sighting {
	w.tracks = tracks
	return w.each(func(x watcher) []Sighting {
		return append(x.observe(m, scene{detected: true, tracks: tracks}), x.expire(m.at)...)
	})
}

// compare takes what differs on a frame from those before it, and judges the
// picture itself.
func (w *watch) compare(m moment, motion Motion) []Sighting {
	s := scene{tracks: w.tracks, motion: motion, health: w.inspector.look(m, &motion, w.tracks)}
	if w.backdrop != nil {
		s.changes = w.backdrop.look(m, &motion.View, w.tracks)
	}
	w.note(m, s.health)
	return w.each(func(x watcher) []Sighting { return x.observe(m, s) })
}

// lose says that no picture has come for long, at m.
func (w *watch) lose(m moment, since time.Time) []Sighting {
	fault := Fault{Kind: VideoLoss, From: since, Why: "no picture comes"}
	return w.each(func(x watcher) []Sighting {
		if h, ok := x.(*healthWatch); ok && h.Kind == VideoLoss {
			return h.observe(m, scene{health: []Fault{fault}})
		}
		return nil
	})
}

func (w *watch) expire(at time.Duration) []Sighting {
	return w.each(func(x watcher) []Sighting { return x.expire(at) })
}

func (w *watch) finish() []Sighting { return w.each(watcher.finish) }

func (w *watch) each(ask func(watcher) []Sighting) []Sighting {
	var out []Sighting
	for _, x := range w.watchers {
		out = append(out, ask(x)...)
	}
	return out
}

func (w *watch) open() int {
	n := 0
	for _, x := range w.watchers {
		n += x.open()
	}
	return n
}

// sighting is one of the rule that is to be raised at m.
func (r *rule) sighting(m moment) Sighting {
	return Sighting{
		Camera: r.camera, Rule: r.Name, Kind: r.Kind, Zone: r.Zone, Line: r.Line, Priority: r.Priority,
		From: m.captured, To: m.captured,
	}
}

// raise makes the sighting one that begins now.
func (s *Sighting) raise(m moment) {
	s.ID, s.Phase, s.FrameAt, s.ReceivedAt, s.draw = newID(m.captured), Raised, m.captured, m.received, true
}

// ended is the end of the sighting, if it was raised.
func (s Sighting) ended() []Sighting {
	if s.ID == "" {
		return nil
	}
	s.Phase, s.draw = Ended, false
	return []Sighting{s}
}

func newID(t time.Time) string {
	return ulid.MustNew(ulid.Timestamp(t), ulid.DefaultEntropy()).String()
}
