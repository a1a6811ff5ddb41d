package desk

import (
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// ClipWant is a stretch of a camera's picture that belongs to an incident. It
// is decided once and stands in the event: pre- and post-roll are already in
// From and To.
type ClipWant struct {
	Incident string       `json:"-"`
	Alert    string       `json:"-"`
	Priority string       `json:"-"`
	Drill    bool         `json:"-"`
	Camera   string       `json:"camera"`
	At       bridge.Stamp `json:"at"` // of the alert
	From     bridge.Stamp `json:"from"`
	To       bridge.Stamp `json:"to"`
}

// ClipWants gives the recordings that a record asks for, from its data alone:
// a worker reads the journal with its own cursor and finds them again after a
// crash. Only alert.raised, and alert.updated when the update is a repeat,
// want clips; incident.opened is always followed by its alert.
//
// Wants of one incident and camera that overlap are one clip. A camera that
// repeats without end asks without end: the length of a clip is for the worker
// to bound.
func ClipWants(record bridge.Record) []ClipWant {
	var wants []ClipWant
	var incident, alert string
	switch record.Event.Type {
	case TypeAlertRaised:
		data, err := decode[AlertRaised](&record.Event)
		if err != nil || data == nil {
			return nil
		}
		wants, incident, alert = data.Clips, data.Incident, data.Alert
	case TypeAlertUpdated:
		data, err := decode[AlertUpdated](&record.Event)
		if err != nil || data == nil {
			return nil
		}
		wants, incident, alert = data.Clips, data.Incident, data.Alert
	}
	for i := range wants {
		wants[i].Incident, wants[i].Alert = incident, alert
		wants[i].Priority, wants[i].Drill = record.Event.Severity, record.Event.Drill
	}
	return wants
}

// clips decides what to keep of the cameras around a moment.
func (r *Rules) clips(cameras []string, at bridge.Stamp) []ClipWant {
	wants := []ClipWant{}
	for _, id := range cameras {
		if c := r.cameras[id]; c != nil {
			wants = append(wants, ClipWant{
				Camera: id, At: at,
				From: bridge.At(at.Add(-c.PreRoll)), To: bridge.At(at.Add(c.PostRoll)),
			})
		}
	}
	return wants
}

// limit is the deadline of a state that begins now; zero when it has none.
func (r *Rules) limit(now bridge.Stamp, priority string, state IncidentState) bridge.Stamp {
	d := r.setup.Limits[priority][state]
	if d <= 0 {
		return bridge.Stamp{}
	}
	return bridge.At(now.Add(d))
}

// escalateAfter is how long after step n the next one comes: the limit of the
// state, doubled with every step.
func (r *Rules) escalateAfter(priority string, state IncidentState, step int) time.Duration {
	d := r.setup.Limits[priority][state]
	if d <= 0 {
		d = time.Minute
	}
	return d << step
}

// NotUploaded are the parts of clips that headquarters has not, and that are
// not evicted, in no particular order.
func (s *State) NotUploaded() []*Clip {
	var list []*Clip
	for _, c := range s.k.Clips {
		if c.UploadedAt.IsZero() && c.Evicted == "" {
			list = append(list, c)
		}
	}
	return list
}
