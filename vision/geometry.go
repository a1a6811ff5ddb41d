package vision

import "math"

// IoU is the intersection over union of two boxes, 0..1.
func IoU(a, b Box) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}

// Centre is the middle of the box.
func (b Box) Centre() Point { return Point{b.X + b.W/2, b.Y + b.H/2} }

// moved is the box shifted by dx, dy.
func (b Box) moved(dx, dy float64) Box { return Box{b.X + dx, b.Y + dy, b.W, b.H} }

// Clip is the part of the box that lies in the picture.
func (b Box) Clip() Box {
	x0, y0 := clamp01(b.X), clamp01(b.Y)
	x1, y1 := clamp01(b.X+b.W), clamp01(b.Y+b.H)
	return Box{x0, y0, x1 - x0, y1 - y0}
}

func clamp01(v float64) float64 { return max(0, min(1, v)) }

// Inside tells whether p lies in the polygon (even-odd rule: the number of
// edges crossed by a ray to the right is odd). Fewer than three points hold
// nothing.
func Inside(p Point, polygon []Point) bool {
	if len(polygon) < 3 {
		return false
	}
	in := false
	j := len(polygon) - 1
	for i := range polygon {
		a, b := polygon[i], polygon[j]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < a.X+(p.Y-a.Y)*(b.X-a.X)/(b.Y-a.Y) {
			in = !in
		}
		j = i
	}
	return in
}

// Line is drawn by the operator. Looking from From to To, left is left.
type Line struct{ From, To Point }

// Offset is how far p lies beside the line, in picture units: negative on its
// left, positive on its right (y grows downwards).
func (l Line) Offset(p Point) float64 {
	dx, dy := l.To.X-l.From.X, l.To.Y-l.From.Y
	n := math.Hypot(dx, dy)
	if n == 0 {
		return 0
	}
	return (dx*(p.Y-l.From.Y) - dy*(p.X-l.From.X)) / n
}

// CrossedBy tells whether the way from a to b passes between the line's ends.
func (l Line) CrossedBy(a, b Point) bool {
	side := func(p, q, r Point) float64 { return (q.X-p.X)*(r.Y-p.Y) - (q.Y-p.Y)*(r.X-p.X) }
	return (side(l.From, l.To, a) > 0) != (side(l.From, l.To, b) > 0) &&
		(side(a, b, l.From) > 0) != (side(a, b, l.To) > 0)
}
