package station

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	bucket "golang.org/x/time/rate"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Refusals of one uplink that become answers: one that sends nonsense without
// end must not fill the journal. Beyond it they are counted and logged.
const (
	refusalsPerMinute = 60
	refusalsBurst     = 100
)

// incidentFromAbove is an incident that headquarters reports (contracts.md,
// down/incident).
type incidentFromAbove struct {
	ID       string           `json:"id"`
	Kind     string           `json:"kind"`
	Priority string           `json:"priority"`
	Place    string           `json:"place"`
	Position *ingest.Position `json:"position"`
	Note     string           `json:"note"`
	At       bridge.Stamp     `json:"at"`
}

// taskFromAbove is an order (contracts.md, down/task), or with Cancel the word
// that the order with that id is taken back.
type taskFromAbove struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // instruction when absent
	Template string    `json:"template"`
	To       string    `json:"to"`
	Limit    timeLimit `json:"limit"`
	Note     string    `json:"note"`
	Incident string    `json:"incident"` // ours, or headquarters' own id of one that it reported
	Priority string    `json:"priority"`
	Cancel   bool      `json:"cancel"`
	Reason   string    `json:"reason"` // with cancel
	By       string    `json:"by"`     // likewise: the person there
}

// timeLimit is a time, or how long from now.
type timeLimit struct {
	at time.Time
	in time.Duration
}

func (l *timeLimit) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text == "" {
		return nil
	}
	var err error
	if l.in, err = time.ParseDuration(text); err == nil && l.in > 0 {
		return nil
	}
	if l.at, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return fmt.Errorf("limit %q: want RFC 3339, or how long from now, like 30m", text)
	}
	return nil
}

func (l timeLimit) time() time.Time {
	if l.in > 0 {
		return time.Now().Add(l.in)
	}
	return l.at
}

// down takes what headquarters says. After nil it is stored and answered, or
// waits for space and holds nothing up; after an error it comes again.
func (s *Station) down(ctx context.Context, m bridge.Message) error {
	if m.Kind != bridge.KindReceipt {
		_, err := s.order(ctx, m)
		return err
	}
	r := m.Receipt
	if r.ID == "" {
		return nil // a person's word is on one event; a range is the transport's
	}
	err := s.deferred.record(ctx, desk.ReceiptIn{
		Uplink: m.Uplink, Epoch: r.Epoch, Lane: r.Lane, ID: r.ID, Accepted: r.Result == bridge.Accepted, By: r.By, At: r.At.Time, Reason: r.Reason,
	})
	if hopeless(err) {
		s.counts.downRefused.Add(1)
		s.log.Warn("receipt from headquarters refused", "uplink", m.Uplink, "event", r.ID, "err", err)
		return nil
	}
	return err
}

// order takes an order or an incident from above and gives the answer, which
// is in lane alarm. What came before is answered by the same event once more,
// beside the lane. Only an error says that nothing is stored: then it comes
// again. The answer is nil when a flood of nonsense is no longer answered.
func (s *Station) order(ctx context.Context, m bridge.Message) (*desk.OrderAnswered, error) {
	in, id, err := s.readOrder(ctx, m)
	kind, key := string(m.Kind), desk.AnsweredKey(m.Uplink, id)
	if cancel, ok := in.(desk.CancelOrderIn); ok {
		kind, key = "cancel", desk.CancelledKey(cancel.Uplink, cancel.HQID)
	}
	var result desk.Result
	if err == nil {
		result, err = s.desk.Handle(ctx, in)
		if err == nil && !result.Duplicate {
			return answered(result.Events), nil
		}
	} else {
		err = &desk.InvalidError{Field: string(m.Kind), Value: string(m.Payload[:min(len(m.Payload), 64)]), Remedy: "JSON as in contracts.md: " + saidOfJSON(err)}
	}
	if err == nil {
		return s.repeat(m.Uplink, key)
	}
	if !hopeless(err) {
		return nil, err
	}
	return s.refuseOrder(ctx, m, kind, id, err)
}

// readOrder gives the input for the desk; with an error the id that could be
// read all the same.
func (s *Station) readOrder(ctx context.Context, m bridge.Message) (desk.Input, string, error) {
	by := desk.Actor{Name: m.Uplink, Role: "uplink"}
	if m.Kind == bridge.KindIncident {
		o, err := decodeOrder[incidentFromAbove](m.Payload)
		return desk.ReportIn{
			Source: "hq", Kind: o.Kind, Priority: o.Priority, Place: o.Place, Position: o.Position, Note: o.Note, At: o.At.Time,
			By: by, HQID: o.ID, Uplink: m.Uplink,
		}, o.ID, err
	}
	o, err := decodeOrder[taskFromAbove](m.Payload)
	if o.Cancel {
		return desk.CancelOrderIn{Uplink: m.Uplink, HQID: o.ID, By: o.By, Reason: o.Reason}, o.ID, err
	}
	return desk.TaskIn{
		Kind: desk.TaskKind(o.Kind), Template: o.Template, To: o.To, Limit: o.Limit.time(), Note: o.Note, Incident: s.ours(ctx, m.Uplink, o.Incident), Priority: o.Priority,
		By: by, HQID: o.ID, Uplink: m.Uplink,
	}, o.ID, err
}

// saidOfJSON is what is wrong with a message, in words of JSON and not of Go.
func saidOfJSON(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("%s is of another kind: %s", cmp.Or(wrong.Field, "the message"), wrong.Value)
	}
	return err.Error()
}

// decodeOrder reads what came from above, as far as it can be read.
func decodeOrder[T incidentFromAbove | taskFromAbove](payload []byte) (T, error) {
	var o T
	err := json.Unmarshal(payload, &o)
	return o, err
}

// ours is the room's id of an incident that headquarters names by its own: one
// that the room has, from an earlier journal too, else one that has left it.
func (s *Station) ours(ctx context.Context, uplink, incident string) string {
	if incident == "" {
		return ""
	}
	known := ""
	if _, err := s.desk.View(ctx, func(state *desk.State) { known = state.ReportedAbove(uplink, incident) }); err == nil && known != "" {
		return known
	}
	record, found, err := s.journal.Find(desk.HQKey(uplink, incident))
	if err != nil || !found || record.Event.Type != desk.TypeAlertRaised {
		return incident
	}
	return strings.TrimPrefix(record.Event.Subject, "incidents/")
}

// refuseOrder says no to what can never be taken, once for the same bytes.
func (s *Station) refuseOrder(ctx context.Context, m bridge.Message, kind, id string, why error) (*desk.OrderAnswered, error) {
	s.counts.downRefused.Add(1)
	s.log.Warn("order from headquarters refused", "uplink", m.Uplink, "kind", kind, "id", id, "err", why)
	if !s.refusals.allow(m.Uplink) {
		return nil, nil
	}
	in := desk.RefusedOrderIn{Uplink: m.Uplink, Order: kind, HQID: id, Reason: why.Error(), Digest: desk.Digest(m.Payload)}
	result, err := s.desk.Handle(ctx, in)
	switch {
	case err == nil && !result.Duplicate:
		return answered(result.Events), nil
	case err == nil:
		return s.repeat(m.Uplink, desk.Keys(in)[0])
	case hopeless(err):
		s.log.Error("refusal of an order cannot be recorded", "uplink", m.Uplink, "err", err)
		return nil, nil
	}
	return nil, err
}

// repeat sends an answer that was given before once more: headquarters may
// have lost it.
func (s *Station) repeat(uplink, key string) (*desk.OrderAnswered, error) {
	record, found, err := s.journal.Find(key)
	if err != nil {
		return nil, fmt.Errorf("find answer %s: %w", key, err)
	}
	if !found {
		return nil, nil // taken by a version that did not answer
	}
	if err := s.forwarder.Repeat(uplink, record); err != nil {
		s.log.Warn("answer not repeated: it is in the lane", "uplink", uplink, "event", record.Event.ID, "err", err)
	}
	return answered([]bridge.Record{record}), nil
}

// answered is what the answer among the records says.
func answered(records []bridge.Record) *desk.OrderAnswered {
	for i := range records {
		var said desk.OrderAnswered
		if e := &records[i].Event; e.Type == desk.TypeOrderAnswered && json.Unmarshal(e.Data, &said) == nil {
			return &said
		}
	}
	return nil
}

// Down implements wall's downlink: what a headquarters posts to the station's
// own API goes the way of what comes over a line.
func (s *Station) Down(ctx context.Context, uplink string, kind bridge.MessageKind, payload []byte) (*desk.OrderAnswered, error) {
	if kind == bridge.KindTask || kind == bridge.KindIncident {
		return s.order(ctx, bridge.Message{Uplink: uplink, Kind: kind, Payload: payload})
	}
	return nil, s.forwarder.Take(ctx, uplink, kind, payload)
}

// setAside records that an uplink will never take an event.
func (s *Station) setAside(ctx context.Context, uplink string, e bridge.Event, reason string) error {
	return s.deferred.record(ctx, desk.SetAsideIn{
		Uplink: uplink, ID: e.ID, Reason: reason, Epoch: e.Epoch, Lane: e.Lane, Sequence: e.Sequence, Type: e.Type, Subject: e.Subject,
	})
}

// refusals bound how many refusals of an uplink are answered.
type refusals struct {
	mu       sync.Mutex
	byUplink map[string]*bucket.Limiter
}

func (r *refusals) allow(uplink string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byUplink == nil {
		r.byUplink = map[string]*bucket.Limiter{}
	}
	if r.byUplink[uplink] == nil {
		r.byUplink[uplink] = bucket.NewLimiter(bucket.Every(time.Minute/refusalsPerMinute), refusalsBurst)
	}
	return r.byUplink[uplink].Allow()
}
