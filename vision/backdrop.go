package vision

import (
	"math"
	"sort"
	"time"
)

// What was left and what was taken is found by a backdrop that is learnt
// slowly, never under a track: a thing is where the picture has stayed the
// same for long, and not the same as the backdrop.
const (
	backdropOver  = 20 * time.Second // in which it follows the light
	backdropStep  = 18               // levels: another thing
	restStep      = 10               // levels: at rest
	restOver      = 1.0              // seconds of the quick average
	restLeast     = 3.0              // seconds at rest, before a pixel is part of a thing
	absorbedAfter = 15 * time.Minute // what stays for so long is backdrop
	floodShare    = 0.35             // of the picture differs: the light changed, or the camera moved
	agedLeast     = 10.0             // seconds: before, the backdrop itself may be who just left
	agedUnder     = 3.0              // seconds: so new a backdrop under a track is the track
	thingLeast    = 12               // pixels
	thingMost     = 0.15             // share of the picture
	shadeAlike    = 0.75             // correlation with the backdrop: light or shade on it
	edgeRatio     = 1.15             // edges around it, against those of the backdrop there
)

// backdrop finds what changed for good on one camera.
type backdrop struct {
	w, h   int
	back   []float32
	quick  []float32 // average over about a second
	rests  []float32 // seconds
	known  []bool    // the backdrop has been seen here
	aged   []float32 // seconds in which it was seen
	at     time.Duration
	labels []int
	stack  []int
}

// look takes the next picture, and the tracks that were seen last.
func (b *backdrop) look(m moment, v *View, tracks []*Track) []Change {
	n := v.W * v.H
	if n == 0 {
		return nil
	}
	if b.w != v.W || b.h != v.H {
		*b = backdrop{w: v.W, h: v.H, back: make([]float32, n), quick: make([]float32, n), rests: make([]float32, n),
			known: make([]bool, n), aged: make([]float32, n), labels: make([]int, n), at: m.at}
		for i, p := range v.Luma {
			b.quick[i] = float32(p)
		}
	}
	dt := (m.at - b.at).Seconds()
	b.at = m.at
	if b.follow(v, dt, b.under(tracks)) > floodShare {
		for i, p := range v.Luma {
			b.back[i], b.rests[i] = float32(p), 0
		}
		return nil
	}
	return b.things(v)
}

// under marks the pixels that tracks cover.
func (b *backdrop) under(tracks []*Track) []bool {
	var out []bool
	for _, t := range tracks {
		if !t.Seen && !t.Hidden && !t.Still(b.at) {
			continue
		}
		if out == nil {
			out = make([]bool, b.w*b.h)
		}
		box := t.Box.Clip()
		for y := int(box.Y * float64(b.h)); y < min(b.h, int(math.Ceil((box.Y+box.H)*float64(b.h)))); y++ {
			for x := int(box.X * float64(b.w)); x < min(b.w, int(math.Ceil((box.X+box.W)*float64(b.w)))); x++ {
				out[y*b.w+x] = true
			}
		}
	}
	return out
}

// follow updates every pixel and returns the share that differs.
func (b *backdrop) follow(v *View, dt float64, under []bool) float64 {
	quickly := float32(1 - math.Exp(-dt/restOver))
	slowly := float32(1 - math.Exp(-dt/backdropOver.Seconds()))
	shift := b.shift(v)
	differs := 0
	for i, p := range v.Luma {
		now := float32(p)
		resting := abs32(now-b.quick[i]) < restStep
		b.quick[i] += quickly * (now - b.quick[i])
		covered := under != nil && under[i]
		switch off := abs32(now - b.back[i] - shift); {
		case v.masked(i):
		case covered && b.aged[i] < agedUnder:
			b.known[i], b.aged[i] = false, 0
		case !b.known[i]:
			if !covered {
				b.back[i], b.known[i] = now, true
			}
		case off <= backdropStep:
			b.rests[i] = max(0, b.rests[i]-4*float32(dt))
			if !covered {
				b.back[i] += slowly * (now - b.back[i])
				b.aged[i] += float32(dt)
			}
		default:
			differs++
			switch {
			case resting && !covered:
				b.rests[i] += float32(dt)
			case b.rests[i] < restLeast:
				b.rests[i] = 0
			}
			if b.rests[i] > float32(absorbedAfter.Seconds()) || b.aged[i] < agedLeast && b.rests[i] > 1 {
				b.back[i], b.rests[i], b.aged[i] = now, 0, 0
			}
		}
	}
	return float64(differs) / float64(len(v.Luma))
}

// shift is by how much the whole picture is lighter than the backdrop: the
// median over some of its pixels.
func (b *backdrop) shift(v *View) float32 {
	var off []float64
	for i := 0; i < len(v.Luma); i += 97 {
		if b.known[i] && !v.masked(i) {
			off = append(off, float64(v.Luma[i])-float64(b.back[i]))
		}
	}
	if len(off) == 0 {
		return 0
	}
	sort.Float64s(off)
	return float32(off[len(off)/2])
}

func abs32(v float32) float32 { return max(v, -v) }

// things are the connected pixels that differ and rest.
func (b *backdrop) things(v *View) []Change {
	clear(b.labels)
	var out []Change
	for i := range b.rests {
		if b.rests[i] < restLeast || b.labels[i] != 0 {
			continue
		}
		pixels := b.grow(i)
		if len(pixels) < thingLeast || float64(len(pixels)) > thingMost*float64(b.w*b.h) {
			continue
		}
		if c, ok := b.thing(v, pixels); ok {
			out = append(out, c)
		}
	}
	return out
}

// grow collects the connected pixels from i on.
func (b *backdrop) grow(i int) []int {
	b.stack = append(b.stack[:0], i)
	b.labels[i] = 1
	var pixels []int
	for len(b.stack) > 0 {
		at := b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		pixels = append(pixels, at)
		x, y := at%b.w, at/b.w
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				nx, ny := x+dx, y+dy
				if nx < 0 || ny < 0 || nx >= b.w || ny >= b.h {
					continue
				}
				if j := ny*b.w + nx; b.labels[j] == 0 && b.rests[j] >= restLeast {
					b.labels[j] = 1
					b.stack = append(b.stack, j)
				}
			}
		}
	}
	return pixels
}

// thing judges connected pixels: a thing, or light on what was there.
func (b *backdrop) thing(v *View, pixels []int) (Change, bool) {
	x0, y0, x1, y1 := b.w, b.h, 0, 0
	rest, now, was := 0.0, 0.0, 0.0
	for _, i := range pixels {
		x0, y0, x1, y1 = min(x0, i%b.w), min(y0, i/b.w), max(x1, i%b.w), max(y1, i/b.w)
		rest += float64(b.rests[i])
		now += float64(v.Luma[i])
		was += float64(b.back[i])
	}
	n := float64(len(pixels))
	rest, now, was = rest/n, now/n, was/n
	var nw, nn, ww, edgeNow, edgeWas float64
	for _, i := range pixels {
		a, c := float64(v.Luma[i])-now, float64(b.back[i])-was
		nw, nn, ww = nw+a*c, nn+a*a, ww+c*c
		// The rim: where a neighbour is not part of it.
		for _, j := range []int{i - 1, i + 1, i - b.w, i + b.w} {
			if j >= 0 && j < len(b.labels) && b.labels[j] == 0 {
				edgeNow += math.Abs(float64(v.Luma[i]) - float64(v.Luma[j]))
				edgeWas += math.Abs(float64(b.back[i]) - float64(b.back[j]))
			}
		}
	}
	if nn > 9*n && ww > 9*n && nw/math.Sqrt(nn*ww) > shadeAlike {
		return Change{}, false
	}
	w, h := float64(b.w), float64(b.h)
	return Change{
		Box:     Box{float64(x0) / w, float64(y0) / h, float64(x1-x0+1) / w, float64(y1-y0+1) / h},
		Removed: edgeWas > edgeRatio*edgeNow,
		Lasts:   time.Duration(rest * float64(time.Second)),
		Area:    n / (w * h),
	}, true
}
