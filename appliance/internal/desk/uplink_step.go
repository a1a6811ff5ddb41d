package desk

import (
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// SetAside is an event that an uplink's headquarters refused and that nobody
// has sent again yet.
type SetAside struct {
	Uplink   string       `json:"uplink"`
	ID       string       `json:"id"`
	At       bridge.Stamp `json:"at"`
	Reason   string       `json:"reason"`
	Epoch    string       `json:"epoch"`
	Lane     bridge.Lane  `json:"lane"`
	Sequence string       `json:"sequence"`
	Type     string       `json:"type"`
	Subject  string       `json:"subject"`
}

// SetAside is what headquarters refused and nobody has sent again, oldest
// first. The list may be kept.
func (s *State) SetAside() []SetAside { return s.k.SetAside }

func (t *step) setAside(in SetAsideIn) error {
	if in.ID == "" || in.Uplink == "" {
		return &InvalidError{"id", in.ID, "an event's id and an uplink's name"}
	}
	if err := texts("uplink", in.Uplink, "id", in.ID); err != nil {
		return err
	}
	t.add(bridge.Draft{Type: TypeUplinkSetAside, Subject: "events/" + in.ID, Lane: bridge.Local}, SetAsideFact{
		Schema: schema, Uplink: in.Uplink, ID: in.ID, Reason: cut(in.Reason),
		Epoch: cut(in.Epoch), Lane: in.Lane, Sequence: cut(in.Sequence), Type: cut(in.Type), Subject: cut(in.Subject),
	})
	return nil
}

// resent records that a refused event was sent again and taken.
func (t *step) resent(in ResentIn, hit *bridge.Record) error {
	if hit != nil {
		if hit.Event.Type != TypeUplinkResent || hit.Event.Subject != "events/"+in.ID {
			return usedKey(in.Idempotency)
		}
		t.answer.Duplicate = true
		return nil
	}
	if !slices.Contains(leads(), in.By.Role) {
		return &ForbiddenError{"send", in.By.Role, leads()}
	}
	if err := texts("uplink", in.Uplink, "id", in.ID, "by", in.By.Name, "reason", in.Reason, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return &InvalidError{"reason", "", "why it is sent again"}
	}
	if t.s.setAsideAt(in.Uplink, in.ID) < 0 {
		return &NotFoundError{"set_aside", in.ID}
	}
	d := bridge.Draft{Type: TypeUplinkResent, Subject: "events/" + in.ID, Lane: bridge.Local}
	d.Key = idemKey(in.By, in.Idempotency)
	t.add(d, ResentFact{Schema: schema, Uplink: in.Uplink, ID: in.ID, By: in.By.Name, Reason: in.Reason})
	return nil
}

// unreceived escalates a P0 of which headquarters has not said that it has it,
// once per incident and uplink. It does so while the line is known to be down
// as well: that nobody above knows of a life in danger is the room's business
// whatever the cause, and there is the telephone. The steps of the state's own
// limit stay as they are: this is another clock.
func (t *step) unreceived(in UnreceivedIn) error {
	if !slices.Contains(t.r.setup.Uplinks, in.Uplink) {
		return &NotFoundError{"uplink", in.Uplink}
	}
	inc := t.s.k.Incidents[in.Incident]
	if inc == nil {
		return &NotFoundError{"incident", in.Incident}
	}
	t.answer.Incident = inc.ID
	if inc.State == Closed || inc.Priority != "P0" || slices.Contains(inc.Unreceived, in.Uplink) {
		t.answer.Duplicate = slices.Contains(inc.Unreceived, in.Uplink)
		return nil
	}
	t.add(bridge.Draft{
		Type: TypeIncidentEscalated, Subject: "incidents/" + inc.ID, Lane: bridge.Alarm, Severity: inc.Priority, Drill: inc.Drill,
	}, IncidentChanged{
		Schema: schema, Incident: inc.ID, By: "box", Reason: "unreceived", State: inc.State, Limit: inc.Limit,
		Step: inc.Escalated, Next: inc.Next, Uplink: in.Uplink, Since: bridge.At(in.Since),
	})
	return nil
}

func (s *State) setAsideAt(uplink, id string) int {
	return slices.IndexFunc(s.k.SetAside, func(a SetAside) bool { return a.Uplink == uplink && a.ID == id })
}

func (s *State) setAside(e *bridge.Event, data *SetAsideFact) {
	s.resent(data.Uplink, data.ID) // refused again: the newest word counts
	list := append(slices.Clone(s.k.SetAside), SetAside{
		Uplink: data.Uplink, ID: data.ID, At: e.RecordedTime, Reason: data.Reason,
		Epoch: data.Epoch, Lane: data.Lane, Sequence: data.Sequence, Type: data.Type, Subject: data.Subject,
	})
	s.k.SetAside = list[max(0, len(list)-setAsideMax):]
}

func (s *State) resent(uplink, id string) {
	if i := s.setAsideAt(uplink, id); i >= 0 {
		s.k.SetAside = slices.Delete(slices.Clone(s.k.SetAside), i, i+1)
	}
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
