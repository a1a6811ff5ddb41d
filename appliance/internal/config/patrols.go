package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Patrol is one plan of video patrol: cameras that somebody walks and signs off.
type Patrol struct {
	ID      string      `yaml:"id"`
	Name    string      `yaml:"name"`
	Cameras []string    `yaml:"cameras"` // in the order of the walk
	Dwell   Duration    `yaml:"dwell"`   // on each camera
	Times   []TimeOfDay `yaml:"times"`   // at which a round is due, in station time; none: only when somebody likes
	Days    []string    `yaml:"days"`    // none: every day
	Within  Duration    `yaml:"within"`  // since it is due: later it is missed
}

// Drill is an exercise alarm that begins by itself.
type Drill struct {
	ID     string    `yaml:"id"`
	Name   string    `yaml:"name"`
	Target string    `yaml:"target"` // pillar:{id}, rule:{camera}/{rule}, uplink:{name}
	At     TimeOfDay `yaml:"at"`
	Every  Duration  `yaml:"every"` // whole days since the last
}

// Bounds of plans: how many, and how much of a day one may fill.
const (
	patrolsMax      = 100
	drillsMax       = 500
	patrolCamerasOf = 5000 // of all plans together
	patrolCamerasIn = 200
	patrolTimesIn   = 96
)

func (p *Patrol) setDefaults() {
	p.Dwell, p.Within = Duration(15*time.Second), Duration(30*time.Minute)
}

func (d *Drill) setDefaults() { d.At, d.Every = noTime, Duration(30*24*time.Hour) }

// String is the time as it is written.
func (t TimeOfDay) String() string { return fmt.Sprintf("%02d:%02d", t/60, t%60) }

func (c *Config) resolvePatrols() {
	for i := range c.Patrols {
		p := &c.Patrols[i]
		if p.Name == "" {
			p.Name = p.ID
		}
		if len(p.Days) == 0 {
			p.Days = Weekdays()
		}
	}
	for i := range c.Drills {
		if c.Drills[i].Name == "" {
			c.Drills[i].Name = c.Drills[i].ID
		}
	}
}

func (c *Config) validatePatrols(ps *Problems) {
	if n := len(c.Patrols); n > patrolsMax {
		ps.add("patrols", "has %d plans; write at most %d", n, patrolsMax)
	}
	cameras, ids, all := map[string]bool{}, map[string]bool{}, 0
	for i := range c.Cameras {
		cameras[c.Cameras[i].ID] = true
	}
	for i := range c.Patrols {
		key := fmt.Sprintf("patrols[%d]", i)
		validateID(key+".id", c.Patrols[i].ID, ids, ps)
		c.Patrols[i].validate(key, cameras, ps)
		all += len(c.Patrols[i].Cameras)
	}
	if all > patrolCamerasOf {
		ps.add("patrols", "walk %d cameras together; write at most %d", all, patrolCamerasOf)
	}
}

func (p *Patrol) validate(key string, cameras map[string]bool, ps *Problems) {
	if n := len(p.Cameras); n == 0 || n > patrolCamerasIn {
		ps.add(key+".cameras", "names %d cameras; write 1 to %d ids, in the order of the walk", n, patrolCamerasIn)
	}
	for i, id := range p.Cameras {
		at := fmt.Sprintf("%s.cameras[%d]", key, i)
		if !cameras[id] {
			ps.add(at, "%q is not among the cameras", id)
		}
		if slices.Index(p.Cameras, id) < i {
			ps.add(at, "%q is walked already; write each camera once", id)
		}
	}
	if d := time.Duration(p.Dwell); d < time.Second || d > 10*time.Minute {
		ps.add(key+".dwell", "%s; write 1s to 10m", d)
	}
	walk := time.Duration(len(p.Cameras)) * time.Duration(p.Dwell)
	if d := time.Duration(p.Within); d < time.Minute || d > 12*time.Hour || d < walk {
		ps.add(key+".within", "%s; write 1m to 12h, and at least what the walk takes: %d cameras for %s each are %s",
			d, len(p.Cameras), time.Duration(p.Dwell), walk)
	}
	for i, day := range p.Days {
		oneOf(fmt.Sprintf("%s.days[%d]", key, i), day, Weekdays(), ps)
		if slices.Index(p.Days, day) < i {
			ps.add(fmt.Sprintf("%s.days[%d]", key, i), "%q is named already; write each day once", day)
		}
	}
	p.validateTimes(key, ps)
}

// validateTimes checks that a round can be over before the next is due, over
// midnight too.
func (p *Patrol) validateTimes(key string, ps *Problems) {
	if n := len(p.Times); n > patrolTimesIn {
		ps.add(key+".times", "has %d times; write at most %d", n, patrolTimesIn)
		return
	}
	for i, at := range p.Times {
		at.begins(fmt.Sprintf("%s.times[%d]", key, i), ps)
	}
	times := slices.Sorted(slices.Values(p.Times))
	for i, at := range times {
		next := times[(i+1)%len(times)]
		apart := (next - at + 24*60) % (24 * 60)
		if len(times) == 1 {
			apart = 24 * 60
		}
		if d := time.Duration(apart) * time.Minute; d < time.Duration(p.Within) {
			ps.add(key+".times", "%s and %s are %s apart; write them at least within (%s) apart", at, next, d, time.Duration(p.Within))
			return
		}
	}
}

func (c *Config) validateDrills(ps *Problems) {
	day := 24 * time.Hour
	if d := time.Duration(c.DrillAfter); d < day || d > 3660*day {
		ps.add("drill_after", "%s; write 1d to 3660d", d)
	}
	if d := time.Duration(c.DrillWithin); d < 10*time.Second || d > time.Hour {
		ps.add("drill_within", "%s; write 10s to 1h", d)
	}
	if n := len(c.Drills); n > drillsMax {
		ps.add("drills", "has %d drills; write at most %d", n, drillsMax)
	}
	ids, targets := map[string]bool{}, map[string]string{}
	for i, d := range c.Drills {
		key := fmt.Sprintf("drills[%d]", i)
		validateID(key+".id", d.ID, ids, ps)
		if why := c.drillTarget(d.Target); why != "" {
			ps.add(key+".target", "%q; %s", d.Target, why)
		}
		if other, taken := targets[d.Target]; taken {
			ps.add(key+".target", "%q is drilled by %s already; write each target once", d.Target, other)
		}
		targets[d.Target] = d.ID
		if d.At == noTime {
			ps.add(key+".at", "is empty; write a time of the day like 10:00, in station time")
		}
		d.At.begins(key+".at", ps)
		if every := time.Duration(d.Every); every < day || every > 366*day || every%day != 0 {
			ps.add(key+".every", "%s; write whole days, 1d to 366d", every)
		}
	}
}

// drillTarget says what is wrong with the name of a target; "" when nothing is.
func (c *Config) drillTarget(target string) string {
	kind, name, _ := strings.Cut(target, ":")
	switch kind {
	case "pillar":
		if slices.ContainsFunc(c.Pillars, func(p Pillar) bool { return p.ID == name }) {
			return ""
		}
		return "it is not among the pillars"
	case "rule":
		camera, rule, _ := strings.Cut(name, "/")
		for _, one := range c.Cameras {
			if one.ID == camera && slices.ContainsFunc(one.Rules, func(r Rule) bool { return r.Name == rule }) {
				return ""
			}
		}
		return "there is no such camera with such a rule; write rule:{camera}/{rule}"
	case "uplink":
		if slices.ContainsFunc(c.Uplinks, func(u Uplink) bool { return u.Name == name && slices.Contains(u.Lanes, "alarm") }) {
			return ""
		}
		return "it is not among the uplinks that carry lane alarm"
	}
	return "write pillar:{id}, rule:{camera}/{rule} or uplink:{name}"
}
