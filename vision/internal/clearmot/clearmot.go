// Package clearmot scores tracks against the truth as CLEAR MOT does
// (Bernardin and Stiefelhagen, 2008, as MOTChallenge applies it): pairs of the
// frame before are kept while they still overlap, the rest is assigned at the
// least total cost, and what is left is false or missed. It is imported by
// tests and benchmarks only.
package clearmot

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/watchpost-edge/watchpost/vision/internal/assign"
)

// Overlap is the IoU from which a box counts as found (MOTChallenge).
const Overlap = 0.5

// Box is one object in one frame, in any unit of length.
type Box struct {
	ID         int
	X, Y, W, H float64
}

// Tracks is the boxes of each frame, from 1.
type Tracks map[int][]Box

// Score is what Evaluate counts.
type Score struct {
	Truth, Found, False, Missed, Switches int
	overlap                               float64 // sum over Found
}

// MOTA is 1 - (missed + false + switches) / truth.
func (s Score) MOTA() float64 {
	return 1 - float64(s.Missed+s.False+s.Switches)/float64(max(s.Truth, 1))
}

// MOTP is the mean overlap of what was found.
func (s Score) MOTP() float64 { return s.overlap / float64(max(s.Found, 1)) }

// Precision is the share of the boxes that are right.
func (s Score) Precision() float64 { return float64(s.Found) / float64(max(s.Found+s.False, 1)) }

// Recall is the share of the truth that was found.
func (s Score) Recall() float64 { return float64(s.Found) / float64(max(s.Truth, 1)) }

// String is one line for a table.
func (s Score) String() string {
	return fmt.Sprintf("MOTA %.3f, precision %.3f, recall %.3f, %d identity switches, MOTP %.3f (%d boxes of truth)",
		s.MOTA(), s.Precision(), s.Recall(), s.Switches, s.MOTP(), s.Truth)
}

// Evaluate compares the frames 1 to last.
func Evaluate(truth, got Tracks, last int) Score {
	var s Score
	before := map[int]int{} // identity in got of each in truth, at its newest pair
	for n := 1; n <= last; n++ {
		there, here := truth[n], got[n]
		pairs := match(there, here, before)
		for i, j := range pairs {
			if j < 0 {
				continue
			}
			if was, ok := before[there[i].ID]; ok && was != here[j].ID {
				s.Switches++
			}
			before[there[i].ID] = here[j].ID
			s.Found++
			s.overlap += iou(there[i], here[j])
		}
		s.Truth += len(there)
		s.False += len(here)
	}
	s.False -= s.Found
	s.Missed = s.Truth - s.Found
	return s
}

// match returns the place in here of each box of there, -1 for none.
func match(there, here []Box, before map[int]int) []int {
	out := make([]int, len(there))
	used := make([]bool, len(here))
	cost := make([][]float64, len(there))
	for i, a := range there {
		out[i] = -1
		was, known := before[a.ID]
		for j, b := range here {
			if known && b.ID == was && !used[j] && iou(a, b) >= Overlap {
				out[i], used[j] = j, true
			}
		}
	}
	for i, a := range there {
		cost[i] = make([]float64, len(here))
		for j, b := range here {
			cost[i][j] = assign.Never
			if v := iou(a, b); out[i] < 0 && !used[j] && v >= Overlap {
				cost[i][j] = 1 - v
			}
		}
	}
	for i, j := range assign.Best(cost) {
		if j >= 0 {
			out[i] = j
		}
	}
	return out
}

func iou(a, b Box) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}

// Read reads MOTChallenge lines: frame, id, left, top, width, height, and more
// that is left out.
func Read(r io.Reader) (Tracks, error) {
	out := Tracks{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ",")
		if len(fields) < 6 {
			return nil, fmt.Errorf("read tracks: line %q: want frame,id,left,top,width,height", lines.Text())
		}
		var v [6]float64
		for i := range v {
			var err error
			if v[i], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return nil, fmt.Errorf("read tracks: line %q: %w", lines.Text(), err)
			}
		}
		out[int(v[0])] = append(out[int(v[0])], Box{int(v[1]), v[2], v[3], v[4], v[5]})
	}
	return out, lines.Err()
}
