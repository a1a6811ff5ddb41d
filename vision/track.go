package vision

import (
	"math"
	"time"
)

// How boxes move and how well detectors place them, as shares of the box.
const (
	placeNoise = 0.03 // of the place, standard deviation
	sizeNoise  = 0.14 // of the size
	placeAccel = 0.58 // change of velocity a second, box sizes a second
	sizeAccel  = 0.012
	speedFirst = 1.8 // box sizes a second: how fast somebody new may be

	weakNoise = 2.0  // of a detection that is not sure
	partAfter = 5    // detections: then its size is known
	partShare = 0.72 // a box that is so much smaller or larger is a part, or two
	partNoise = 2.75

	stillReach = 0.25             // of its box: less is no move
	stillAfter = 5 * time.Second  // without a move: it stands
	stillMax   = 60 * time.Second // a standing vehicle that is not seen is believed to be there

	// Who is hidden is believed to walk on, ever slower.
	driftOver   = 0.45 // seconds of its way that say where
	hiddenSlows = 0.90 // seconds in which the velocity falls to 1/e
)

// Track is one object over frames.
type Track struct {
	ID        uint64
	Class     Class
	Score     float64 // mean of the recent detections, 0..1
	Box       Box     // where it is; of a track that is not seen, where it should be
	Hits      int     // moments so far at which it was detected
	Confirmed bool
	Seen      bool          // in the newest frame
	Hidden    bool          // not seen, but believed to be at Box: hidden for a moment
	Last      time.Duration // media time when it was seen last
	First     time.Duration // media time when it was seen first

	x, y, w, h axis          // centre and size
	stamp      time.Duration // media time of the axes
	origin     Box           // where it was seen first
	proven     bool          // something moved where it began, or it moved itself
	settled    time.Duration // media time since when it stands at anchor
	anchor     Point
	counted    time.Duration // media time of the newest moment
	walked     bool          // far from where it began
	strong     time.Duration // media time when it was surely something last
	misses     int
	dx, dy     float64    // drift: its velocity over the last seconds, picture units a second
	votes      [6]float64 // by Classes: scores, older ones less
}

func newTrack(id uint64, at time.Duration, d Detection) *Track {
	t := &Track{
		ID: id, Class: d.Class, Score: d.Score, Box: d.Box, Hits: 1, Seen: true, Last: at, First: at, stamp: at, origin: d.Box,
		anchor: d.Box.Foot(), settled: at, counted: at, strong: at,
	}
	c, w, h := d.Box.Centre(), d.Box.W, d.Box.H
	t.x = firstSeen(c.X, placeNoise*w, speedFirst*w)
	t.y = firstSeen(c.Y, placeNoise*h, speedFirst*h*0.5)
	t.w = firstSeen(w, sizeNoise*w, 0.1*w)
	t.h = firstSeen(h, sizeNoise*h, 0.1*h)
	t.vote(d)
	return t
}

// advance brings the track to media time at, where it should be then.
func (t *Track) advance(at time.Duration) {
	dt := (at - t.stamp).Seconds()
	if dt <= 0 {
		return
	}
	t.stamp = at
	w, h := t.w.pos, t.h.pos
	t.x.advance(dt, placeAccel*w)
	t.y.advance(dt, placeAccel*h)
	t.w.advance(dt, sizeAccel*w)
	t.h.advance(dt, sizeAccel*h)
	if t.misses > 0 {
		slow := math.Exp(-dt / hiddenSlows)
		t.dx *= slow
		t.dy *= slow
		t.x.vel, t.y.vel, t.w.vel, t.h.vel = t.dx, t.dy, 0, 0
	}
	t.place()
}

// predict is where the track should be at media time at.
func (t *Track) predict(at time.Duration) Box {
	dt := min(at-t.stamp, coastMax).Seconds()
	return t.Box.moved(t.x.vel*dt, t.y.vel*dt)
}

func (t *Track) place() {
	w, h := max(t.w.pos, 1e-4), max(t.h.pos, 1e-4)
	t.Box = Box{t.x.pos - w/2, t.y.pos - h/2, w, h}
}

// take continues the track, which was brought to media time at, by a detection.
func (t *Track) take(at time.Duration, d Detection) {
	seen, unsure := t.whole(d.Box)
	if d.Score < scoreSure {
		unsure *= weakNoise
	}
	c, w, h := seen.Centre(), t.w.pos, t.h.pos
	t.x.correct(c.X, unsure*placeNoise*w)
	t.y.correct(c.Y, unsure*placeNoise*h)
	t.w.correct(d.Box.W, unsure*sizeNoise*w)
	t.h.correct(d.Box.H, unsure*sizeNoise*h)
	t.place()
	if unsure == 1 { // who is half hidden seems to jump
		n := min(float64(t.Hits), driftOver/max((at-t.Last).Seconds(), 1e-3))
		t.dx += (t.x.vel - t.dx) / max(n, 1)
		t.dy += (t.y.vel - t.dy) / max(n, 1)
	}
	t.vote(d)
	n := min(float64(t.Hits+1), 5)
	t.Score += (d.Score - t.Score) / n
	t.Last, t.Seen, t.Hidden, t.misses = at, true, false, 0
	if at-t.counted >= momentLeast {
		t.Hits, t.counted = t.Hits+1, at
	}
	t.walked = t.walked || t.from(t.origin) > walkShare
	if t.Score >= scoreNever || t.walked && t.Score >= scoreWeak {
		t.strong = at
	}
	t.proven = t.proven || t.strayed()
	if f := t.Box.Foot(); math.Abs(f.X-t.anchor.X) > stillReach*t.Box.W || math.Abs(f.Y-t.anchor.Y) > stillReach*t.Box.H {
		t.anchor, t.settled = f, at
	}
}

// whole is the box of which the detection is likely the part that shows, and
// how much less it is to be believed: behind a wall a person does not shrink,
// and in front of another does not grow.
func (t *Track) whole(b Box) (Box, float64) {
	if t.Hits < partAfter {
		return b, 1
	}
	was, unsure := t.Box, 1.0
	if b.H < partShare*was.H {
		b.Y, b.H, unsure = part(b.Y, b.H, was.Y, was.H), was.H, partNoise
	}
	if b.W < partShare*was.W {
		b.X, b.W, unsure = part(b.X, b.W, was.X, was.W), was.W, partNoise
	}
	if b.H*partShare > was.H || b.W*partShare > was.W {
		unsure = partNoise
	}
	return b, unsure
}

// part is where a span of length was begins, of which only now to now+n is
// seen: the end that is where it was expected is the one that shows.
func part(now, n, was, length float64) float64 {
	if math.Abs(now-was) <= math.Abs(now+n-was-length) {
		return now
	}
	return now + n - length
}

// strayed tells whether the track has left the place where it began: a sign
// that is taken for a person never does.
func (t *Track) strayed() bool {
	a, b := t.origin.Foot(), t.Box.Foot()
	return math.Abs(a.X-b.X) > strayShare*t.origin.W || math.Abs(a.Y-b.Y) > strayShare*t.origin.H
}

// from is how many of its widths it stands away from where it was.
func (t *Track) from(was Box) float64 {
	a, b := was.Foot(), t.Box.Foot()
	return math.Hypot(a.X-b.X, a.Y-b.Y) / max(t.Box.W, 1e-4)
}

// faint tells whether the detector has not been sure of it for long, and it has
// not moved: it is nobody, but what one went behind. Vehicles stand.
func (t *Track) faint(at time.Duration) bool {
	return t.Class == Person && at-t.strong >= weakMost && at-t.settled >= weakMost
}

// vote makes the class what most of the newer detections said.
func (t *Track) vote(d Detection) {
	best := -1.0
	for i, c := range Classes() {
		t.votes[i] *= 0.9
		if c == d.Class {
			t.votes[i] += d.Score
		}
		if t.votes[i] > best {
			best, t.Class = t.votes[i], c
		}
	}
}

// confirm tells whether the track counts from now on.
func (t *Track) confirm() {
	enough := t.Hits >= hitsConfirm || t.Hits >= hitsConfirmSure && t.Score >= scoreConfirm
	t.Confirmed = t.Confirmed || t.proven && enough
}

// hide decides whether a track that was not seen is believed to be there:
// hidden by something, not gone from the picture.
func (t *Track) hide(at time.Duration) {
	const rim = 0.004
	b := t.Box
	within := b.X > rim && b.Y > rim && b.X+b.W < 1-rim && b.Y+b.H < 1-rim
	t.Hidden = t.Confirmed && !t.Seen && within && t.Hits >= hiddenHits && at-t.Last <= hiddenMax
}

// pace is the velocity in box heights a second, right and down; aspect is the
// picture's width over its height.
func (t *Track) pace(aspect float64) (vx, vy float64) {
	if aspect == 0 {
		aspect = 16.0 / 9
	}
	h := max(t.Box.H, 1e-4)
	return t.dx * aspect / h, t.dy / h
}

// goes tells whether the track goes into a direction of the picture.
func (t *Track) goes(direction string, aspect float64) bool {
	vx, vy := t.pace(aspect)
	speed := math.Hypot(vx, vy)
	if t.Hits < hitsConfirm || speed < wayLeast {
		return false
	}
	along := map[string]float64{Up: -vy, Down: vy, Left: -vx, Right: vx}[direction]
	return along/speed >= wayCosine
}

// Still tells whether the track is a vehicle that stands: when the detector
// misses it for a while it is there all the same.
func (t *Track) Still(at time.Duration) bool {
	return t.Class != Person && t.Confirmed && at-t.settled >= stillAfter && at-t.Last <= stillMax
}
