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
// same; but the last pictures of two GOPs then are, or the last of one and the
// key that follows. echoes.go is about those that drop all noise.
const (
	nearFew, farFew = 150, 6 // comparisons, before it is known what is usual: what is near changes over the first GOPs
	gaugeMost       = 64     // newest that count

	nearLevel, farLevel = 1, 2                                   // of a pixel: so many count as a change
	nearLeast, farLeast = 30.0 / (320 * 180), 90.0 / (320 * 180) // of the picture usually change: with less it cannot be told
	stillMost           = 0.005                                  // of the picture may change in one that is the same
	stillShare          = 0.1                                    // of what usually changes; below: the same picture
	keyShare            = 0.05                                   // of keys, unless those between are the same too: fog takes more than half of the noise
	aliveShare          = 0.8                                    // above: another one
	dubiousShare        = 0.5
	lessEvery           = 8 // of such are learnt

	nearStill   = 10 // such pictures in a row tell, or one key,
	lateStill   = 2  // or so many ends of GOPs,
	livelyEnd   = 6  // if the last pictures in them were not this many of a live camera
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
	still float64 // share of what usually changes, below which it is the same picture
	few   int     // comparisons, before it is known
	share float64 // of the picture that changed in the newest
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
	g.share = share
	low, few := g.low(), g.few
	if low >= plainly*g.least {
		few /= 5
	}
	if g.seen = min(g.few, g.seen+1); g.seen < max(few, 3) || low < g.least {
		g.usual.add(share)
		return untold
	}
	if share <= g.still*low && share <= stillMost {
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
	over            gauge         // a key with the last picture before it
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
	differs         bool // the newest key in it was another picture, though with less noise than usual
	frozen          bool

	overAt      time.Duration // when a key was like the picture before it
	overFrom    time.Time     // zero: none was
	looks, live int           // since then; that showed the camera alive
	lively      int           // newest in a row that did

	echoes   echoes
	costs    costs
	key      moment // the newest
	odd      bool   // it costs more than it should
	echoing  bool   // what followed came again and again
	echoFrom time.Time
}

// look tells whether the picture is frozen, and since when it has been the same.
func (s *stillness) look(m moment, motion *Motion) (bool, time.Time) {
	v := &motion.View
	if s.near.level == 0 {
		s.near = gauge{level: nearLevel, still: stillShare, few: nearFew, least: nearLeast}
		s.far = gauge{level: farLevel, still: keyShare, few: farFew, least: farLeast}
		s.late, s.over = s.far, s.far
		s.forget()
		s.since, s.from = m.at, m.captured
	}
	s.at = m.at
	if m.keys != s.keys {
		s.atKey(m, motion)
	} else {
		s.between, s.moving = true, motion.Regions
		near := s.near.compare(v, motion.Regions)
		s.take(m, near, &s.nears)
		s.looks++
		if near == alive {
			s.live, s.lively = s.live+1, s.lively+1
		} else {
			s.lively = 0
		}
		s.echo(m, motion)
	}
	// An encoder that drops the little noise there is between keys keeps some in
	// these: where they differ the next must not.
	if (s.fars > 0 || s.nears >= nearStill && !s.differs) && m.at-s.since >= frozenAfter {
		s.frozen = true
	}
	switch {
	case s.lates >= lateStill:
		return true, s.lateFrom
	case s.frozen:
		return true, s.from
	case s.resumed():
		return true, s.overFrom
	case s.echoing:
		return true, s.echoFrom
	}
	return false, s.from
}

// resumed tells whether a key was like the picture before it, and what came
// since was not as a live camera's: an encoder with bits to spare begins anew to
// make the same picture better and better, and that changes it too.
func (s *stillness) resumed() bool {
	return !s.overFrom.IsZero() && s.at-s.overAt >= frozenAfter && s.looks >= nearStill && s.live*4 <= s.looks
}

// atKey compares a key with the key before, and with what came between them.
func (s *stillness) atKey(m moment, motion *Motion) {
	v := &motion.View
	over := s.ended(m, v, motion.Regions)
	far := s.far.compare(v, motion.Regions)
	switch {
	case over == repeated && far != flash:
		far = repeated
		if !s.resumed() {
			s.overAt, s.overFrom, s.looks, s.live = m.at, s.from, 0, 0
		}
	case over == alive || far == flash:
		s.overFrom = time.Time{}
	}
	s.take(m, far, &s.fars)
	lesser := func(l likeness) bool { return l == dubious || l == unsure }
	s.differs = lesser(far) && (lesser(over) && s.over.share > stillShare*s.over.low() || over == untold && s.differs)
	s.near.ref = append(s.near.ref[:0], v.Luma...)
	if far == alive || far == untold {
		s.echoing = false
	}
	s.echoes.key(v.Mark, far != repeated && far != dubious)
	calm := len(motion.Regions) == 0 || motion.Stands
	s.odd = calm && s.costs.odd(m.keyBytes) && far == alive && s.far.share <= oddNoise*s.far.low()
	s.keys, s.key = m.keys, m
}

// take counts what one comparison said.
func (s *stillness) take(m moment, l likeness, count *int) {
	switch l {
	case repeated:
		*count++
	case dubious:
		s.maybe = true
	case flash:
		s.forget()
		s.lates = 0
		s.again(m)
	case alive:
		s.again(m)
	}
}

// forget begins to learn anew.
func (s *stillness) forget() {
	for _, g := range []*gauge{&s.near, &s.far, &s.late, &s.over} {
		g.forget()
	}
}

// echo takes a picture that is no key.
func (s *stillness) echo(m moment, motion *Motion) {
	if len(motion.Regions) > 0 && !motion.Stands { // of course it is another
		s.echoes.begin(motion.View.Mark)
		s.echoing, s.odd = false, false
		return
	}
	if s.echoes.take(motion.View.Mark); s.echoes.run == 1 && !s.echoing {
		s.echoFrom = m.captured
	}
	switch {
	case s.echoes.others >= echoLoose:
		s.echoing, s.odd = false, false
	case s.echoes.improbable(echoLeast):
		s.echoing = true
	case s.odd && s.echoes.run >= echoLeast:
		s.echoing, s.echoFrom = true, s.key.captured
	}
}

// ended compares the last picture of a GOP with that of the GOP before, and
// with the key that follows.
func (s *stillness) ended(m moment, v *View, moving []Box) (over likeness) {
	if !s.between || len(s.near.ref) != len(v.Luma) {
		return untold
	}
	s.between = false
	late := s.late.compare(&View{W: v.W, H: v.H, Luma: s.near.ref}, s.moving)
	switch {
	case s.lively >= livelyEnd: // there is less noise than there was, but there is
		s.lates = 0
	case late == repeated:
		if s.lates++; s.lates == 1 {
			s.lateFrom = m.captured
		}
	case late != untold:
		s.lates = 0
	}
	s.over.ref = append(s.over.ref[:0], s.near.ref...)
	s.over.still = keyShare
	if s.nears >= nearStill {
		s.over.still = stillShare
	}
	return s.over.compare(v, moving)
}

// again begins a new stretch, with this picture.
func (s *stillness) again(m moment) {
	s.since, s.from, s.nears, s.fars, s.maybe, s.differs, s.frozen = m.at, m.captured, 0, 0, false, false, false
}

// dubious tells whether the picture may be frozen, and a few more will tell.
func (s *stillness) dubious() bool {
	if s.odd && !s.echoing && s.at-s.key.at < oddLasts || !s.overFrom.IsZero() && s.at-s.overAt < oddLasts {
		return true
	}
	return !s.frozen && (s.maybe || s.nears > 0 || s.fars > 0 || s.lates > 0) && s.at-s.since < dubiousMost
}
