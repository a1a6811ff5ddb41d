package desk

import (
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Clock is the box's two clocks. It is injected, so that tests step them.
type Clock interface {
	// Wall is the time of day; it may be stepped.
	Wall() time.Time
	// Elapsed is the monotonic clock: it only grows.
	Elapsed() time.Duration
}

// SystemClock is the clock of this machine.
func SystemClock() Clock { return systemClock{time.Now()} }

type systemClock struct{ start time.Time }

func (c systemClock) Wall() time.Time        { return time.Now().Round(0) }
func (c systemClock) Elapsed() time.Duration { return time.Since(c.start) }

// stepMin is the least step of the wall clock that is told.
const stepMin = 500 * time.Millisecond

// slew is the part of its pace that the desk's time gives up while it is ahead
// of the wall: after a step back by an hour they meet again in 20 hours, and a
// limit of a minute lasts 63 seconds until then.
const slew = 20

// station is the desk's time: the wall clock when it was last believed, and
// what the monotonic clock counted since; while that is behind what was told
// before, what was told, and nearly what the monotonic clock counted since. So
// it never goes back, and never stands still: a limit lasts as long as it
// should whatever is done to the wall clock. Guarded by the desk's lock.
type station struct {
	clock Clock
	wall  time.Time
	at    time.Duration
	told  time.Time // when the wall clock was last believed
}

func newStation(clock Clock) *station {
	wall := clock.Wall()
	return &station{clock: clock, wall: wall, told: wall, at: clock.Elapsed()}
}

// resume takes up the time of the newest record. The wall clock may have gone
// back while the box was down: the first step then says so.
func (t *station) resume(last time.Time) {
	t.told = last
	if t.wall.Before(last.Add(-stepMin)) {
		t.wall = last
	}
}

// expected is what the wall clock should say.
func (t *station) expected(elapsed time.Duration) time.Time { return t.wall.Add(elapsed - t.at) }

func (t *station) time(elapsed time.Duration) time.Time {
	wall := t.expected(elapsed)
	passed := elapsed - t.at
	if told := t.told.Add(passed - passed/slew); told.After(wall) {
		return told
	}
	return wall
}

// stepped reports whether the wall clock has left the expected time since it
// was last believed, and believes it again. A step forward is adopted at once.
func (t *station) stepped() (from, to time.Time, ok bool) {
	elapsed := t.clock.Elapsed()
	from, to = t.expected(elapsed), t.clock.Wall()
	if d := to.Sub(from); d <= stepMin && d >= -stepMin {
		return from, to, false
	}
	t.told = t.time(elapsed)
	t.wall, t.at = to, elapsed
	return from, to, true
}

// now is the station's time, and never before the last recorded one.
func (t *station) now(last bridge.Stamp) bridge.Stamp {
	now := bridge.At(t.time(t.clock.Elapsed()))
	if now.Before(last.Time) {
		return last
	}
	return now
}
