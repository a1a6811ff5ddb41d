package detect

import (
	"fmt"
	"image"
	"sort"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

const (
	motionWidth  = 320 // pixels at most
	motionHeight = 180

	// motionStep is the luma difference that counts: above sensor noise, below
	// a dark coat on asphalt (measured on PETS09 and on key frames of a quiet
	// street).
	motionStep    = 18
	motionArea    = 24   // pixels of the small picture; a far figure has more
	motionLearn   = 0.06 // weight of the newest picture in the background
	motionSettle  = 0.9  // and when that is known to show nothing that moves: the rest keeps noise low
	motionFlood   = 0.6  // share of the picture: the light changed, learn it at once
	motionRegions = 32   // reported at most
)

// Motion compares a camera's frames with a slowly learnt background, in small
// luma pictures. It implements vision.MotionDetector.
type Motion struct {
	masks                          [][]vision.Point
	small, back, ground, diff, dil gocv.Mat
	labels, stats, centres, kernel gocv.Mat
	size                           image.Point
	masked                         []bool // of the small picture's pixels; nil without masks
	lately                         lately
}

var _ vision.MotionDetector = (*Motion)(nil)

// NewMotion returns a motion detector that sees black where the masks are.
func NewMotion(masks [][]vision.Point) *Motion {
	return &Motion{
		masks: masks, small: gocv.NewMat(), back: gocv.NewMat(), ground: gocv.NewMat(), diff: gocv.NewMat(), dil: gocv.NewMat(),
		labels: gocv.NewMat(), stats: gocv.NewMat(), centres: gocv.NewMat(),
		kernel: gocv.GetStructuringElement(gocv.MorphRect, image.Pt(5, 5)),
	}
}

// Close implements vision.MotionDetector.
func (m *Motion) Close() {
	for _, mat := range []*gocv.Mat{&m.small, &m.back, &m.ground, &m.diff, &m.dil, &m.labels, &m.stats, &m.centres, &m.kernel} {
		mat.Close()
	}
	m.lately.close()
}

// Look implements vision.MotionDetector.
func (m *Motion) Look(f *vision.Frame) (vision.Motion, error) {
	if err := checkFrame(f); err != nil {
		return vision.Motion{}, fmt.Errorf("compare frame: %w", err)
	}
	if err := m.shrink(f); err != nil {
		return vision.Motion{}, fmt.Errorf("compare frame: %w", err)
	}
	defer m.lately.keep(f, m.small)
	view, err := m.view(f)
	if err != nil {
		return vision.Motion{}, fmt.Errorf("compare frame: %w", err)
	}
	if m.back.Empty() {
		m.learn()
		return vision.Motion{View: view}, nil
	}
	m.back.ConvertTo(&m.ground, gocv.MatTypeCV8U)
	gocv.AbsDiff(m.small, m.ground, &m.diff)
	gocv.Threshold(m.diff, &m.diff, motionStep, 255, gocv.ThresholdBinary)
	changed := float64(gocv.CountNonZero(m.diff)) / float64(m.size.X*m.size.Y)
	out := vision.Motion{Changed: changed, View: view}
	if changed > 0 {
		gocv.Dilate(m.diff, &m.dil, m.kernel)
		out.Regions = m.regions()
		out.Stands = m.lately.stands(f, m.small, &m.diff)
	}
	if changed > motionFlood {
		m.learn()
		return out, nil
	}
	gocv.AccumulatedWeighted(m.small, &m.back, motionLearn)
	return out, nil
}

// Settle implements vision.MotionDetector.
func (m *Motion) Settle() {
	if !m.back.Empty() {
		gocv.AccumulatedWeighted(m.small, &m.back, motionSettle)
	}
}

func (m *Motion) learn() { m.small.ConvertTo(&m.back, gocv.MatTypeCV32F) }

// shrink makes the small picture; another size of frame starts anew.
func (m *Motion) shrink(f *vision.Frame) error {
	r := min(1, float64(motionWidth)/float64(f.Width), float64(motionHeight)/float64(f.Height))
	size := image.Pt(max(2, int(float64(f.Width)*r)), max(2, int(float64(f.Height)*r)))
	whole, part, err := plane(f.Y, f.StrideY, 0, f.Width, f.Height)
	if err != nil {
		return err
	}
	gocv.Resize(part, &m.small, size, 0, 0, gocv.InterpolationLinear)
	part.Close()
	whole.Close()
	gocv.Blur(m.small, &m.small, image.Pt(3, 3))
	black(&m.small, m.masks)
	if size != m.size {
		m.size = size
		m.learn()
		m.masked = maskedPixels(size, m.masks)
	}
	return nil
}

func (m *Motion) regions() []vision.Box {
	n := gocv.ConnectedComponentsWithStats(m.dil, &m.labels, &m.stats, &m.centres)
	w, h := float64(m.size.X), float64(m.size.Y)
	type region struct {
		area int32
		box  vision.Box
	}
	var found []region
	for i := 1; i < n; i++ { // 0 is the ground; columns: left, top, width, height, area
		at := func(c int) float64 { return float64(m.stats.GetIntAt(i, c)) }
		if area := m.stats.GetIntAt(i, 4); area >= motionArea {
			found = append(found, region{area, vision.Box{X: at(0) / w, Y: at(1) / h, W: at(2) / w, H: at(3) / h}})
		}
	}
	sort.SliceStable(found, func(a, b int) bool { return found[a].area > found[b].area })
	var out []vision.Box
	for _, r := range found[:min(len(found), motionRegions)] {
		out = append(out, r.box)
	}
	return out
}
