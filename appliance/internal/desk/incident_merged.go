package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// merged folds incident.merged: all that the other incident had is this one's.
func (s *State) merged(inc *Incident, data *IncidentChanged) {
	other := s.change(data.Other)
	if other == nil || other.ID == inc.ID {
		return
	}
	s.moveAlerts(other, inc, data.Alerts)
	inc.Cameras = union(slices.Clone(inc.Cameras), other.Cameras)
	inc.Clips = union(slices.Clone(inc.Clips), other.Clips)
	for _, id := range other.Clips {
		for _, part := range []string{"1", "whole"} {
			if old := s.k.Clips[clipKey(id, part)]; old != nil {
				c := *old
				c.Incident = inc.ID
				s.putClip(&c)
			}
		}
	}
	inc.Tasks = union(slices.Clone(inc.Tasks), other.Tasks)
	for _, id := range other.Tasks {
		if old := s.k.Tasks[id]; old != nil {
			task := *old
			task.Incident, task.Touched = inc.ID, s.k.Place
			s.k.Tasks[id] = &task
			s.ix.touch(&s.k, ref{s.k.Place, kindTask, id})
		}
	}
	other.Clips, other.Tasks = []string{}, nil
	if inc.Snapshot == "" {
		inc.Snapshot = other.Snapshot
	}
	inc.OccurredAt = earlier(inc.OccurredAt, other.OccurredAt)
	s.linkBoth(inc, other)
	s.putIncident(other)
}

// split folds incident.split.
func (s *State) split(inc *Incident, data *IncidentChanged) {
	other := s.change(data.Other)
	if other == nil || other.ID == inc.ID {
		return
	}
	s.moveAlerts(inc, other, data.Alerts)
	s.linkBoth(inc, other)
	s.putIncident(other)
}

// moveAlerts gives alerts of one incident to another, in the state and in the
// index. Both are copies that the caller puts.
func (s *State) moveAlerts(from, to *Incident, ids []string) {
	s.ix.endJoins(&s.k, from)
	for _, id := range from.Alerts {
		if a := s.k.Alerts[id]; a != nil {
			s.ix.dropSame(a)
		}
	}
	var stay []string
	for _, id := range from.Alerts {
		old := s.k.Alerts[id]
		if old == nil || !slices.Contains(ids, id) {
			stay = append(stay, id)
			continue
		}
		a := *old
		a.Incident, a.ShowBy = to.ID, bridge.Stamp{}
		to.Alerts = append(slices.Clone(to.Alerts), id)
		s.putAlert(&a, to)
		s.ix.addSame(&a)
	}
	from.Alerts = list(stay)
	for _, id := range stay {
		if a := s.k.Alerts[id]; a != nil {
			s.ix.addAlert(a, from)
			s.ix.addSame(a)
		}
	}
	from.Priority, to.Priority = s.priority(from), s.priority(to)
}

// priority is the highest of the incident's alerts; what it was without any.
func (s *State) priority(inc *Incident) string {
	best := ""
	for _, id := range inc.Alerts {
		if a := s.k.Alerts[id]; a != nil && (best == "" || a.Priority < best) {
			best = a.Priority
		}
	}
	if best == "" {
		return inc.Priority
	}
	return best
}

// final is the incident that one was merged into, at the end.
func (s *State) final(id string) string {
	for range len(s.k.Incidents) {
		inc := s.k.Incidents[id]
		if inc == nil || inc.MergedInto == "" {
			break
		}
		id = inc.MergedInto
	}
	return id
}
