package wall

import (
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
)

// room is everything a page needs to begin: one place, all resources.
func (s *Server) room(c *fiber.Ctx, who caller) error {
	body := roomAnswer{
		At: now(), Station: s.o.Station, Me: me{Name: who.name, Role: who.role, Anonymous: who.anonymous},
		Uplinks: full(s.o.Devices.Uplinks()), Cameras: full(s.visibleCameras(who)), Pillars: full(s.o.Devices.Pillars()),
		Drones: full(s.o.Devices.Drones()), Places: full(s.o.Devices.Places()), Warnings: s.warnings(),
		Alerts: []*desk.Alert{}, Clips: []*desk.Clip{}, Devices: []*desk.Device{},
	}
	place, err := s.view(func(state *desk.State) {
		body.Incidents = tidyAll(state.Incidents(), tidyIncident)
		body.Tasks = state.Tasks()
		for _, one := range body.Incidents {
			body.Alerts = append(body.Alerts, state.AlertsOf(one.ID)...)
			body.Clips = append(body.Clips, tidyAll(s.visibleClips(who, state.ClipsOf(one.ID)), tidyClip)...)
		}
		for _, d := range s.o.Desk.Rules().Devices(state) {
			if !s.hides(who, d) {
				body.Devices = append(body.Devices, d)
			}
		}
	})
	if err != nil {
		return err
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}

func (s *Server) warnings() []warningAnswer { return toWarnings(s.o.Warnings.Warnings(time.Now())) }

func (s *Server) health(c *fiber.Ctx, _ caller) error {
	place := s.o.Journal.Last()
	list := s.warnings()
	status := "ok"
	for _, w := range list {
		if w.Severity == health.Critical {
			status = "critical"
		} else if w.Severity == health.Bad && status == "ok" {
			status = "degraded"
		}
	}
	return s.answer(c, http.StatusOK, place, healthAnswer{
		AsOf: s.asOf(place), Status: status, Version: s.o.Version, Started: stamp(s.started), Warnings: list,
	})
}

func (s *Server) alive(c *fiber.Ctx, _ caller) error { return c.SendString("alive\n") }

func (s *Server) ready(c *fiber.Ctx, _ caller) error {
	if err := s.o.Ready(); err != nil {
		return later(fault(http.StatusServiceUnavailable, "not_ready", "wait; if it stays so, look at the box's log", "%s", err.Error()), time.Second)
	}
	return c.SendString("ready\n")
}

// tidyIncident gives lists that are empty instead of null. The desk's
// resource is shared and stays as it is.
func tidyIncident(in *desk.Incident) *desk.Incident {
	out := *in
	out.Cameras, out.Alerts, out.Clips, out.Similar, out.History = full(in.Cameras), full(in.Alerts), full(in.Clips), full(in.Similar), full(in.History)
	return &out
}

func tidyClip(in *desk.Clip) *desk.Clip {
	out := *in
	out.Gaps = full(in.Gaps)
	return &out
}

func tidyAll[T any](list []*T, tidy func(*T) *T) []*T {
	out := make([]*T, len(list))
	for i, one := range list {
		out[i] = tidy(one)
	}
	return out
}

// tidy is tidyIncident or tidyClip; a device gets its configured name.
func tidy(resource any, named map[string]*desk.Device) any {
	switch r := resource.(type) {
	case *desk.Incident:
		return tidyIncident(r)
	case *desk.Clip:
		return tidyClip(r)
	case *desk.Device:
		if configured := named[r.ID]; configured != nil {
			return configured
		}
	}
	return resource
}

// names are the devices by id, as the configuration names them.
func (s *Server) names(changes []desk.Change) (map[string]*desk.Device, error) {
	if !slices.ContainsFunc(changes, func(c desk.Change) bool { return c.Kind == "device" }) {
		return nil, nil
	}
	named := make(map[string]*desk.Device)
	_, err := s.view(func(state *desk.State) {
		for _, d := range s.o.Desk.Rules().Devices(state) {
			named[d.ID] = d
		}
	})
	return named, err
}
