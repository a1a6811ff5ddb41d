package rtsp

import (
	"math"
	"time"
)

// Constants of the clock.
const (
	// bucketSpan × buckets is how long a least delay counts. A camera's crystal
	// is off by 100 ppm at worst, 6 ms in that time.
	bucketSpan = 5 * time.Second
	buckets    = 12

	// latency is the part of the delay that no clock here can see: exposure,
	// encoding and the network's least delay, as cameras on a LAN have it.
	latency = 150 * time.Millisecond
	// settling is how long arrivals are watched before the least delay is
	// trusted; servers begin with a burst of old pictures.
	settling = 2 * time.Second
	// disagreement between sender report and RTP clock above which the camera's
	// wall clock is taken to have been set.
	disagreement = 500 * time.Millisecond
	// burstMax is the longest burst of old pictures that a session may begin with.
	burstMax = 10 * time.Second
	// driftAfter is how long delays are watched before their slope is told: a
	// least delay is good to about a millisecond, so 17 ppm then.
	driftAfter = time.Minute
)

// clock estimates when a picture was taken, on the box's clock. The delay of a
// picture is arrival minus the camera's time; the least delay of the last
// minute is taken for the constant part, what is above it is lag (queues,
// bursts). So Captured is as smooth as the camera's own clock, and since all
// arithmetic is on the monotonic clock, a step of the box's wall clock moves
// none of it.
//
// There are two least delays: one over RTP time, which begins anew with each
// Run, and one over the camera's wall clock from sender reports, which also
// holds over a reconnect.
type clock struct {
	rtp leastDelay
	ntp leastDelay

	hasNTP bool
	offset time.Duration // box's wall clock minus camera's, constant delay included
	lag    float64       // mean of the lag, nanoseconds, exponentially smoothed
	began  time.Duration // of the run, monotonic
	fresh  bool
	steps  uint64 // of the camera's wall clock
}

// facts is what is known about the camera's clock.
func (c *clock) facts(uncertainty time.Duration) Clock {
	out := Clock{Known: c.hasNTP, Uncertainty: uncertainty, Steps: c.steps}
	by := &c.rtp
	if c.hasNTP {
		out.Offset, by = c.offset, &c.ntp
	}
	out.DriftPPM, out.DriftKnown = by.drift()
	return out
}

// restart begins a new Run: RTP time means something else now.
func (c *clock) restart() {
	c.rtp = leastDelay{}
	c.fresh = true
}

// observe takes one picture: received (box, wall), mono (the same instant on
// the monotonic clock, from any zero), pts since the beginning of the Run, and
// the camera's wall clock ntp, zero when it is not known.
func (c *clock) observe(received time.Time, mono, pts time.Duration, ntp time.Time) (captured time.Time, uncertainty time.Duration) {
	if c.fresh {
		c.fresh, c.began, c.lag = false, mono, 0
	}
	lag := c.rtp.lag(mono, mono-pts)
	c.hasNTP = sane(ntp)
	settled := mono-c.began >= settling
	tolerated := burstMax
	if settled {
		tolerated = disagreement
	}
	var dispute time.Duration
	if c.hasNTP {
		at := time.Duration(ntp.UnixNano())
		byNTP := c.ntp.lag(mono, mono-at)
		// A clock that is set back or skips time makes lag where there is none,
		// until its old least delay is forgotten; one that leaps ahead does not.
		// So of two that disagree the one with less lag is right.
		switch {
		case byNTP-lag > tolerated: // the camera's wall clock was set back
			c.ntp = leastDelay{}
			c.ntp.lag(mono, mono-at-lag)
			byNTP = lag
			c.steps++
		case lag-byNTP > disagreement: // RTP time stood still for a while
			c.rtp = leastDelay{}
			c.rtp.lag(mono, mono-pts-byNTP)
			lag = byNTP
		}
		dispute = (byNTP - lag).Abs()
		lag = byNTP
		c.offset = received.Add(-lag).Sub(ntp)
	}
	c.lag += (float64(lag) - c.lag) / 32
	uncertainty = latency + dispute + 2*time.Duration(c.lag)
	if !settled && !(c.hasNTP && c.ntp.age(mono) >= settling) {
		uncertainty += settling - (mono - c.began)
	}
	return received.Add(-lag), uncertainty
}

// sane tells whether a camera's wall clock can be one: not before 2000, and
// far enough from the ends of what nanoseconds in int64 can say.
func sane(ntp time.Time) bool { return ntp.Year() >= 2000 && ntp.Year() < 2200 }

// leastDelay is the minimum of a delay over a sliding minute, kept as the
// minimum of each five seconds.
type leastDelay struct {
	least [buckets]time.Duration
	index int64 // of the newest bucket, 0 when there is none
	first time.Duration

	earliest, latest point // of the buckets that are full
}

// point is the least delay of five seconds.
type point struct {
	index int64 // of the bucket, 0 when there is none
	delay time.Duration
}

// drift is how much faster the camera's clock runs than the box's, in
// millionths: its delay shrinks by that much.
func (d *leastDelay) drift() (ppm float64, known bool) {
	over := time.Duration(d.latest.index-d.earliest.index) * bucketSpan
	if d.earliest.index == 0 || over < driftAfter {
		return 0, false
	}
	return -float64(d.latest.delay-d.earliest.delay) / float64(over) * 1e6, true
}

// full notes the newest bucket when the next begins. The first is left out: a
// session begins with a burst, and its first bucket is a piece of one.
func (d *leastDelay) full() {
	at := d.least[d.index%buckets]
	if at == never || int64(d.first/bucketSpan)+1 == d.index {
		return
	}
	d.latest = point{index: d.index, delay: at}
	if d.earliest.index == 0 {
		d.earliest = d.latest
	}
}

const never = time.Duration(math.MaxInt64)

// lag adds a sample and returns how far it is above the least.
func (d *leastDelay) lag(mono, sample time.Duration) time.Duration {
	index := int64(mono/bucketSpan) + 1
	if d.index != 0 && index > d.index {
		d.full()
	}
	if d.index == 0 || index-d.index >= buckets {
		d.first = mono
		for i := range d.least {
			d.least[i] = never
		}
	} else {
		for i := d.index + 1; i <= index; i++ {
			d.least[i%buckets] = never
		}
	}
	d.index = max(d.index, index)
	at := d.index % buckets
	d.least[at] = min(d.least[at], sample)
	least := never
	for _, l := range d.least {
		least = min(least, l)
	}
	return sample - least
}

// age is how long samples have been taken.
func (d *leastDelay) age(mono time.Duration) time.Duration { return mono - d.first }
