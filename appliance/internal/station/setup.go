package station

import (
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// deskSetup is what the desk must know of the configuration.
func deskSetup(c *config.Config) desk.Setup {
	s := desk.Setup{Station: c.Station.ID, Box: c.Station.Box, Zone: c.Location(), Config: c.Digest(), Limits: desk.Limits{}}
	s.Window, s.ShownWithin = time.Duration(c.Alerts.Window), time.Duration(c.Alerts.ShownWithin)
	s.Span, s.Radius = time.Duration(c.Alerts.Span), c.Alerts.RadiusM
	s.HandoverWithin = time.Duration(c.Handover.TakeWithin)
	s.Points = desk.Points{InTime: c.Points.InTime, Late: c.Points.Late, Missing: c.Points.Missing}
	s.FoldAfter, s.FloodIncidents = c.Alerts.FoldAfter, c.Alerts.FloodIncidents
	for _, cam := range c.Cameras {
		s.Cameras = append(s.Cameras, desk.Camera{
			ID: cam.ID, Name: cam.Name, Position: position(cam.Position.Lat, cam.Position.Lon),
			Bearing: cam.Position.Bearing, FOV: cam.Position.FOV, RangeM: cam.Position.RangeM,
			PreRoll: time.Duration(cam.PreRoll), PostRoll: time.Duration(cam.PostRoll),
		})
	}
	for _, p := range c.Pillars {
		s.Pillars = append(s.Pillars, desk.Pillar{ID: p.ID, Name: p.Name, Position: position(p.Position.Lat, p.Position.Lon), Cameras: p.Cameras})
	}
	for _, d := range c.Drones {
		s.Drones = append(s.Drones, desk.Drone{ID: d.ID, Name: d.Name})
	}
	for _, u := range c.Uplinks {
		s.Uplinks = append(s.Uplinks, u.Name)
	}
	for _, p := range c.Places {
		s.Places = append(s.Places, desk.Place{ID: p.ID, Name: p.Name, AddressCode: p.AddressCode, Beat: p.Beat, Polygon: p.Polygon})
	}
	forces(c, &s)
	routing(c, &s)
	for priority, l := range c.Limits.ByPriority() {
		s.Limits[priority] = map[desk.IncidentState]time.Duration{
			desk.Open: time.Duration(l.Open), desk.Acknowledged: time.Duration(l.Acknowledged),
			desk.Dispatched: time.Duration(l.Dispatched), desk.OnScene: time.Duration(l.OnScene),
		}
	}
	s.Overdue = desk.OverdueLimit{Count: c.Limits.Overdue.Count, Within: time.Duration(c.Limits.Overdue.Within)}
	s.JudgeWithin = time.Duration(c.Limits.Judge)
	s.Templates = deskTemplates(c.Templates)
	patrolSetup(c, &s)
	return s
}

// position is nil for a device that was not placed: nobody stands at 0, 0.
func position(lat, lon float64) *ingest.Position {
	if lat == 0 && lon == 0 {
		return nil
	}
	return &ingest.Position{Lat: lat, Lon: lon}
}

// VisionConfig is what is watched on a camera.
func VisionConfig(c *config.Config, cam *config.Camera) vision.Config {
	v := vision.Config{
		Camera: ingest.CameraID(cam.ID), FPS: cam.Analyze.FPS, Objects: classes(cam.Analyze.Objects), Location: c.Location(),
	}
	v.Zones, v.Lines = places(cam)
	v.Masks = maskPolygons(cam)
	for _, r := range cam.Rules {
		v.Rules = append(v.Rules, visionRule(&r))
	}
	return v
}

func point(p config.Point) vision.Point { return vision.Point{X: p[0], Y: p[1]} }

func classes(names []string) []vision.Class {
	var list []vision.Class
	for _, n := range names {
		list = append(list, vision.Class(n))
	}
	return list
}

func wallPosition(p config.Position) ingest.Position { return ingest.Position{Lat: p.Lat, Lon: p.Lon} }
