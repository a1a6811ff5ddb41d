package desk

import (
	"container/heap"
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

func (s *State) patrolPlanned(_ *bridge.Event, data *PatrolPlanned) {
	if data.ID == "" {
		return
	}
	old := s.k.Patrols[data.ID]
	if data.Removed {
		if old != nil {
			s.k.Floor = max(s.k.Floor, s.k.Place)
			delete(s.k.Patrols, data.ID)
		}
		return
	}
	p := Patrolled{Last: []*Round{}}
	if old != nil {
		p = *old
	}
	p.PatrolPlan, p.Due, p.Limit = data.PatrolPlan, data.Due, data.Limit
	p.Cameras, p.Times, p.Days = list(p.Cameras), list(p.Times), list(p.Days)
	s.putPatrol(&p)
}

func (s *State) patrolRound(e *bridge.Event, data *PatrolRound) {
	old := s.k.Patrols[data.Plan]
	if old == nil {
		return
	}
	p := *old
	r := Round{
		ID: data.Round, Plan: data.Plan, Due: data.Due, Limit: data.Limit, State: data.State, By: data.By, BegunAt: e.RecordedTime,
		DwellMS: data.DwellMS, Cameras: list(data.Cameras), Findings: data.Findings, Note: data.Note, Reason: data.Reason, Rounds: data.Rounds,
	}
	if walked := p.Round; walked != nil && walked.ID == data.Round {
		r.BegunAt = walked.BegunAt
		p.Round = nil
	} else if data.State != RoundBegun {
		r.BegunAt = bridge.Stamp{}
	}
	if data.State == RoundBegun {
		p.Round = &r
	} else {
		r.EndedAt = e.RecordedTime
		p.Last = append([]*Round{&r}, p.Last[:min(len(p.Last), roundsKept-1)]...)
	}
	if !data.NextDue.IsZero() {
		p.Due, p.Limit = data.NextDue, data.NextLimit
	}
	s.putPatrol(&p)
}

func (s *State) patrolLooked(_ *bridge.Event, data *PatrolLooked) {
	old := s.k.Patrols[data.Plan]
	if old == nil || old.Round == nil || old.Round.ID != data.Round {
		return
	}
	p, r := *old, *old.Round
	i := slices.IndexFunc(r.Cameras, func(l Looked) bool { return l.Camera == data.Camera })
	if i < 0 {
		return
	}
	if data.Alert != "" && data.Alert != r.Cameras[i].Alert {
		r.Findings++
	}
	r.Cameras = slices.Clone(r.Cameras)
	r.Cameras[i] = data.Looked
	p.Round = &r
	s.putPatrol(&p)
}

func (s *State) putPatrol(p *Patrolled) {
	p.Touched = s.k.Place
	old := s.k.Patrols[p.ID]
	s.k.Patrols[p.ID] = p
	s.ix.touch(&s.k, ref{s.k.Place, kindPatrol, p.ID})
	if old == nil || old.next() != p.next() {
		s.ix.addPatrol(p)
	}
}

func (ix *index) addPatrol(p *Patrolled) {
	if at := p.next(); !at.IsZero() {
		heap.Push(&ix.deadlines, deadline{at: at, patrol: p.ID})
	}
}
