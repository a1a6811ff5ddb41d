package desk

import (
	"container/heap"
	"maps"

	"github.com/watchpost-edge/watchpost/bridge"
)

// drilled gives a copy of what is known of the target to work on.
func (s *State) drilled(target string) *Drilled {
	d := Drilled{Target: target}
	if old := s.k.Drills[target]; old != nil {
		d = *old
	}
	return &d
}

func (s *State) drillPlanned(_ *bridge.Event, data *DrillPlanned) {
	if data.Target == "" {
		return
	}
	if data.Removed {
		if old := s.k.Drills[data.Target]; old != nil {
			s.ix.dropRun(old.Run)
			s.k.Floor = max(s.k.Floor, s.k.Place)
			delete(s.k.Drills, data.Target)
		}
		return
	}
	d := s.drilled(data.Target)
	d.Drill, d.At, d.EveryMS, d.Next, d.Reason = data.Drill, data.At, data.EveryMS, data.Next, data.Reason
	s.putDrilled(d)
}

func (s *State) drillBegun(e *bridge.Event, data *DrillBegun) {
	if data.Target == "" || data.Run == "" {
		return
	}
	d := s.drilled(data.Target)
	s.ix.dropRun(d.Run)
	run := &DrillRun{
		ID: data.Run, Drill: data.Drill, Target: data.Target, By: data.By, Alert: data.Alert, Incident: data.Incident, Event: data.Event,
		Priority: data.Priority, BegunAt: e.RecordedTime, Limit: data.Limit, ShowMS: data.ShowMS, AnswerMS: data.AnswerMS,
		Uplinks: list(data.Uplinks), Received: map[string]bridge.Stamp{}, Missing: []string{}, Late: []string{},
	}
	if run.Event == "" {
		run.Event, run.Place = e.ID, s.k.Place
	} else if inc := s.k.Incidents[data.Incident]; inc != nil {
		for _, line := range inc.History {
			if line.Event == run.Event {
				run.Place = line.Place
			}
		}
	}
	d.Run, d.Ready = run, bridge.Stamp{}
	if !data.Next.IsZero() {
		d.Next, d.Reason = data.Next, ""
	}
	s.putRun(d, e)
}

func (s *State) drillMarked(e *bridge.Event, data *DrillMarked) {
	old := s.k.Drills[data.Target]
	if old == nil || old.Run == nil || old.Run.ID != data.Run {
		return
	}
	d, run := *old, *old.Run
	if data.Mark == stepStored {
		run.StoredAt = data.At
	} else {
		run.Received = maps.Clone(run.Received)
		if run.Received == nil {
			run.Received = map[string]bridge.Stamp{}
		}
		run.Received[data.Uplink] = data.At
	}
	d.Run = &run
	s.putRun(&d, e)
}

// drillShown notes that a screen drew the alert of a drill.
func (s *State) drillShown(e *bridge.Event, alert, screen string) {
	old := s.k.Drills[s.ix.runs[alert]]
	if old == nil || old.Run == nil || !old.Run.ShownAt.IsZero() {
		return
	}
	d, run := *old, *old.Run
	run.ShownAt, run.ShownOn = e.RecordedTime, screen
	d.Run = &run
	s.putRun(&d, e)
}

// drillAnswered notes that somebody answered the incident of a drill.
func (s *State) drillAnswered(e *bridge.Event, data *IncidentChanged) {
	if !answers(e.Type) && e.Type != TypeIncidentClosed || data.By == "box" {
		return
	}
	old := s.k.Drills[s.ix.runs[data.Incident]]
	if old == nil || old.Run == nil || !old.Run.AcknowledgedAt.IsZero() {
		return
	}
	d, run := *old, *old.Run
	run.AcknowledgedAt, run.AcknowledgedBy = e.RecordedTime, data.By
	d.Run = &run
	s.putRun(&d, e)
}

func (s *State) drillRun(e *bridge.Event, data *DrillResult) {
	old := s.k.Drills[data.Target]
	if old == nil || old.Run == nil || old.Run.ID != data.Run {
		return
	}
	d, run := *old, *old.Run
	run.EndedAt, run.Result, run.Missing, run.Late = e.RecordedTime, data.Result, list(data.Missing), list(data.Late)
	s.ix.dropRun(&run)
	d.Run, d.Last, d.Ready = nil, &run, bridge.Stamp{}
	if run.Result == DrillPassed {
		d.PassedAt = run.EndedAt
	}
	s.putDrilled(&d)
}

// putRun stores a target whose run changed; when everything is in, its result
// is due at once.
func (s *State) putRun(d *Drilled, e *bridge.Event) {
	if d.Ready.IsZero() && len(d.Run.missing()) == 0 {
		d.Ready = e.RecordedTime
	}
	s.putDrilled(d)
}

func (s *State) putDrilled(d *Drilled) {
	d.Touched = s.k.Place
	old := s.k.Drills[d.Target]
	s.k.Drills[d.Target] = d
	s.ix.touch(&s.k, ref{s.k.Place, kindDrill, d.Target})
	if old == nil || old.next() != d.next() {
		s.ix.addNextDrill(d)
	}
	s.ix.addRun(d)
}

func (ix *index) addDrilled(d *Drilled) {
	ix.addNextDrill(d)
	ix.addRun(d)
}

func (ix *index) addNextDrill(d *Drilled) {
	if at := d.next(); !at.IsZero() {
		heap.Push(&ix.deadlines, deadline{at: at, drill: d.Target})
	}
}

// addRun finds a drill that is under way by its alert and its incident.
func (ix *index) addRun(d *Drilled) {
	if d.Run == nil {
		return
	}
	for _, id := range []string{d.Run.Alert, d.Run.Incident} {
		if id != "" {
			ix.runs[id] = d.Target
		}
	}
}

func (ix *index) dropRun(run *DrillRun) {
	if run != nil {
		delete(ix.runs, run.Alert)
		delete(ix.runs, run.Incident)
	}
}
