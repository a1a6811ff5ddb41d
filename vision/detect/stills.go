package detect

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

const jpegQuality = 85

// Stills draws snapshots. It implements vision.Snapshotter and has no state.
type Stills struct{}

var _ vision.Snapshotter = Stills{}

// Snapshot implements vision.Snapshotter: the whole frame as a JPEG, the masks
// black, the box drawn.
func (Stills) Snapshot(f *vision.Frame, s vision.Still) ([]byte, error) {
	w, h := f.Width&^1, f.Height&^1
	m, err := toBGR(f, w, h, s.Masks)
	if err != nil {
		return nil, fmt.Errorf("draw snapshot: %w", err)
	}
	defer m.Close()
	if s.Box != nil {
		b := *s.Box
		px := func(v float64, n int) int { return int(math.Round(v * float64(n))) }
		r := image.Rect(px(b.X, w), px(b.Y, h), px(b.X+b.W, w), px(b.Y+b.H, h))
		gocv.Rectangle(&m, r, color.RGBA{R: 255, G: 149, A: 255}, max(2, h/360))
	}
	buf, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, m, []int{gocv.IMWriteJpegQuality, jpegQuality})
	if err != nil {
		return nil, fmt.Errorf("draw snapshot: %w", err)
	}
	defer buf.Close()
	return append([]byte(nil), buf.GetBytes()...), nil
}
