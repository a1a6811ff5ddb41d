package station

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// overdue looks for alarms without a receipt beyond the uplink's limit, and
// escalates the incident of a P0 among them. What waited before this start
// has the limit's time again: the line had no chance to bring it.
func (r *receipts) overdue(ctx context.Context) (map[string]lateAlarms, error) {
	late := map[string]lateAlarms{}
	for _, st := range r.forwarder.Status() {
		lag := st.Lag[bridge.Alarm]
		cursor := r.journal.LastSequence(bridge.Alarm) - min(lag, r.journal.LastSequence(bridge.Alarm))
		at := max(r.scanned[st.Name], cursor)
		before := time.Now().Add(-r.within[st.Name])
		if r.started.After(before) || st.OldestUnreceived.IsZero() || st.OldestUnreceived.After(before) {
			r.scanned[st.Name] = at
			continue
		}
		at, err := r.scan(ctx, st.Name, at, before)
		r.scanned[st.Name] = at
		if at > cursor {
			late[st.Name] = lateAlarms{count: at - cursor, oldest: st.OldestUnreceived}
		}
		if err != nil {
			return late, err
		}
	}
	return late, nil
}

// scan goes through the alarms that were recorded before, from the sequence
// on, and returns the sequence up to which it came.
func (r *receipts) scan(ctx context.Context, uplink string, at uint64, before time.Time) (uint64, error) {
	records, err := r.journal.ReadLane(bridge.Alarm, at, overdueBatchMax)
	var retired *bridge.RetiredError
	if errors.As(err, &retired) { // the uplink is suspended: what is left has its limit still
		at = retired.Through
		records, err = r.journal.ReadLane(bridge.Alarm, at, overdueBatchMax)
	}
	if err != nil {
		return at, fmt.Errorf("read alarms after %d: %w", at, err)
	}
	for i := range records {
		e := &records[i].Event
		if e.RecordedTime.After(before) {
			return at, nil
		}
		if err := r.escalate(ctx, uplink, e); err != nil {
			r.log.Error("escalation not recorded, trying again", "uplink", uplink, "event", e.ID, "err", err)
			return at, nil
		}
		if at, err = bridge.SequenceNumber(e.Sequence); err != nil {
			return at, err
		}
	}
	return at, nil
}

func (r *receipts) escalate(ctx context.Context, uplink string, e *bridge.Event) error {
	incident, is := strings.CutPrefix(e.Subject, "incidents/")
	if e.Severity != "P0" || e.Type != desk.TypeAlertRaised || !is {
		return nil
	}
	for _, d := range r.ways(e) {
		if d.Uplink == uplink && there(d.Mark) {
			return nil // by its copy on "now"
		}
	}
	_, err := r.desk.Handle(ctx, desk.UnreceivedIn{Incident: incident, Uplink: uplink, Since: e.RecordedTime.Time})
	if hopeless(err) {
		return nil // it has left the room
	}
	return err
}
