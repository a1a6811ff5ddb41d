package vision

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kinds of rules that are built.
const (
	Intrusion = "intrusion" // somebody stands in a zone
	Loitering = "loitering" // somebody stays in a zone
	Tripwire  = "tripwire"  // somebody crosses a line
)

// Directions of a crossing, looking from the line's From to its To.
const (
	LeftToRight = "left_to_right"
	RightToLeft = "right_to_left"
)

// Supported tells whether rules of this kind are built. A configuration with
// any other kind must be refused: a rule that is accepted and never met would
// be a hole that nobody sees.
func Supported(kind string) bool { return slices.Contains(Kinds(), kind) }

// Kinds lists the kinds of rules that are built.
func Kinds() []string { return []string{Intrusion, Loitering, Tripwire} }

// Classes lists what rules may name.
func Classes() []Class { return []Class{Person, Bicycle, Car, Motorcycle, Bus, Truck} }

// Rule is one thing to watch for on a camera.
type Rule struct {
	Name      string
	Kind      string
	Zone      string        // intrusion, loitering
	Line      string        // tripwire
	Direction string        // tripwire: left_to_right, right_to_left; "" is both
	Objects   []Class       // empty: the camera's
	Schedule  string        // station time, see ParseSchedule; "" is always
	Priority  string        // P0..P3; "" is P2
	Dwell     time.Duration // loitering: how long; default 60 s
	MinScore  float64       // 0..1; 0 is DefaultMinScore
	MinHeight float64       // share of the picture's height; smaller objects do not count
}

// DefaultMinScore is the mean score a track needs to meet a rule.
const DefaultMinScore = 0.4

// defaultDwell is how long somebody hangs around before it is loitering.
const defaultDwell = time.Minute

// Check returns everything that is wrong with the rule, given the camera's
// zones and lines; nil when it can be carried out.
func (r Rule) Check(zones map[string][]Point, lines map[string]Line) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Name == "" {
		bad("name: missing")
	}
	switch {
	case !Supported(r.Kind):
		bad("kind: %q is not built; want one of %s", r.Kind, strings.Join(Kinds(), ", "))
	case r.Kind == Tripwire:
		if _, ok := lines[r.Line]; !ok {
			bad("line: camera has no line %q", r.Line)
		}
		if r.Direction != "" && r.Direction != LeftToRight && r.Direction != RightToLeft {
			bad("direction: %q: want %s, %s or none", r.Direction, LeftToRight, RightToLeft)
		}
	default:
		if len(zones[r.Zone]) < 3 {
			bad("zone: camera has no zone %q with three points or more", r.Zone)
		}
	}
	for _, c := range r.Objects {
		if !slices.Contains(Classes(), c) {
			bad("objects: %q is unknown; want some of %v", c, Classes())
		}
	}
	if _, err := ParseSchedule(r.Schedule); err != nil {
		errs = append(errs, err)
	}
	if r.Priority != "" && !slices.Contains([]string{"P0", "P1", "P2", "P3"}, r.Priority) {
		bad("priority: %q: want P0, P1, P2 or P3", r.Priority)
	}
	if r.Dwell < 0 || r.MinScore < 0 || r.MinScore > 1 || r.MinHeight < 0 || r.MinHeight > 1 {
		bad("dwell, min score, min height: out of range")
	}
	return errors.Join(errs...)
}

// rule is a Rule made ready to be applied.
type rule struct {
	Rule
	schedule Schedule
	zone     []Point
	line     Line
	loc      *time.Location
}

func prepare(r Rule, cfg Config) (rule, error) {
	if err := r.Check(cfg.Zones, cfg.Lines); err != nil {
		return rule{}, fmt.Errorf("rule %q: %w", r.Name, err)
	}
	if len(r.Objects) == 0 {
		r.Objects = cfg.Objects
	}
	if r.Priority == "" {
		r.Priority = "P2"
	}
	if r.MinScore == 0 {
		r.MinScore = DefaultMinScore
	}
	if r.Kind == Intrusion {
		r.Dwell = 0
	}
	if r.Kind == Loitering && r.Dwell == 0 {
		r.Dwell = defaultDwell
	}
	sched, err := ParseSchedule(r.Schedule)
	if err != nil {
		return rule{}, fmt.Errorf("rule %q: %w", r.Name, err)
	}
	return rule{Rule: r, schedule: sched, zone: cfg.Zones[r.Zone], line: cfg.Lines[r.Line], loc: cfg.Location}, nil
}

// minds tells whether the track is of a kind that the rule is about.
func (r *rule) minds(t *Track) bool {
	return slices.Contains(r.Objects, t.Class) && t.Score >= r.MinScore && t.Box.H >= r.MinHeight
}

// Unseen names the rules that the detector cannot meet in full, with what it
// lacks: to be said at start and in health.
func Unseen(rules []Rule, objects, finds []Class) []string {
	var out []string
	for _, r := range rules {
		want := r.Objects
		if len(want) == 0 {
			want = objects
		}
		var lacks []string
		for _, c := range want {
			if !slices.Contains(finds, c) {
				lacks = append(lacks, string(c))
			}
		}
		if len(lacks) > 0 {
			out = append(out, fmt.Sprintf("rule %s: the detector does not find %s", r.Name, strings.Join(lacks, ", ")))
		}
	}
	return out
}
