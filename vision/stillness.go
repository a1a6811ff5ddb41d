package vision

import "time"

const (
	// calmMax is how much of the time before may have been without any change:
	// on a camera that sends no noise a still scene tells nothing.
	calmMax    = 0.3
	calmMemory = 5 * time.Minute
)

// stillness finds pictures that come again and again: on a live camera noise
// changes some pixel all the time.
type stillness struct {
	ref    []byte
	from   time.Time
	since  time.Duration // of the stretch without a change
	at     time.Duration
	looks  int           // in it
	calm   time.Duration // spent without a change, lately
	all    time.Duration // of all
	frozen bool
}

// look tells whether the picture is frozen, and since when it has been the same.
func (s *stillness) look(m moment, v *View) (bool, time.Time) {
	if len(s.ref) != len(v.Luma) {
		*s = stillness{ref: append([]byte(nil), v.Luma...), since: m.at, at: m.at, from: m.captured}
		return false, s.from
	}
	dt := m.at - s.at
	s.at = m.at
	if s.changed(v) {
		if !s.frozen { // a stretch that ended by itself is how this camera is
			s.calm += max(0, m.at-s.since-time.Second)
			s.all += m.at - s.since
			if s.all > calmMemory {
				s.calm, s.all = s.calm/2, s.all/2
			}
		}
		copy(s.ref, v.Luma)
		s.since, s.from, s.looks, s.frozen = m.at, m.captured, 0, false
		return false, s.from
	}
	if dt > 0 {
		s.looks++
	}
	usual := s.all >= frozenAfter && float64(s.calm) <= calmMax*float64(s.all)
	if usual && m.at-s.since >= frozenAfter && s.looks >= frozenLooks {
		s.frozen = true
	}
	return s.frozen, s.from
}

// changed tells whether any pixel differs from the stretch's first picture by
// more than what encoding the same picture again makes.
func (s *stillness) changed(v *View) bool {
	for i, p := range v.Luma {
		if d := int(p) - int(s.ref[i]); d > frozenLevels || d < -frozenLevels {
			return true
		}
	}
	return false
}
