package vision

import (
	"slices"
	"time"
)

// A frozen camera sends the same picture again and again, encoded anew. What
// tells it from a live one is the sensor's noise: every picture of a live
// camera differs a little from the one before, by about as much each time. By
// how much depends on the sensor, the light and the encoder, so it is learnt
// per camera. A camera that sends no noise (a test picture, a strong filter)
// cannot be judged, and is not.
//
// An encoder drops most noise between its key pictures and keeps it in these, so
// pictures are compared twice: with the one before, if no key lies between, and
// each key with the key before. An encoder with bits to spare (constant bit rate)
// codes what is frozen better and better after each key, so that neither is the
// same; but the last pictures of two GOPs then are.
const (
	nearFew, farFew = 150, 6 // comparisons, before it is known what is usual: what is near changes over the first GOPs
	gaugeMost       = 64     // newest that count

	nearLevel, farLevel = 1, 2                                   // of a pixel: so many count as a change
	nearLeast, farLeast = 30.0 / (320 * 180), 90.0 / (320 * 180) // of the picture usually change: with less it cannot be told
	stillMost           = 0.005                                  // of the picture may change in one that is the same
	stillShare          = 0.1                                    // of what usually changes; below: the same picture
	aliveShare          = 0.8                                    // above: another one
	dubiousShare        = 0.5
	lessEvery           = 8 // of such are learnt

	nearStill   = 10 // such pictures in a row tell, or one key,
	lateStill   = 2  // or so many ends of GOPs
	dubiousMost = 12 * time.Second
	flashLevel  = 16  // of a pixel; where most change by so much the light changed,
	flashShare  = 0.3 // and with it the noise
	aside       = 4   // pixels around what moves: not noise either
	seenLeast   = 0.3 // of the picture must not move
	plainly     = 20  // times what can be told at all: then a fifth of the comparisons are enough
)

// gauge compares one kind of pictures with the one before.
type gauge struct {
	level int
	few   int     // comparisons, before it is known
	seen  int     // comparisons so far, at most few
	least float64 // share of the picture
	ref   []byte
	usual ring
	moves []bool
	less  int // comparisons that showed less than usual
}

// likeness is what a comparison says.
type likeness int

const (
	untold likeness = iota
	repeated
	dubious
	unsure
	alive
	flash
)

// compare takes the next picture, of which the noise is what changes where
// nothing moves.
func (g *gauge) compare(v *View, moving []Box) likeness {
	if len(g.ref) != len(v.Luma) {
		g.ref = slices.Clone(v.Luma)
		return untold
	}
	g.moves = overlay(g.moves, v, moving)
	changed, much, n := 0, 0, 0
	for i, p := range v.Luma {
		d := int(p) - int(g.ref[i])
		d = max(d, -d)
		if d >= flashLevel {
			much++
		}
		if g.moves[i] {
			continue
		}
		n++
		if d >= g.level {
			changed++
		}
	}
	copy(g.ref, v.Luma)
	switch whole := float64(len(v.Luma)); {
	case float64(much) >= flashShare*whole:
		return flash
	case float64(n) < seenLeast*whole:
		return alive
	}
	return g.judge(float64(changed) / float64(n))
}

// overlay tells of each pixel whether something moves there.
func overlay(moves []bool, v *View, moving []Box) []bool {
	moves = slices.Grow(moves[:0], len(v.Luma))[:len(v.Luma)]
	clear(moves)
	w, h := float64(v.W), float64(v.H)
	for _, b := range moving {
		x0, x1 := max(0, int(b.X*w)-aside), min(v.W, int((b.X+b.W)*w)+aside)
		y0, y1 := max(0, int(b.Y*h)-aside), min(v.H, int((b.Y+b.H)*h)+aside)
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				moves[y*v.W+x] = true
			}
		}
	}
	return moves
}

// judge compares the share of the picture that changed with what usually does.
func (g *gauge) judge(share float64) likeness {
	low, few := g.low(), g.few
	if low >= plainly*g.least {
		few /= 5
	}
	if g.seen = min(g.few, g.seen+1); g.seen < max(few, 3) || low < g.least {
		g.usual.add(share)
		return untold
	}
	if share <= stillShare*low && share <= stillMost {
		return repeated
	}
	if share >= aliveShare*low {
		g.usual.add(share)
		return alive
	}
	// Less noise by and by is how the camera is; a picture that settles after it
	// froze is not.
	if g.less++; g.less%lessEvery == 0 {
		g.usual.add(share)
	}
	if share < dubiousShare*low {
		return dubious
	}
	return unsure
}

// low is what changes at least, in nine of ten pictures.
func (g *gauge) low() float64 {
	if len(g.usual.values) == 0 {
		return 0
	}
	s := slices.Clone(g.usual.values)
	slices.Sort(s)
	return s[len(s)/10]
}

// forget begins to learn anew.
func (g *gauge) forget() { g.usual, g.seen, g.less = ring{size: gaugeMost}, 0, 0 }

// stillness finds pictures that come again and again.
type stillness struct {
	near, far, late gauge
	between         bool          // there were pictures since the newest key
	moving          []Box         // on the newest of them
	lates           int           // GOPs in a row that ended with the same picture
	lateFrom        time.Time     // when the first of them ended
	keys            int           // so far
	since           time.Duration // nothing has shown since that the camera is alive
	from            time.Time
	at              time.Duration
	nears           int // pictures in it that are the same as the one before
	fars            int // keys
	maybe           bool
	frozen          bool
}

// look tells whether the picture is frozen, and since when it has been the same.
func (s *stillness) look(m moment, motion *Motion) (bool, time.Time) {
	v := &motion.View
	if s.near.level == 0 {
		s.near, s.far = gauge{level: nearLevel, few: nearFew, least: nearLeast}, gauge{level: farLevel, few: farFew, least: farLeast}
		s.late = s.far
		s.near.forget()
		s.far.forget()
		s.late.forget()
		s.since, s.from = m.at, m.captured
	}
	s.at = m.at
	g, count := &s.near, &s.nears
	if m.keys != s.keys {
		s.ended(m, v)
		s.keys, g, count = m.keys, &s.far, &s.fars
		s.near.ref = append(s.near.ref[:0], v.Luma...)
	} else {
		s.between, s.moving = true, motion.Regions
	}
	switch g.compare(v, motion.Regions) {
	case repeated:
		*count++
	case dubious:
		s.maybe = true
	case flash:
		s.near.forget()
		s.far.forget()
		s.late.forget()
		s.lates = 0
		s.again(m)
	case alive:
		s.again(m)
	}
	if (s.fars > 0 || s.nears >= nearStill) && m.at-s.since >= frozenAfter {
		s.frozen = true
	}
	if s.lates >= lateStill {
		return true, s.lateFrom
	}
	return s.frozen, s.from
}

// ended compares the last picture of a GOP with that of the GOP before, at the
// key that follows.
func (s *stillness) ended(m moment, v *View) {
	if !s.between || len(s.near.ref) != len(v.Luma) {
		return
	}
	s.between = false
	switch s.late.compare(&View{W: v.W, H: v.H, Luma: s.near.ref}, s.moving) {
	case repeated:
		if s.lates++; s.lates == 1 {
			s.lateFrom = m.captured
		}
	case untold:
	default:
		s.lates = 0
	}
}

// again begins a new stretch, with this picture.
func (s *stillness) again(m moment) {
	s.since, s.from, s.nears, s.fars, s.maybe, s.frozen = m.at, m.captured, 0, 0, false, false
}

// dubious tells whether the picture may be frozen, and a few more will tell.
func (s *stillness) dubious() bool {
	return !s.frozen && (s.maybe || s.nears > 0 || s.fars > 0 || s.lates > 0) && s.at-s.since < dubiousMost
}
