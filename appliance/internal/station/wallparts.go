package station

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// What the wall asks of the station, answered from the parts.

// wallDevices are the configured devices with their live facts.
type wallDevices struct{ *Station }

// Cameras implements wall's devices.
func (s wallDevices) Cameras() []wall.Camera {
	list := make([]wall.Camera, 0, len(s.cfg.Cameras))
	for _, cfg := range s.cfg.Cameras {
		c := wall.Camera{
			ID: cfg.ID, Name: cfg.Name, Record: cfg.Record, Analyze: cfg.Analyze.Enabled, Sub: cfg.Streams.Sub != "",
			Groups: cfg.Groups, Pinyin: s.cameras[cfg.ID].pinyin, Zones: map[string][][2]float64{}, Live: s.cameras[cfg.ID].state(),
		}
		if p := cfg.Position; p.Lat != 0 || p.Lon != 0 {
			c.Position = &wall.View{Lat: p.Lat, Lon: p.Lon, Bearing: p.Bearing, FOV: p.FOV, RangeM: p.RangeM}
		}
		for _, mask := range cfg.Masks {
			var corners [][2]float64
			for _, corner := range mask {
				corners = append(corners, corner)
			}
			c.Masks = append(c.Masks, corners)
		}
		for name, zone := range cfg.Zones {
			for _, corner := range zone {
				c.Zones[name] = append(c.Zones[name], corner)
			}
		}
		for _, rule := range cfg.Rules {
			c.Rules = append(c.Rules, wall.CameraRule{Name: rule.Name, Label: rule.Label, Kind: rule.Kind})
		}
		list = append(list, c)
	}
	return list
}

// Groups implements wall's devices.
func (s wallDevices) Groups(camera string) []string {
	if c := s.cameras[camera]; c != nil {
		return c.cfg.Groups
	}
	return nil
}

// state is the camera's live facts.
func (c *camera) state() wall.CameraState {
	st := c.source.Stats()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := wall.CameraState{
		ID: c.cfg.ID, Live: c.live, Since: bridge.At(c.since), AgeMS: -1,
		Recording: c.live && c.cfg.Record == "continuous" && c.recorder == nil,
	}
	switch {
	case c.masked != nil && c.stills:
		out.Rendition = "stills"
	case c.masked != nil:
		out.Rendition = "masked"
	}
	if !c.last.IsZero() {
		out.AgeMS = time.Since(c.last).Milliseconds()
	}
	if p := st.Params; p != nil {
		out.Width, out.Height, out.Codec = p.Width, p.Height, string(p.Codec)
		out.Clock = wallClock(st.Clock)
	}
	if c.live {
		out.FPS = c.rate.fps
	} else if !c.since.IsZero() {
		out.Why = c.why()
	}
	return out
}

// Pillars implements wall's devices.
func (s wallDevices) Pillars() []wall.Pillar {
	list := make([]wall.Pillar, 0, len(s.cfg.Pillars))
	for _, p := range s.cfg.Pillars {
		list = append(list, wall.Pillar{
			ID: p.ID, Name: p.Name, Position: position(p.Position.Lat, p.Position.Lon), Cameras: append([]string{}, p.Cameras...),
			Status: s.pillars.Status(p.ID),
		})
	}
	return list
}

// Drones implements wall's devices.
func (s wallDevices) Drones() []wall.Drone {
	list := make([]wall.Drone, 0, len(s.cfg.Drones))
	for i, d := range s.cfg.Drones {
		list = append(list, wall.Drone{ID: d.ID, Name: d.Name, Kind: d.Kind, Telemetry: s.drones[i].Telemetry()})
	}
	return list
}

// Uplinks implements wall's devices.
func (s wallDevices) Uplinks() []wall.Uplink {
	list := make([]wall.Uplink, 0, len(s.cfg.Uplinks))
	for i, st := range s.forwarder.Status() {
		list = append(list, wall.Uplink{
			Name: st.Name, Label: s.cfg.Uplinks[i].Label, Kind: s.cfg.Uplinks[i].Kind, Connected: st.Connected, Listening: st.Listening, Since: st.Since,
			Lag: st.Lag, Oldest: st.OldestUnreceived, SetAside: s.receipts.asideCount(st.Name), Why: st.LastError,
		})
	}
	return list
}

// Places implements wall's devices.
func (s wallDevices) Places() []wall.Place {
	list := make([]wall.Place, 0, len(s.cfg.Places))
	for _, p := range s.cfg.Places {
		list = append(list, wall.Place{ID: p.ID, Name: p.Name, AddressCode: p.AddressCode, Beat: p.Beat, Polygon: append([][2]float64{}, p.Polygon...)})
	}
	return list
}

// wallFiles are what the station keeps on disk.
type wallFiles struct{ *Station }

// Picture implements wall's files.
func (s wallFiles) Picture(ctx context.Context, id string) ([]byte, error) {
	c := s.cameras[id]
	if c == nil {
		return nil, fmt.Errorf("snapshot of %s: %w", id, media.ErrNotFound)
	}
	jpeg, _, err := c.Still(ctx)
	return jpeg, err
}

// Snapshot implements wall's files.
func (s wallFiles) Snapshot(hash string) ([]byte, error) { return s.store.Snapshot(hash) }

// Clip implements wall's files.
func (s wallFiles) Clip(id, part string) (wall.File, error) {
	r, err := s.cutter.Part(id, part)
	if err != nil {
		return wall.File{}, err
	}
	f, err := os.Open(r.Path)
	if err != nil {
		return wall.File{}, fmt.Errorf("open clip %s part %s: %w", id, part, err)
	}
	return wall.File{Body: f, Size: r.Bytes, ETag: r.SHA256}, nil
}

// Cut implements wall's files.
func (s wallFiles) Cut(_ context.Context, id string, from, to time.Time) (wall.Cut, error) {
	if s.cameras[id] == nil {
		return wall.Cut{}, fmt.Errorf("cut %s: %w", id, media.ErrNotFound)
	}
	m, err := s.cutter.Interval(id, from, to)
	switch {
	case errors.Is(err, clip.ErrNothing):
		return wall.Cut{}, errors.Join(err, media.ErrNotFound)
	case errors.Is(err, clip.ErrRefused):
		return wall.Cut{}, &desk.InvalidError{Field: "to", Value: bridge.At(to).String(), Remedy: "an interval that can be true: " + err.Error()}
	case err != nil:
		return wall.Cut{}, err
	}
	offset, _ := s.clockOf(id)
	cut := wall.Cut{
		File: wall.File{Body: m, Size: m.Size(), ETag: m.ETag()}, From: m.From, To: m.To,
		OffsetMS: float64(offset) / 1e6, UncertaintyMS: m.UncertaintyMS,
	}
	for _, g := range m.Gaps {
		cut.Gaps = append(cut.Gaps, desk.Interval{From: bridge.At(g.From), To: bridge.At(g.To), Why: g.Why})
	}
	return cut, nil
}

// Recorded implements wall's files.
func (s wallFiles) Recorded(id string, from, to time.Time) []media.Span {
	return s.store.Recorded(id, from, to)
}

// Settle implements wall's files.
func (s wallFiles) Settle() { s.store.Settle() }

// Track implements wall's files.
func (s wallFiles) Track(id string, from, to time.Time) ([]ingest.Telemetry, error) {
	for _, d := range s.cfg.Drones {
		if d.ID == id {
			return s.store.Telemetry(id).Read(from, to)
		}
	}
	return nil, fmt.Errorf("track of %s: %w", id, media.ErrNotFound)
}
