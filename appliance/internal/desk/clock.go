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

// station is the desk's time: the wall clock when it was last believed, and
// what the monotonic clock counted since. Guarded by the desk's lock.
type station struct {
	clock Clock
	wall  time.Time
	at    time.Duration
}

func newStation(clock Clock) *station {
	return &station{clock: clock, wall: clock.Wall(), at: clock.Elapsed()}
}

func (t *station) expected() time.Time { return t.wall.Add(t.clock.Elapsed() - t.at) }

// stepped reports whether the wall clock has left the expected time since it
// was last believed, and believes it again. A step forward is adopted at once;
// after a step back now advances a millisecond an event until the wall has
// caught up.
func (t *station) stepped() (from, to time.Time, ok bool) {
	from, to = t.expected(), t.clock.Wall()
	if d := to.Sub(from); d <= stepMin && d >= -stepMin {
		return from, to, false
	}
	t.wall, t.at = to, t.clock.Elapsed()
	return from, to, true
}

// now is the later of the last recorded time and the station's.
func (t *station) now(last bridge.Stamp) bridge.Stamp {
	now := bridge.At(t.expected())
	if now.Before(last.Time) {
		return bridge.At(last.Add(time.Millisecond))
	}
	return now
}
