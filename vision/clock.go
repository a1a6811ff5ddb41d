package vision

import (
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// clock measures media time: PTS within a run, arrival between runs.
type clock struct {
	at       time.Duration
	pts      int64
	run      uint32
	received time.Time
	begun    time.Time // of a live camera: time goes on before its first picture
	wall     time.Time // when the last frame was worked on
	started  bool
	keys     int // pictures so far that are
	keyBytes int // of the newest of them
}

func (c *clock) tick(f *Frame) moment {
	if f.Received.IsZero() {
		f.Received = time.Now()
	}
	if f.Captured.IsZero() {
		f.Captured = f.Received
	}
	if f.Key {
		c.keys, c.keyBytes = c.keys+1, f.Bytes
	}
	if c.started {
		var step time.Duration
		if f.Run == c.run {
			step = ticks(f.PTS - c.pts)
		} else {
			step = f.Received.Sub(c.received)
		}
		c.at += max(0, step)
	} else {
		c.at = c.before(f.Received)
	}
	c.started, c.pts, c.run, c.received, c.wall = true, f.PTS, f.Run, f.Received, time.Now()
	return moment{at: c.at, captured: f.Captured, received: f.Received, aspect: f.Aspect(), keys: c.keys, keyBytes: c.keyBytes}
}

// past tells whether the frame was there already.
func (c *clock) past(f *Frame) bool { return c.started && f.Run == c.run && f.PTS <= c.pts }

// peek is the media time of a unit that follows.
func (c *clock) peek(u *ingest.Unit) time.Duration {
	if !c.started || u.Run != c.run {
		return c.at
	}
	return c.at + ticks(u.PTS-c.pts)
}

// After is how much later the frame is than another one of its run.
func (f *Frame) After(pts int64) time.Duration { return ticks(f.PTS - pts) }

func ticks(n int64) time.Duration {
	return time.Duration(n * (int64(time.Second) / 10_000) / (ingest.ClockRate / 10_000))
}

// idle is media time now, without a new frame.
func (c *clock) idle(now time.Time) time.Duration {
	if !c.started {
		return c.before(now)
	}
	return c.at + max(0, now.Sub(c.wall))
}

// before is media time at now, while there was no picture yet.
func (c *clock) before(now time.Time) time.Duration {
	if c.begun.IsZero() {
		return 0
	}
	return max(0, now.Sub(c.begun))
}
