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

// pace decides what is done with each decoded frame of one camera: compared
// with the one before, and shown to the detector. What is decoded at all is the
// gate's to say.
type pace struct {
	every      time.Duration // between compared frames
	nextLook   time.Duration // media time
	lastMotion time.Duration
	nextDetect time.Duration
	moved      bool // ever
	all        bool // every picture is due, for everything
}

func newPace(cfg Config) pace {
	if cfg.Every {
		return pace{all: true}
	}
	return pace{every: time.Duration(float64(time.Second) / cfg.FPS)}
}

// look tells whether the frame at media time at is due to be compared. The
// pace does not drift, and does not catch up after a hole.
func (p *pace) look(at time.Duration) bool {
	if p.all {
		return true
	}
	// Half a millisecond for clocks that do not divide: 90 kHz at 29.97.
	if !p.due(at) {
		return false
	}
	p.nextLook += p.every
	if p.nextLook <= at {
		p.nextLook = at + p.every
	}
	return true
}

// due tells whether the frame at media time at will be looked at, without
// counting it as looked at.
func (p *pace) due(at time.Duration) bool {
	return p.all || at+500*time.Microsecond >= p.nextLook
}

// moving takes the outcome of a comparison.
func (p *pace) moving(at time.Duration, m Motion) {
	if len(m.Regions) > 0 {
		p.lastMotion, p.moved = at, true
	}
}

// mode is the mode at media time at.
func (p *pace) mode(at time.Duration) Mode {
	if p.moved && at-p.lastMotion <= busyFor {
		return Busy
	}
	return Quiet
}

// detect tells whether the detector should see the frame at media time at:
// when something moved lately, and once a second while tracks stand still.
func (p *pace) detect(at time.Duration, tracks int) bool {
	if p.all {
		return true
	}
	if p.mode(at) == Quiet && (tracks == 0 || at < p.nextDetect-p.every+keepAlive) {
		return false
	}
	return at+500*time.Microsecond >= p.nextDetect
}

// detected takes how long the detector took: one that is slow for this box is
// asked less often. While somebody new waits to be confirmed, a fast one is
// asked twice as often. The less the box has to give (share), the less often
// it is asked, down to a third.
func (p *pace) detected(at, took time.Duration, someoneNew bool, share float64) {
	pause := time.Duration(float64(p.every) * (3 - 2*share))
	if someoneNew {
		pause /= 2
	}
	p.nextDetect = at + max(pause, (1+rest)*took)
	if someoneNew && p.nextDetect < p.nextLook {
		p.nextLook = p.nextDetect
	}
}
