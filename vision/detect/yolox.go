package detect

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/watchpost-edge/watchpost/vision"
)

// The YOLOX head (Ge et al., 2021, "YOLOX: Exceeding YOLO Series in 2021";
// demo/ONNXRuntime of its repository): one row per cell of three grids, each
// of centre offset, log size, objectness and class scores.
const (
	headBox    = 5 // x, y, w, h, objectness in front of the classes
	padValue   = 114
	nmsOverlap = 0.45
	// fuseOverlap is from where two boxes say nearly the same.
	fuseOverlap = 0.65
	boxesMax    = 300 // candidates that are compared with each other
)

func headStrides() []int { return []int{8, 16, 32} }

// cells is the number of rows of the head for a square input.
func cells(side int) int {
	n := 0
	for _, s := range headStrides() {
		n += (side / s) * (side / s)
	}
	return n
}

// column is where a class of ours stands among those of a model.
type column struct {
	at    int
	class vision.Class
}

const cocoClasses = 80

func cocoColumns() []column {
	return []column{
		{0, vision.Person}, {1, vision.Bicycle}, {2, vision.Car}, {3, vision.Motorcycle}, {5, vision.Bus}, {7, vision.Truck},
	}
}

// head is how a model's output is read.
type head struct {
	classes  int // of the model
	columns  []column
	minScore float64 // detections below are left out, whatever is asked for
	overlap  float64 // of two boxes of one object
}

// headOf reads the names of a model's classes, in its order; none are COCO's.
func headOf(names []string, minScore, overlap float64) (head, error) {
	h := head{classes: cocoClasses, columns: cocoColumns(), minScore: minScore, overlap: overlap}
	if h.overlap == 0 {
		h.overlap = nmsOverlap
	}
	if len(names) == 0 {
		return h, nil
	}
	h.classes, h.columns = len(names), nil
	for i, name := range names {
		if name == "motorbike" {
			name = string(vision.Motorcycle)
		}
		if slices.Contains(vision.Classes(), vision.Class(name)) {
			h.columns = append(h.columns, column{i, vision.Class(name)})
		}
	}
	if len(h.columns) == 0 {
		return head{}, fmt.Errorf("classes %q: want the model's own, in its order, with one at least of %v", names, vision.Classes())
	}
	return h, nil
}

func (h *head) width() int { return headBox + h.classes }

// letterbox is how a picture lies in the square input: at its top left,
// shrunk by the same factor both ways (up to rounding to even sizes).
type letterbox struct {
	side          int // of the input, pixels
	width, height int // of the picture in it, pixels, even
}

func fitLetterbox(w, h, side int) letterbox {
	r := min(float64(side)/float64(w), float64(side)/float64(h))
	even := func(v float64) int { return max(2, min(side, int(math.Round(v/2))*2)) }
	return letterbox{side: side, width: even(float64(w) * r), height: even(float64(h) * r)}
}

// decodeYOLOX reads the head's rows into detections, 0..1 of the picture,
// without those below minScore; one object has many.
func decodeYOLOX(rows []float32, box letterbox, h head, minScore float64) []vision.Detection {
	width, columns := h.width(), h.columns
	minScore = max(minScore, h.minScore)
	var out []vision.Detection
	i := 0
	for _, stride := range headStrides() {
		n := box.side / stride
		for gy := range n {
			for gx := range n {
				row := rows[i*width : (i+1)*width]
				i++
				if float64(row[4]) < minScore { // a class score is at most 1
					continue
				}
				best, class := float32(0), vision.Class("")
				for _, c := range columns {
					if s := row[headBox+c.at]; s > best {
						best, class = s, c.class
					}
				}
				score := float64(row[4]) * float64(best)
				if score < minScore {
					continue
				}
				out = append(out, vision.Detection{Class: class, Score: min(score, 1), Box: cellBox(row, gx, gy, stride, box)})
			}
		}
	}
	return out
}

func cellBox(row []float32, gx, gy, stride int, box letterbox) vision.Box {
	s := float64(stride)
	cx, cy := (float64(row[0])+float64(gx))*s, (float64(row[1])+float64(gy))*s
	w, h := math.Exp(float64(row[2]))*s, math.Exp(float64(row[3]))*s
	pw, ph := float64(box.width), float64(box.height)
	return vision.Box{X: (cx - w/2) / pw, Y: (cy - h/2) / ph, W: w / pw, H: h / ph}.Clip()
}

// suppress keeps, of boxes of one class that overlap by more than overlap, the
// one with the highest score (non-maximum suppression), and places it where
// the ones that say nearly the same lie, by their scores squared (Solovyev et
// al., "Weighted boxes fusion", 2021). The result is sorted by score.
func suppress(dets []vision.Detection, overlap float64) []vision.Detection {
	sort.SliceStable(dets, func(i, j int) bool { return dets[i].Score > dets[j].Score })
	if len(dets) > boxesMax {
		dets = dets[:boxesMax]
	}
	kept := dets[:0:0]
	hidden := make([]bool, len(dets))
	for i, d := range dets {
		if hidden[i] {
			continue
		}
		var sum float64
		var mean vision.Box
		for j := i; j < len(dets); j++ {
			o := dets[j]
			near := vision.IoU(d.Box, o.Box)
			if hidden[j] || o.Class != d.Class || near <= overlap {
				continue
			}
			hidden[j] = true
			if near > fuseOverlap {
				w := o.Score * o.Score
				sum += w
				mean.X, mean.Y, mean.W, mean.H = mean.X+w*o.Box.X, mean.Y+w*o.Box.Y, mean.W+w*o.Box.W, mean.H+w*o.Box.H
			}
		}
		if sum > 0 {
			d.Box = vision.Box{X: mean.X / sum, Y: mean.Y / sum, W: mean.W / sum, H: mean.H / sum}
		}
		kept = append(kept, d)
	}
	return kept
}

// fillInput writes a BGR picture (interleaved bytes, width×height of box) into
// the planar float input, 0..255, with the rest at 114.
func fillInput(input []float32, bgr []byte, box letterbox) {
	plane := box.side * box.side
	for y := range box.side {
		row := y * box.side
		x := 0
		if y < box.height {
			line := bgr[y*box.width*3 : (y+1)*box.width*3]
			b, g, r := input[row:row+box.side], input[plane+row:plane+row+box.side], input[2*plane+row:2*plane+row+box.side]
			for ; x < box.width; x++ {
				b[x], g[x], r[x] = float32(line[3*x]), float32(line[3*x+1]), float32(line[3*x+2])
			}
		}
		for ; x < box.side; x++ {
			input[row+x], input[plane+row+x], input[2*plane+row+x] = padValue, padValue, padValue
		}
	}
}
