package vision

import (
	"math"
	"time"

	"github.com/watchpost-edge/watchpost/vision/internal/assign"
)

// Tracking follows ByteTrack (Zhang et al., 2022): sure detections are matched
// first, unsure ones only continue tracks that nobody else took. Motion is a
// Kalman filter of constant velocity, and what is matched is boxes alone:
// nothing of how anybody looks.
const (
	scoreSure  = 0.56 // begins a track
	scoreMaybe = 0.10 // continues one

	// momentLeast is the time between detections that count as two: more pictures
	// a second say the same more often.
	momentLeast = 80 * time.Millisecond

	hitsConfirm     = 3 // a track counts after so many detections
	hitsConfirmSure = 2 // or so many with a mean score of scoreConfirm
	scoreConfirm    = 0.7

	// Who is unsure on average for so long, and does not move, is a thing that
	// hides who was there, or was never anybody: of who never walked more is asked.
	scoreWeak  = 0.3
	scoreNever = 0.5
	weakMost   = 3 * time.Second
	walkShare  = 1.0 // widths of the box from where it began

	missesTentative = 2                      // an unconfirmed track is dropped
	lostMax         = 3 * time.Second        // a confirmed one
	coastMax        = 800 * time.Millisecond // how far ahead velocity is believed
	hiddenMax       = 300 * time.Millisecond // how long an unseen one is believed to be there
	hiddenHits      = 5                      // of one that was seen so often

	provenShare  = 0.15 // of the box must move
	provenWithin = 3    // in one of its first detections, before it counts;
	strayShare   = 0.25 // or it went so far itself, in box sizes

	same = 0.30 // overlap of two boxes from which a second track is not begun
)

// Tracker gives detections identities over frames of one camera.
type Tracker struct {
	next     uint64
	tracks   []*Track
	fixtures fixtures
}

// Update takes the detections of the frame at media time at, and where the
// picture moved; it returns all confirmed tracks: seen ones, hidden ones, and
// those lost for less than 3 s. Call it only for frames that the detector
// looked at. The result is valid until the next call.
//
// A track counts only when something moved where it began, or once it has
// moved itself: what a detector sees in a sign, a bush or a poster never does,
// though others walk past.
func (k *Tracker) Update(at time.Duration, dets []Detection, moving []Box) []*Track {
	for _, t := range k.tracks {
		t.advance(at)
	}
	dets = k.fixtures.without(at, dets, k.tracks)
	for _, t := range k.tracks {
		t.Seen = false
	}
	var sure, maybe []Detection
	for _, d := range dets {
		switch {
		case d.Score >= scoreSure:
			sure = append(sure, d)
		case d.Score >= scoreMaybe:
			maybe = append(maybe, d)
		}
	}
	old := func(t *Track) bool { return t.Confirmed }
	fresh := func(t *Track) bool { return !t.Confirmed }
	rest := k.match(at, sure, old, fitFirst)
	k.match(at, maybe, old, fitSecond)
	rest = k.match(at, rest, fresh, fitFirst)
	k.match(at, maybe, fresh, fitSecond)
	for _, d := range rest {
		k.begin(at, d)
	}
	return k.sweep(at, moving)
}

// Live is the number of tracks, unconfirmed ones included.
func (k *Tracker) Live() int { return len(k.tracks) }

// Tentative is the number of tracks that wait to be confirmed.
func (k *Tracker) Tentative() int {
	n := 0
	for _, t := range k.tracks {
		if !t.Confirmed && t.Hits < hitsConfirm {
			n++
		}
	}
	return n
}

// Fits below which a detection does not continue a track.
const (
	fitFirst  = -0.4
	fitSecond = 0.15
)

// match gives detections to the unseen tracks of a kind, so that the sum of
// the fits is greatest, and returns the detections that no track took.
func (k *Tracker) match(at time.Duration, dets []Detection, which func(*Track) bool, least float64) []Detection {
	var tracks []*Track
	for _, t := range k.tracks {
		if !t.Seen && which(t) {
			tracks = append(tracks, t)
		}
	}
	cost := make([][]float64, len(tracks))
	for i, t := range tracks {
		cost[i] = make([]float64, len(dets))
		for j, d := range dets {
			cost[i][j] = assign.Never
			if fit, ok := t.fit(at, d); ok && fit >= least {
				cost[i][j] = 2 - fit
			}
		}
	}
	used := make([]bool, len(dets))
	for i, j := range assign.Best(cost) {
		if j >= 0 {
			tracks[i].take(at, dets[j])
			used[j] = true
		}
	}
	var rest []Detection
	for j, d := range dets {
		if !used[j] {
			rest = append(rest, d)
		}
	}
	return rest
}

// fit says how well the detection continues the track: IoU less the distance
// of the centres over the diagonal around both (Zheng et al., Distance-IoU,
// 2020). It fits at all when the boxes overlap, or are of a size and nearer
// than an object could have moved meanwhile.
func (t *Track) fit(at time.Duration, d Detection) (float64, bool) {
	if !kin(t.Class, d.Class) {
		return 0, false
	}
	p := t.Box
	overlap := IoU(p, d.Box)
	a, b := p.Centre(), d.Box.Centre()
	dist := math.Hypot(a.X-b.X, a.Y-b.Y)
	w := max(p.X+p.W, d.Box.X+d.Box.W) - min(p.X, d.Box.X)
	h := max(p.Y+p.H, d.Box.Y+d.Box.H) - min(p.Y, d.Box.Y)
	diag := math.Hypot(w, h)
	if diag == 0 {
		return 0, false
	}
	lost := (at - t.Last).Seconds()
	size := d.Box.H / max(p.H, 1e-6)
	reach := p.H * (0.3 + 0.5*min(lost, 1.5))
	if overlap < 0.2 && (dist > reach || size < 0.6 || size > 1.67) {
		return 0, false
	}
	return overlap - dist*dist/(diag*diag) - 0.05*min(lost, 3), true
}

// kin tells whether one object may be called both: detectors take vans for
// trucks and buses, and whoever rides for what is ridden.
func kin(a, b Class) bool {
	big := func(c Class) bool { return c == Car || c == Bus || c == Truck }
	two := func(c Class) bool { return c == Bicycle || c == Motorcycle }
	return a == b || big(a) && big(b) || two(a) && two(b)
}

// begin starts a track, unless the detection is a second box of one that was
// just seen.
func (k *Tracker) begin(at time.Duration, d Detection) {
	for _, t := range k.tracks {
		if t.Seen && kin(t.Class, d.Class) && IoU(t.Box, d.Box) > same {
			return
		}
	}
	k.next++
	k.tracks = append(k.tracks, newTrack(k.next, at, d))
}

// sweep drops what was lost for too long and returns the confirmed rest.
func (k *Tracker) sweep(at time.Duration, moving []Box) []*Track {
	kept := k.tracks[:0]
	var out []*Track
	for _, t := range k.tracks {
		if t.Seen {
			t.proven = t.proven || t.Hits <= provenWithin && touched(t.Box, moving)
			t.confirm()
		} else {
			t.misses++
		}
		t.hide(at)
		if !t.proven && t.Hits >= fixtureHits || t.Seen && t.faint(at) {
			k.fixtures.add(at, t)
			continue
		}
		if at-t.Last > lostMax && !t.Still(at) || !t.Confirmed && t.misses >= missesTentative && at-t.Last >= missesTentative*momentLeast {
			continue
		}
		kept = append(kept, t)
		if t.Confirmed {
			out = append(out, t)
		}
	}
	clear(k.tracks[len(kept):])
	k.tracks = kept
	return out
}

// touched tells whether enough of the box lies where something moved.
func touched(b Box, moving []Box) bool {
	for _, m := range moving {
		w := min(b.X+b.W, m.X+m.W) - max(b.X, m.X)
		h := min(b.Y+b.H, m.Y+m.H) - max(b.Y, m.Y)
		if w > 0 && h > 0 && w*h >= provenShare*b.W*b.H {
			return true
		}
	}
	return false
}
