package desk

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// report makes an incident of what a person told. Headquarters' reports are
// known by its id, the room's by the idempotency key.
func (t *step) report(in ReportIn, hit *bridge.Record) error {
	if hit != nil {
		return t.reportedBefore(in, hit)
	}
	if known, err := t.knownAbove(in); known || err != nil { // before this journal began
		return err
	}
	if err := t.checkReport(&in); err != nil {
		return err
	}
	at := bridge.At(in.At)
	if in.At.IsZero() {
		at = t.now
	}
	var place PlaceRef
	place, in.Position = t.r.where(in.Place, in.Position)
	var cameras []string
	if in.Position != nil {
		cameras = t.r.Nearest(*in.Position)
	}
	about := in.Kind
	if about == "" {
		about = in.Source
	}
	a := raising{
		data: AlertRaised{
			Kind: in.Source, Priority: in.Priority, Place: place, Position: in.Position, Late: t.now.Sub(at.Time) > lateAfter,
			Cameras: cameras,
			Report:  &ReportFact{Source: in.Source, Kind: in.Kind, Note: in.Note, By: in.By.Name, HQID: in.HQID, Uplink: in.Uplink},
		},
		occurred: at, about: about, bound: cameras, reopens: in.Reopens,
		like: &Alert{Origin: "report", Place: place, Reported: in.Kind},
	}
	// Both keys are found again: one goes with each of the two events.
	if in.Idempotency != "" {
		a.openKey = idemKey(in.By, in.Idempotency)
	}
	if in.HQID != "" {
		a.key = HQKey(in.Uplink, in.HQID)
	}
	var join *Incident
	if in.HQID == "" && in.Reopens == "" && !in.Separate { // an order from above is an incident of its own
		join = t.sameMatter(a.like, in.Position, at)
	}
	if join != nil {
		a.key = a.openKey
	}
	t.raise(a, join)
	if in.HQID != "" {
		t.reportTaken(in)
	}
	return nil
}

// reportTaken is the receipt for an incident from above that the room has.
func (t *step) reportTaken(in ReportIn) {
	t.answerOrder(in.Priority, OrderAnswered{
		Uplink: in.Uplink, Order: "incident", HQID: in.HQID, Result: OrderTaken, Incident: t.answer.Incident, Alert: t.answer.Alert,
	})
}

// knownAbove answers an incident from above that the room has from a journal
// that was set aside.
func (t *step) knownAbove(in ReportIn) (bool, error) {
	if in.HQID == "" {
		return false, nil
	}
	key := HQKey(in.Uplink, in.HQID)
	if t.s.ix.tasks.orders[key] != "" {
		return false, usedOrder(in.HQID)
	}
	a := t.s.k.Alerts[t.s.ix.above[key]]
	if a == nil {
		return false, nil
	}
	t.answer.Incident, t.answer.Alert, in.Priority = a.Incident, a.ID, a.Priority
	t.reportTaken(in)
	return true, nil
}

// sameMatter is the open incident that a report belongs to, nil when it opens its
// own. Where nobody knows the place, the same words of the same kind are the same.
func (t *step) sameMatter(like *Alert, spot *ingest.Position, at bridge.Stamp) *Incident {
	if spot != nil {
		return t.near(fact{like: like, at: spot, from: at, to: at})
	}
	inc := t.s.joinable(like, at, t.r.setup.Window)
	if inc == nil || !t.inTime(inc, at, at) || !t.sameReport(inc, like.Reported) {
		return nil
	}
	return inc
}

func (t *step) checkReport(in *ReportIn) error {
	if !slices.Contains(reporters(), in.By.Role) {
		return &ForbiddenError{"report", in.By.Role, reporters()}
	}
	if err := oneOf("source", in.Source, "call_110", "walk_in", "patrol", "hq"); err != nil {
		return err
	}
	if in.Source == "hq" && in.By.Role == "uplink" && (in.Uplink == "" || in.HQID == "") {
		return &InvalidError{"id", in.HQID, "headquarters' id of the incident, and the uplink's name"}
	}
	if in.Priority == "" {
		in.Priority = "P2"
	}
	if err := oneOf("priority", in.Priority, "P0", "P1", "P2", "P3"); err != nil {
		return err
	}
	if in.Place == "" && in.Position == nil {
		return &InvalidError{"place", "", "the id of a configured place, a description, or a position"}
	}
	if in.HQID != "" && in.At.After(t.now.Time) {
		in.At = time.Time{} // its clock is ahead of ours: no reason to lose what it says
	}
	if in.At.After(t.now.Add(time.Minute)) {
		return &InvalidError{"at", in.At.Format(time.RFC3339), "a time that is not in the future"}
	}
	if err := position(in.Position); err != nil {
		return err
	}
	if err := t.checkReopens(in); err != nil {
		return err
	}
	if err := text("note", in.Note, noteBytesMax); err != nil {
		return err
	}
	return texts("kind", in.Kind, "place", in.Place, "id", in.HQID, "idempotency_key", in.Idempotency)
}

// checkReopens checks the id of the incident that goes on in a new one. After
// 7 days it has left the state: then its id is a link and no more is known.
func (t *step) checkReopens(in *ReportIn) error {
	if in.Reopens == "" {
		return nil
	}
	if _, err := ulid.ParseStrict(in.Reopens); err != nil {
		return &InvalidError{"reopens", cut(in.Reopens), "the id of an incident that was closed more than 7 days ago"}
	}
	old := t.s.k.Incidents[in.Reopens]
	if old == nil || old.State == Closed && t.now.Sub(old.ClosedAt.Time) > incidentKept {
		return nil
	}
	return &IllegalError{
		What: "incident", ID: old.ID, Verb: verbReopen, State: string(old.State), Possible: old.Possible(in.By.Role),
		Why: "it is still in the room: reopen it itself, or go on in it",
	}
}

// reportedBefore answers a report that was stored before; a key that was used
// for something else is refused.
func (t *step) reportedBefore(in ReportIn, hit *bridge.Record) error {
	if answer, err := decode[OrderAnswered](&hit.Event); err == nil && hit.Event.Type == TypeOrderAnswered && answer != nil && answer.Order == "incident" {
		t.answer.Duplicate, t.answer.Incident, t.answer.Alert = true, answer.Incident, answer.Alert
		return nil
	}
	if hit.Event.Type != TypeIncidentOpened && hit.Event.Type != TypeAlertRaised {
		if in.HQID != "" {
			return usedOrder(in.HQID)
		}
		return usedKey(in.Idempotency)
	}
	t.duplicate(hit)
	if opened, err := decode[IncidentOpened](&hit.Event); err == nil && opened != nil && len(opened.Alerts) > 0 {
		t.answer.Alert = opened.Alerts[0]
	}
	if in.HQID == "" && !t.repeatedReport(t.s.k.Alerts[t.answer.Alert], in) {
		t.answer = Answer{}
		return usedKey(in.Idempotency)
	}
	return nil
}

func usedKey(key string) error {
	return &InvalidError{"idempotency_key", key, "a new key: this one was used for something else"}
}
