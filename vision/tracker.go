package vision

import (
	"math"
	"sort"
	"time"
)

// Tracking follows ByteTrack (Zhang et al., 2022): sure detections are matched
// first, unsure ones only continue tracks. Motion is constant velocity, and
// what is matched is boxes alone: nothing of how anybody looks.
const (
	scoreSure  = 0.35 // begins a track
	scoreMaybe = 0.12 // continues one

	hitsConfirm     = 3 // a track counts after so many detections
	hitsConfirmSure = 2 // or so many with a mean score of scoreConfirm
	scoreConfirm    = 0.5

	missesTentative = 2                      // an unconfirmed track is dropped
	lostMax         = 3 * time.Second        // a confirmed one
	coastMax        = 800 * time.Millisecond // how far ahead velocity is believed
)

// Track is one object over frames.
type Track struct {
	ID        uint64
	Class     Class
	Score     float64 // mean of the recent detections, 0..1
	Box       Box     // where it is, or was seen last
	Hits      int     // detections so far
	Confirmed bool
	Seen      bool          // in the newest frame
	Last      time.Duration // media time when it was seen last

	vx, vy float64 // of the box's centre, picture widths and heights a second
	misses int
}

// Tracker gives detections identities over frames of one camera.
type Tracker struct {
	next   uint64
	tracks []*Track
}

// Update takes the detections of the frame at media time at, and returns all
// confirmed tracks: seen ones, and those lost for less than 3 s. Call it only
// for frames that the detector looked at. The result is valid until the next
// call.
func (k *Tracker) Update(at time.Duration, dets []Detection) []*Track {
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
	rest := k.match(at, sure)
	k.match(at, maybe)
	for _, d := range rest {
		k.begin(at, d)
	}
	return k.sweep(at)
}

// Live is the number of tracks, unconfirmed ones included.
func (k *Tracker) Live() int { return len(k.tracks) }

// Tentative is the number of tracks that wait to be confirmed.
func (k *Tracker) Tentative() int {
	n := 0
	for _, t := range k.tracks {
		if !t.Confirmed {
			n++
		}
	}
	return n
}

type pair struct {
	track, det int
	fit        float64
}

// match gives each detection to the track that fits best, best pairs first,
// and returns the detections that no track took.
func (k *Tracker) match(at time.Duration, dets []Detection) []Detection {
	var pairs []pair
	for i, t := range k.tracks {
		if t.Seen {
			continue
		}
		for j, d := range dets {
			if fit, ok := t.fit(at, d); ok {
				pairs = append(pairs, pair{i, j, fit})
			}
		}
	}
	sort.SliceStable(pairs, func(a, b int) bool { return pairs[a].fit > pairs[b].fit })
	used := make([]bool, len(dets))
	for _, p := range pairs {
		if t := k.tracks[p.track]; !t.Seen && !used[p.det] {
			t.take(at, dets[p.det])
			used[p.det] = true
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

// predict is where the track should be now.
func (t *Track) predict(at time.Duration) Box {
	dt := min(at-t.Last, coastMax).Seconds()
	return t.Box.moved(t.vx*dt, t.vy*dt)
}

// fit says how well the detection continues the track: IoU less the distance
// of the centres over the diagonal around both (Zheng et al., Distance-IoU,
// 2020). It fits at all when the boxes overlap, or are of a size and nearer
// than an object could have moved meanwhile.
func (t *Track) fit(at time.Duration, d Detection) (float64, bool) {
	if !kin(t.Class, d.Class) {
		return 0, false
	}
	p := t.predict(at)
	overlap := IoU(p, d.Box)
	a, b := p.Centre(), d.Box.Centre()
	dist := math.Hypot(a.X-b.X, a.Y-b.Y)
	w := max(p.X+p.W, d.Box.X+d.Box.W) - min(p.X, d.Box.X)
	h := max(p.Y+p.H, d.Box.Y+d.Box.H) - min(p.Y, d.Box.Y)
	diag := math.Hypot(w, h)
	if diag == 0 {
		return 0, false
	}
	size := d.Box.H / max(p.H, 1e-6)
	reach := p.H * (0.3 + 0.5*min((at-t.Last).Seconds(), 1.5))
	if overlap < 0.2 && (dist > reach || size < 0.6 || size > 1.67) {
		return 0, false
	}
	fit := overlap - dist*dist/(diag*diag)
	if t.Confirmed {
		fit += 0.1
	}
	return fit - 0.05*min((at-t.Last).Seconds(), 3), true
}

// kin tells whether one object may be called both: detectors take vans for
// trucks and buses.
func kin(a, b Class) bool {
	big := func(c Class) bool { return c == Car || c == Bus || c == Truck }
	return a == b || big(a) && big(b)
}

func (t *Track) take(at time.Duration, d Detection) {
	if dt := (at - t.Last).Seconds(); dt > 0 {
		a, b := t.Box.Centre(), d.Box.Centre()
		const keep = 0.6
		t.vx = keep*t.vx + (1-keep)*(b.X-a.X)/dt
		t.vy = keep*t.vy + (1-keep)*(b.Y-a.Y)/dt
	}
	mix := func(old, now float64) float64 { return 0.25*old + 0.75*now }
	t.Box = Box{mix(t.predict(at).X, d.Box.X), mix(t.predict(at).Y, d.Box.Y), mix(t.Box.W, d.Box.W), mix(t.Box.H, d.Box.H)}
	if d.Score > t.Score {
		t.Class = d.Class
	}
	n := min(float64(t.Hits+1), 5)
	t.Score += (d.Score - t.Score) / n
	t.Last, t.Seen, t.misses = at, true, 0
	t.Hits++
	t.Confirmed = t.Confirmed || t.Hits >= hitsConfirm || t.Hits >= hitsConfirmSure && t.Score >= scoreConfirm
}

// begin starts a track, unless the detection is a second box of one that was
// just seen.
func (k *Tracker) begin(at time.Duration, d Detection) {
	for _, t := range k.tracks {
		if t.Seen && kin(t.Class, d.Class) && IoU(t.Box, d.Box) > 0.5 {
			return
		}
	}
	k.next++
	k.tracks = append(k.tracks, &Track{ID: k.next, Class: d.Class, Score: d.Score, Box: d.Box, Hits: 1, Seen: true, Last: at})
}

// sweep drops what was lost for too long and returns the confirmed rest.
func (k *Tracker) sweep(at time.Duration) []*Track {
	kept := k.tracks[:0]
	var out []*Track
	for _, t := range k.tracks {
		if !t.Seen {
			t.misses++
		}
		lost := at-t.Last > lostMax || !t.Confirmed && t.misses >= missesTentative
		if lost {
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
