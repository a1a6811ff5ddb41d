package vision

import (
	"fmt"
	"math"
	"time"
)

// Picture health compares a camera's picture with how it has looked lately:
// its coarse edges, in cells, tile by tile. Edges are compared by correlation,
// so that light and shade do not count; whatever only passes leaves most tiles
// as they were, or does not stand still.
const (
	cellsX, cellsY = 80, 45
	tiles          = TilesX * TilesY

	learnFirst  = 3 * time.Second  // the view is learnt at once
	learnOver   = 30 * time.Second // and then follows the day
	textured    = 2.0              // levels a cell: a tile with less tells nothing
	texturedMin = 6                // tiles, without which nothing is told
	matchLeast  = 0.45             // correlation: a tile looks as it did
	deadShare   = 0.35             // of its edges are left: nothing is to be seen in the tile

	coveredDead, coveredMatch = 0.65, 0.35 // share of the tiles
	blurred                   = 0.45       // of its sharpness is left
	blurredMatch              = 0.4
	movedMatch                = 0.2
	settledMatch              = 0.6                     // as a moment ago: nothing passes,
	settledFor                = 1500 * time.Millisecond // or only for less, who walks before it

	coveredAfter  = 4 * time.Second
	blurredAfter  = 5 * time.Second
	movedAfter    = 7 * time.Second
	frozenAfter   = 4 * time.Second // since the first of the same pictures
	clearAfter    = 2 * time.Second
	movedForgiven = 10 * time.Minute // a new view is the view
	hideShare     = 0.35             // of the picture: something stands before the camera
)

// inspector judges one camera's pictures.
type inspector struct {
	began, at time.Duration
	looks     int
	edges     [cellsX * cellsY]float64 // now
	known     [cellsX * cellsY]float64 // learnt
	before    [cellsX * cellsY]float64 // a moment ago
	beforeAt  time.Duration
	fine      [tiles]float64 // learnt
	open      map[string]*suspicion
	still     stillness
	settled   time.Duration // when it was last as a moment before
}

// suspicion is one fault that may be.
type suspicion struct {
	since, clear time.Duration // of it being so; of it not being so
	from         time.Time
	is, opened   bool
	why          string
}

// judgement is what one picture says.
type judgement struct {
	textured              int
	match, dead, settled  float64 // shares of the textured tiles
	sharp, energy, before float64
}

// look takes the next picture and returns what is wrong now. Whoever stands so
// near that he hides the view is no fault.
func (p *inspector) look(m moment, motion *Motion, tracks []*Track) []Fault {
	v := &motion.View
	if v.W == 0 {
		return nil
	}
	if p.open == nil {
		p.open, p.began, p.beforeAt = map[string]*suspicion{}, m.at, m.at
	}
	dt := (m.at - p.at).Seconds()
	p.at = m.at
	p.looks++
	p.measure(v)
	j := p.judge(v)
	frozen, since := p.still.look(m, motion)
	if m.at-p.beforeAt >= time.Second {
		p.before, p.beforeAt = p.edges, m.at
	}
	if m.at-p.began < learnFirst || p.looks < 3 {
		p.learn(v, 1/float64(p.looks))
		return nil
	}
	able := j.textured >= texturedMin
	near := hides(tracks)
	covered := able && !near && j.dead >= coveredDead && j.match <= coveredMatch
	blur := able && !covered && j.match >= blurredMatch && j.sharp <= blurred
	if j.settled >= settledMatch {
		p.settled = m.at
	}
	moved := able && !near && !covered && j.match <= movedMatch && m.at-p.settled <= settledFor
	out := p.tell(m, []finding{
		{VideoCovered, covered, coveredAfter, m.captured, fmt.Sprintf("nothing is to be seen in %.0f %% of the picture", 100*j.dead)},
		{VideoDefocused, blur, blurredAfter, m.captured, fmt.Sprintf("%.0f %% of its sharpness is left", 100*j.sharp)},
		{VideoMoved, moved, movedAfter, m.captured, fmt.Sprintf("%.0f %% of the view is as it was", 100*j.match)},
		{VideoFrozen, frozen && !covered, 0, since, "the same picture comes again and again"},
	})
	p.adapt(m, v, j, dt, covered || blur || j.match <= movedMatch && able)
	return out
}

// adapt lets the learnt view follow what is no fault.
func (p *inspector) adapt(m moment, v *View, j judgement, dt float64, suspicious bool) {
	if s := p.open[VideoMoved]; s != nil && s.opened && m.at-s.since >= movedForgiven {
		p.known, p.fine = p.edges, v.Fine
		return
	}
	switch {
	case j.textured < texturedMin && j.energy > 2*j.before: // the light came
		p.learn(v, 1)
	case !suspicious:
		p.learn(v, 1-math.Exp(-dt/learnOver.Seconds()))
	}
}

func (p *inspector) learn(v *View, share float64) {
	for i, e := range p.edges {
		p.known[i] += share * (e - p.known[i])
	}
	for i, f := range v.Fine {
		p.fine[i] += share * (f - p.fine[i])
	}
}

// measure finds the edges of the small picture's cells.
func (p *inspector) measure(v *View) {
	var mean [cellsX * cellsY]float64
	var hidden [cellsX * cellsY]bool
	for cy := range cellsY {
		y0, y1 := cy*v.H/cellsY, max((cy+1)*v.H/cellsY, cy*v.H/cellsY+1)
		for cx := range cellsX {
			x0, x1 := cx*v.W/cellsX, max((cx+1)*v.W/cellsX, cx*v.W/cellsX+1)
			sum, n := 0, 0
			for y := y0; y < min(y1, v.H); y++ {
				for x := x0; x < min(x1, v.W); x++ {
					sum += int(v.Luma[y*v.W+x])
					n++
					hidden[cy*cellsX+cx] = hidden[cy*cellsX+cx] || v.masked(y*v.W+x)
				}
			}
			mean[cy*cellsX+cx] = float64(sum) / float64(max(n, 1))
		}
	}
	for cy := range cellsY {
		for cx := range cellsX {
			i := cy*cellsX + cx
			p.edges[i] = 0
			if cx+1 < cellsX && !hidden[i] && !hidden[i+1] {
				p.edges[i] += math.Abs(mean[i+1] - mean[i])
			}
			if cy+1 < cellsY && !hidden[i] && !hidden[i+cellsX] {
				p.edges[i] += math.Abs(mean[i+cellsX] - mean[i])
			}
		}
	}
}

// judge compares the picture with the learnt view, tile by tile.
func (p *inspector) judge(v *View) judgement {
	var j judgement
	var match, dead, settled, sharp float64
	for t := range tiles {
		now, was := p.energy(&p.edges, t), p.energy(&p.known, t)
		j.energy, j.before = j.energy+now, j.before+was
		if was < textured {
			continue
		}
		j.textured++
		alike := p.correlate(&p.edges, &p.known, t)
		if alike >= matchLeast {
			match++
		}
		if now <= deadShare*was {
			dead++
		}
		if now < textured/2 || p.correlate(&p.edges, &p.before, t) >= matchLeast {
			settled++
		}
		// Less light leaves less of both; a blur takes the fine first.
		sharp += min(2, v.Fine[t]/max(p.fine[t], 0.05)*was/max(now, 0.05))
	}
	n := float64(max(j.textured, 1))
	j.match, j.dead, j.settled, j.sharp = match/n, dead/n, settled/n, sharp/n
	return j
}

// cells calls each for the cells of a tile.
func cells(t int, each func(i int)) {
	tx, ty := t%TilesX, t/TilesX
	for y := ty * cellsY / TilesY; y < (ty+1)*cellsY/TilesY; y++ {
		for x := tx * cellsX / TilesX; x < (tx+1)*cellsX/TilesX; x++ {
			each(y*cellsX + x)
		}
	}
}

func (p *inspector) energy(edges *[cellsX * cellsY]float64, t int) float64 {
	sum, n := 0.0, 0
	cells(t, func(i int) { sum += edges[i]; n++ })
	return sum / float64(n)
}

// correlate is the correlation of two pictures' edges within a tile, -1..1.
func (p *inspector) correlate(a, b *[cellsX * cellsY]float64, t int) float64 {
	ma, mb := p.energy(a, t), p.energy(b, t)
	var ab, aa, bb float64
	cells(t, func(i int) {
		x, y := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	})
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// hides tells whether something tracked hides much of the picture.
func hides(tracks []*Track) bool {
	for _, t := range tracks {
		if b := t.Box.Clip(); b.W*b.H >= hideShare {
			return true
		}
	}
	return false
}

// finding is what one picture says about one fault.
type finding struct {
	kind  string
	is    bool
	after time.Duration
	from  time.Time
	why   string
}

// tell opens and closes faults, each after it has lasted.
func (p *inspector) tell(m moment, findings []finding) []Fault {
	var out []Fault
	for _, v := range findings {
		s := p.open[v.kind]
		if s == nil {
			s = &suspicion{}
			p.open[v.kind] = s
		}
		switch {
		case v.is && !s.is:
			s.is, s.clear = true, m.at
			if !s.opened {
				s.since, s.from = m.at, v.from
			}
		case !v.is && s.is:
			s.is, s.clear = false, m.at
		}
		if v.is {
			s.why = v.why
		}
		if v.is && m.at-s.since >= v.after {
			s.opened = true
		}
		if !v.is && s.opened && m.at-s.clear >= clearAfter {
			s.opened = false
		}
		if s.opened {
			out = append(out, Fault{Kind: v.kind, From: s.from, Why: s.why})
		}
	}
	return out
}
