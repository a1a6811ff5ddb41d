package detect

import (
	"image"
	"math"

	"github.com/watchpost-edge/watchpost/vision"
)

// Far figures are lost when a large picture is made small for the model. So
// one part of the frame is looked at again, pixel by pixel, where something
// small moves or is tracked; when there are more such parts they take turns.
const (
	closeHeight = 26   // pixels of the model's input: who is smaller there is looked at closer
	closeLeast  = 1.25 // times larger than in the whole: less gains nothing
	closeMost   = 8    // parts that take turns
	closeRim    = 3    // pixels: a box that ends there is cut off
)

// closeLooks are the parts of a frame of w×h that want a closer look by a
// model of side×side: what is a square of its size when shown, around small
// regions. Pixels are aspect times as wide as high.
func closeLooks(regions []vision.Box, w, h, side int, aspect float64) []image.Rectangle {
	scale := min(float64(side)/float64(w)/aspect, float64(side)/float64(h))
	wide := int(math.Round(float64(side) / aspect))
	if scale*closeLeast > 1 {
		return nil
	}
	var out []image.Rectangle
	for _, r := range regions {
		tall := r.H * float64(h) * scale
		if tall >= closeHeight || len(out) == closeMost {
			continue
		}
		c := r.Centre()
		at := image.Pt(int(c.X*float64(w)), int(c.Y*float64(h)))
		if !lookedAt(at, out) {
			out = append(out, partAround(at, w, h, wide, side))
		}
	}
	return out
}

// lookedAt tells whether a part that is looked at already has the place well
// inside.
func lookedAt(at image.Point, parts []image.Rectangle) bool {
	for _, p := range parts {
		if at.In(p.Inset(p.Dx() / 8)) {
			return true
		}
	}
	return false
}

// partAround is a part of wide×high around a place, within the frame, at even
// places.
func partAround(at image.Point, w, h, wide, high int) image.Rectangle {
	sw, sh := min(wide, w)&^1, min(high, h)&^1
	x, y := max(0, min(w-sw, at.X-sw/2))&^1, max(0, min(h-sh, at.Y-sh/2))&^1
	return image.Rect(x, y, x+sw, y+sh)
}

// inside leaves out the boxes that the part cuts off.
func inside(dets []vision.Detection, part, whole image.Rectangle) []vision.Detection {
	var out []vision.Detection
	w, h := float64(whole.Dx()), float64(whole.Dy())
	for _, d := range dets {
		x0, y0 := d.Box.X*w, d.Box.Y*h
		x1, y1 := x0+d.Box.W*w, y0+d.Box.H*h
		if x0 < float64(part.Min.X+closeRim) && part.Min.X > 0 || y0 < float64(part.Min.Y+closeRim) && part.Min.Y > 0 ||
			x1 > float64(part.Max.X-closeRim) && part.Max.X < whole.Max.X-1 || y1 > float64(part.Max.Y-closeRim) && part.Max.Y < whole.Max.Y-1 {
			continue
		}
		out = append(out, d)
	}
	return out
}
