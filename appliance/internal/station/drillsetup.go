package station

import (
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// patrolSetup is what the desk must know of patrols and drills.
func patrolSetup(c *config.Config, s *desk.Setup) {
	for _, p := range c.Patrols {
		plan := desk.PatrolPlan{
			ID: p.ID, Name: p.Name, Cameras: p.Cameras, DwellMS: time.Duration(p.Dwell).Milliseconds(), Times: []string{}, Days: p.Days,
			WithinMS: time.Duration(p.Within).Milliseconds(),
		}
		for _, at := range p.Times {
			plan.Times = append(plan.Times, at.String())
		}
		s.Patrols = append(s.Patrols, plan)
	}
	s.DrillAfter, s.DrillWithin = time.Duration(c.DrillAfter), time.Duration(c.DrillWithin)
	for _, d := range c.Drills {
		s.Drills = append(s.Drills, desk.Drill{ID: d.ID, Name: d.Name, Target: d.Target, At: d.At.String(), Every: time.Duration(d.Every)})
	}
	for _, cam := range c.Cameras {
		for _, r := range cam.Rules {
			s.DrillRules = append(s.DrillRules, desk.DrillRule{
				Camera: cam.ID, Name: r.Name, Label: r.Label, Kind: r.Kind, Priority: r.Priority, Zone: r.Zone, Line: r.Line, Direction: r.Direction,
			})
		}
	}
	for _, u := range c.Uplinks {
		if slices.Contains(u.Lanes, "alarm") {
			s.DrillUplinks = append(s.DrillUplinks, desk.DrillUplink{Name: u.Name, WithinMS: time.Duration(u.ReceiptWithin).Milliseconds()})
		}
	}
}
