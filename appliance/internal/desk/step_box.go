package desk

import (
	"cmp"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// access records who looked, logged in or was refused: lane local.
func (t *step) access(in AccessIn) error {
	if err := oneOf("kind", in.Kind, accessKinds()...); err != nil {
		return err
	}
	data := AccessFact{
		Schema: schema, By: cut(in.By.Name), Role: in.By.Role, Camera: cut(in.Camera), Remote: cut(in.Remote), Why: cut(in.Why),
		From: bridge.At(in.From), To: bridge.At(in.To), Note: cut(in.Note),
	}
	t.add(bridge.Draft{Type: accessPrefix + in.Kind, Subject: "users/" + data.By, Lane: bridge.Local}, data)
	return nil
}

func receiptKey(in ReceiptIn) string {
	verdict := "rejected"
	if in.Accepted {
		verdict = "accepted"
	}
	return "receipt/" + in.Uplink + "/" + in.Epoch + "/" + in.ID + "/" + verdict
}

// receipt records headquarters' word on an event, once however often it comes.
func (t *step) receipt(in ReceiptIn, hit *bridge.Record) error {
	if hit != nil {
		t.answer.Duplicate = true
		return nil
	}
	if in.ID == "" {
		return &InvalidError{"id", "", "the id of the event that is meant"}
	}
	if err := texts("uplink", in.Uplink, "epoch", in.Epoch, "lane", string(in.Lane), "id", in.ID, "by", in.By); err != nil {
		return err
	}
	typ := TypeReceiptRejected
	if in.Accepted {
		typ = TypeReceiptAccepted
	}
	at, _ := t.occurred(in.At, t.now.Time)
	t.judgeReport(in)
	t.add(bridge.Draft{Type: typ, Subject: "events/" + in.ID, Time: at, Lane: bridge.Local, Key: receiptKey(in)}, ReceiptFact{
		Schema: schema, Uplink: in.Uplink, Epoch: in.Epoch, Lane: in.Lane, ID: in.ID, By: in.By, At: at, Reason: cut(in.Reason),
	})
	return nil
}

// tick does what is due: the most urgent first, the oldest first among equals,
// as much as a step has room for. What is left is due still, and the next tick
// follows at once.
func (t *step) tick() {
	t.escalateUnshown()
	t.escalateIncidents()
	t.superviseTasks()
	t.superviseHandover()
	t.expireApprovals()
	t.missRounds()
	t.endDrills()
	t.dueDrills()
}

func (t *step) escalateIncidents() {
	var due []*Incident
	for id := range t.s.ix.open {
		if inc := t.s.k.Incidents[id]; !inc.Next.IsZero() && !inc.Next.After(t.now.Time) {
			due = append(due, inc)
		}
	}
	slices.SortFunc(due, urgency)
	for _, inc := range due[:min(len(due), tickEventsMax)] {
		if t.full() {
			return
		}
		n := inc.Escalated + 1
		data := IncidentChanged{
			Schema: schema, Incident: inc.ID, By: "box", Reason: "limit", State: inc.State, Limit: inc.Limit, Step: n,
		}
		if n < escalationsMax {
			state := inc.State
			if inc.Unanswered > 0 {
				state = Open // it waits for an answer
			}
			data.Next = bridge.At(t.now.Add(t.r.escalateAfter(inc.Priority, state, n)))
		}
		t.add(bridge.Draft{
			Type: TypeIncidentEscalated, Subject: "incidents/" + inc.ID, Lane: bridge.Alarm, Severity: inc.Priority, Drill: inc.Drill,
		}, data)
		if !inc.Drill {
			t.supervise("incidents/"+inc.ID, inc.ID, inc.Priority)
		}
	}
}

// urgency orders incidents: priority, then age.
func urgency(a, b *Incident) int {
	return cmp.Or(strings.Compare(a.Priority, b.Priority), cmp.Compare(a.Number, b.Number))
}
