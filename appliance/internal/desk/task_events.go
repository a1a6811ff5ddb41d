package desk

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Types of the events about tasks and about orders from above, all in lane
// alarm: they go up by themselves.
const (
	TypeTaskIssued     = "watchpost.task.issued"
	TypeTaskAccepted   = "watchpost.task.accepted"
	TypeTaskArrived    = "watchpost.task.arrived"
	TypeTaskReported   = "watchpost.task.reported"
	TypeTaskConfirmed  = "watchpost.task.confirmed"
	TypeTaskReturned   = "watchpost.task.returned"
	TypeTaskHandedBack = "watchpost.task.handed_back"
	TypeTaskCancelled  = "watchpost.task.cancelled"
	TypeTaskOverdue    = "watchpost.task.overdue"
	TypeTaskSupervised = "watchpost.task.supervised"
	TypeTaskTicked     = "watchpost.task.ticked"    // steps were done
	TypeTaskRepeated   = "watchpost.task.repeated"  // headquarters ordered the same again
	TypeTaskWithdrawn  = "watchpost.task.withdrawn" // headquarters cancelled one of several orders for the same
	TypeTaskKept       = "watchpost.task.kept"      // its incident was closed, it goes on
	TypeTaskTimed      = "watchpost.task.timed"     // its report waits since before there was a limit for judging it
	TypeOrderAnswered  = "watchpost.order.answered"
)

// TaskIssued is the data of task.issued.
type TaskIssued struct {
	Schema   int          `json:"schema"`
	Task     string       `json:"task"`
	Kind     TaskKind     `json:"kind,omitempty"` // of a journal before kinds: "", a task
	Incident string       `json:"incident"`
	About    string       `json:"about,omitempty"` // supervision: incidents/{id} or tasks/{id}
	Template string       `json:"template"`
	Title    string       `json:"title,omitempty"`
	To       string       `json:"to"`
	ToName   string       `json:"to_name,omitempty"` // of a person, team or partner
	By       string       `json:"by"`
	Note     string       `json:"note"`
	Priority string       `json:"priority"`
	Limit    bridge.Stamp `json:"limit"`
	SignBy   bridge.Stamp `json:"sign_by,omitzero"` // urgent instruction: until when somebody must sign for it
	Steps    []TaskTick   `json:"steps,omitempty"`
	Done     string       `json:"done,omitempty"`
	Wanted   int          `json:"wanted,omitempty"`
	Along    *Along       `json:"along,omitempty"`
	Uplink   string       `json:"uplink,omitempty"`
	Order    *OrderFact   `json:"order,omitempty"` // to a partner: what it is told
	HQID     string       `json:"hq_id"`
	Config   string       `json:"config"` // hash of the configuration that decided this
}

// TaskChanged is the data of every other task.… event: who the task is, its
// new state and limit, and what the type needs.
type TaskChanged struct {
	Schema      int          `json:"schema"`
	Task        string       `json:"task"`
	Kind        TaskKind     `json:"kind,omitempty"`
	Incident    string       `json:"incident"`
	About       string       `json:"about,omitempty"`
	Template    string       `json:"template"`
	To          string       `json:"to"` // supervised: who is to see to it
	By          string       `json:"by"`
	Reason      string       `json:"reason"`
	State       TaskState    `json:"state"`
	Limit       bridge.Stamp `json:"limit"`
	Uplink      string       `json:"uplink,omitempty"`
	HQID        string       `json:"hq_id"`
	HQIDs       []string     `json:"hq_ids,omitempty"`      // all of headquarters' ids, when it ordered the same more than once
	Owner       string       `json:"owner,omitempty"`       // kept: who answers for it
	Reply       string       `json:"reply,omitempty"`       // a partner's word that brought this
	Report      string       `json:"report,omitempty"`      // reported, ticked
	Pictures    []string     `json:"pictures,omitempty"`    // reported: SHA-256, hex
	Ticked      []int        `json:"ticked,omitempty"`      // reported, ticked, arrived: steps that are done, from 1
	Missing     []int        `json:"missing,omitempty"`     // reported: steps that nobody did; Reason says why
	Step        int          `json:"step,omitempty"`        // supervised: 1, 2, 3
	Next        bridge.Stamp `json:"next,omitzero"`         // supervised: when the next one comes
	Supervision string       `json:"supervision,omitempty"` // supervised: the supervision order
	What        string       `json:"what,omitempty"`        // overdue: judge (of its report, by Who until JudgeBy), step (those in Late); else its report
	Who         string       `json:"who,omitempty"`
	JudgeBy     bridge.Stamp `json:"judge_by,omitzero"` // reported, timed: by when it is to be judged
	Late        []LateStep   `json:"late,omitempty"`
	Overdue     int          `json:"overdue,omitempty"` // overdue, supervised: how many orders of who is late were overdue within the time
	// Flagged says that Overdue has reached the limit in force: OverdueMax
	// orders WithinMS.
	Flagged    bool  `json:"flagged,omitempty"`
	OverdueMax int   `json:"overdue_max,omitempty"`
	WithinMS   int64 `json:"within_ms,omitempty"`
}

// Results of an order from above.
const (
	OrderTaken   = "taken"
	OrderRefused = "refused"
)

// OrderAnswered is the data of order.answered: the box's receipt for an order
// or an incident from above, written with what came of it or, refused, alone.
// Headquarters finds its order by HQID, or by the digest of what it sent when
// that held no id.
type OrderAnswered struct {
	Schema   int    `json:"schema"`
	Uplink   string `json:"uplink"`
	Order    string `json:"order"` // task, incident, cancel
	HQID     string `json:"hq_id"`
	Result   string `json:"result"`           // taken, refused
	Reason   string `json:"reason"`           // refused: why, and what would be good
	Digest   string `json:"digest,omitempty"` // refused: sha256: and hex of the bytes that came
	Task     string `json:"task,omitempty"`
	Incident string `json:"incident,omitempty"`
	Alert    string `json:"alert,omitempty"`
}

// HQKey is the key under which an order or an incident from above is known.
func HQKey(uplink, id string) string { return "hq/" + uplink + "/" + id }

// AnsweredKey is the key of the answer to an order that was taken.
func AnsweredKey(uplink, id string) string { return "answered/" + uplink + "/" + id }

// CancelledKey is the key of the answer to headquarters' cancelling of its own
// order.
func CancelledKey(uplink, id string) string { return "cancelled/" + uplink + "/" + id }

// Digest names the bytes of a refused order.
func Digest(payload []byte) string {
	sum := sha256.Sum256(payload)
	return "sha256:" + hex.EncodeToString(sum[:])
}
