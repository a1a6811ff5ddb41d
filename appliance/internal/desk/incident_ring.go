package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Somebody who presses again at an incident that was answered rings as the
// first one did: with a limit of his own to be answered, beside that of the
// state the incident is in, and scored like the first. Pressing on is the same
// ring. Only a claim or an acknowledgement answers it: whoever sends a patrol,
// or arrives, need not have heard it.

// ringsMax bounds the rings of one incident; older ones are counted.
const ringsMax = 32

// Ring is one time at which somebody pressed again.
type Ring struct {
	Press      string       `json:"press"` // the alert of the first press of it
	At         bridge.Stamp `json:"at"`
	Limit      bridge.Stamp `json:"limit"`       // by when it is to be answered
	AnsweredAt bridge.Stamp `json:"answered_at"` // empty: not yet
	By         string       `json:"by,omitempty"`
}

// ringing is the ring that nobody has answered, or nil.
func (inc *Incident) ringing() *Ring {
	if n := len(inc.Rings); n > 0 && inc.Rings[n-1].AnsweredAt.IsZero() && inc.Unanswered > 0 {
		return &inc.Rings[n-1]
	}
	return nil
}

// ring notes a press that rings with a limit: a new ring, or one whose limit
// comes nearer because the press is more urgent.
func (inc *Incident) ring(press string, at, limit bridge.Stamp) {
	if limit.IsZero() {
		return
	}
	inc.Rings = slices.Clone(inc.Rings)
	if open := inc.ringing(); open != nil {
		open.Limit = earlier(open.Limit, limit)
		return
	}
	inc.Rings = append(inc.Rings, Ring{Press: press, At: at, Limit: limit})
	if more := len(inc.Rings) - ringsMax; more > 0 {
		inc.Rings, inc.RingsFolded = inc.Rings[more:], inc.RingsFolded+more
	}
}

// hush notes who answered the ring there is.
func (inc *Incident) hush(by string, at bridge.Stamp) {
	if inc.ringing() == nil {
		return
	}
	inc.Rings = slices.Clone(inc.Rings)
	last := &inc.Rings[len(inc.Rings)-1]
	last.AnsweredAt, last.By = at, by
}

// moved sets when an incident in a new state escalates next: by that state's
// limit, and by that of a ring which nobody has answered.
func (inc *Incident) moved(limit, at bridge.Stamp) {
	ring, told := inc.ringing(), inc.Next
	inc.Next = limit
	switch {
	case ring != nil && ring.Limit.After(at.Time):
		inc.Next, inc.Escalated = earlier(ring.Limit, limit), 0
	case ring != nil && !told.IsZero(): // it was told, and is told again in its time
		inc.Next = earlier(told, limit)
	default:
		inc.Escalated = 0
	}
}

// scoreRings adds how soon each further press was answered.
func (t *step) scoreRings(inc *Incident, data *IncidentScored) {
	data.More += inc.RingsFolded
	for _, ring := range inc.Rings {
		if ring.AnsweredAt.IsZero() {
			continue
		}
		one := ScoredStep{
			State: Open, Press: ring.Press, By: ring.By, TookMS: ring.AnsweredAt.Sub(ring.At.Time).Milliseconds(),
			LimitMS: ring.Limit.Sub(ring.At.Time).Milliseconds(),
		}
		data.Steps = append(data.Steps, t.worth(one, ring.AnsweredAt, ring.Limit))
	}
}

// worth gives a step that was done at a time its result and points.
func (t *step) worth(one ScoredStep, done, limit bridge.Stamp) ScoredStep {
	one.Result, one.Points = "in_time", t.r.setup.Points.InTime
	if done.After(limit.Time) {
		one.Result, one.Points = "late", t.r.setup.Points.Late
	}
	return one
}
