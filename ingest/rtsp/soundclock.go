package rtsp

import (
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// apartMax is how far sound may be from where it belongs before it is put
// there: less is not seen against lips (ITU-R BT.1359, annex 1).
const (
	apartMax   = 90 * time.Millisecond
	apartTicks = int64(apartMax * ingest.ClockRate / time.Second)
)

// soundClock puts sound on the pictures' time: by sender reports where both
// have them, else by when each was taken as far as arrivals tell. Between two
// corrections sound runs by its own count of samples.
type soundClock struct {
	clock clock

	last    *ingest.Unit // newest picture
	lastNTP time.Time    // its wall clock by the camera, zero when not known

	placed bool
	run    uint32 // of the pictures that base belongs to
	base   int64  // PTS of sound time 0, ticks of ingest.ClockRate
	end    int64  // PTS behind the newest stretch
}

// session begins a new connection: sound time means something else now.
func (c *soundClock) session() {
	c.placed, c.last = false, nil
	c.clock.restart()
}

// picture notes the newest picture.
func (c *soundClock) picture(u *ingest.Unit, ntp time.Time) {
	c.last, c.lastNTP = u, time.Time{}
	if sane(ntp) {
		c.lastNTP = ntp
	}
}

// place fills in when the stretch was heard; at is sound time in ticks of rate. It
// refuses sound before the first picture, and sound that goes back in time.
func (c *soundClock) place(u *ingest.Unit, at int64, rate int, mono time.Duration, ntp time.Time) bool {
	if c.last == nil {
		return false
	}
	u.Captured, u.Uncertainty = c.clock.observe(u.Received, mono, span(at, int64(rate)), ntp)
	apart := u.Captured.Sub(c.last.Captured)
	if sane(ntp) && !c.lastNTP.IsZero() {
		apart = ntp.Sub(c.lastNTP)
	}
	if apart.Abs() > burstMax { // one of the two clocks is not to be believed
		apart = u.Received.Sub(c.last.Received)
	}
	where := c.last.PTS + rescale(int64(apart), int64(time.Second), ingest.ClockRate)
	ticks := rescale(at, int64(rate), ingest.ClockRate)
	if off := c.base + ticks - where; !c.placed || c.run != c.last.Run || off > apartTicks || off < -apartTicks {
		if c.run != c.last.Run {
			c.end = 0
		}
		c.placed, c.run, c.base = true, c.last.Run, where-ticks
	}
	u.Run, u.PTS = c.run, max(c.base+ticks, c.end)
	if u.PTS-c.base-ticks > apartTicks || u.PTS < 0 {
		return false
	}
	u.DTS = u.PTS
	c.end = u.PTS + rescale(int64(u.Samples), int64(u.Params.SampleRate), ingest.ClockRate)
	return true
}
