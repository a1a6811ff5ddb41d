package desk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Drills (演练): an exercise alarm of a pillar, a rule or an uplink goes the way
// of a real one, marked, and how far it came, and when, is measured. Times are
// the box's own clock: a browser's may be wrong.
const (
	TypeDrillPlanned = "watchpost.drill.planned" // notice: when the next one begins by itself
	TypeDrillBegun   = "watchpost.drill.begun"   // alarm
	TypeDrillMarked  = "watchpost.drill.marked"  // local: it came so far
	TypeDrillRun     = "watchpost.drill.run"     // notice: its result
)

// Results of a drill: everything came in its own time; everything came, some of
// it late; something did not come.
const (
	DrillPassed = "passed"
	DrillLate   = "late"
	DrillFailed = "failed"
)

// Steps of a drill, as Missing and Late name them; of a receipt received/{uplink}.
const (
	stepStored       = "stored"
	stepShown        = "shown"
	stepAcknowledged = "acknowledged"
	stepReceived     = "received"
)

const (
	drillGrace  = 15 * time.Minute // later than this a drill waits for its next time of day
	drillApart  = time.Minute      // between the beginnings of scheduled ones
	drillPutOff = time.Hour        // while a real P0 waits for an answer
	drillWithin = 5 * time.Minute  // default of Setup.DrillWithin
	drillsMax   = 5000             // targets
	storedMS    = 1000             // longest that a drill may take to the disk
)

// Who begins what is scheduled, and why it was put off by a minute or more.
const (
	drillBySchedule = "schedule"
	drillQueued     = "another drill was begun"
)

// Drill is a scheduled one.
type Drill struct {
	ID, Name string
	Target   string        // pillar:{id}, rule:{camera}/{rule}, uplink:{name}
	At       string        // HH:MM, station time
	Every    time.Duration // whole days
}

// DrillRule is a rule of a camera, as an alert of it names it.
type DrillRule struct{ Camera, Name, Label, Kind, Priority, Zone, Line, Direction string }

// DrillUplink is an uplink that carries alarms, and how soon it confirms them.
type DrillUplink struct {
	Name     string `json:"uplink"`
	WithinMS int64  `json:"within_ms"`
}

// DrillTarget is what can be drilled.
type DrillTarget struct {
	Target, Kind, Name string // Kind: pillar, rule, uplink
	Device             string // the pillar, camera or uplink
}

// DrillRun is one drill.
type DrillRun struct {
	ID             string                  `json:"id"`
	Drill          string                  `json:"drill,omitempty"` // the scheduled one's id
	Target         string                  `json:"target"`
	By             string                  `json:"by"` // a user, "schedule", or the pillar that was pressed
	Alert          string                  `json:"alert,omitempty"`
	Incident       string                  `json:"incident,omitempty"`
	Event          string                  `json:"event"` // whose receipts are measured
	Place          uint64                  `json:"place"` // of that event; 0: in another journal
	Priority       string                  `json:"priority"`
	BegunAt        bridge.Stamp            `json:"begun_at"`
	Limit          bridge.Stamp            `json:"limit"`
	ShowMS         int64                   `json:"show_ms"`   // limits in force; 0: none
	AnswerMS       int64                   `json:"answer_ms"` //
	Uplinks        []DrillUplink           `json:"uplinks"`   // whose receipts are waited for
	StoredAt       bridge.Stamp            `json:"stored_at"`
	ShownAt        bridge.Stamp            `json:"shown_at"`
	ShownOn        string                  `json:"shown_on,omitempty"`
	AcknowledgedAt bridge.Stamp            `json:"acknowledged_at"`
	AcknowledgedBy string                  `json:"acknowledged_by,omitempty"`
	Received       map[string]bridge.Stamp `json:"received"`
	EndedAt        bridge.Stamp            `json:"ended_at"`
	Result         string                  `json:"result,omitempty"`
	Missing        []string                `json:"missing"`
	Late           []string                `json:"late"`
}

// Drilled is what is known of one target.
type Drilled struct {
	Target   string       `json:"target"`
	Drill    string       `json:"drill,omitempty"` // the scheduled one's id
	At       string       `json:"at,omitempty"`
	EveryMS  int64        `json:"every_ms,omitempty"`
	Next     bridge.Stamp `json:"next"` // when it begins by itself
	Reason   string       `json:"reason,omitempty"`
	Run      *DrillRun    `json:"run,omitempty"`  // under way
	Last     *DrillRun    `json:"last,omitempty"` // the newest that ended
	PassedAt bridge.Stamp `json:"passed_at"`      // when one passed last
	Ready    bridge.Stamp `json:"ready"`          // of Run: when everything was in
	Touched  uint64       `json:"touched"`
}

// DrillPlanned is the data of drill.planned.
type DrillPlanned struct {
	Schema  int          `json:"schema"`
	Target  string       `json:"target"`
	Drill   string       `json:"drill,omitempty"`
	At      string       `json:"at,omitempty"`
	EveryMS int64        `json:"every_ms,omitempty"`
	Next    bridge.Stamp `json:"next"`
	Reason  string       `json:"reason,omitempty"`  // why it was put off
	Removed bool         `json:"removed,omitempty"` // the target is not configured any more
	Config  string       `json:"config"`
}

// DrillBegun is the data of drill.begun.
type DrillBegun struct {
	Schema   int           `json:"schema"`
	Run      string        `json:"run"`
	Drill    string        `json:"drill"`
	Target   string        `json:"target"`
	By       string        `json:"by"`
	Alert    string        `json:"alert"`
	Incident string        `json:"incident"`
	Event    string        `json:"event"` // empty: this one
	Priority string        `json:"priority"`
	Limit    bridge.Stamp  `json:"limit"`
	ShowMS   int64         `json:"show_ms"`
	AnswerMS int64         `json:"answer_ms"`
	Uplinks  []DrillUplink `json:"uplinks"`
	Next     bridge.Stamp  `json:"next,omitzero"` // of the scheduled one
	Config   string        `json:"config"`
}

// DrillMarked is the data of drill.marked: Mark is stored or received.
type DrillMarked struct {
	Schema int          `json:"schema"`
	Run    string       `json:"run"`
	Target string       `json:"target"`
	Mark   string       `json:"mark"`
	Uplink string       `json:"uplink,omitempty"`
	At     bridge.Stamp `json:"at"`
}

// DrillResult is the data of drill.run. Times that are empty did not come.
type DrillResult struct {
	Schema         int                     `json:"schema"`
	Run            string                  `json:"run"`
	Drill          string                  `json:"drill"`
	Target         string                  `json:"target"`
	By             string                  `json:"by"`
	Alert          string                  `json:"alert"`
	Incident       string                  `json:"incident"`
	Begun          bridge.Stamp            `json:"begun"`
	Stored         bridge.Stamp            `json:"stored"`
	Shown          bridge.Stamp            `json:"shown"`
	ShownOn        string                  `json:"shown_on"`
	Acknowledged   bridge.Stamp            `json:"acknowledged"`
	AcknowledgedBy string                  `json:"acknowledged_by"`
	Received       map[string]bridge.Stamp `json:"received"`
	Limit          bridge.Stamp            `json:"limit"`
	Result         string                  `json:"result"`
	Missing        []string                `json:"missing"`
	Late           []string                `json:"late"`
}

// DrillIn begins a drill of a target, by a lead.
type DrillIn struct {
	Target      string
	By          Actor
	Idempotency string
}

// DrillMarkIn says how far a drill has come: on the disk, at a headquarters, or
// a still of the camera for its alert (Snapshot empty: there is none to be had).
type DrillMarkIn struct {
	Target, Run string
	Mark        string // stored, received, snapshot
	Uplink      string // with received
	Snapshot    string // with snapshot: SHA-256, hex
	At          time.Time
}

func (in DrillIn) decide(t *step, hit *bridge.Record) error   { return t.drill(in, hit) }
func (in DrillMarkIn) decide(t *step, _ *bridge.Record) error { return t.drillMark(in) }

func (in DrillIn) keys() []string { return idemKeys(in.By, in.Idempotency) }

// DrillTargets are all that can be drilled: pillars, rules, uplinks, in the
// order of the configuration. The list may be kept.
func (r *Rules) DrillTargets() []DrillTarget { return r.targets }

func (r *Rules) drillTargets() []DrillTarget {
	var all []DrillTarget
	for _, p := range r.setup.Pillars {
		all = append(all, DrillTarget{"pillar:" + p.ID, "pillar", p.Name, p.ID})
	}
	for _, one := range r.setup.DrillRules {
		name := cmp.Or(one.Label, one.Name)
		if c := r.cameras[one.Camera]; c != nil {
			name = c.Name + " " + name
		}
		all = append(all, DrillTarget{"rule:" + one.Camera + "/" + one.Name, "rule", name, one.Camera})
	}
	for _, u := range r.setup.DrillUplinks {
		all = append(all, DrillTarget{"uplink:" + u.Name, "uplink", u.Name, u.Name})
	}
	return all
}

// DrillTarget is the target of this name; false when there is none.
func (r *Rules) DrillTarget(target string) (DrillTarget, bool) {
	i, known := r.targetAt[target]
	if !known {
		return DrillTarget{}, false
	}
	return r.targets[i], true
}

// DrillAfter is how long a target may go without a drill.
func (r *Rules) DrillAfter() time.Duration { return r.setup.DrillAfter }

// Drill is the scheduled one of a target, or nil.
func (r *Rules) Drill(target string) *Drill {
	for i := range r.setup.Drills {
		if r.setup.Drills[i].Target == target {
			return &r.setup.Drills[i]
		}
	}
	return nil
}

// Drilled is what is known of a target, or nil: it was never drilled.
func (s *State) Drilled(target string) *Drilled { return s.k.Drills[target] }

// DrillsUnderWay are the drills that are not ended, in the order of their
// targets.
func (s *State) DrillsUnderWay() []*DrillRun {
	var runs []*DrillRun
	for _, d := range s.k.Drills {
		if d.Run != nil {
			runs = append(runs, d.Run)
		}
	}
	slices.SortFunc(runs, func(a, b *DrillRun) int { return strings.Compare(a.Target, b.Target) })
	return runs
}

// Heard reports whether the device behind the target ever spoke.
func (s *State) Heard(t DrillTarget) bool {
	d := s.k.Devices[t.Device]
	return d != nil && d.State != "" && d.State != "unknown"
}

// next is when the target wants a step; zero: never.
func (d *Drilled) next() bridge.Stamp {
	if d.Run == nil {
		return d.Next
	}
	if !d.Ready.IsZero() {
		return d.Ready
	}
	return d.Run.Limit
}

// missing are the steps that have not come.
func (run *DrillRun) missing() []string {
	missing := []string{}
	if run.StoredAt.IsZero() {
		missing = append(missing, stepStored)
	}
	if run.Alert != "" && run.ShownAt.IsZero() {
		missing = append(missing, stepShown)
	}
	if run.Incident != "" && run.AcknowledgedAt.IsZero() {
		missing = append(missing, stepAcknowledged)
	}
	for _, u := range run.Uplinks {
		if run.Received[u.Name].IsZero() {
			missing = append(missing, stepReceived+"/"+u.Name)
		}
	}
	return missing
}

// late are the steps that came after their own limit.
func (run *DrillRun) late() []string {
	late := []string{}
	check := func(name string, at bridge.Stamp, limitMS int64) {
		if !at.IsZero() && limitMS > 0 && at.Sub(run.BegunAt.Time) > millis(limitMS) {
			late = append(late, name)
		}
	}
	check(stepStored, run.StoredAt, storedMS)
	check(stepShown, run.ShownAt, run.ShowMS)
	check(stepAcknowledged, run.AcknowledgedAt, run.AnswerMS)
	for _, u := range run.Uplinks {
		check(stepReceived+"/"+u.Name, run.Received[u.Name], u.WithinMS)
	}
	return late
}

func (r *Rules) checkDrills() error {
	r.setup.DrillWithin = cmp.Or(r.setup.DrillWithin, drillWithin)
	r.targets, r.targetAt = r.drillTargets(), map[string]int{}
	for i, one := range r.targets {
		r.targetAt[one.Target] = i
	}
	targets, ids := map[string]bool{}, map[string]bool{}
	if n := len(r.targets); n > drillsMax {
		return fmt.Errorf("drills: %d targets: at most %d", n, drillsMax)
	}
	for _, d := range r.setup.Drills {
		if _, ok := r.DrillTarget(d.Target); !ok {
			return fmt.Errorf("drill %s: target %q is not configured", d.ID, d.Target)
		}
		if d.ID == "" || ids[d.ID] || targets[d.Target] {
			return fmt.Errorf("drill %q of %s: wants an id and a target of its own", d.ID, d.Target)
		}
		ids[d.ID], targets[d.Target] = true, true
		if _, err := clockTime(d.At); err != nil {
			return fmt.Errorf("drill %s: %w", d.ID, err)
		}
		if d.Every < 24*time.Hour {
			return fmt.Errorf("drill %s: every %s: want at least a day", d.ID, d.Every)
		}
	}
	return nil
}
