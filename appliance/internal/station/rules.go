package station

import (
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/vision"
)

// CheckRule is what vision has against a rule of the camera: each problem as
// "key: text", joined.
func CheckRule(cam *config.Camera, r *config.Rule) error {
	zones, lines := places(cam)
	return visionRule(r).Check(zones, lines)
}

func visionRule(r *config.Rule) vision.Rule {
	return vision.Rule{
		Name: r.Name, Kind: r.Kind, Zone: r.Zone, Line: r.Line, Direction: r.Direction, Objects: classes(r.Objects),
		Schedule: r.Schedule, Priority: r.Priority, Dwell: time.Duration(r.Dwell), Count: r.Count, Speed: r.Speed,
		MinScore: r.MinScore, MinWidth: r.MinWidth, MinHeight: r.MinHeight, MinArea: r.MinArea,
	}
}

// places are the camera's zones and lines.
func places(cam *config.Camera) (map[string][]vision.Point, map[string]vision.Line) {
	zones, lines := map[string][]vision.Point{}, map[string]vision.Line{}
	for name, zone := range cam.Zones {
		for _, p := range zone {
			zones[name] = append(zones[name], point(p))
		}
	}
	for name, l := range cam.Lines {
		lines[name] = vision.Line{From: point(l.From), To: point(l.To)}
	}
	return zones, lines
}
