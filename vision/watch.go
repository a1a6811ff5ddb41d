package vision

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

const (
	leftAfter   = 3 * time.Second // outside for so long: the stay is over
	lostAfter   = 4 * time.Second // not seen for so long: the stay is over
	updateEvery = time.Second
	rejoinReach = 1.0 // a new track this near (in box heights) to a lost one continues its stay

	lineMargin  = 0.006           // beside a line, in picture units: neither side
	crossAgain  = 2 * time.Second // one track crosses a line once in
	crossForget = lostMax         // a track's side of a line is forgotten
)

// moment is the instant of a frame on the three clocks that matter here.
type moment struct {
	at       time.Duration // media time: what intervals are measured in
	captured time.Time     // what people read, and schedules
	received time.Time     // for the latency
}

// watch applies a camera's rules to its tracks and makes sightings of them.
type watch struct {
	cfg       Config
	rules     []rule
	stays     []map[uint64]*stay     // by rule, then track
	crossings []map[uint64]*crossing // by rule, then track
}

// stay is one object in one zone, from entering to leaving.
type stay struct {
	sighting Sighting
	entered  time.Duration
	inside   time.Duration // last time inside
	seen     time.Duration // last time seen anywhere
	updated  time.Duration
	raised   bool
	track    uint64 // which continues it now
}

// crossing is on which side of a line a track was last.
type crossing struct {
	foot    Point
	side    float64 // -1 left, 1 right
	seen    time.Duration
	crossed time.Duration
	ever    bool
}

func newWatch(cfg Config) (*watch, error) {
	w := &watch{cfg: cfg}
	for _, r := range cfg.Rules {
		p, err := prepare(r, cfg)
		if err != nil {
			return nil, err
		}
		w.rules = append(w.rules, p)
		w.stays = append(w.stays, map[uint64]*stay{})
		w.crossings = append(w.crossings, map[uint64]*crossing{})
	}
	return w, nil
}

// observe takes the tracks of one frame and returns what is to be said, in
// order. Raised sightings want a snapshot of this frame.
func (w *watch) observe(m moment, tracks []*Track) []Sighting {
	var out []Sighting
	live := make(map[uint64]bool, len(tracks))
	for _, t := range tracks {
		live[t.ID] = t.Seen
	}
	for i := range w.rules {
		r := &w.rules[i]
		for _, t := range tracks {
			switch {
			case !t.Seen || !r.minds(t):
			case r.Kind == Tripwire:
				out = append(out, w.cross(i, m, t)...)
			default:
				out = append(out, w.dwell(i, m, t, live)...)
			}
		}
	}
	return append(out, w.expire(m.at)...)
}

// dwell applies an intrusion or loitering rule to one track.
func (w *watch) dwell(i int, m moment, t *Track, live map[uint64]bool) []Sighting {
	r, stays := &w.rules[i], w.stays[i]
	s := stays[t.ID]
	if s != nil {
		s.seen = m.at
	}
	if !Inside(stand(t.Box), r.zone) {
		return nil
	}
	if s == nil {
		s = w.rejoin(stays, t, live)
	}
	if s == nil {
		s = &stay{entered: m.at, sighting: Sighting{
			Camera: w.cfg.Camera, Rule: r.Name, Kind: r.Kind, Zone: r.Zone, Track: t.ID, Priority: r.Priority, From: m.captured,
		}}
	}
	stays[t.ID] = s
	s.track, s.inside, s.seen = t.ID, m.at, m.at
	g := &s.sighting
	g.To, g.Box, g.Class = m.captured, t.Box.Clip(), t.Class
	g.Confidence = max(g.Confidence, t.Score)
	switch {
	case !s.raised:
		if m.at-s.entered < r.Dwell || !r.schedule.Covers(m.captured, r.loc) {
			return nil
		}
		s.raised, s.updated = true, m.at
		g.ID, g.Phase, g.FrameAt, g.ReceivedAt = newID(m.captured), Raised, m.captured, m.received
	case m.at-s.updated >= updateEvery:
		s.updated = m.at
		g.Phase = Updated
	default:
		return nil
	}
	return []Sighting{*g}
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
func (w *watch) rejoin(stays map[uint64]*stay, t *Track, live map[uint64]bool) *stay {
	var best *stay
	near := math.Inf(1)
	for _, id := range slices.Sorted(maps.Keys(stays)) {
		s := stays[id]
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
		delete(stays, best.track)
	}
	return best
}

// cross applies a tripwire rule to one track. A crossing has no duration: it
// is raised and ended at once.
func (w *watch) cross(i int, m moment, t *Track) []Sighting {
	r, c := &w.rules[i], w.crossings[i][t.ID]
	foot := stand(t.Box)
	off := r.line.Offset(foot)
	if c == nil {
		c = &crossing{}
		w.crossings[i][t.ID] = c
	}
	c.seen = m.at
	if math.Abs(off) < lineMargin {
		return nil
	}
	side := math.Copysign(1, off)
	was := *c
	c.side, c.foot = side, foot
	if was.side == 0 || was.side == side || !r.line.CrossedBy(was.foot, foot) {
		return nil
	}
	direction := LeftToRight
	if side < 0 {
		direction = RightToLeft
	}
	if r.Direction != "" && r.Direction != direction || was.ever && m.at-was.crossed < crossAgain || !r.schedule.Covers(m.captured, r.loc) {
		return nil
	}
	c.crossed, c.ever = m.at, true
	raised := Sighting{
		ID: newID(m.captured), Phase: Raised, Camera: w.cfg.Camera, Rule: r.Name, Kind: r.Kind, Line: r.Line, Direction: direction,
		Track: t.ID, Class: t.Class, Priority: r.Priority, From: m.captured, To: m.captured, Confidence: t.Score,
		Box: t.Box.Clip(), FrameAt: m.captured, ReceivedAt: m.received,
	}
	ended := raised
	ended.Phase = Ended
	return []Sighting{raised, ended}
}

// expire ends the stays of those who left or were lost; it must be called as
// media time goes on, frames or not.
func (w *watch) expire(at time.Duration) []Sighting {
	var out []Sighting
	for i := range w.rules {
		for _, id := range slices.Sorted(maps.Keys(w.stays[i])) {
			s := w.stays[i][id]
			gone := s.seen > s.inside && at-s.inside >= leftAfter || at-s.seen >= lostAfter
			if !gone {
				continue
			}
			delete(w.stays[i], id)
			out = append(out, s.end()...)
		}
		for id, c := range w.crossings[i] {
			if at-c.seen > crossForget {
				delete(w.crossings[i], id)
			}
		}
	}
	return out
}

// finish ends every stay: nobody watches any more.
func (w *watch) finish() []Sighting {
	var out []Sighting
	for i := range w.rules {
		for _, id := range slices.Sorted(maps.Keys(w.stays[i])) {
			out = append(out, w.stays[i][id].end()...)
		}
		clear(w.stays[i])
		clear(w.crossings[i])
	}
	return out
}

func (s *stay) end() []Sighting {
	if !s.raised {
		return nil
	}
	s.sighting.Phase = Ended
	return []Sighting{s.sighting}
}

// open is the number of sightings that were raised and not ended.
func (w *watch) open() int {
	n := 0
	for _, stays := range w.stays {
		for _, s := range stays {
			if s.raised {
				n++
			}
		}
	}
	return n
}

func newID(t time.Time) string {
	return ulid.MustNew(ulid.Timestamp(t), ulid.DefaultEntropy()).String()
}
