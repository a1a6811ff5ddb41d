package desk

import (
	"cmp"
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
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
	ID       string    `json:"id"`
	Number   uint64    `json:"number"` // for people: counts from 1 in an epoch
	Kind     TaskKind  `json:"kind"`
	State    TaskState `json:"state"`
	Priority string    `json:"priority"`
	Drill    bool      `json:"drill"`
	Incident string    `json:"incident,omitempty"`
	// About is what a supervision order is about: incidents/{id} or tasks/{id}.
	About      string       `json:"about,omitempty"`
	Template   string       `json:"template,omitempty"`
	Title      string       `json:"title,omitempty"` // the template's name when it was issued
	To         string       `json:"to"`
	ToName     string       `json:"to_name,omitempty"` // of a person, team or partner, when it was issued
	Note       string       `json:"note,omitempty"`
	By         string       `json:"by"`               // who issued it: a user, the box, or an uplink's name
	Owner      string       `json:"owner,omitempty"`  // who answers for it after its incident was closed
	Uplink     string       `json:"uplink,omitempty"` // of an order from above
	HQID       string       `json:"hq_id,omitempty"`  // headquarters' id of it
	HQIDs      []string     `json:"hq_ids,omitempty"` // all of its ids, when it was ordered more than once
	IssuedAt   bridge.Stamp `json:"issued_at"`
	AcceptedAt bridge.Stamp `json:"accepted_at"`
	AcceptedBy string       `json:"accepted_by,omitempty"` // of an instruction: who signed for it
	ArrivedAt  bridge.Stamp `json:"arrived_at"`
	ReportedAt bridge.Stamp `json:"reported_at"`
	EndedAt    bridge.Stamp `json:"ended_at"`
	Limit      bridge.Stamp `json:"limit"`            // by when it is to be reported; empty: none
	SignBy     bridge.Stamp `json:"sign_by,omitzero"` // of an urgent instruction: until when somebody must sign for it
	Next       bridge.Stamp `json:"next"`             // when it is supervised next; empty when it is not
	OverdueAt  bridge.Stamp `json:"overdue_at"`
	Supervised int          `json:"supervised"` // supervision orders (督导单) so far
	// Overdues are all the times at which it became overdue, and Flagged says
	// that the newest was one too many of its receiver's.
	Overdues []bridge.Stamp `json:"overdues,omitempty"`
	Flagged  bool           `json:"flagged,omitempty"`
	// JudgeBy is by when the report is to be judged (empty: no limit), UnjudgedAt
	// since when that is overdue; both are empty when no report waits. Unjudged
	// are all the times at which it became so, of who had to judge.
	JudgeBy    bridge.Stamp `json:"judge_by,omitzero"`
	UnjudgedAt bridge.Stamp `json:"unjudged_at,omitzero"`
	Unjudged   []Unjudged   `json:"unjudged,omitempty"`
	Steps      []TaskTick   `json:"steps,omitempty"`
	Done       string       `json:"done,omitempty"`     // what counts as done
	Wanted     int          `json:"wanted,omitempty"`   // pictures that a report needs
	Along      *Along       `json:"along,omitempty"`    // what goes along of the incident
	Report     string       `json:"report,omitempty"`   // the newest
	Pictures   []string     `json:"pictures,omitempty"` // of the report: SHA-256, hex
	Reason     string       `json:"reason,omitempty"`   // of the newest return, hand-back or cancellation
	// ReportEvent is the id of the newest task.reported: headquarters' word on
	// that event confirms or returns an order from above.
	ReportEvent string     `json:"report_event,omitempty"`
	Order       *Order     `json:"order,omitempty"` // of an order to a partner
	History     []TaskStep `json:"history"`
	Touched     uint64     `json:"touched"`
}

// TaskTick is one step of an order's work, ticked when it was done.
type TaskTick struct {
	Name   string       `json:"name"`
	Limit  bridge.Stamp `json:"limit"`            // empty: none of its own
	LateAt bridge.Stamp `json:"late_at,omitzero"` // when it was told that it is past its limit
	DoneAt bridge.Stamp `json:"done_at"`
	By     string       `json:"by,omitempty"`
	DoneBy string       `json:"done_by,omitempty"` // the verb that ticks it: arrive; empty: tick or report only
}

// Along is what goes along with an order: where, a still, recordings. It is
// what was there when the order was issued.
type Along struct {
	Place    *PlaceRef        `json:"place,omitempty"`
	Position *ingest.Position `json:"position,omitempty"`
	Snapshot string           `json:"snapshot,omitempty"` // SHA-256, hex
	Clips    []string         `json:"clips,omitempty"`    // paths below the box's address
}

// TaskStep is one line of a task's history.
type TaskStep struct {
	At       bridge.Stamp `json:"at"`
	Type     string       `json:"type"` // event type without "watchpost."
	By       string       `json:"by,omitempty"`
	State    TaskState    `json:"state,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	What     string       `json:"what,omitempty"` // of task.overdue: judge, step; else the report
	Note     string       `json:"note,omitempty"` // of task.overdue: who has to judge, the steps' names
	Pictures []string     `json:"pictures,omitempty"`
	Ticked   []int        `json:"ticked,omitempty"` // steps, from 1
	Event    string       `json:"event"`            // id of the event
	Place    uint64       `json:"place"`            // in the journal
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
