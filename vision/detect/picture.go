package detect

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"gocv.io/x/gocv"

	"github.com/watchpost-edge/watchpost/vision"
)

var errFrame = errors.New("frame does not fit its own measures")

// checkFrame refuses frames whose planes are shorter than their measures say:
// OpenCV would read past them.
func checkFrame(f *vision.Frame) error {
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	fits := func(p []byte, stride, w, h int) bool { return stride >= w && len(p) >= stride*h }
	if f.Width < 2 || f.Height < 2 || !fits(f.Y, f.StrideY, f.Width, f.Height) ||
		!fits(f.U, f.StrideU, cw, ch) || !fits(f.V, f.StrideV, cw, ch) {
		return fmt.Errorf("%w: %d×%d", errFrame, f.Width, f.Height)
	}
	return nil
}

// plane lays a Mat over a plane of a frame without copying it. Both Mats must
// be closed before the frame's time is over.
// The part begins at x0.
func plane(p []byte, stride, x0, w, h int) (whole, part gocv.Mat, err error) {
	whole, err = gocv.NewMatFromBytes(h, stride, gocv.MatTypeCV8U, p)
	if err != nil {
		return gocv.Mat{}, gocv.Mat{}, err
	}
	return whole, whole.Region(image.Rect(x0, 0, x0+w, h)), nil
}

// toBGR makes a BGR picture of the frame at w×h (even), with the masks black.
// The caller closes it.
func toBGR(f *vision.Frame, w, h int, masks [][]vision.Point) (gocv.Mat, error) {
	return partToBGR(f, image.Rect(0, 0, f.Width, f.Height), w, h, masks)
}

// partToBGR is toBGR for a part of the frame that begins at even places.
func partToBGR(f *vision.Frame, part image.Rectangle, w, h int, masks [][]vision.Point) (gocv.Mat, error) {
	if err := checkFrame(f); err != nil {
		return gocv.Mat{}, err
	}
	yuv := gocv.NewMatWithSize(h*3/2, w, gocv.MatTypeCV8U)
	defer yuv.Close()
	buf, err := yuv.DataPtrUint8()
	if err != nil {
		return gocv.Mat{}, err
	}
	colours := image.Rect(part.Min.X/2, part.Min.Y/2, (part.Max.X+1)/2, (part.Max.Y+1)/2)
	luma, chroma := rangeTables(f.FullRange)
	if err := scale(buf[:w*h], f.Y, f.StrideY, part, w, h, luma); err != nil {
		return gocv.Mat{}, err
	}
	if err := scale(buf[w*h:w*h*5/4], f.U, f.StrideU, colours, w/2, h/2, chroma); err != nil {
		return gocv.Mat{}, err
	}
	if err := scale(buf[w*h*5/4:], f.V, f.StrideV, colours, w/2, h/2, chroma); err != nil {
		return gocv.Mat{}, err
	}
	bgr := gocv.NewMat()
	gocv.CvtColor(yuv, &bgr, gocv.ColorYUVToBGRIYUV)
	black(&bgr, within(f, part, masks))
	return bgr, nil
}

// within are the masks as they lie in a part of the frame.
func within(f *vision.Frame, part image.Rectangle, masks [][]vision.Point) [][]vision.Point {
	if part == image.Rect(0, 0, f.Width, f.Height) {
		return masks
	}
	var out [][]vision.Point
	for _, mask := range masks {
		var points []vision.Point
		for _, p := range mask {
			points = append(points, vision.Point{
				X: (p.X*float64(f.Width) - float64(part.Min.X)) / float64(part.Dx()),
				Y: (p.Y*float64(f.Height) - float64(part.Min.Y)) / float64(part.Dy()),
			})
		}
		out = append(out, points)
	}
	return out
}

// scale copies a part of a plane into dst at dw×dh, through table when there is
// one.
func scale(dst, src []byte, stride int, at image.Rectangle, dw, dh int, table *[256]byte) error {
	w, h := at.Dx(), at.Dy()
	src = src[at.Min.Y*stride:]
	if abs(w-dw) <= 1 && abs(h-dh) <= 1 { // the same, but for an odd edge
		for y := range dh {
			copy(dst[y*dw:(y+1)*dw], src[y*stride+at.Min.X:])
		}
	} else {
		whole, part, err := plane(src, stride, at.Min.X, w, h)
		if err != nil {
			return err
		}
		small := gocv.NewMat()
		gocv.Resize(part, &small, image.Pt(dw, dh), 0, 0, gocv.InterpolationLinear)
		data, err := small.DataPtrUint8()
		if err == nil {
			copy(dst, data)
		}
		small.Close()
		part.Close()
		whole.Close()
		if err != nil {
			return err
		}
	}
	if table != nil {
		for i, v := range dst {
			dst[i] = table[v]
		}
	}
	return nil
}

func abs(v int) int { return max(v, -v) }

// rangeTables map full-range samples to the studio range that OpenCV's
// conversion expects (ITU-R BT.601); nil when they are in it already.
func rangeTables(full bool) (luma, chroma *[256]byte) {
	if !full {
		return nil, nil
	}
	luma, chroma = new([256]byte), new([256]byte)
	for i := range 256 {
		luma[i] = byte(math.Round(16 + float64(i)*219/255))
		chroma[i] = byte(math.Round(128 + (float64(i)-128)*224/255))
	}
	return luma, chroma
}

// black fills the masks, and a rim of a pixel around them: what was mixed into
// the rim by shrinking must not show either. Each is filled by itself: of many
// at once OpenCV leaves open where two lie over each other (even-odd rule).
func black(m *gocv.Mat, masks [][]vision.Point) {
	w, h := float64(m.Cols()), float64(m.Rows())
	for _, mask := range masks {
		var pts []image.Point
		for _, p := range mask {
			pts = append(pts, image.Pt(int(math.Round(p.X*w)), int(math.Round(p.Y*h))))
		}
		if len(pts) > 0 {
			blacken(m, pts)
		}
	}
}

func blacken(m *gocv.Mat, polygon []image.Point) {
	pv := gocv.NewPointsVectorFromPoints([][]image.Point{polygon})
	defer pv.Close()
	dark := color.RGBA{A: 255}
	gocv.FillPoly(m, pv, dark)
	gocv.Polylines(m, pv, true, dark, 2)
}
