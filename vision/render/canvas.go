package render

import "github.com/watchpost-edge/watchpost/vision"

// rim is how many pixels around a mask are black too: what shrinking mixed
// into them must not show either.
const rim = 2

// canvas makes masked pictures of one size out of frames of one size.
type canvas struct {
	w, h         int
	from         [2]int
	fullRange    bool
	picture      []byte // planar YUV 4:2:0
	luma, chroma []int  // places in the picture that are black
	table        *[256]byte
	colours      *[256]byte
}

func newCanvas(f *vision.Frame, masks [][]vision.Point) *canvas {
	scale := min(1, float64(WidthMax)/float64(f.Width), float64(HeightMax)/float64(f.Height))
	c := &canvas{
		w: max(2, int(float64(f.Width)*scale)&^1), h: max(2, int(float64(f.Height)*scale)&^1),
		from: [2]int{f.Width, f.Height}, fullRange: f.FullRange,
	}
	c.picture = make([]byte, c.w*c.h*3/2)
	c.hide(masks)
	if f.FullRange {
		c.table, c.colours = studio()
	}
	return c
}

// studio maps full-range samples to the studio range (ITU-R BT.601).
func studio() (luma, chroma *[256]byte) {
	luma, chroma = new([256]byte), new([256]byte)
	for i := range 256 {
		luma[i] = byte(16 + (i*219+127)/255)
		chroma[i] = byte(128 + (i-128)*224/255)
	}
	return luma, chroma
}

func (c *canvas) fits(f *vision.Frame) bool {
	return c.from == [2]int{f.Width, f.Height} && c.fullRange == f.FullRange
}

// hide finds the pixels that are black.
func (c *canvas) hide(masks [][]vision.Point) {
	black := make([]bool, c.w*c.h)
	for y := range c.h {
		for x := range c.w {
			p := vision.Point{X: (float64(x) + 0.5) / float64(c.w), Y: (float64(y) + 0.5) / float64(c.h)}
			for _, m := range masks {
				if vision.Inside(p, m) {
					c.blacken(black, x, y)
				}
			}
		}
	}
	cw := c.w / 2
	colours := make([]bool, cw*(c.h/2))
	for i, is := range black {
		if is {
			c.luma = append(c.luma, i)
			colours[i/c.w/2*cw+i%c.w/2] = true
		}
	}
	for i, is := range colours {
		if is {
			c.chroma = append(c.chroma, c.w*c.h+i, c.w*c.h+len(colours)+i)
		}
	}
}

func (c *canvas) blacken(black []bool, x, y int) {
	for dy := max(0, y-rim); dy <= min(c.h-1, y+rim); dy++ {
		for dx := max(0, x-rim); dx <= min(c.w-1, x+rim); dx++ {
			black[dy*c.w+dx] = true
		}
	}
}

// draw is the frame made small and masked, valid until the next.
func (c *canvas) draw(f *vision.Frame) []byte {
	cw, ch := c.w/2, c.h/2
	n := c.w * c.h
	shrink(c.picture[:n], f.Y, f.StrideY, f.Width, f.Height, c.w, c.h, c.table)
	shrink(c.picture[n:n+cw*ch], f.U, f.StrideU, (f.Width+1)/2, (f.Height+1)/2, cw, ch, c.colours)
	shrink(c.picture[n+cw*ch:], f.V, f.StrideV, (f.Width+1)/2, (f.Height+1)/2, cw, ch, c.colours)
	for _, i := range c.luma {
		c.picture[i] = 16
	}
	for _, i := range c.chroma {
		c.picture[i] = 128
	}
	return c.picture
}

// shrink copies a plane of w×h into one of dw×dh; each pixel is the mean of
// four, spread over the pixels it stands for.
func shrink(dst, src []byte, stride, w, h, dw, dh int, table *[256]byte) {
	same := w == dw || w == dw+1
	x0, x1 := make([]int, dw), make([]int, dw)
	for x := range dw {
		x0[x], x1[x] = (4*x+1)*w/(4*dw), (4*x+3)*w/(4*dw)
	}
	for y := range dh {
		out := dst[y*dw : (y+1)*dw]
		if same && (h == dh || h == dh+1) {
			copy(out, src[y*stride:y*stride+dw])
		} else {
			a, b := src[(4*y+1)*h/(4*dh)*stride:], src[(4*y+3)*h/(4*dh)*stride:]
			for x := range out {
				out[x] = byte((int(a[x0[x]]) + int(a[x1[x]]) + int(b[x0[x]]) + int(b[x1[x]]) + 2) / 4)
			}
		}
		if table != nil {
			for x, v := range out {
				out[x] = table[v]
			}
		}
	}
}
