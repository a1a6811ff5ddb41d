package vision

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

const (
	decoderKept = 10 * time.Second // of quiet, before its memory is given back
	behindMax   = time.Second      // a camera that is further behind leaves out a GOP
	patience    = 3 * time.Second  // after looking back began, until it must have caught up
	standingGOP = 2500 * time.Millisecond
	confirmMax  = 2 * time.Second // somebody new is waited for so long, when the detector does not get to it
)

// GateStats is how the gate of a camera stands.
type GateStats struct {
	State  GateState
	Reason string // of the state
	Alarm  float64
	GOP    time.Duration // between the newest keys
	Proven int           // proofs passed since the last miss
	GateCounts
}

// urgency is the highest priority of the rules: who decodes first when not
// everybody can.
func urgency(rules []Rule) string {
	best := "P3"
	for _, r := range rules {
		p := r.Priority
		if p == "" {
			p = "P2"
		}
		best = min(best, p)
	}
	return best
}

// take decides what is done with one unit, and does it.
func (a *Analyzer) take(ctx context.Context, u *ingest.Unit) {
	if a.cfg.Every || a.cfg.DecodeAll || u.Params == nil {
		a.decode(ctx, u)
		return
	}
	was := a.gate.state
	a.gate.leisure = a.cfg.MaxLag < 0 || a.parts.Budget.Spare()
	a.gate.company = a.tracker.Live() > 0
	a.carryOut(ctx, u, a.gate.take(u))
	if a.gate.sleeping() && a.dec != nil && a.parts.Keys != nil && a.gate.now.Sub(a.gate.quietFor) > decoderKept {
		a.release()
	}
	if u.Key || a.gate.state != was {
		g := &a.gate
		now := GateStats{State: g.state, Reason: g.reason, Alarm: g.alarm, GOP: g.gop, Proven: g.proven, GateCounts: g.counts}
		now.Opened = maps.Clone(now.Opened)
		a.note(func(s *Stats) { s.Gate = now })
		if g.state != was {
			a.log.Debug("gate", "state", g.state, "was", was, "why", g.reason, "at", u.Captured)
		}
	}
}

func (a *Analyzer) carryOut(ctx context.Context, u *ingest.Unit, v verdict) {
	if (v == wake || v == follow && (u.Key || a.behind(u))) && !a.affordable(u) {
		a.shed(u.Key)
		v = hold
		if u.Key {
			v = lone
		}
	}
	switch v {
	case hold:
		a.goOn(ctx, u)
	case lone:
		a.alone(ctx, u)
	case wake:
		a.lookBack(ctx)
	case follow:
		// Where pictures come out in another order it is not known beforehand
		// which of them will be due.
		if !a.gate.needless() || u.PTS != u.DTS || !a.empty() || a.pace.due(a.clock.peek(u)) {
			a.decode(ctx, u)
		} else {
			a.gate.counts.Skipped++
		}
		a.settle(u)
	}
}

// shed stops decoding because the box has no more to give; whole says that it
// is done at a key picture.
func (a *Analyzer) shed(whole bool) {
	a.gate.shed(whole)
	a.parts.Budget.Short()
	a.sleep()
}

// goOn lets media time go on, once a second, while pictures are held: stays of
// who has left end in time.
func (a *Analyzer) goOn(ctx context.Context, u *ingest.Unit) {
	if at := a.clock.peek(u); at >= a.heldTo+time.Second || at < a.heldTo {
		a.heldTo = at
		a.tell(ctx, nil, a.watch.expire(at))
	}
}

// affordable tells whether the box has the time to decode what follows.
func (a *Analyzer) affordable(u *ingest.Unit) bool {
	if a.cfg.MaxLag < 0 {
		return true
	}
	return a.parts.Budget.Grant(a.urgency) && !a.behind(u)
}

// reopens tells whether a camera that was shed may decode everything again.
func (a *Analyzer) reopens(u *ingest.Unit) bool {
	return a.cfg.MaxLag < 0 || !a.behind(u) && a.parts.Budget.Reopen(a.urgency)
}

// behind tells whether the camera has fallen too far behind to catch up. Who
// looks back may lag for a while.
func (a *Analyzer) behind(u *ingest.Unit) bool {
	return a.cfg.MaxLag > 0 && time.Since(u.Received) > max(behindMax, a.cfg.MaxLag) && time.Now().After(a.patient)
}

// settle lets the gate close when nothing goes on.
func (a *Analyzer) settle(u *ingest.Unit) {
	if a.gate.sleeping() {
		return
	}
	if a.rest(u); a.gate.sleeping() {
		a.sleep()
	}
}

// rest closes the gate if it may be closed. The place with nothing moving in it
// looks as it does now.
func (a *Analyzer) rest(u *ingest.Unit) {
	was := a.gate.state
	a.gate.rest(a.free(), u.Params.Codec == ingest.H265, u.Params.Width*u.Params.Height)
	if a.gate.state == GateQuiet && was != GateQuiet {
		a.motion.Settle()
	}
}

// free tells whether looking at lone key pictures is enough for the tracks and
// the rules: nobody waits to be confirmed, no rule for its time to be over, and
// keys come often enough to see who stands there still.
func (a *Analyzer) free() bool {
	if a.watch.pending() || a.watch.inspector.still.dubious() {
		return false
	}
	keys := a.gate.gop > 0 && a.gate.gop <= standingGOP
	for _, t := range a.tracker.tracks {
		// A busy detector does not sweep away who is gone: time does.
		unseen := a.clock.at - t.Last
		if !t.Confirmed && t.Hits < hitsConfirm && unseen < confirmMax || !keys && (unseen <= lostMax || t.Still(a.clock.at)) {
			return false
		}
	}
	return true
}

// sleep stops decoding; the next key starts anew.
func (a *Analyzer) sleep() {
	if a.dec != nil {
		a.dec.Reset()
	}
}

func (a *Analyzer) release() {
	if a.dec != nil {
		a.dec.Close()
	}
	a.dec = nil
}

// alone decodes a key unit by itself. When it differs from the one before,
// what lies between them is decoded too.
func (a *Analyzer) alone(ctx context.Context, u *ingest.Unit) {
	next := hold
	began := cpuTime()
	err := a.decodeKey(ctx, u, func(f *Frame) error {
		a.spent(began)
		motion, ok := a.compare(f)
		if !ok {
			return nil
		}
		moved := a.gate.differs(motion)
		if next = a.gate.loneKey(moved); next == wake {
			return nil // it comes again, after what was before it
		}
		m := a.clock.tick(f)
		a.note(func(s *Stats) { s.Decoded++; s.LastFrame = f.Received })
		a.pace.look(m.at)
		a.compared(ctx, f, m, motion)
		if a.gate.state == GateShed { // few looks: who went by would be there for half a minute
			a.motion.Settle()
		}
		switch {
		case a.gate.state == GateShed && moved:
			if a.reopens(u) {
				next = a.gate.room()
			}
		case a.gate.state == GateShed:
			if a.rest(u); a.gate.state == GateShed && a.gate.wild >= wildMost && a.reopens(u) {
				next = a.gate.room()
			}
		case a.missing(m.at):
			next = a.gate.open(GateBusy, becauseTrack)
		case a.watch.inspector.still.dubious():
			next = a.gate.open(GateBusy, becauseSame)
		}
		if a.parts.Observe != nil {
			a.parts.Observe(f, a.Tracks())
		}
		return nil
	})
	switch {
	case errors.Is(err, errNoTurn):
		a.note(func(s *Stats) { s.Skipped++ })
	case err != nil && ctx.Err() == nil:
		a.damaged(err)
	case next == wake && a.affordable(u):
		a.lookBack(ctx)
	case next == wake:
		a.shed(true)
	}
}

// missing tells whether a track that counts was looked for at media time at, and
// was not found. What a busy detector did not look for is not missing.
func (a *Analyzer) missing(at time.Duration) bool {
	if a.detected != at {
		return false
	}
	for _, t := range a.tracker.tracks {
		if t.Confirmed && !t.Seen && !t.Still(at) {
			return true
		}
	}
	return false
}

func (a *Analyzer) decodeKey(ctx context.Context, u *ingest.Unit, each func(*Frame) error) error {
	defer a.leave()
	if a.parts.Keys != nil {
		return a.parts.Keys.decode(ctx, u, each, a.aside)
	}
	a.aside()
	a.sleep()
	defer a.sleep()
	return decodeAlone(a.decoder(), u, each)
}

// lookBack decodes all that is held, from its key on: the seconds before the
// gate opened are looked at as if they came now. What was looked at before the
// gate closed is decoded only: time does not go back.
func (a *Analyzer) lookBack(ctx context.Context) {
	a.sleep()
	a.back = true
	settle := a.parts.Budget.Advance(len(a.gate.held))
	defer func() {
		a.back = false
		settle()
	}()
	a.patient = time.Now().Add(patience)
	for i, u := range a.gate.held {
		if ctx.Err() != nil {
			return
		}
		if i%10 == 9 && a.behind(a.gate.held[len(a.gate.held)-1]) {
			a.gate.counts.Shed += uint64(len(a.gate.held) - i)
			a.shed(false)
			return
		}
		a.decode(ctx, u)
	}
}

func (a *Analyzer) decoder() Decoder {
	if a.dec == nil {
		a.dec = a.parts.Decoder()
	}
	return a.dec
}

// decode decodes one unit and looks at what comes out.
func (a *Analyzer) decode(ctx context.Context, u *ingest.Unit) {
	a.enter()
	defer a.leave()
	began := cpuTime()
	err := a.decoder().Decode(u, func(f *Frame) error {
		a.spent(began)
		a.picture(ctx, f)
		began = cpuTime()
		return nil
	})
	a.spent(began)
	if err != nil {
		a.damaged(err)
		return
	}
	if u.Key {
		if n, over := a.decoding.fine(); over {
			a.log.Info("decoding again", "errors", n)
		}
	}
}

// enter waits for a turn at a processor; leave gives it back, once.
func (a *Analyzer) enter() { a.turn = a.parts.Budget.Turn() }

// aside takes a turn of its own, for a lone key picture: it does not wait behind
// those who decode everything, and with it a camera has no need to.
func (a *Analyzer) aside() { a.turn = a.parts.Budget.Aside() }

func (a *Analyzer) leave() {
	if a.turn != nil {
		a.turn()
	}
	a.turn = nil
}

// empty tells whether nothing moves and nobody is there, as far as is known.
func (a *Analyzer) empty() bool {
	return a.tracker.Live() == 0 && a.pace.mode(a.clock.at) == Quiet
}

// spent counts the processor time since began as decoding.
func (a *Analyzer) spent(began time.Duration) {
	took := cpuTime() - began
	a.note(func(s *Stats) { s.DecodeTime += took })
}

func (a *Analyzer) damaged(err error) {
	a.note(func(s *Stats) { s.DecodeErrors++ })
	if a.decoding.failed() {
		a.log.Warn("decoder failed, waiting for the next key unit", "err", err)
	}
}

// drain looks at the pictures that the decoder held back, at the end.
func (a *Analyzer) drain(ctx context.Context) {
	d, ok := a.dec.(drainer)
	if !ok || a.gate.sleeping() {
		return
	}
	if err := d.Drain(func(f *Frame) error {
		a.picture(ctx, f)
		return nil
	}); err != nil {
		a.note(func(s *Stats) { s.DecodeErrors++ })
	}
}

// late tells whether a frame received at this time is too old to be analysed.
// Who looks back may lag for a while.
func (a *Analyzer) late(received time.Time) bool {
	return a.cfg.MaxLag > 0 && time.Since(received) > a.cfg.MaxLag && time.Now().After(a.patient)
}
