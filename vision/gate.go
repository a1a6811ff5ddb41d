package vision

import (
	"fmt"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision/internal/slice"
)

// GateState is how much of a camera's stream is decoded.
type GateState string

// States of the gate.
const (
	GateLearning GateState = "learning" // everything, until it is known what quiet costs
	GateQuiet    GateState = "quiet"    // lone key pictures; the rest is held, and measured
	GateBusy     GateState = "busy"     // everything: something may be there
	GateFull     GateState = "full"     // everything: the compressed stream does not tell
	GateShed     GateState = "shed"     // lone key pictures, because the box has no more to give
)

// Why a gate opened.
const (
	becauseSlices = "pictures cost more than they should"
	becauseLess   = "pictures cost less than they should"
	becauseKey    = "key pictures differ"
	becauseSame   = "the same picture came again"
	becauseTrack  = "an object was not found again"
	becauseRule   = "a rule waits"
	becauseProof  = "proof"
)

const (
	heldUnitsMax = 1500             // 60 s at 25 fps: more between keys cannot be held
	heldBytesMax = 48 << 20         // of one camera; the pre-roll shares them
	gopMax       = 12 * time.Second // between keys; above, looking back takes too long

	learnLeast = 4 * time.Second // of quiet, before anything is known
	learnMost  = 75              // pictures that one look speaks for: between looks left out, anything may have been
	wildMost   = 2               // key pictures of a shed camera that say nothing of what is between them
	busyLeast  = 2 * time.Second // after the last motion
	busyLooks  = 4               // of it with pictures looked at: a camera that lags has looks left out
	keyEvery   = 2 * time.Second // between lone key pictures
	keyRarely  = 4 * time.Second // once it has proven itself
	keyCompany = time.Second     // while somebody stands there
	lessLasts  = 9 * time.Second // until a frozen or covered picture has shown itself
	keySlack   = 100 * time.Millisecond
	proofFirst = 15 * time.Second // of quiet, before the first proof
	proofEvery = 20 * time.Minute // in the long run
	proofLasts = 4 * time.Second

	// Sizes are summed up as Page's test does (Biometrika 41, 1954): what stands
	// out by less than the slack counts against, single pictures count for
	// standMax at most.
	sumSlack  = 0.75
	standMax  = 6.0
	sumAlarm  = 8.0  // a false alarm in about an hour of even noise
	sumStrict = 4.0  // lowest, after misses
	sumLoose  = 14.0 // highest, after false alarms

	// What is missing is in no hurry: a picture that froze stays so.
	lowSlack = 2.0
	lowAlarm = 60.0
	echoHeld = 75 // pictures of the same sizes: a frozen one, where an encoder leaves nothing else to see
)

// verdict is what is to be done with a unit.
type verdict int

const (
	hold   verdict = iota // nothing: it is measured and held
	lone                  // decode this key picture alone, and compare it
	wake                  // decode all that is held, this unit included
	follow                // decode this unit
)

// gate decides, from the compressed stream and from what the decoded pictures
// showed, how much of one camera is decoded. It decides and does nothing else:
// decoding is the analyzer's.
type gate struct {
	state  GateState
	reason string

	reader slice.Reader
	norm   norm
	held   []*ingest.Unit // since the key picture that was decoded last; oldest first
	bytes  int
	since  int       // pictures since the newest key
	layers int       // highest temporal layer
	key    time.Time // when the newest key came
	gop    time.Duration
	run    uint32
	now    time.Time // when the newest unit came

	sum   float64 // of what stands out
	low   float64 // and of what is missing: a picture that froze, or was covered
	tame  bool    // shed: nothing stood out between the newest key picture and the one before
	whole bool    // shed: all since the newest key picture was measured
	wild  int     // shed: key pictures in a row that showed nothing, where what came before stood out
	sizes echoes  // of pictures that are no keys
	alarm float64
	facts []fact // since pictures were looked at last: to be learnt, if these showed nothing

	calmSince time.Time // nothing has moved since
	calmLooks int       // pictures looked at since then
	looked    time.Time // at a key picture
	proven    int       // proofs since the last miss
	quietFor  time.Time // in state quiet since
	proved    time.Time // last
	nextProof time.Duration
	leisure   bool    // the box has time for a proof
	company   bool    // somebody is there, and stands
	cause     string  // why it opened last; "" of one that has closed since
	moves     int     // looks with motion since it opened
	peak      float64 // highest sum since it opened
	last      slice.Picture
	counts    GateCounts
}

// GateCounts are what a gate has done so far.
type GateCounts struct {
	Opened  map[string]uint64 // by reason
	Idle    uint64            // openings by the slices in which nothing moved
	Keys    uint64            // lone key pictures decoded
	Held    uint64            // pictures not decoded when they came
	Caught  uint64            // of these, decoded later
	Shed    uint64            // pictures that should have been decoded, and the box had nothing to give
	Proofs  uint64            // quiet stretches decoded in full
	Misses  uint64            // of these, with motion in them
	Skipped uint64            // pictures that nobody refers to, and that were not due
}

func newCameraGate() gate {
	return gate{state: GateLearning, reason: "start", norm: newNorm(), alarm: sumAlarm, nextProof: proofFirst,
		counts: GateCounts{Opened: map[string]uint64{}}}
}

// take measures a unit and says what is to be done with it.
func (g *gate) take(u *ingest.Unit) verdict {
	g.now = u.Received
	if g.calmSince.IsZero() {
		g.calmSince = g.now
	}
	g.last = g.measure(u)
	g.keep(u)
	if g.sleeping() {
		return g.quiet(u)
	}
	return follow
}

// measure notes what the unit is in the compressed stream.
func (g *gate) measure(u *ingest.Unit) slice.Picture {
	if u.Run != g.run {
		g.run, g.held, g.bytes, g.key, g.sum, g.low, g.facts = u.Run, nil, 0, time.Time{}, 0, 0, nil
	}
	p := g.reader.Read(u)
	if u.Key {
		if !g.key.IsZero() {
			g.gop = g.now.Sub(g.key)
		}
		g.key, g.since = g.now, 0
		g.sizes.key(0, true)
	} else {
		g.since++
		g.sizes.take(uint64(p.Bytes))
	}
	g.layers = max(g.layers, p.Layer)
	f := fact{at: placeOf(p, g.since), bytes: float64(p.Bytes), qp: p.QP}
	if p.Type != slice.I && p.Type != slice.Unknown {
		z := g.norm.stands(f)
		g.sum = max(0, g.sum+min(standMax, z)-sumSlack)
		g.low = max(0, g.low+min(standMax, -z)-lowSlack)
		g.peak = max(g.peak, g.sum)
	}
	if p.Type != slice.Unknown && len(g.facts) < heldUnitsMax {
		g.facts = append(g.facts, f)
	}
	return p
}

// keep holds the unit, from the key on that was decoded last.
func (g *gate) keep(u *ingest.Unit) {
	if u.Key && !g.sleeping() {
		g.held, g.bytes = nil, 0 // a slice of its own: who reads the old one may go on
	}
	if len(g.held) == 0 && !u.Key {
		return
	}
	g.held, g.bytes = append(g.held, u), g.bytes+u.Bytes
	if len(g.held) <= heldUnitsMax && g.bytes <= heldBytesMax {
		return
	}
	// Too much since the key that was decoded: the newest key must do.
	newest := 0
	for i, h := range g.held {
		if h.Key {
			newest = i
		}
	}
	if newest == 0 {
		g.held, g.bytes = nil, 0
		return
	}
	g.restart(newest)
}

// restart lets go what is held before the key at i.
func (g *gate) restart(i int) {
	g.held = append([]*ingest.Unit(nil), g.held[i:]...)
	g.bytes = 0
	for _, h := range g.held {
		g.bytes += h.Bytes
	}
}

// sleeping tells whether pictures are held instead of decoded.
func (g *gate) sleeping() bool { return g.state == GateQuiet || g.state == GateShed }

// quiet decides on a unit that came while nothing happened.
func (g *gate) quiet(u *ingest.Unit) verdict {
	if g.state == GateShed {
		g.counts.Shed++
		if u.Key {
			g.another()
		}
		if u.Key && g.now.Sub(g.looked) >= keyEvery-keySlack {
			return lone
		}
		return hold
	}
	g.counts.Held++
	if g.proved.IsZero() {
		g.proved = g.now
	}
	switch {
	case g.sum >= g.alarm:
		return g.open(GateBusy, becauseSlices)
	case g.low >= lowAlarm:
		return g.open(GateBusy, becauseLess)
	case g.sizes.improbable(echoHeld):
		g.sizes.learn(g.sizes.run)
		g.sizes.run = 0
		return g.open(GateBusy, becauseSame)
	case len(g.held) == 0 || g.now.Sub(g.key) > gopMax:
		return g.open(GateFull, fmt.Sprintf("no key picture for %s", gopMax))
	case g.now.Sub(g.proved) > g.nextProof && g.now.Sub(g.quietFor) > proofLasts && g.leisure:
		g.counts.Proofs++
		g.proved = g.now
		return g.open(GateBusy, becauseProof)
	case u.Key && g.now.Sub(g.looked) >= g.pause()-keySlack:
		return lone
	}
	return hold
}

// another begins a GOP of a camera that was shed. Each is measured by itself,
// whether its key picture gets a turn or not.
func (g *gate) another() {
	g.tame = g.whole && g.sum < g.alarm
	if !g.tame {
		g.facts = nil
	}
	if g.whole {
		g.wild++
	}
	if g.tame {
		g.wild = 0
	}
	g.sum, g.whole = 0, true
}

// differs tells whether a lone key picture shows that something goes on. On a
// camera that was shed it may be what came or left while nobody looked, and
// nothing since; a quiet one knows the place.
func (g *gate) differs(m Motion) bool {
	return len(m.Regions) > 0 && (g.state == GateQuiet || !m.Stands)
}

// pause is the time between lone key pictures. Who stands there is looked at
// before his stay would be over (lostAfter).
func (g *gate) pause() time.Duration {
	if g.company {
		return keyCompany
	}
	if g.proven >= 1 && g.sum < g.alarm/2 {
		return keyRarely
	}
	return keyEvery
}

func (g *gate) open(s GateState, why string) verdict {
	if g.cause == "" || g.state == GateQuiet {
		g.cause, g.moves = why, 0
	}
	g.state, g.reason, g.peak, g.facts = s, why, 0, nil
	g.calmSince, g.calmLooks = g.now, 0
	if s == GateFull {
		why = "full"
	}
	g.counts.Opened[why]++
	if len(g.held) == 0 {
		return follow
	}
	g.counts.Caught += uint64(len(g.held))
	return wake
}

// loneKey takes what a lone key picture showed; wake says that all that is
// held is to be decoded.
func (g *gate) loneKey(moved bool) verdict {
	g.counts.Keys++
	g.looked = g.now
	if moved && g.state == GateQuiet {
		return g.open(GateBusy, becauseKey)
	}
	if g.state == GateShed && moved {
		g.tame, g.wild = false, 0
	}
	// Nothing has happened up to here, or it is too late: hold from this key on.
	if n := len(g.held); n > 0 {
		g.restart(n - 1)
	}
	return hold
}

// shed stops decoding because the box has no more to give.
// whole says that it is done at a key picture.
func (g *gate) shed(whole bool) {
	g.state, g.reason, g.looked, g.quietFor = GateShed, "no processor time left", g.now, g.now
	g.sum, g.tame, g.whole, g.wild = 0, false, whole, 0
}

// room ends shedding, at a key picture.
func (g *gate) room() verdict { return g.open(GateBusy, "room again") }

// saw takes what moved on a picture that was looked at. What stands keeps no
// gate open, and is not what the place is like either.
func (g *gate) saw(m Motion) {
	g.calmLooks++
	if moved := len(m.Regions) > 0; moved && !m.Stands {
		g.calmSince, g.calmLooks = g.now, 0
		g.moves++
	} else if !moved && g.innocent() {
		for _, f := range g.facts {
			g.norm.learn(f)
		}
	}
	g.facts = g.facts[:0]
}

// innocent tells whether what came since the last look is how it is when nothing
// happens, after a look that showed nothing.
func (g *gate) innocent() bool {
	switch g.state {
	case GateShed:
		return g.tame
	case GateQuiet:
		return g.sum < g.alarm/2
	}
	return len(g.facts) <= learnMost
}

// rest decides whether an open gate may close: nothing has moved for a while,
// nobody waits for more (free), and the stream tells what happens next.
func (g *gate) rest(free bool, hevc bool, area int) {
	if g.state == GateQuiet || !free {
		return
	}
	calm := g.now.Sub(g.calmSince)
	least := busyLeast
	switch {
	case g.state == GateLearning:
		least = learnLeast
	case g.state == GateShed && g.tame: // it was quiet for a GOP: decoding all of it would show no more
		least = 0
	case g.reason == becauseProof:
		least = proofLasts
	case g.reason == becauseLess:
		least = lessLasts
	}
	if calm < least || least > 0 && g.calmLooks < busyLooks {
		return
	}
	if why, known := g.mute(hevc, area); !known {
		return
	} else if why != "" {
		if g.state != GateShed {
			g.state, g.reason = GateFull, why
		}
		return
	}
	g.judge()
	g.cause = ""
	g.state, g.reason, g.quietFor, g.looked, g.sum, g.low = GateQuiet, "", g.now, g.now, 0, 0
}

// judge learns from a stretch that is over, whether opening was right. A false
// alarm is one though the box had no time to look at all of it: the key pictures
// showed nothing.
func (g *gate) judge() {
	switch {
	case g.cause == becauseSlices && g.moves == 0:
		g.counts.Idle++
		g.alarm = min(sumLoose, 1.15*g.alarm)
	case g.reason == becauseProof && g.moves >= 2 && g.peak < g.alarm:
		g.counts.Misses++
		g.proven, g.nextProof = 0, proofFirst
		g.alarm = max(sumStrict, 0.7*g.alarm)
	case g.reason == becauseProof:
		g.proven++
		g.nextProof = min(proofEvery, 4*g.nextProof)
		g.alarm += (sumAlarm - g.alarm) / 8
	case g.reason == becauseKey && g.moves >= 2 && g.peak < g.alarm: // the slices should have told
		g.alarm = max(sumStrict, 0.85*g.alarm)
	}
}

// mute says why the compressed stream does not tell whether something happens;
// "" when it does. known is false until enough was seen of it.
func (g *gate) mute(hevc bool, area int) (why string, known bool) {
	if g.gop > gopMax || g.now.Sub(g.key) > gopMax {
		return fmt.Sprintf("key pictures are more than %s apart: set the camera to one every 2 s", gopMax), true
	}
	sigma, figure, ok := g.norm.noise(hevc, area)
	if ok && figureSigma*sigma > figure {
		why = fmt.Sprintf("sizes of pictures vary by %.0f bytes by themselves, somebody walking costs %.0f (constant bit rate, or much noise): give the camera a variable bit rate, or a sub stream", sigma, figure)
	}
	return why, ok
}

// needless tells whether the newest unit can be left out: no other picture refers to it.
func (g *gate) needless() bool { return g.last.Disposable && g.last.Layer >= g.layers }
