package detect

import (
	"image"
	"math"
	"slices"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

// OpenCV's own people detector (Dalal and Triggs, 2005) is always there, and
// far slower and blinder than the model: a whole picture, enlarged so that far
// people fill its window of 64×128, takes a second. So it looks only where
// something moves or is tracked, at a size at which that would fill the window.
const (
	hogTall    = 224 // pixels that a crop is brought to: a window is 128, the person in it 96
	hogMargin  = 1.5 // height of a crop over that of what moved
	hogLowest  = 0.06
	hogCrops   = 6   // in one frame
	hogHit     = 0.0 // distance from the SVM's plane
	hogShrink  = 1.08
	hogGroup   = 1
	hogSlimest = 0.6 // width of a crop over its height
)

type hog struct{ d peopleDetector }

func openHOG() (*hog, error) {
	d, err := newPeopleDetector()
	if err != nil {
		return nil, err
	}
	return &hog{d}, nil
}

// hogScore brings the distance from the SVM's plane to 0..1, so that the
// thresholds of tracks and rules mean about the same as with the model.
func hogScore(weight float64) float64 { return min(0.95, 0.3+0.3*max(0, weight)) }

func (h *hog) find(f *vision.Frame, look vision.Look) ([]vision.Detection, error) {
	w, ht := f.Width&^1, f.Height&^1
	bgr, err := toBGR(f, w, ht, look.Masks)
	if err != nil {
		return nil, err
	}
	defer bgr.Close()
	var out []vision.Detection
	for _, crop := range hogCropsOf(look.Regions, w, ht) {
		dets, err := h.crop(bgr, crop)
		if err != nil {
			return nil, err
		}
		out = append(out, dets...)
	}
	out = slices.DeleteFunc(out, func(d vision.Detection) bool { return d.Score < look.MinScore })
	return suppress(out, nmsOverlap), nil
}

// crop looks at one part of the picture.
func (h *hog) crop(bgr gocv.Mat, at image.Rectangle) ([]vision.Detection, error) {
	part := bgr.Region(at)
	defer part.Close()
	scale := float64(hogTall) / float64(at.Dy())
	size := image.Pt(max(64, int(float64(at.Dx())*scale)), hogTall)
	grown := gocv.NewMat()
	defer grown.Close()
	gocv.Resize(part, &grown, size, 0, 0, gocv.InterpolationLinear)
	pixels, err := grown.DataPtrUint8()
	if err != nil {
		return nil, err
	}
	windows, err := h.d.find(pixels, size.X, size.Y)
	if err != nil {
		return nil, err
	}
	w, ht := float64(bgr.Cols()), float64(bgr.Rows())
	sx, sy := float64(at.Dx())/float64(size.X)/w, float64(at.Dy())/float64(size.Y)/ht
	var out []vision.Detection
	for _, r := range windows {
		// The window has a margin of 16 around a person of 32×96.
		b := vision.Box{
			X: float64(at.Min.X)/w + sx*(r.x+0.22*r.w), Y: float64(at.Min.Y)/ht + sy*(r.y+0.11*r.h),
			W: sx * 0.56 * r.w, H: sy * 0.78 * r.h,
		}
		out = append(out, vision.Detection{Class: vision.Person, Score: hogScore(r.weight), Box: b.Clip()})
	}
	return out, nil
}

// hogCropsOf turns regions into parts of the picture that hold a person each,
// largest first.
func hogCropsOf(regions []vision.Box, w, h int) []image.Rectangle {
	var out []image.Rectangle
	for _, r := range regions {
		if len(out) == hogCrops {
			break
		}
		tall := max(r.H, hogLowest) * hogMargin * float64(h)
		wide := max(r.W*float64(w)+0.25*tall, hogSlimest*tall)
		c := r.Centre()
		cx, cy := c.X*float64(w), c.Y*float64(h)
		crop := image.Rect(int(cx-wide/2), int(cy-tall/2), int(math.Ceil(cx+wide/2)), int(math.Ceil(cy+tall/2)))
		crop = crop.Intersect(image.Rect(0, 0, w, h))
		if crop.Dy() >= 16 && crop.Dx() >= 8 && !covered(crop, out) {
			out = append(out, crop)
		}
	}
	return out
}

// covered tells whether nearly all of r is looked at already.
func covered(r image.Rectangle, by []image.Rectangle) bool {
	for _, b := range by {
		i := r.Intersect(b)
		if i.Dx()*i.Dy() >= r.Dx()*r.Dy()*8/10 && 2*r.Dy() >= b.Dy() {
			return true
		}
	}
	return false
}

func (h *hog) classes() []vision.Class { return []vision.Class{vision.Person} }
func (h *hog) close()                  { h.d.close() }
