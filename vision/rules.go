package vision

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Kinds of rules, as in the alarm list of GB/T 28181.
const (
	Intrusion     = "intrusion"      // somebody stands in a zone
	Loitering     = "loitering"      // somebody stays in a zone
	Tripwire      = "tripwire"       // somebody crosses a line
	WrongWay      = "wrong_way"      // somebody crosses a line, or goes through a zone, the wrong way
	Counting      = "counting"       // so many have crossed a line or entered a zone
	Crowd         = "crowd"          // so many are in a zone at once
	FastMove      = "fast_move"      // somebody runs, something races
	MotionSeen    = "motion"         // anything moves, whatever it is
	LeftObject    = "left_object"    // a thing was put down and stays
	RemovedObject = "removed_object" // a thing is gone that was there

	VideoLoss      = "video_loss"      // no pictures come
	VideoCovered   = "video_covered"   // something hides the view
	VideoDefocused = "video_defocused" // the view is blurred
	VideoMoved     = "video_moved"     // the camera looks elsewhere
	VideoFrozen    = "video_frozen"    // pictures come, and are always the same
)

// Directions of a crossing, looking from the line's From to its To.
const (
	LeftToRight = "left_to_right"
	RightToLeft = "right_to_left"
)

// Directions of a way through a zone, as it looks in the picture.
const (
	Up    = "up"
	Down  = "down"
	Left  = "left"
	Right = "right"
)

// Supported tells whether rules of this kind are built. A configuration with
// any other kind must be refused: a rule that is accepted and never met would
// be a hole that nobody sees.
func Supported(kind string) bool { return slices.Contains(Kinds(), kind) }

// Kinds lists the kinds of rules that are built.
func Kinds() []string {
	return []string{
		Intrusion, Loitering, Tripwire, WrongWay, Counting, Crowd, FastMove, MotionSeen, LeftObject, RemovedObject,
		VideoLoss, VideoCovered, VideoDefocused, VideoMoved, VideoFrozen,
	}
}

// Classes lists what rules may name.
func Classes() []Class { return []Class{Person, Bicycle, Car, Motorcycle, Bus, Truck} }

// Rule is one thing to watch for on a camera.
type Rule struct {
	Name      string
	Kind      string
	Zone      string        // where it counts; see Needs
	Line      string        // what is crossed
	Direction string        // of a crossing; wrong_way with a zone: up, down, left, right
	Objects   []Class       // empty: the camera's
	Schedule  string        // station time, see ParseSchedule; "" is always
	Priority  string        // P0..P3; "" is P2
	Dwell     time.Duration // how long it must last; 0 is the kind's
	Count     int           // crowd: how many at least; counting: sighted after each so many; 0 is the kind's
	Speed     float64       // fast_move: heights of its own box a second; 0 is 3
	MinScore  float64       // 0..1; 0 is DefaultMinScore
	MinWidth  float64       // share of the picture's width; smaller objects do not count
	MinHeight float64       // share of the picture's height
	MinArea   float64       // motion, left and removed objects: share of the picture; 0 is the kind's
}

// DefaultMinScore is the mean score a track needs to meet a rule.
const DefaultMinScore = 0.4

// Needs is what a kind of rule must and may have.
type Needs struct {
	Zone, Line bool // one of both is needed when both are set; see MayZone
	MayZone    bool // a zone may be named, and else the whole picture counts
	Directions []string
	Direction  bool // one of these is needed
	Objects    bool // it is about objects that the detector finds
}

// NeedsOf is what rules of this kind must and may have.
func NeedsOf(kind string) Needs {
	crossing := []string{LeftToRight, RightToLeft}
	switch kind {
	case Intrusion, Loitering, Crowd:
		return Needs{Zone: true, Objects: true}
	case Tripwire:
		return Needs{Line: true, Directions: crossing, Objects: true}
	case WrongWay:
		return Needs{Zone: true, Line: true, Directions: append(crossing, Up, Down, Left, Right), Direction: true, Objects: true}
	case Counting:
		return Needs{Zone: true, Line: true, Directions: crossing, Objects: true}
	case FastMove:
		return Needs{MayZone: true, Objects: true}
	case LeftObject, RemovedObject:
		return Needs{Zone: true}
	case MotionSeen:
		return Needs{MayZone: true}
	}
	return Needs{}
}

// Check returns everything that is wrong with the rule, given the camera's
// zones and lines; nil when it can be carried out.
func (r Rule) Check(zones map[string][]Point, lines map[string]Line) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Name == "" {
		bad("name: missing")
	}
	if !Supported(r.Kind) {
		bad("kind: %q is not built; want one of %s", r.Kind, strings.Join(Kinds(), ", "))
		return errors.Join(errs...)
	}
	errs = append(errs, r.checkPlace(zones, lines)...)
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
	for name, v := range map[string]float64{"min score": r.MinScore, "min width": r.MinWidth, "min height": r.MinHeight, "min area": r.MinArea} {
		if v < 0 || v > 1 {
			bad("%s: %g: want 0 to 1", name, v)
		}
	}
	if r.Dwell < 0 || r.Count < 0 || r.Speed < 0 {
		bad("dwell, count, speed: want 0 or more")
	}
	return errors.Join(errs...)
}

// checkPlace looks at zone, line and direction.
func (r Rule) checkPlace(zones map[string][]Point, lines map[string]Line) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	n := NeedsOf(r.Kind)
	switch {
	case n.Zone && n.Line && (r.Zone == "") == (r.Line == ""):
		bad("zone, line: %s needs one of both", r.Kind)
	case n.Zone && !n.Line && r.Zone == "":
		bad("zone: %s needs one of the camera's", r.Kind)
	case n.Line && !n.Zone && r.Line == "":
		bad("line: %s needs one of the camera's", r.Kind)
	case r.Zone != "" && !n.Zone && !n.MayZone:
		bad("zone: %s has none", r.Kind)
	case r.Line != "" && !n.Line:
		bad("line: %s has none", r.Kind)
	}
	if r.Zone != "" && len(zones[r.Zone]) < 3 {
		bad("zone: camera has no zone %q with three points or more", r.Zone)
	}
	if _, ok := lines[r.Line]; r.Line != "" && !ok {
		bad("line: camera has no line %q", r.Line)
	}
	crossing := r.Direction == LeftToRight || r.Direction == RightToLeft
	switch {
	case r.Direction == "" && n.Direction:
		bad("direction: %s needs one of %s", r.Kind, strings.Join(n.Directions, ", "))
	case r.Direction != "" && len(n.Directions) == 0:
		bad("direction: %s has none", r.Kind)
	case r.Direction != "" && !slices.Contains(n.Directions, r.Direction):
		bad("direction: %q: want %s, or none", r.Direction, strings.Join(n.Directions, ", "))
	case r.Direction != "" && crossing != (r.Line != ""):
		bad("direction: %q: a line is crossed %s or %s; a zone is gone through up, down, left or right", r.Direction, LeftToRight, RightToLeft)
	}
	return errs
}

// rule is a Rule made ready to be applied.
type rule struct {
	Rule
	camera   ingest.CameraID
	schedule Schedule
	zone     []Point // empty: the whole picture
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
	if r.Dwell == 0 {
		r.Dwell = dwellOf(r.Kind)
	}
	if r.Kind == Intrusion || r.Kind == Counting {
		r.Dwell = 0
	}
	if r.Count == 0 {
		r.Count = map[string]int{Crowd: 5}[r.Kind]
	}
	r.Count = max(r.Count, 1)
	if r.Speed == 0 {
		r.Speed = 3
	}
	if r.MinArea == 0 {
		r.MinArea = map[string]float64{MotionSeen: 0.001, LeftObject: 0.0006, RemovedObject: 0.0006}[r.Kind]
	}
	sched, err := ParseSchedule(r.Schedule)
	if err != nil {
		return rule{}, fmt.Errorf("rule %q: %w", r.Name, err)
	}
	return rule{Rule: r, camera: cfg.Camera, schedule: sched, zone: cfg.Zones[r.Zone], line: cfg.Lines[r.Line], loc: cfg.Location}, nil
}

// dwellOf is how long it must last when the rule does not say.
func dwellOf(kind string) time.Duration {
	switch kind {
	case Loitering, LeftObject, RemovedObject:
		return time.Minute
	case Crowd:
		return 10 * time.Second
	case WrongWay:
		return time.Second
	case FastMove:
		return 400 * time.Millisecond
	case MotionSeen:
		return 500 * time.Millisecond
	}
	return 0
}

// minds tells whether the track is of a kind that the rule is about.
func (r *rule) minds(t *Track) bool {
	return slices.Contains(r.Objects, t.Class) && t.Score >= r.MinScore && t.Box.H >= r.MinHeight && t.Box.W >= r.MinWidth
}

// inForce tells whether the rule's schedule covers the moment.
func (r *rule) inForce(m moment) bool { return r.schedule.Covers(m.captured, r.loc) }

// holds tells whether the point lies in the rule's zone.
func (r *rule) holds(p Point) bool { return len(r.zone) == 0 || Inside(p, r.zone) }

// Unseen names the rules that the detector cannot meet in full, with what it
// lacks: to be said at start and in health.
func Unseen(rules []Rule, objects, finds []Class) []string {
	var out []string
	for _, r := range rules {
		if !NeedsOf(r.Kind).Objects {
			continue
		}
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
