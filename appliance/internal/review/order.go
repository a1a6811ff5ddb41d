package review

import (
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// order is what is kept of one, as long as its day is counted from it.
type order struct {
	Date    string         `json:"date"` // issued
	Kind    string         `json:"kind"`
	To      string         `json:"to"`
	By      string         `json:"by,omitempty"` // who took it
	State   desk.TaskState `json:"state"`
	Overdue bool           `json:"overdue,omitempty"`
	// Unjudged is who let its report wait for too long, the last time.
	Unjudged string `json:"unjudged,omitempty"`
}

// issued is what of task.issued is read here.
type issued struct {
	Task     string `json:"task"`
	Incident string `json:"incident"`
	Kind     string `json:"kind"`
	To       string `json:"to"`
}

func (k *kept) issued(r bridge.Record, data *issued, zone *time.Location) {
	if i := k.Incidents[data.Incident]; i != nil && sends(data.Kind) {
		i.sent(data.To)
	}
	date := dateOf(r.Event.RecordedTime.Time, zone)
	if date <= k.Low || data.Task == "" {
		return
	}
	one := &order{Date: date, Kind: data.Kind, To: data.To, State: desk.Issued}
	if one.Kind == "" {
		one.Kind = "task"
	}
	k.Orders[data.Task] = one
}

func (k *kept) orderChanged(r bridge.Record, data *desk.TaskChanged) {
	one := k.Orders[data.Task]
	if one == nil {
		return
	}
	if data.State != "" {
		one.State = data.State
	}
	switch r.Event.Type {
	case desk.TypeTaskAccepted:
		one.By = data.By
	case desk.TypeTaskOverdue:
		switch data.What {
		case "": // a step that is late is scored; its order may be in time
			one.Overdue = true
		case desk.OverdueJudge:
			one.Unjudged = data.Who
		}
	}
}

// sends reports whether orders of the kind send somebody to the place.
func sends(kind string) bool {
	switch desk.TaskKind(kind) {
	case desk.Push, desk.Visit, desk.Supervision:
		return false
	}
	return true
}

// person is whose order it is: who took it, else whom it was for. A work order
// is its partner's, which is no person.
func (o *order) person() string {
	if o.Kind == string(desk.WorkOrder) {
		return ""
	}
	if o.By != "" || o.Kind == string(desk.Supervision) { // that one is for whoever leads
		return o.By
	}
	return o.To
}
