package vision

import (
	"slices"
	"time"
)

const (
	fixtureHits  = 6                // a track that never moved is a thing that looks like one
	fixtureMatch = 0.6              // overlap of a detection with a fixture that it is
	fixtureKept  = 10 * time.Minute // after it was seen last
	fixturesMax  = 64
)

// fixture is a still thing that the detector takes for an object: a sign, a
// bush, a poster, or a car that has stood there from the beginning.
type fixture struct {
	class Class
	box   Box
	seen  time.Duration
}

type fixtures []fixture

// add remembers a track that never moved.
func (x *fixtures) add(at time.Duration, t *Track) {
	*x = slices.DeleteFunc(*x, func(f fixture) bool { return at-f.seen > fixtureKept })
	if len(*x) == fixturesMax {
		*x = (*x)[1:]
	}
	*x = append(*x, fixture{t.Class, t.Box, at})
}

// without leaves out the detections that are fixtures, one for each. A track
// of the frame before that fits better keeps its detection: somebody walks
// past.
func (x *fixtures) without(at time.Duration, dets []Detection, tracks []*Track) []Detection {
	if len(*x) == 0 {
		return dets
	}
	out := slices.Clone(dets)
	for i := range *x {
		f := &(*x)[i]
		best, fit := -1, fixtureMatch
		for j, d := range out {
			if v := IoU(f.box, d.Box); v >= fit && kin(f.class, d.Class) {
				best, fit = j, v
			}
		}
		if best >= 0 && !followed(out[best], tracks, fit) {
			f.seen = at
			out = slices.Delete(out, best, best+1)
		}
	}
	return out
}

// followed tells whether a track that was just seen fits the detection better.
func followed(d Detection, tracks []*Track, fit float64) bool {
	return slices.ContainsFunc(tracks, func(t *Track) bool {
		return t.Seen && t.Confirmed && kin(t.Class, d.Class) && IoU(t.Box, d.Box) > fit
	})
}
