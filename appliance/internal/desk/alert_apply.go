package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

func (s *State) alertRaised(e *bridge.Event, data *AlertRaised) {
	inc := s.change(data.Incident)
	if inc == nil || data.Alert == "" || s.k.Alerts[data.Alert] != nil {
		return
	}
	a := &Alert{
		ID: data.Alert, Incident: data.Incident, Kind: data.Kind, Priority: data.Priority, Drill: e.Drill,
		Place: data.Place, Position: data.Position, Device: data.Device, From: e.Time, To: e.Time,
		Recorded: e.RecordedTime, Late: data.Late, Count: 1, ShowBy: data.ShowBy,
	}
	origin(a, data)
	before := inc.Priority
	inc.Alerts = append(inc.Alerts, a.ID)
	inc.Priority = min(inc.Priority, a.Priority) // P0 is the highest
	if a.Origin == "press" && !e.Drill && inc.State != Open {
		inc.pressedAgain(e.Time)
		inc.ring(a.ID, e.RecordedTime, data.AnswerBy)
	}
	if !data.Limit.IsZero() {
		inc.Limit, inc.Next = data.Limit, data.Limit
		if inc.Priority < before { // what the lead was told of was less
			inc.Escalated = 0
		}
		inc.stage(e.RecordedTime)
	}
	if a.Snapshot != "" {
		inc.Snapshot = a.Snapshot
	}
	if e.Time.Before(inc.OccurredAt.Time) {
		inc.OccurredAt = e.Time
	}
	inc.Cameras = union(inc.Cameras, data.Cameras)
	s.line(inc, e, Step{Alert: a.ID, Note: a.Note})
	s.putIncident(inc)
	s.putAlert(a, inc)
	s.ix.addNew(a)
	s.ix.addShowBy(a)
	if data.Press != nil {
		s.hear(e, data.Press, a.ID, inc.ID)
	}
	if !data.Limit.IsZero() || inc.Priority != before {
		s.ix.addDeadline(inc)
	}
}

// pressedAgain notes a press that joined after somebody answered: it rings as
// the first did, until it is answered itself.
func (inc *Incident) pressedAgain(at bridge.Stamp) {
	if inc.Unanswered == 0 {
		inc.Escalated = 0
	}
	inc.Unanswered++
	if at.After(inc.PressedAt.Time) {
		inc.PressedAt = at
	}
}

// origin copies what is particular to where the alert came from.
func origin(a *Alert, data *AlertRaised) {
	switch {
	case data.Press != nil:
		a.Origin, a.Press, a.Ended = "press", data.Press.ID, true
	case data.Sighting != nil:
		f := data.Sighting
		a.Origin, a.From, a.To, a.Confidence, a.Snapshot = "sighting", f.From, f.To, f.Confidence, f.Snapshot
		a.Rule, a.Zone, a.Line, a.Direction = f.Rule, f.Zone, f.Line, f.Direction
		if f.ID != "" {
			a.Sightings = []string{f.ID}
		}
	case data.Report != nil:
		a.Origin, a.Reported, a.Note, a.Ended = "report", data.Report.Kind, data.Report.Note, true
		a.HQID, a.Uplink = data.Report.HQID, data.Report.Uplink
	case data.Drone != nil:
		a.Origin = "drone"
	case data.DeviceFact != nil:
		a.Origin = "device"
	}
}

// alertUpdated folds alert.updated and alert.ended.
func (s *State) alertUpdated(e *bridge.Event, data *AlertUpdated) {
	old := s.k.Alerts[data.Alert]
	if old == nil {
		return
	}
	a := *old
	a.From, a.To, a.Count, a.Confidence = data.From, data.To, data.Count, data.Confidence
	if data.Sighting != "" {
		a.sighting(data.Sighting, data.Ended)
	}
	a.Ended = e.Type == TypeAlertEnded || data.Press != nil // a press is over when it comes
	if a.Ended {
		for _, id := range a.Sightings {
			a.sighting(id, true)
		}
		if s.ix.silent[a.Device] == a.ID {
			delete(s.ix.silent, a.Device)
		}
	}
	inc := s.change(a.Incident)
	if data.Snapshot != "" {
		a.Snapshot = data.Snapshot
	}
	gone := slices.DeleteFunc(slices.Concat(old.Sightings, old.Past), func(id string) bool {
		return slices.Contains(a.Sightings, id) || slices.Contains(a.Past, id)
	})
	for _, id := range gone {
		delete(s.ix.sightings, id)
	}
	s.putAlert(&a, inc)
	if data.Press != nil {
		s.hear(e, data.Press, a.ID, inc.ID)
		s.pressFolded(e, data, inc)
	}
	if data.Snapshot != "" && data.Snapshot != inc.Snapshot {
		inc.Snapshot = data.Snapshot
		s.putIncident(inc)
	}
}

// sighting notes that one of vision's sightings goes on, or has ended.
func (a *Alert) sighting(id string, ended bool) {
	others := slices.DeleteFunc(slices.Clone(a.Sightings), func(x string) bool { return x == id })
	if !ended {
		a.Sightings = tail(append(others, id), sightingsMax)
		return
	}
	a.Sightings = others
	if !slices.Contains(a.Past, id) {
		a.Past = tail(append(slices.Clone(a.Past), id), pastMax)
	}
}

func (s *State) deviceChanged(e *bridge.Event, data *DeviceChanged) {
	d := s.device(data.Device, data.Type)
	d.Type, d.Name, d.OffsetMS = data.Type, data.Name, data.OffsetMS
	if data.Position != nil {
		d.Position = data.Position
	}
	if e.Type != TypeDeviceClock {
		d.State, d.Since, d.Why = e.Type[len(devicePrefix):], data.Since, data.Why
	}
	s.putDevice(d)
}

// device gives a copy of the device to work on, a new one when it was never
// heard of.
func (s *State) device(id, typ string) *Device {
	if old := s.k.Devices[id]; old != nil {
		d := *old
		return &d
	}
	return &Device{ID: id, Type: typ, State: "unknown"}
}

func union(have, more []string) []string {
	for _, x := range more {
		if !slices.Contains(have, x) {
			have = append(have, x)
		}
	}
	return have
}

func tail(l []string, n int) []string { return l[max(0, len(l)-n):] }
