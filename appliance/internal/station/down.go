package station

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// order is an incident that headquarters reports (contracts.md, down/incident).
type order struct {
	ID       string           `json:"id"`
	Kind     string           `json:"kind"`
	Priority string           `json:"priority"`
	Place    string           `json:"place"`
	Position *ingest.Position `json:"position"`
	Note     string           `json:"note"`
	At       bridge.Stamp     `json:"at"`
}

// down takes what headquarters says. After nil it is stored, or never will
// be, or waits for space and holds nothing up; after an error it comes again.
func (s *Station) down(ctx context.Context, m bridge.Message) error {
	var in desk.Input
	switch m.Kind {
	case bridge.KindReceipt:
		r := m.Receipt
		if r.ID == "" {
			return nil // a person's word is on one event; a range is the transport's
		}
		err := s.deferred.record(ctx, desk.ReceiptIn{
			Uplink: m.Uplink, Epoch: r.Epoch, Lane: r.Lane, ID: r.ID, Accepted: r.Result == bridge.Accepted, By: r.By, At: r.At.Time, Reason: r.Reason,
		})
		if hopeless(err) {
			return s.refuseDown(m, err)
		}
		return err
	case bridge.KindIncident:
		var o order
		if err := json.Unmarshal(m.Payload, &o); err != nil {
			return s.refuseDown(m, err)
		}
		in = desk.ReportIn{
			Source: "hq", Kind: o.Kind, Priority: o.Priority, Place: o.Place, Position: o.Position, Note: o.Note, At: o.At.Time,
			By: desk.Actor{Name: m.Uplink, Role: "uplink"}, HQID: o.ID, Uplink: m.Uplink,
		}
	default:
		return s.refuseDown(m, fmt.Errorf("%s is not built in this version", m.Kind))
	}
	_, err := s.desk.Handle(ctx, in)
	if hopeless(err) {
		return s.refuseDown(m, err)
	}
	return err
}

// refuseDown says no to what will never be taken, once and for all.
func (s *Station) refuseDown(m bridge.Message, why error) error {
	s.counts.downRefused.Add(1)
	s.log.Warn("message from headquarters refused", "uplink", m.Uplink, "kind", m.Kind, "err", why)
	return nil
}

// setAside records that an uplink will never take an event.
func (s *Station) setAside(ctx context.Context, uplink string, e bridge.Event, reason string) error {
	return s.deferred.record(ctx, desk.SetAsideIn{
		Uplink: uplink, ID: e.ID, Reason: reason, Epoch: e.Epoch, Lane: e.Lane, Sequence: e.Sequence, Type: e.Type, Subject: e.Subject,
	})
}
