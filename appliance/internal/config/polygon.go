package config

import (
	"fmt"
	"math"
)

// thinnest is the share of the picture below which a polygon is none: it would
// hide nothing, and nobody could ever stand in it. A ten-thousandth is a square of
// 14 pixels of 1080 lines.
const thinnest = 1e-4

// polygon checks a mask or a zone.
func polygon(key string, points []Point, ps *Problems) {
	whole := true
	for i, p := range points {
		whole = inPicture(fmt.Sprintf("%s[%d]", key, i), p, ps) && whole
	}
	corners := make([][2]float64, len(points))
	for i, p := range points {
		corners[i] = p
	}
	if outline(key, corners, "", ps) && whole && math.Abs(area(corners)) < thinnest {
		ps.add(key, "covers next to nothing of the picture; its corners lie on one line, or too near to each other")
	}
}

// outline reports whether the corners go around something. Corners in the wrong
// order make a bow tie: half of what a mask is to hide would be seen, and half of
// a zone would be none.
func outline(key string, corners [][2]float64, each string, ps *Problems) bool {
	n := len(corners)
	if n < 3 {
		ps.add(key, "has %d corners; a polygon has at least 3%s", n, each)
		return false
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			a, b, c, d := corners[i], corners[(i+1)%n], corners[j], corners[(j+1)%n]
			if cross(a, b, c, d) {
				ps.add(key, "its sides [%g, %g]–[%g, %g] and [%g, %g]–[%g, %g] cross; write the corners in the order in which one walks around it",
					a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1])
				return false
			}
		}
	}
	return true
}

// cross tells whether two sides cross. Sides that only touch do not: a polygon
// with a hole is drawn with a slit.
func cross(a, b, c, d [2]float64) bool {
	turn := func(p, q, r [2]float64) float64 { return (q[0]-p[0])*(r[1]-p[1]) - (q[1]-p[1])*(r[0]-p[0]) }
	return turn(a, b, c)*turn(a, b, d) < 0 && turn(c, d, a)*turn(c, d, b) < 0
}

// area is what the polygon goes around; negative the other way around.
func area(corners [][2]float64) float64 {
	sum := 0.0
	for i, p := range corners {
		q := corners[(i+1)%len(corners)]
		sum += p[0]*q[1] - q[0]*p[1]
	}
	return sum / 2
}
