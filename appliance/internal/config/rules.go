package config

import (
	"fmt"
	"slices"
	"strings"
)

// Rule makes sightings. What a key means for a kind, and what is left at its
// zero, is vision's to say; keys without meaning for a kind are refused.
type Rule struct {
	Name      string   `yaml:"name"`
	Label     string   `yaml:"label"` // what people read; empty: the name
	Kind      string   `yaml:"kind"`
	Zone      string   `yaml:"zone"`
	Line      string   `yaml:"line"`
	Direction string   `yaml:"direction"`
	Objects   []string `yaml:"objects"`
	Schedule  string   `yaml:"schedule"`
	Priority  string   `yaml:"priority"`
	Dwell     Duration `yaml:"dwell"`
	Count     int      `yaml:"count"`
	Speed     float64  `yaml:"speed"` // heights of its own box a second
	MinScore  float64  `yaml:"min_score"`
	MinWidth  float64  `yaml:"min_width"` // shares of the picture
	MinHeight float64  `yaml:"min_height"`
	MinArea   float64  `yaml:"min_area"`
}

func (r *Rule) setDefaults() { r.Priority = "P2" }

// RuleKinds are the kinds of sightings that the contracts name.
func RuleKinds() []string {
	return strings.Split("motion left_object removed_object tripwire intrusion wrong_way loitering counting crowd fast_move video_loss video_covered video_defocused video_moved video_frozen", " ")
}

func (r *Rule) validate(key string, cam *Camera, can Supported, ps *Problems) {
	if !slices.Contains(RuleKinds(), r.Kind) {
		oneOf(key+".kind", r.Kind, RuleKinds(), ps)
		return
	}
	before := len(*ps)
	validateLabel(key+".label", r.Label, ps)
	if _, known := cam.Zones[r.Zone]; r.Zone != "" && !known {
		ps.add(key+".zone", "%q is not among the camera's zones", r.Zone)
	}
	if _, known := cam.Lines[r.Line]; r.Line != "" && !known {
		ps.add(key+".line", "%q is not among the camera's lines", r.Line)
	}
	if r.Kind == "loitering" && r.Dwell <= 0 {
		ps.add(key+".dwell", "is zero; loitering needs how long, like 60s")
	}
	between(key+".count", float64(r.Count), 0, 1000, ps)
	between(key+".speed", r.Speed, 0, 100, ps)
	for name, share := range map[string]float64{"min_score": r.MinScore, "min_width": r.MinWidth, "min_height": r.MinHeight, "min_area": r.MinArea} {
		between(key+"."+name, share, 0, 1, ps)
	}
	objects(key+".objects", r.Objects, ps)
	if r.Schedule != "" && !schedule.MatchString(r.Schedule) {
		ps.add(key+".schedule", "%q; write it like 22:00-06:00, in station time", r.Schedule)
	}
	oneOf(key+".priority", r.Priority, []string{"P0", "P1", "P2", "P3"}, ps)
	if can.Rule != nil && len(*ps) == before {
		r.ask(key, can.Rule(cam, r), ps)
	}
}

// ask adds the problems that the part which carries rules out has with it.
func (r *Rule) ask(key string, err error, ps *Problems) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		name, text, _ := strings.Cut(line, ": ")
		name, _, _ = strings.Cut(name, ",") // "zone, line": the first
		ps.add(fmt.Sprintf("%s.%s", key, strings.ReplaceAll(name, " ", "_")), "%s", text)
	}
}
