package desk

import (
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/bridge"
)

// offer is the outgoing's signature: the page is made now, in this step, and
// from here on nothing of it changes.
func (t *step) offer(in HandoverIn, hit *bridge.Record) error {
	if hit != nil {
		return t.offeredBefore(hit, in)
	}
	if err := t.mayHandOver("hand over", in.By, in.Idempotency); err != nil {
		return err
	}
	if err := text("note", in.Note, handoverNoteMax); err != nil {
		return err
	}
	if strings.ContainsFunc(in.Note, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }) {
		return &InvalidError{"note", "", "words and lines: signs that no paper shows take six times their room"}
	}
	data := ShiftOffered{Schema: schema, Config: t.r.setup.Config, Handover: Handover{
		Outgoing: Signature{in.By.Name, in.By.Role, t.now}, Limit: bridge.At(t.now.Add(t.r.takeWithin())),
		Page: t.r.HandoverPage(t.s, t.now, in.Uplinks),
	}}
	page := &data.Page
	page.Outgoing, page.Note = in.By.Name, in.Note
	if open := t.s.k.Handover; open != nil {
		if open.Outgoing.Name != in.By.Name && !slices.Contains(leads(), in.By.Role) {
			return &ConflictError{What: "handover", ID: open.ID, By: open.Outgoing.Name, At: open.Outgoing.At, Remedy: "take it, or ask a lead to replace it"}
		}
		data.Replaces = open.ID
	}
	if n := len(t.s.k.Handovers); n > 0 {
		data.Previous = t.s.k.Handovers[n-1].ID
	}
	if in.PassClaims {
		for _, inc := range t.s.OpenIncidents() {
			switch {
			case inc.ClaimedBy != in.By.Name:
			case len(page.Claims) < handoverClaimMax:
				page.Claims = append(page.Claims, inc.ID)
			default:
				page.More["claims"]++
			}
		}
	}
	var err error
	if data.SHA256, err = page.Digest(); err != nil {
		return err
	}
	data.ID = t.id()
	d := bridge.Draft{Type: TypeShiftOffered, Subject: "handovers/" + data.ID, Lane: bridge.Notice}
	d.Key = idemKey(in.By, in.Idempotency)
	t.answer.Handover = data.ID
	t.add(d, data)
	return nil
}

// takeOver is the incoming's signature under the page that he read. What the
// outgoing wants to pass on and still has goes to him.
func (t *step) takeOver(in TakeOverIn, hit *bridge.Record) error {
	if hit != nil {
		return t.takenBefore(hit, in)
	}
	if err := t.mayHandOver("take over", in.By, ""); err != nil {
		return err
	}
	open := t.s.k.Handover
	switch {
	case open == nil || open.ID != in.Handover:
		return &NotFoundError{"handover", in.Handover}
	case open.Outgoing.Name == in.By.Name:
		return ErrSamePerson
	case open.SHA256 != in.SHA256:
		return &ConflictError{What: "handover", ID: open.ID, By: open.Outgoing.Name, At: open.Outgoing.At, Remedy: "read it anew: sha256 names the page that you have read"}
	}
	data := ShiftHandedOver{
		Schema: schema, Passed: []string{}, Incidents: []string{}, Tasks: []string{}, Page: open.Page,
		HandoverDone: HandoverDone{
			ID: open.ID, Outgoing: open.Outgoing, Incoming: Signature{in.By.Name, in.By.Role, t.now},
			Note: open.Page.Note, Counts: open.Page.Counts, SHA256: open.SHA256, Previous: open.Previous,
		},
	}
	for _, inc := range open.Page.Incidents {
		data.Incidents = append(data.Incidents, inc.ID)
	}
	for _, task := range open.Page.Tasks {
		data.Tasks = append(data.Tasks, task.ID)
	}
	var passed []*Incident
	for _, id := range open.Page.Claims {
		if inc := t.s.k.Incidents[id]; inc != nil && inc.State != Closed && inc.ClaimedBy == open.Outgoing.Name {
			data.Passed, passed = append(data.Passed, id), append(passed, inc)
		}
	}
	t.answer.Handover = open.ID
	t.add(bridge.Draft{Type: TypeShiftHandedOver, Subject: "handovers/" + open.ID, Lane: bridge.Notice, Key: HandoverKey(open.ID)}, data)
	for _, inc := range passed {
		t.change(TypeIncidentClaimed, inc, ActionIn{By: in.By, Reason: reasonHandover, handover: open.ID}, "", func(c *IncidentChanged) {
			c.From, c.Handover, c.Waits = open.Outgoing.Name, open.ID, true
		})
	}
	return nil
}

// withdrawOffer ends an offer that nobody has taken. The shift goes on as if it
// had never been made.
func (t *step) withdrawOffer(in WithdrawHandoverIn, hit *bridge.Record) error {
	t.answer.Handover = in.Handover
	if hit != nil {
		if hit.Event.Type != TypeShiftWithdrawn || hit.Event.Subject != "handovers/"+in.Handover {
			return usedKey(in.Idempotency)
		}
		t.answer.Duplicate = true
		return nil
	}
	if err := t.mayHandOver("withdraw", in.By, in.Idempotency); err != nil {
		return err
	}
	open := t.s.k.Handover
	switch {
	case open == nil || open.ID != in.Handover:
		return &NotFoundError{"handover", in.Handover}
	case open.Outgoing.Name != in.By.Name && !slices.Contains(leads(), in.By.Role):
		return &ForbiddenError{"withdraw", in.By.Role, append([]string{"who made the offer"}, leads()...)}
	case in.Reason == "":
		return &InvalidError{"reason", "", "why the room is not handed over"}
	}
	if err := texts("reason", in.Reason); err != nil {
		return err
	}
	d := bridge.Draft{Type: TypeShiftWithdrawn, Subject: "handovers/" + open.ID, Lane: bridge.Notice, Key: idemKey(in.By, in.Idempotency)}
	t.add(d, ShiftWithdrawn{Schema: schema, Handover: open.ID, Outgoing: open.Outgoing, By: in.By.Name, Role: in.By.Role, Reason: in.Reason})
	return nil
}

func (t *step) mayHandOver(verb string, by Actor, key string) error {
	if !slices.Contains(room(), by.Role) {
		return &ForbiddenError{verb, by.Role, room()}
	}
	if by.Name == "" {
		return &InvalidError{"by", "", "the name of who signs"}
	}
	return texts("by", by.Name, "idempotency_key", key)
}

// offeredBefore answers a repeat as the first.
func (t *step) offeredBefore(hit *bridge.Record, in HandoverIn) error {
	if hit.Event.Type != TypeShiftOffered {
		return usedKey(in.Idempotency)
	}
	data, err := decode[ShiftOffered](&hit.Event)
	if err != nil || data == nil {
		return err
	}
	if data.Page.Note != in.Note {
		return usedKey(in.Idempotency)
	}
	t.answer.Handover, t.answer.Duplicate = data.ID, true
	return nil
}

// takenBefore answers who took it as before, and everybody else that he is
// late.
func (t *step) takenBefore(hit *bridge.Record, in TakeOverIn) error {
	data, err := decode[ShiftHandedOver](&hit.Event)
	if err != nil {
		return err
	}
	if data == nil || data.Incoming.Name != in.By.Name {
		taken := &ConflictError{What: "handover", ID: in.Handover, Remedy: "look at the newest one"}
		if data != nil {
			taken.By, taken.At = data.Incoming.Name, data.Incoming.At
		}
		return taken
	}
	t.answer.Handover, t.answer.Duplicate = data.ID, true
	return nil
}

// superviseHandover tells the lead of a room that nobody takes over.
func (t *step) superviseHandover() {
	due := t.s.k.handoverDeadline()
	if due.IsZero() || t.now.Before(due.Time) {
		return
	}
	open := t.s.k.Handover
	t.add(bridge.Draft{Type: TypeShiftOverdue, Subject: "handovers/" + open.ID, Lane: bridge.Notice, Severity: "P2"}, ShiftOverdue{
		Schema: schema, Handover: open.ID, By: open.Outgoing.Name, Since: open.Outgoing.At, Limit: open.Limit,
	})
}
