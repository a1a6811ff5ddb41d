package station

import (
	"context"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

const (
	clocksEvery = 10 * time.Second
	// clockAgain is the least time between two events about one device's clock:
	// a clock that wanders must not fill the journal.
	clockAgain = 10 * time.Minute
	// clockMoved is how far a clock has to have moved (desk has the same bound).
	clockMoved = 250 * time.Millisecond
	// pillarClockGood is how well a pillar's clock is known: it dates messages
	// when it makes them, and they travel.
	pillarClockGood = time.Second
)

// clockReading is how far a device's clock is ahead of the box's.
type clockReading struct {
	device, kind     string
	ahead, uncertain time.Duration
}

// clocks tells the desk how far devices' clocks are from the box's: what an
// evidence bundle says of the time of a picture rests on it.
type clocks struct {
	station *Station
	read    func() []clockReading
	every   time.Duration
	told    map[string]time.Time
}

func (s *Station) newClocks() *clocks {
	return &clocks{station: s, read: s.clockReadings, every: clocksEvery, told: map[string]time.Time{}}
}

func (c *clocks) run(ctx context.Context) error {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, r := range c.read() {
			if at, is := c.told[r.device]; is && time.Since(at) < clockAgain {
				continue
			}
			if err := c.tell(ctx, r); err != nil {
				return nil // ctx has ended
			}
		}
	}
}

// tell records a clock that is elsewhere than was recorded of it.
func (c *clocks) tell(ctx context.Context, r clockReading) error {
	var known time.Duration
	if _, err := c.station.desk.View(ctx, func(s *desk.State) {
		if d := s.Device(r.device); d != nil {
			known = time.Duration(d.OffsetMS * float64(time.Millisecond))
		}
	}); err != nil {
		return err
	}
	if (r.ahead - known).Abs() < max(clockMoved, r.uncertain) {
		return nil
	}
	c.told[r.device] = time.Now()
	in := desk.DeviceIn{
		Device: r.device, Type: r.kind, State: "clock", OffsetMS: float64(r.ahead) / float64(time.Millisecond), UncertaintyMS: float64(r.uncertain) / float64(time.Millisecond),
	}
	return c.station.persist(ctx, c.station.log.With(r.kind, r.device), func() error { _, err := c.station.desk.Handle(ctx, in); return err })
}

// clockReadings are the clocks that are known now, in the configuration's order.
func (s *Station) clockReadings() []clockReading {
	var list []clockReading
	for _, cfg := range s.cfg.Cameras {
		if c := s.cameras[cfg.ID]; c.state().Live {
			if clock := c.source.Stats().Clock; clock.Known {
				list = append(list, clockReading{cfg.ID, "camera", -clock.Offset, clock.Uncertainty})
			}
		}
	}
	for _, p := range s.cfg.Pillars {
		if ahead, known := s.pillars.adapter.Ahead(p.ID); known {
			list = append(list, clockReading{p.ID, "pillar", ahead, pillarClockGood})
		}
	}
	return list
}
