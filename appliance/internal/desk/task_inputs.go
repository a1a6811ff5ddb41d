package desk

import (
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// TaskIn issues a task: from the room, or (HQID and Uplink) from above.
type TaskIn struct {
	Kind        TaskKind // "" is the template's; without one by whom it is from and for: instruction, work_order, task
	Template    string   // id of a configured one; from above also any word
	To          string   // a person, a team, a partner, an uplink's name, a user
	Limit       time.Time
	Note        string // what is to be done, ≤ 4 KiB
	Incident    string // "" belongs to none
	Priority    string // "" is the incident's, or P2
	By          Actor
	HQID        string // with an order from above: headquarters' id
	Uplink      string // likewise
	Idempotency string
}

// TaskActionIn is one verb on a task: accept, arrive, report, confirm, return,
// hand_back, cancel, tick.
type TaskActionIn struct {
	Task        string
	Verb        string
	By          Actor
	Reason      string    // with return, hand_back, cancel
	Report      string    // with report and tick, ≤ 4 KiB
	Pictures    []string  // with report: SHA-256, hex
	Steps       []int     // with report and tick: the steps that are done, from 1
	Limit       time.Time // with return: the new limit; zero: as long again
	Idempotency string
}

// CancelOrderIn is headquarters cancelling its own order.
type CancelOrderIn struct {
	Uplink string
	HQID   string // of the order that it cancels
	By     string // the person there; "" is the uplink
	Reason string
}

// RefusedOrderIn says that an order from above can never be taken: it is
// answered so, once for the same bytes.
type RefusedOrderIn struct {
	Uplink string
	Order  string // task, incident, cancel
	HQID   string // "" when what came held none
	Reason string
	Digest string // of the bytes that came
}

func (in TaskIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.To, &in.Note)
	return t.issue(in, hit)
}
func (in TaskActionIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason, &in.Report)
	return t.taskAction(in, hit)
}
func (in CancelOrderIn) decide(t *step, hit *bridge.Record) error {
	trim(&in.Reason)
	return t.cancelOrder(in, hit)
}
func (in RefusedOrderIn) decide(t *step, hit *bridge.Record) error { return t.refuseOrder(in, hit) }

func (in TaskActionIn) keys() []string   { return idemKeys(in.By, in.Idempotency) }
func (in CancelOrderIn) keys() []string  { return []string{CancelledKey(in.Uplink, in.HQID)} }
func (in RefusedOrderIn) keys() []string { return []string{in.key()} }

func (in TaskIn) keys() []string {
	keys := idemKeys(in.By, in.Idempotency)
	if in.HQID != "" {
		keys = append([]string{HQKey(in.Uplink, in.HQID), AnsweredKey(in.Uplink, in.HQID)}, keys...)
	}
	return keys
}

func (in RefusedOrderIn) key() string {
	return "refused/" + in.Uplink + "/" + in.Order + "/" + in.Digest
}
