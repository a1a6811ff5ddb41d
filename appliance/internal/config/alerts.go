package config

import "time"

// Alerts is how facts become incidents: what belongs together, what is a flood,
// and how soon a screen must show a life in danger.
type Alerts struct {
	ShownWithin    Duration `yaml:"shown_within"`    // a P0 that no screen drew by then goes to the lead and to headquarters; 0: off
	Window         Duration `yaml:"window"`          // since the incident's last sign: what comes within it belongs to it
	Span           Duration `yaml:"span"`            // since the incident began: sightings and reports near it join for so long
	RadiusM        float64  `yaml:"radius_m"`        // how near a report, a drone or a sighted spot must be
	FoldAfter      int      `yaml:"fold_after"`      // alerts of one pillar and kind, or of one rule, in an incident; then they are counted
	FloodIncidents int      `yaml:"flood_incidents"` // unanswered incidents of one rule; then its sightings are counted into the newest
}

// Points are what each step of an incident is worth when it is closed.
type Points struct {
	InTime  int `yaml:"in_time"`
	Late    int `yaml:"late"`
	Missing int `yaml:"missing"`
}

func (p *Points) validate(ps *Problems) {
	between("points.in_time", float64(p.InTime), 1, 100, ps)
	for name, n := range map[string]int{"late": p.Late, "missing": p.Missing} {
		between("points."+name, float64(n), 0, 100, ps)
	}
}

func defaultAlerts() Alerts {
	return Alerts{
		ShownWithin: Duration(2 * time.Second), Window: Duration(2 * time.Minute), Span: Duration(30 * time.Minute),
		RadiusM: 20, FoldAfter: 100, FloodIncidents: 3,
	}
}

func (a *Alerts) validate(ps *Problems) {
	if d := time.Duration(a.ShownWithin); d != 0 && (d < 500*time.Millisecond || d > time.Minute) {
		ps.add("alerts.shown_within", "%s; write 500ms to 1m, or 0 to tell nobody", d)
	}
	if d := time.Duration(a.Window); d < 10*time.Second || d > time.Hour {
		ps.add("alerts.window", "%s; write 10s to 1h", d)
	}
	if d := time.Duration(a.Span); d < time.Duration(a.Window) || d > 24*time.Hour {
		ps.add("alerts.span", "%s; write at least alerts.window (%s), at most 24h", d, time.Duration(a.Window))
	}
	between("alerts.radius_m", a.RadiusM, 1, 1000, ps)
	between("alerts.fold_after", float64(a.FoldAfter), 2, 1000, ps)
	between("alerts.flood_incidents", float64(a.FloodIncidents), 1, 1000, ps)
}
