package desk

import (
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Video patrol (网上巡逻): plans name cameras and times, somebody walks each
// round and signs it off camera by camera. When a round is due and by when it
// is to be signed off stand in the events, so that a restart knows what it
// missed, and the plan that was in force then.
const (
	TypePatrolPlanned = "watchpost.patrol.planned" // notice: a plan is in force from now on, or no more
	TypePatrolRound   = "watchpost.patrol.round"   // notice
	TypePatrolLooked  = "watchpost.patrol.looked"  // local: one camera of a round
)

const (
	roundsKept     = 16                 // ended ones of a plan
	roundsTellBack = 7 * 24 * time.Hour // older ones that nobody walked are told as one
	roundsToldMax  = 200                // missed ones of a plan in a step; the rest are told as one
	roundBytesMax  = 48 << 10           // of a round's cameras in an event
	roundEarlyMax  = 15 * time.Minute   // a round may begin so long before it is due, and half of within at most
	patrolCameras  = 200                // of one plan
	patrolAll      = 5000               // of all plans: each is told anew when it changes, and all of them at the first start
	patrolTimesMax = 96                 // of one plan in a day
)

// PatrolPlan is one plan.
type PatrolPlan struct {
	ID       string   `json:"plan"`
	Name     string   `json:"name"`
	Cameras  []string `json:"cameras"` // in the order of the walk
	DwellMS  int64    `json:"dwell_ms"`
	Times    []string `json:"times"` // HH:MM, station time
	Days     []string `json:"days"`  // mon … sun
	WithinMS int64    `json:"within_ms"`
}

// RoundState is where a round stands.
type RoundState string

// Round states. A round that was given up is due again until its limit.
const (
	RoundBegun   RoundState = "begun"
	RoundDone    RoundState = "done"
	RoundMissed  RoundState = "missed"
	RoundGivenUp RoundState = "given_up"
)

// Looked is one camera of a round. At is empty until somebody has signed it:
// as seen, or as not seen and why.
type Looked struct {
	Camera   string       `json:"camera"`
	At       bridge.Stamp `json:"at"`
	Seen     bool         `json:"seen"`
	Why      string       `json:"why,omitempty"` // not seen, or seen but moved
	LookedMS int64        `json:"looked_ms"`     // since the camera before it was signed
	Note     string       `json:"note,omitempty"`
	Alert    string       `json:"alert,omitempty"`    // what was found
	Incident string       `json:"incident,omitempty"` // that it opened or joined
}

// Round is one walk of a plan.
type Round struct {
	ID       string       `json:"id"`
	Plan     string       `json:"plan"`
	Due      bridge.Stamp `json:"due"`   // empty: walked beyond the plan
	Limit    bridge.Stamp `json:"limit"` // by when it is to be signed off
	State    RoundState   `json:"state"`
	By       string       `json:"by,omitempty"`
	BegunAt  bridge.Stamp `json:"begun_at"`
	EndedAt  bridge.Stamp `json:"ended_at"`
	DwellMS  int64        `json:"dwell_ms"`
	Cameras  []Looked     `json:"cameras"`
	Findings int          `json:"findings"`
	Note     string       `json:"note,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Rounds   int          `json:"rounds,omitempty"` // missed: how many are told as this one
}

// Patrolled is a plan that is in force, with its rounds.
type Patrolled struct {
	PatrolPlan
	Due     bridge.Stamp `json:"due"`             // of the next round that is not decided
	Limit   bridge.Stamp `json:"limit"`           // by when that one is to be signed off
	Round   *Round       `json:"round,omitempty"` // being walked
	Last    []*Round     `json:"last"`            // ended, newest first
	Touched uint64       `json:"touched"`
}

// PatrolPlanned is the data of patrol.planned. Due and Limit are of its next
// round; a plan that was removed has none.
type PatrolPlanned struct {
	Schema int `json:"schema"`
	PatrolPlan
	Removed bool         `json:"removed,omitempty"`
	Due     bridge.Stamp `json:"due"`
	Limit   bridge.Stamp `json:"limit"`
	Config  string       `json:"config"`
}

// PatrolRound is the data of patrol.round.
type PatrolRound struct {
	Schema    int          `json:"schema"`
	Plan      string       `json:"plan"`
	Name      string       `json:"name"`
	Round     string       `json:"round"`
	Due       bridge.Stamp `json:"due"`
	Limit     bridge.Stamp `json:"limit"`
	State     RoundState   `json:"state"`
	By        string       `json:"by"`
	From      string       `json:"from,omitempty"` // begun: who walked it before
	Reason    string       `json:"reason"`
	Note      string       `json:"note,omitempty"`
	DwellMS   int64        `json:"dwell_ms"`
	Cameras   []Looked     `json:"cameras"`
	Findings  int          `json:"findings"`
	Rounds    int          `json:"rounds,omitempty"`  // missed, long ago: how many are told as this one
	Since     bridge.Stamp `json:"since,omitzero"`    // of these, when the first was due
	NextDue   bridge.Stamp `json:"next_due,omitzero"` // decided: the plan's next round
	NextLimit bridge.Stamp `json:"next_limit,omitzero"`
}

// PatrolLooked is the data of patrol.looked.
type PatrolLooked struct {
	Schema int    `json:"schema"`
	Plan   string `json:"plan"`
	Round  string `json:"round"`
	By     string `json:"by"`
	Looked
}

// BeginRoundIn begins the plan's round that is due, or one beyond the plan. A
// lead takes over a round that somebody walks, with a reason.
type BeginRoundIn struct {
	Plan, Reason string
	By           Actor
	Idempotency  string
}

// RoundIn is one of RoundVerbs on a round, by whoever walks it.
type RoundIn struct {
	Round, Verb string
	Camera      string   // with see
	Seen        bool     // with see; a camera that is blind is not seen, whatever is said
	Finding     *Finding // with see
	Note        string   // with finish
	Reason      string   // with give_up; with see: why it was not seen
	By          Actor
	Idempotency string
}

// Finding is what was seen on a camera: it becomes a report.
type Finding struct {
	Kind     string // free: theft, fight, fire, …
	Priority string // "" = P2
	Note     string
}

func (in BeginRoundIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason)
	return t.beginRound(in, hit)
}
func (in RoundIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason, &in.Note)
	return t.roundAction(in, hit)
}

func (in BeginRoundIn) keys() []string { return idemKeys(in.By, in.Idempotency) }
func (in RoundIn) keys() []string      { return idemKeys(in.By, in.Idempotency) }

// RoundVerbs are what whoever walks a round does.
func RoundVerbs() []string { return []string{verbSee, verbFinish, verbGiveUp} }

const (
	verbSee    = "see"
	verbFinish = "finish"
	verbGiveUp = "give_up"
)

// Patrols are the plans in force, in the order of the configuration.
func (r *Rules) Patrols(s *State) []*Patrolled {
	all := []*Patrolled{}
	for i := range r.setup.Patrols {
		if p := s.k.Patrols[r.setup.Patrols[i].ID]; p != nil {
			all = append(all, p)
		}
	}
	return all
}

// Patrol is the plan, or nil.
func (s *State) Patrol(plan string) *Patrolled { return s.k.Patrols[plan] }

// PatrolOf is the plan that the round belongs to, or nil: a round is known
// while it is walked.
func (s *State) PatrolOf(round string) *Patrolled {
	for _, p := range s.k.Patrols {
		if p.Round != nil && p.Round.ID == round {
			return p
		}
	}
	return nil
}

// RoundOpen reports whether the plan's next round can be begun now for its time.
func (p *Patrolled) RoundOpen(now bridge.Stamp) bool {
	if p.Due.IsZero() {
		return false
	}
	early := min(millis(p.WithinMS)/2, roundEarlyMax)
	return !now.Before(p.Due.Add(-early)) && now.Before(p.Limit.Time)
}

// next is when something of the plan is past its limit; zero: nothing will be.
func (p *Patrolled) next() bridge.Stamp {
	if p.Round != nil {
		return earlier(p.Limit, p.Round.Limit)
	}
	return p.Limit
}

// nextRound is the plan's first round after a moment, and its limit: never
// later than the round after it is due.
func (r *Rules) nextRound(p *PatrolPlan, after bridge.Stamp) (due, limit bridge.Stamp) {
	if due = r.nextAt(after, p.Times, p.Days); due.IsZero() {
		return due, limit
	}
	limit = bridge.At(due.Add(millis(p.WithinMS)))
	return due, earlier(limit, r.nextAt(due, p.Times, p.Days))
}

func (r *Rules) checkPatrols() error {
	seen, all := map[string]bool{}, 0
	r.setup.Patrols = slices.Clone(r.setup.Patrols)
	for i := range r.setup.Patrols {
		p := &r.setup.Patrols[i]
		p.Cameras, p.Times, p.Days = list(p.Cameras), list(p.Times), list(p.Days) // as they are folded
		all += len(p.Cameras)
		switch {
		case p.ID == "" || seen[p.ID]:
			return fmt.Errorf("patrol %q: wants an id of its own", p.ID)
		case len(p.Cameras) == 0 || len(p.Cameras) > patrolCameras:
			return fmt.Errorf("patrol %s: %d cameras: want 1 to %d", p.ID, len(p.Cameras), patrolCameras)
		case len(p.Times) > patrolTimesMax:
			return fmt.Errorf("patrol %s: %d times: at most %d", p.ID, len(p.Times), patrolTimesMax)
		case p.WithinMS <= 0 || p.DwellMS <= 0:
			return fmt.Errorf("patrol %s: dwell and within are more than 0", p.ID)
		}
		seen[p.ID] = true
		for _, camera := range p.Cameras {
			if r.cameras[camera] == nil {
				return fmt.Errorf("patrol %s: camera %q is not configured", p.ID, camera)
			}
		}
		for _, text := range p.Times {
			if _, err := clockTime(text); err != nil {
				return fmt.Errorf("patrol %s: %w", p.ID, err)
			}
		}
		for _, day := range p.Days {
			if !slices.Contains(weekdays(), day) {
				return fmt.Errorf("patrol %s: day %q: want mon to sun", p.ID, day)
			}
		}
	}
	if all > patrolAll {
		return fmt.Errorf("patrols: %d cameras in all plans: at most %d", all, patrolAll)
	}
	return nil
}
