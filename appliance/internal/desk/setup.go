package desk

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Setup is what the desk must know of the configuration. It does not change
// while a desk lives.
type Setup struct {
	Station, Box string
	Zone         *time.Location // station time; nil is UTC
	Config       string         // hash of the configuration in force
	Cameras      []Camera
	Pillars      []Pillar
	Drones       []Drone
	Uplinks      []string
	Places       []Place
	Persons      []Person
	Teams        []Team
	Shifts       []Shift
	Partners     []Partner    // who take work orders
	Classes      []RouteClass // and of what
	Templates    []Template   // standard pieces of work
	Overdue      OverdueLimit // zero: DefaultOverdue
	// JudgeWithin is how long a report may wait for who issued the order, before
	// he is overdue and the lead is told; 0: for ever.
	JudgeWithin time.Duration
	Limits      Limits // missing entries are taken from DefaultLimits
	// Window is how long after its last sign a sighting on the same camera
	// still belongs to the same incident. Default 120 s.
	Window time.Duration
	// FoldAfter is how many alerts of one pillar and kind, or of one rule, an
	// incident holds; further ones are counted into the newest (default 100).
	FoldAfter int
	// FloodIncidents is how many incidents of one camera's rule may wait for an
	// answer; further sightings extend the newest (default 3).
	FloodIncidents int
	// ShownWithin is how soon a screen must have drawn a P0; 0: nobody waits.
	ShownWithin time.Duration
	// Span is for how long after an incident began the sightings of its place,
	// drones overhead and reports join it (default 30 min); Radius is how near
	// these must be, in metres (default 20).
	Span   time.Duration
	Radius float64
	// HandoverWithin is how long a shift's handover waits for whoever comes
	// before the lead is told (default 15 min).
	HandoverWithin time.Duration
	// Points are what an incident's steps are worth; none: DefaultPoints.
	Points     Points
	Patrols    []PatrolPlan
	Drills     []Drill
	DrillRules []DrillRule // that can be drilled
	// DrillUplinks are those that carry alarms: their receipts are measured.
	DrillUplinks []DrillUplink
	DrillAfter   time.Duration // longer without a drill: said so; 0: never
	DrillWithin  time.Duration // until a drill is over (default 5 min)
	// NearestMax is how many cameras are bound to a place at most (default 4).
	NearestMax int
	// NearestRange is how far a camera sees when its range_m is 0, in metres
	// (default 100).
	NearestRange float64
}

// Camera is one camera of the station.
type Camera struct {
	ID, Name string
	Position *ingest.Position // nil: not on the map, and never the nearest
	Bearing  float64          // degrees clockwise from true north
	FOV      float64          // degrees; 0 when it is not known: sees all around
	RangeM   float64          // metres; 0 when it is not known
	PreRoll  time.Duration    // default 30 s
	PostRoll time.Duration    // default 30 s
}

// Pillar is one alarm pillar.
type Pillar struct {
	ID, Name string
	Position *ingest.Position
	Cameras  []string // bound to its presses; empty: the nearest that see it
}

// Drone is one drone.
type Drone struct{ ID, Name string }

// Place is a named spot with a standard address.
type Place struct {
	ID, Name, AddressCode, Beat string
	Polygon                     [][2]float64 // lat, lon in degrees
}

// Limits are how long an incident may stay in a state, by priority. Zero is no
// limit.
type Limits map[string]map[IncidentState]time.Duration

// DefaultLimits are in force where the configuration says nothing: how soon an
// incident is answered (open), sent to (acknowledged), reached (dispatched) and
// ended (on_scene). What is only for the record (P3) has none.
func DefaultLimits() Limits {
	return Limits{
		"P0": {Open: time.Minute, Acknowledged: 5 * time.Minute, Dispatched: 10 * time.Minute, OnScene: 2 * time.Hour},
		"P1": {Open: 3 * time.Minute, Acknowledged: 10 * time.Minute, Dispatched: 20 * time.Minute, OnScene: 4 * time.Hour},
		"P2": {Open: 15 * time.Minute, Acknowledged: time.Hour, Dispatched: 2 * time.Hour, OnScene: 8 * time.Hour},
		"P3": {},
	}
}

// Bounds of what the desk takes and keeps.
const (
	noteBytesMax     = 4 << 10              // journal.md
	textBytesMax     = 512                  // names, kinds, reasons
	pressIDMax       = 128                  // characters of a pillar's own id of a press
	pillarCamerasMax = 64                   // each is a clip in the alert's event, and that has bounds
	gapsMax          = 200                  // told of one clip; the rest are told as one
	incidentKept     = 7 * 24 * time.Hour   // closed incidents stay this long, and may be reopened
	pressAgeMax      = 7 * 24 * time.Hour   // an older press time is not believed
	futureMax        = 5 * time.Second      // nor one further ahead than this
	clocklessResend  = 24 * time.Hour       // within it a press without a time is a resend
	lateAfter        = 10 * time.Second     // an alert recorded later than this says so
	escalationsMax   = 3                    // then the lead has been told often enough
	tickEventsMax    = 64                   // escalations in one step; the rest follow at once
	stepEventsMax    = 500                  // after so many a step says no more of what is done one by one
	stepBytesMax     = 512 << 10            // nor after so much: half of what the journal takes
	envelopeBytes    = 600                  // of a record, besides its data and its key
	updateMin        = 10 * time.Second     // a stay must have grown by this to be worth an event
	camerasMin       = 2                    // bound to a place where there are 2
	similarMax       = 5                    // similar incidents named in incident.opened
	screensMax       = 32                   // screens remembered per alert
	sightingsMax     = 64                   // sightings going on in one alert
	pastMax          = 8                    // ended sightings remembered per alert
	historyMax       = 1000                 // lines kept in an incident's history
	setAsideMax      = 500                  // refused events that can be sent again; of older ones the journal tells
	historyHead      = 100                  // of which the first stay for ever
	historyCut       = 400                  // lines folded at a time
	taskLimitMax     = 366 * 24 * time.Hour // a task's limit lies no further ahead
	taskSpanMin      = 5 * time.Minute      // the least time between two supervision orders of a task
	keptLimit        = 24 * time.Hour       // of an order without a limit that goes on after its incident was closed
	repeatsMax       = 64                   // orders of headquarters folded into one
	overduesMax      = 16                   // times remembered at which one task became overdue
	alongClipsMax    = 16                   // clips that go along with an order
	picturesMax      = 16                   // of one report
	taskHistoryMax   = 200                  // lines kept of one task
	numberMax        = 1 << 53              // RFC 8785 numbers are IEEE 754 doubles
	clockOffsetMinMS = 250                  // a device's clock must move this far to be worth an event
)

// Rules is a Setup made ready for Step: checked, completed, indexed. It does
// not change.
type Rules struct {
	setup     Setup
	cameras   map[string]*Camera
	pillars   map[string]*Pillar
	drones    map[string]*Drone
	places    map[string]*Place
	targets   []DrillTarget
	targetAt  map[string]int // by name
	persons   map[string]*Person
	users     map[string]*Person // by login name
	teams     map[string]*Team
	templates map[string]*Template
	partners  map[string]*Partner
	kinds     map[string]kindRef  // of what is routed away
	bound     map[string][]string // pillar → cameras
}

// NewRules checks the setup: ids are unique, and what is referred to exists.
func NewRules(setup Setup) (*Rules, error) {
	r := &Rules{
		setup: setup, cameras: map[string]*Camera{}, pillars: map[string]*Pillar{},
		drones: map[string]*Drone{}, places: map[string]*Place{},
		persons: map[string]*Person{}, users: map[string]*Person{}, teams: map[string]*Team{}, templates: map[string]*Template{}, bound: map[string][]string{},
	}
	r.complete()
	for i := range r.setup.Cameras {
		if err := put(r.cameras, "camera", r.setup.Cameras[i].ID, &r.setup.Cameras[i]); err != nil {
			return nil, err
		}
	}
	for i := range r.setup.Drones {
		if err := put(r.drones, "drone", r.setup.Drones[i].ID, &r.setup.Drones[i]); err != nil {
			return nil, err
		}
	}
	for i := range r.setup.Places {
		if err := put(r.places, "place", r.setup.Places[i].ID, &r.setup.Places[i]); err != nil {
			return nil, err
		}
	}
	for i := range r.setup.Pillars {
		p := &r.setup.Pillars[i]
		p.Name = cmp.Or(p.Name, p.ID)
		if err := put(r.pillars, "pillar", p.ID, p); err != nil {
			return nil, err
		}
		if len(p.Cameras) > pillarCamerasMax {
			return nil, fmt.Errorf("pillar %s: %d cameras: at most %d", p.ID, len(p.Cameras), pillarCamerasMax)
		}
		for _, camera := range p.Cameras {
			if r.cameras[camera] == nil {
				return nil, fmt.Errorf("pillar %s: camera %q is not configured", p.ID, camera)
			}
		}
		r.bound[p.ID] = p.Cameras
		if len(p.Cameras) == 0 && p.Position != nil {
			r.bound[p.ID] = r.Nearest(*p.Position)
		}
	}
	if err := r.indexTemplates(); err != nil {
		return nil, err
	}
	if err := r.indexForces(); err != nil {
		return nil, err
	}
	if err := r.indexPartners(); err != nil {
		return nil, err
	}
	if err := r.checkPatrols(); err != nil {
		return nil, err
	}
	return r, r.checkDrills()
}

// complete fills in defaults, in copies of the caller's slices and maps.
func (r *Rules) complete() {
	s := &r.setup
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	if s.Window <= 0 {
		s.Window = 2 * time.Minute
	}
	if s.Points == (Points{}) {
		s.Points = DefaultPoints()
	}
	if s.Span <= 0 {
		s.Span = 30 * time.Minute
	}
	if s.Radius <= 0 {
		s.Radius = 20
	}
	if s.FoldAfter <= 0 {
		s.FoldAfter = 100
	}
	if s.FloodIncidents <= 0 {
		s.FloodIncidents = 3
	}
	if s.NearestMax <= 0 {
		s.NearestMax = 4
	}
	if s.NearestRange <= 0 {
		s.NearestRange = 100
	}
	limits := DefaultLimits()
	for priority, states := range s.Limits {
		for state, limit := range states {
			if limits[priority] == nil {
				limits[priority] = map[IncidentState]time.Duration{}
			}
			limits[priority][state] = limit
		}
	}
	s.Limits = limits
	s.Cameras, s.Pillars, s.Drones = slices.Clone(s.Cameras), slices.Clone(s.Pillars), slices.Clone(s.Drones)
	for i := range s.Drones {
		s.Drones[i].Name = cmp.Or(s.Drones[i].Name, s.Drones[i].ID)
	}
	for i := range s.Cameras {
		c := &s.Cameras[i]
		c.Name = cmp.Or(c.Name, c.ID)
		if c.PreRoll <= 0 {
			c.PreRoll = 30 * time.Second
		}
		if c.PostRoll <= 0 {
			c.PostRoll = 30 * time.Second
		}
	}
}

func put[T any](into map[string]*T, what, id string, value *T) error {
	if id == "" {
		return fmt.Errorf("%s without an id", what)
	}
	if into[id] != nil {
		return fmt.Errorf("%s %s: configured twice", what, id)
	}
	into[id] = value
	return nil
}
