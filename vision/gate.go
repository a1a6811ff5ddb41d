package vision

import "time"

// Mode is how much of a camera's stream is worked on.
type Mode string

// Modes.
const (
	Quiet Mode = "quiet" // nothing moves: frames are compared, no detector
	Busy  Mode = "busy"  // something moved lately: the detector runs
)

const (
	busyFor   = 2 * time.Second // after the last motion
	keepAlive = time.Second     // between looks at tracks that stand still
	rest      = 2               // the detector rests so many times as long as it worked
)

// gate decides what is done with each frame of one camera: compared with the
// one before, and shown to the detector. Every unit is decoded; deciding that
// earlier, from the compressed stream, is this type's to add.
type gate struct {
	every      time.Duration // between compared frames
	nextLook   time.Duration // media time
	lastMotion time.Duration
	nextDetect time.Duration
	moved      bool // ever
	all        bool // every picture is due, for everything
}

func newGate(cfg Config) gate {
	if cfg.Every {
		return gate{all: true}
	}
	return gate{every: time.Duration(float64(time.Second) / cfg.FPS)}
}

// look tells whether the frame at media time at is due to be compared. The
// pace does not drift, and does not catch up after a hole.
func (g *gate) look(at time.Duration) bool {
	if g.all {
		return true
	}
	// Half a millisecond for clocks that do not divide: 90 kHz at 29.97.
	if at+500*time.Microsecond < g.nextLook {
		return false
	}
	g.nextLook += g.every
	if g.nextLook <= at {
		g.nextLook = at + g.every
	}
	return true
}

// moving takes the outcome of a comparison.
func (g *gate) moving(at time.Duration, m Motion) {
	if len(m.Regions) > 0 {
		g.lastMotion, g.moved = at, true
	}
}

// mode is the mode at media time at.
func (g *gate) mode(at time.Duration) Mode {
	if g.moved && at-g.lastMotion <= busyFor {
		return Busy
	}
	return Quiet
}

// detect tells whether the detector should see the frame at media time at:
// when something moved lately, and once a second while tracks stand still.
func (g *gate) detect(at time.Duration, tracks int) bool {
	if g.all {
		return true
	}
	if g.mode(at) == Quiet && (tracks == 0 || at < g.nextDetect-g.every+keepAlive) {
		return false
	}
	return at+500*time.Microsecond >= g.nextDetect
}

// detected takes how long the detector took: one that is slow for this box is
// asked less often. While somebody new waits to be confirmed, a fast one is
// asked twice as often.
func (g *gate) detected(at, took time.Duration, someoneNew bool) {
	pause := g.every
	if someoneNew {
		pause /= 2
	}
	g.nextDetect = at + max(pause, (1+rest)*took)
	if someoneNew && g.nextDetect < g.nextLook {
		g.nextLook = g.nextDetect
	}
}
