package desk

import (
	"cmp"
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// TaskState is where a task stands (domain.md).
type TaskState string

// Task states. A returned task is with its receiver again; the last three are
// its end.
const (
	Issued     TaskState = "issued"
	Accepted   TaskState = "accepted"
	Arrived    TaskState = "arrived"
	Reported   TaskState = "reported"
	Returned   TaskState = "returned"
	Confirmed  TaskState = "confirmed"
	HandedBack TaskState = "handed_back"
	Cancelled  TaskState = "cancelled"
)

// done reports whether nothing more happens to the task.
func (s TaskState) done() bool { return s == Confirmed || s == HandedBack || s == Cancelled }

// running reports whether its receiver still owes something: only then is it
// overdue.
func (s TaskState) running() bool { return slices.Contains(owing(), s) }

// Task is an order to a person, a team or a partner (任务单).
type Task struct {
	ID         string       `json:"id"`
	Number     uint64       `json:"number"` // for people: counts from 1 in an epoch
	Kind       TaskKind     `json:"kind"`
	State      TaskState    `json:"state"`
	Priority   string       `json:"priority"`
	Drill      bool         `json:"drill"`
	Incident   string       `json:"incident,omitempty"`
	Template   string       `json:"template,omitempty"`
	To         string       `json:"to"`
	Note       string       `json:"note,omitempty"`
	By         string       `json:"by"`               // who issued it: a user, or an uplink's name
	Uplink     string       `json:"uplink,omitempty"` // of an order from above
	HQID       string       `json:"hq_id,omitempty"`  // headquarters' id of it
	IssuedAt   bridge.Stamp `json:"issued_at"`
	AcceptedAt bridge.Stamp `json:"accepted_at"`
	AcceptedBy string       `json:"accepted_by,omitempty"`
	ArrivedAt  bridge.Stamp `json:"arrived_at"`
	ReportedAt bridge.Stamp `json:"reported_at"`
	EndedAt    bridge.Stamp `json:"ended_at"`
	Limit      bridge.Stamp `json:"limit"` // by when it is to be reported; empty: none
	Next       bridge.Stamp `json:"next"`  // when it is supervised next; empty when it is not
	OverdueAt  bridge.Stamp `json:"overdue_at"`
	Supervised int          `json:"supervised"` // supervision orders (督导单) so far
	Report     string       `json:"report,omitempty"`
	Pictures   []string     `json:"pictures,omitempty"` // of the report: SHA-256, hex
	Reason     string       `json:"reason,omitempty"`   // of the newest return, hand-back or cancellation
	// ReportEvent is the id of the newest task.reported: headquarters' word on
	// that event confirms or returns an order from above.
	ReportEvent string     `json:"report_event,omitempty"`
	Order       *Order     `json:"order,omitempty"` // of an order to a partner
	History     []TaskStep `json:"history"`
	Touched     uint64     `json:"touched"`
}

// TaskStep is one line of a task's history.
type TaskStep struct {
	At       bridge.Stamp `json:"at"`
	Type     string       `json:"type"` // event type without "watchpost."
	By       string       `json:"by,omitempty"`
	State    TaskState    `json:"state,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Note     string       `json:"note,omitempty"`
	Pictures []string     `json:"pictures,omitempty"`
	Event    string       `json:"event"` // id of the event
	Place    uint64       `json:"place"` // in the journal
}

// Task is the task, or nil.
func (s *State) Task(id string) *Task { return s.k.Tasks[id] }

// Tasks are all that the state holds: those that go on and those that ended
// within 7 days, newest first.
func (s *State) Tasks() []*Task {
	all := make([]*Task, 0, len(s.k.Tasks))
	for _, task := range s.k.Tasks {
		all = append(all, task)
	}
	slices.SortFunc(all, func(a, b *Task) int { return cmp.Compare(b.Number, a.Number) })
	return all
}

// TasksOf are the incident's tasks in the order they were issued.
func (s *State) TasksOf(incident string) []*Task {
	tasks := []*Task{}
	if inc := s.k.Incidents[incident]; inc != nil {
		for _, id := range inc.Tasks {
			if task := s.k.Tasks[id]; task != nil {
				tasks = append(tasks, task)
			}
		}
	}
	return tasks
}
