package desk

import (
	"strconv"

	"github.com/watchpost-edge/watchpost/bridge"
)

// TypeIncidentScored says how well an incident's steps kept their limits, or
// what a lead makes of it.
const TypeIncidentScored = "watchpost.incident.scored"

const (
	stagesMax = 32
	pointsMax = 1000
)

// Points are what a step of an incident is worth.
type Points struct{ InTime, Late, Missing int }

// DefaultPoints are in force where the configuration says nothing.
func DefaultPoints() Points { return Points{InTime: 10, Late: 4, Missing: 0} }

// Stage is one state that an incident was in.
type Stage struct {
	State IncidentState `json:"state"`
	At    bridge.Stamp  `json:"at"`    // since when
	Limit bridge.Stamp  `json:"limit"` // its deadline; empty when it had none
}

// ScoredStep is what one step was worth: a state of the incident, or a step of
// one of its orders. Result is in_time, late or missing.
type ScoredStep struct {
	State   IncidentState `json:"state,omitempty"` // that the step ended; of a missing one, that it should have begun
	Press   string        `json:"press,omitempty"` // of a further press that was answered: its alert; the state is open
	Task    string        `json:"task,omitempty"`  // the order, its step from 1, and what that is called
	Step    int           `json:"step,omitempty"`
	Name    string        `json:"name,omitempty"`
	By      string        `json:"by"`
	TookMS  int64         `json:"took_ms"`
	LimitMS int64         `json:"limit_ms"`
	Result  string        `json:"result"`
	Points  int           `json:"points"`
}

// Score is the points of a closed incident.
type Score struct {
	Points int          `json:"points"`
	Steps  []ScoredStep `json:"steps,omitempty"`
	More   int          `json:"more,omitempty"` // steps of orders, and answers to further presses, that had no room
	By     string       `json:"by"`             // box, or the lead who corrected it
	Reason string       `json:"reason,omitempty"`
	At     bridge.Stamp `json:"at"`
}

// IncidentScored is the data of incident.scored.
type IncidentScored struct {
	Schema   int          `json:"schema"`
	Incident string       `json:"incident"`
	Points   int          `json:"points"`
	Steps    []ScoredStep `json:"steps"`
	More     int          `json:"more,omitempty"`
	By       string       `json:"by"`
	Reason   string       `json:"reason"`
}

// score writes the points of an incident that closes now: each state with a
// limit that was left in time or late, an arrival that nobody reported, each
// answer to a further press, and the steps of its orders. Drills are never
// counted.
func (t *step) score(inc *Incident, in ActionIn) {
	if inc.Drill || len(inc.Stages) == 0 {
		return
	}
	data := IncidentScored{Schema: schema, Incident: inc.ID, By: "box", Steps: []ScoredStep{}}
	sent, arrived := false, false
	for i, stage := range inc.Stages {
		sent, arrived = sent || stage.State == Dispatched, arrived || stage.State == OnScene
		if stage.Limit.IsZero() || stage.State == Closed {
			continue
		}
		end, by := t.now, in.By.Name
		if i+1 < len(inc.Stages) {
			end, by = inc.Stages[i+1].At, t.s.whoBegan(inc, inc.Stages[i+1])
		}
		one := ScoredStep{
			State: stage.State, By: by, TookMS: end.Sub(stage.At.Time).Milliseconds(), LimitMS: stage.Limit.Sub(stage.At.Time).Milliseconds(),
		}
		data.Steps = append(data.Steps, t.worth(one, end, stage.Limit))
	}
	if sent && !arrived && in.Result == "resolved" {
		data.Steps = append(data.Steps, ScoredStep{State: OnScene, By: in.By.Name, Result: "missing", Points: t.r.setup.Points.Missing})
	}
	t.scoreRings(inc, &data)
	t.scoreOrders(inc, &data)
	for _, one := range data.Steps {
		data.Points += one.Points
	}
	t.addScore(inc, data, "")
}

// whoBegan is who brought the incident into the state, as its history tells.
func (s *State) whoBegan(inc *Incident, stage Stage) string {
	for _, line := range inc.History {
		if line.State == stage.State && line.At.Equal(stage.At.Time) {
			return line.By
		}
	}
	return ""
}

// correct is a lead's word on the points.
func (t *step) correct(inc *Incident, in ActionIn) error {
	if in.Reason == "" {
		return &InvalidError{"reason", "", "why the points are others"}
	}
	if in.Points == nil || *in.Points < 0 || *in.Points > pointsMax {
		value := ""
		if in.Points != nil {
			value = strconv.Itoa(*in.Points)
		}
		return &InvalidError{"points", value, "0 to 1000"}
	}
	steps, more := []ScoredStep{}, 0
	if inc.Score != nil {
		steps, more = list(inc.Score.Steps), inc.Score.More
	}
	key := ""
	if in.Idempotency != "" {
		key = idemKey(in.By, in.Idempotency)
	}
	t.addScore(inc, IncidentScored{Schema: schema, Incident: inc.ID, Points: *in.Points, Steps: steps, More: more, By: in.By.Name, Reason: in.Reason}, key)
	return nil
}

func (t *step) addScore(inc *Incident, data IncidentScored, key string) {
	t.add(bridge.Draft{
		Type: TypeIncidentScored, Subject: "incidents/" + inc.ID, Lane: bridge.Alarm, Severity: inc.Priority, Drill: inc.Drill, Key: key,
	}, data)
}

func (s *State) incidentScored(e *bridge.Event, data *IncidentScored) {
	inc := s.change(data.Incident)
	if inc == nil {
		return
	}
	inc.Score = &Score{Points: data.Points, Steps: data.Steps, More: data.More, By: data.By, Reason: data.Reason, At: e.RecordedTime}
	s.line(inc, e, Step{By: data.By, Reason: data.Reason, Note: strconv.Itoa(data.Points)})
	s.putIncident(inc)
}

// stage notes the state that an incident is in now, or its moved deadline; not
// that of somebody who pressed again, which is scored by itself.
func (inc *Incident) stage(at bridge.Stamp) {
	now := Stage{State: inc.State, At: at, Limit: inc.Limit}
	n := len(inc.Stages)
	if n > 0 && inc.Stages[n-1].State == inc.State {
		if inc.ringing() != nil {
			return
		}
		now.At = inc.Stages[n-1].At
		n--
	}
	stages := append(append(make([]Stage, 0, n+1), inc.Stages[:n]...), now)
	inc.Stages = stages[max(0, len(stages)-stagesMax):]
}
