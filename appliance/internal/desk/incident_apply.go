package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

func (s *State) incidentOpened(e *bridge.Event, data *IncidentOpened) {
	if data.Incident == "" || s.k.Incidents[data.Incident] != nil {
		return // ids are given once: this is no event of a desk
	}
	s.k.Number++
	inc := &Incident{
		ID: data.Incident, Number: s.k.Number, State: Open, Priority: data.Priority, Kind: data.Kind, Drill: e.Drill,
		Place: data.Place, Position: data.Position, Cameras: list(data.Cameras), Alerts: []string{}, Clips: []string{},
		Similar: list(data.Similar), Reopens: data.Reopens, OccurredAt: e.Time, OpenedAt: e.RecordedTime, Limit: data.Limit, Next: data.Limit,
	}
	for _, id := range data.Linked {
		if other := s.change(id); other != nil {
			s.linkBoth(inc, other)
			s.putIncident(other)
		}
	}
	inc.stage(e.RecordedTime)
	s.line(inc, e, Step{State: Open})
	s.putIncident(inc)
	s.ix.open[inc.ID] = struct{}{}
	s.ix.addDeadline(inc)
}

func (s *State) incidentChanged(e *bridge.Event, data *IncidentChanged) {
	inc := s.change(data.Incident)
	if inc == nil {
		return
	}
	before, rang, next := inc.State, inc.Unanswered > 0, inc.Next
	inc.State = data.State
	heard := answers(e.Type) && !data.Waits
	if heard {
		inc.hush(data.By, e.RecordedTime)
	}
	if heard || inc.State == Closed {
		inc.Unanswered, inc.PressedAt = 0, bridge.Stamp{}
	}
	if heard || inc.State == Closed || data.Reason == ReasonUnshown {
		inc.SeenThrough, inc.Unshown = e.RecordedTime, e.Type == TypeIncidentEscalated
	}
	switch e.Type {
	case TypeIncidentClaimed:
		inc.ClaimedBy, inc.ClaimedAt = data.By, e.RecordedTime
	case TypeIncidentAcknowledged:
		if inc.AcknowledgedAt.IsZero() { // later ones answer a further press
			inc.AcknowledgedAt = e.RecordedTime
		}
	case TypeIncidentClosed:
		inc.ClosedAt, inc.Result, inc.MergedInto = e.RecordedTime, data.Result, data.Other
	case TypeIncidentLinked:
		if other := s.change(data.Other); other != nil && other.ID != inc.ID {
			s.linkBoth(inc, other)
			s.putIncident(other)
		}
	case TypeIncidentMerged:
		priority := inc.Priority
		s.merged(inc, data)
		if inc.Priority < priority { // what the lead was told of was less
			inc.Next, inc.Escalated = earlier(inc.Next, data.Limit), 0
		}
	case TypeIncidentSplit:
		s.split(inc, data)
	case TypeIncidentReopened:
		inc.ClosedAt, inc.Result, inc.ClaimedBy, inc.ClaimedAt = bridge.Stamp{}, "", "", bridge.Stamp{}
	case TypeIncidentEscalated:
		inc.Escalated, inc.Next = data.Step, data.Next
		if data.Uplink != "" {
			inc.Unreceived = append(slices.Clone(inc.Unreceived), data.Uplink)
		}
	}
	if inc.State != before || rang && inc.Unanswered == 0 {
		inc.moved(data.Limit, e.RecordedTime)
	}
	inc.Limit = data.Limit
	inc.stage(e.RecordedTime)
	line := Step{By: data.By, Task: data.Task, Reason: data.Reason, Note: data.Note}
	if inc.State != before || e.Type == TypeIncidentAcknowledged {
		line.State = inc.State
	}
	if e.Type == TypeIncidentClosed && line.Reason == "" {
		line.Reason = data.Result
	}
	s.line(inc, e, line)
	s.putIncident(inc)
	s.drillAnswered(e, data)
	s.indexIncident(inc, before, next)
}

// indexIncident keeps the index true to an incident whose state or next
// deadline may have changed.
func (s *State) indexIncident(inc *Incident, before IncidentState, next bridge.Stamp) {
	if inc.Next != next || before == Closed {
		s.ix.addDeadline(inc)
	}
	if before != Closed && inc.State == Closed {
		delete(s.ix.open, inc.ID)
		s.ix.endJoins(&s.k, inc)
		s.ix.closed = append(s.ix.closed, closing{inc.ClosedAt, inc.ID})
	}
	if before == Closed && inc.State != Closed {
		s.ix.open[inc.ID] = struct{}{}
		for _, id := range inc.Alerts {
			if a := s.k.Alerts[id]; a != nil {
				s.ix.addAlert(a, inc)
			}
		}
	}
}

// clipChanged folds clip.ready, clip.uploaded and clip.evicted.
func (s *State) clipChanged(e *bridge.Event, data *ClipChanged) {
	key := clipKey(data.Clip, data.Part)
	if e.Type == TypeClipReady {
		s.clipReady(e, data)
		return
	}
	old := s.k.Clips[key]
	if old == nil {
		return // its incident has left the state
	}
	c := *old
	if e.Type == TypeClipUploaded {
		c.UploadedAt, c.UploadedTo = e.RecordedTime, data.Location
	} else {
		c.Evicted = data.Why
	}
	s.putClip(&c)
}

func (s *State) clipReady(e *bridge.Event, data *ClipChanged) {
	inc := s.change(s.final(data.Incident))
	if inc == nil {
		return
	}
	s.putClip(&Clip{
		ID: data.Clip, Part: data.Part, Incident: inc.ID, Camera: data.Camera, From: data.From, To: data.To,
		WantedFrom: data.WantedFrom, Gaps: list(data.Gaps), OffsetMS: data.OffsetMS, UncertaintyMS: data.UncertaintyMS,
		SHA256: data.SHA256, Original: data.Original, Bytes: data.Bytes, Masked: data.Masked,
		Supersedes: data.Supersedes, Location: data.Location, ReadyAt: e.RecordedTime,
	})
	if !slices.Contains(inc.Clips, data.Clip) {
		inc.Clips = append(inc.Clips, data.Clip)
	}
	s.line(inc, e, Step{Clip: clipKey(data.Clip, data.Part)})
	s.putIncident(inc)
}

// list never is nil: the API shows [] and not null.
func list[T any](from []T) []T {
	if from == nil {
		return []T{}
	}
	return from
}
