package detect

import (
	"image"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

const (
	// hogScore is given to every person: gocv's binding has no weights, and
	// grouping has already left out what was seen once.
	hogScore = 0.55
	hogWidth = 640 // pixels the frame is brought to
)

// hog finds people with OpenCV's own detector (Dalal and Triggs, 2005): slower
// and blinder than the model, but always there.
type hog struct{ d gocv.HOGDescriptor }

func openHOG() (*hog, error) {
	h := &hog{d: gocv.NewHOGDescriptor()}
	det := gocv.HOGDefaultPeopleDetector()
	defer det.Close()
	if err := h.d.SetSVMDetector(det); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *hog) find(f *vision.Frame, look vision.Look) ([]vision.Detection, error) {
	w, ht := hogWidth, max(2, (hogWidth*f.Height/f.Width)&^1)
	bgr, err := toBGR(f, w, ht, look.Masks)
	if err != nil {
		return nil, err
	}
	defer bgr.Close()
	if w < 64 || ht < 128 { // smaller than the detector's window
		return nil, nil
	}
	rects := h.d.DetectMultiScaleWithParams(bgr, 0, image.Pt(8, 8), image.Pt(8, 8), 1.08, 2, false)
	var out []vision.Detection
	for _, r := range rects {
		// The window has a margin around the person (16 of 64, 16 of 128).
		b := vision.Box{
			X: (float64(r.Min.X) + 0.18*float64(r.Dx())) / float64(w), Y: (float64(r.Min.Y) + 0.09*float64(r.Dy())) / float64(ht),
			W: 0.64 * float64(r.Dx()) / float64(w), H: 0.84 * float64(r.Dy()) / float64(ht),
		}
		out = append(out, vision.Detection{Class: vision.Person, Score: hogScore, Box: b.Clip()})
	}
	return suppress(out, nmsOverlap), nil
}

func (h *hog) classes() []vision.Class { return []vision.Class{vision.Person} }
func (h *hog) close()                  { _ = h.d.Close() }
