package station

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/drone"
)

// silentAfter is how long a drone that was heard may be unheard before it is
// silent: MAVLink's heartbeat comes once a second (common.xml, HEARTBEAT).
const silentAfter = 5 * time.Second

// uav is one drone: its telemetry, its track, its silence.
type uav struct {
	station *Station
	cfg     config.Drone
	source  *drone.Source

	mu   sync.Mutex
	last ingest.Telemetry
	seen time.Time // monotonic; zero: never since the start
	lost uint64    // track points that could not be kept
}

func (s *Station) newDrone(cfg config.Drone) *uav {
	d := &uav{station: s, cfg: cfg}
	d.source = drone.New(drone.Config{
		Drone: cfg.ID, Listen: cfg.Listen, SystemID: byte(cfg.SystemID), Deliver: d.deliver, Logger: s.log,
	})
	return d
}

func (d *uav) deliver(t ingest.Telemetry) {
	d.mu.Lock()
	d.last, d.seen = t, time.Now()
	d.mu.Unlock()
	if err := d.station.store.Telemetry(d.cfg.ID).Append(t); err != nil {
		d.mu.Lock()
		d.lost++
		first := d.lost == 1
		d.mu.Unlock()
		if first {
			d.station.log.Error("track point not kept", "drone", d.cfg.ID, "err", err)
		}
	}
}

// Telemetry is the last known state; nil when the drone was never heard.
func (d *uav) Telemetry() *ingest.Telemetry {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen.IsZero() {
		return nil
	}
	t := d.last
	return &t
}

func (d *uav) listen(ctx context.Context) error {
	ingest.Keep(ctx, d.station.log.With("drone", d.cfg.ID), ingest.DefaultPace(), d.source.Run)
	return nil
}

// watch tells the desk when the drone is heard and when it has fallen silent.
// A drone that was online when the box stopped, and is not heard after the
// start, is silent too.
func (d *uav) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	started := time.Now()
	told := ""
	if _, err := d.station.desk.View(ctx, func(s *desk.State) {
		if known := s.Device(d.cfg.ID); known != nil {
			told = known.State
		}
	}); err != nil {
		return nil // ctx has ended, or the desk has: its own stage says why
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		d.mu.Lock()
		seen, last := d.seen, d.last
		d.mu.Unlock()
		// Where it was last tells the desk to which incident its silence belongs.
		in := desk.DeviceIn{Device: d.cfg.ID, Type: "drone", State: "online", Since: last.At, Position: last.Position}
		switch {
		case seen.IsZero() && told != "online":
			continue // never heard: nothing to say yet
		case seen.IsZero() && time.Since(started) < silentAfter:
			continue
		case seen.IsZero():
			in.State, in.Since, in.Why = "silent", started, "not heard since the box started"
		case time.Since(seen) >= silentAfter:
			in.State, in.Since, in.Why = "silent", seen, "no telemetry"
		}
		if in.State == told {
			continue
		}
		if d.station.persist(ctx, d.station.log.With("drone", d.cfg.ID), func() error { _, err := d.station.desk.Handle(ctx, in); return err }) != nil {
			return nil
		}
		told = in.State
	}
}

// drones counts what came to their ports: noise and another system's frames are
// told nowhere else.
func (c *collector) drones(g gatherer) {
	for _, d := range c.s.drones {
		st := d.source.Stats()
		for kind, n := range map[string]uint64{"kept": st.Frames, "other": st.Other, "foreign": st.Foreign, "malformed": st.Malformed} {
			g.add(prometheus.CounterValue, "drone_messages_total", "What came to a drone's port: kept, of another kind, of another system, unreadable.", float64(n), "drone", d.cfg.ID, "kind", kind)
		}
		d.mu.Lock()
		lost := d.lost
		d.mu.Unlock()
		g.add(prometheus.CounterValue, "drone_track_points_lost_total", "Points of a drone's track that could not be kept.", float64(lost), "drone", d.cfg.ID)
	}
}
