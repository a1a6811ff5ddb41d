package vision

import (
	"math"
	"slices"

	"github.com/watchpost-edge/watchpost/vision/internal/slice"
)

// Limits of what is remembered of a quiet stream.
const (
	placeSamples = 48  // newest sizes kept for each place in the GOP
	placeLeast   = 2   // before a place says anything
	spreadFloor  = 6.0 // bytes: less is no spread
	residuals    = 128
	residualsFew = 40 // before the stream as a whole says anything
)

// A figure of a tenth of the picture's height costs so many bytes a picture
// when it walks, at quantiser 30 and 1920×1080; each 6 steps of the quantiser
// halve it, and it goes with the picture's side (fewer pixels, but more in each).
// Measured: a walker of 17 % of
// the height, cut from PETS09, costs 223 (x264, no B-frames).
const (
	figureBytes = 75.0
	figureQP    = 30
	figureArea  = 1920 * 1080
	hevcShare   = 0.65 // of the bytes that H.264 takes
	figureSigma = 1.5  // spreads that a figure must stand out by, so that half a second tells
)

// place is where in a GOP a picture stands, and of what kind it is: what it
// costs when nothing happens depends on that.
type place struct {
	kind       slice.Type
	disposable bool
	layer      int
	step       int // half octaves of the distance to the key picture
}

func placeOf(p slice.Picture, since int) place {
	step := since
	if since > 4 {
		step = int(math.Round(2 * math.Log2(float64(since))))
	}
	return place{kind: p.Type, disposable: p.Disposable, layer: p.Layer, step: step}
}

// norm is what the pictures of one stream cost while nothing happens. It
// follows the scene over day and night: only the newest count.
type norm struct {
	places map[place]*spread
	rest   ring // distances from the median, in bytes
	qps    ring
}

// spread is the newest sizes at one place.
type spread struct {
	sizes         ring
	median, sigma float64
}

// ring keeps the newest values.
type ring struct {
	values []float64
	next   int
	size   int
}

func (r *ring) add(v float64) {
	if len(r.values) < r.size {
		r.values = append(r.values, v)
		return
	}
	r.values[r.next] = v
	r.next = (r.next + 1) % r.size
}

// middle is the median, and the spread around it as a standard deviation that
// single outliers do not change (1.4826 of the median distance).
func (r *ring) middle() (median, sigma float64) {
	s := slices.Clone(r.values)
	slices.Sort(s)
	median = s[len(s)/2]
	for i, v := range s {
		s[i] = math.Abs(v - median)
	}
	slices.Sort(s)
	return median, 1.4826 * s[len(s)/2]
}

func newNorm() norm {
	return norm{places: map[place]*spread{}, rest: ring{size: residuals}, qps: ring{size: residuals}}
}

// fact is one picture as it came, and where it stood.
type fact struct {
	at    place
	bytes float64
	qp    int
}

// learn takes a picture of a time when nothing happened.
func (n *norm) learn(f fact) {
	s := n.places[f.at]
	if s == nil {
		s = &spread{sizes: ring{size: placeSamples}}
		n.places[f.at] = s
	}
	if len(s.sizes.values) >= placeLeast && f.at.kind != slice.I {
		n.rest.add(math.Abs(f.bytes - s.median))
		if f.qp >= 0 {
			n.qps.add(float64(f.qp))
		}
	}
	s.sizes.add(f.bytes)
	s.median, s.sigma = s.sizes.middle()
}

// stands tells by how many spreads the picture is larger than it should be; 0
// when that is not known.
func (n *norm) stands(f fact) float64 {
	s := n.places[f.at]
	if s == nil || len(s.sizes.values) < placeLeast {
		return 0
	}
	few := 1 + 3/float64(len(s.sizes.values))
	return (f.bytes - s.median) / (few * max(s.sigma, 0.02*s.median, spreadFloor))
}

// noise is how much the sizes vary while nothing happens, in bytes, and what
// somebody walking would cost. ok says that enough is known.
func (n *norm) noise(hevc bool, area int) (sigma, figure float64, ok bool) {
	if len(n.rest.values) < residualsFew {
		return 0, 0, false
	}
	s := slices.Clone(n.rest.values)
	slices.Sort(s)
	sigma = max(spreadFloor, 1.4826*s[len(s)/2])
	qp := float64(figureQP)
	if len(n.qps.values) > 0 {
		qp, _ = n.qps.middle()
	}
	figure = figureBytes * math.Exp2((figureQP-qp)/6) * math.Sqrt(float64(area)/figureArea)
	if hevc {
		figure *= hevcShare
	}
	return sigma, figure, true
}
