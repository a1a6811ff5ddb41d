package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	receiptsEvery   = 500 * time.Millisecond
	receiptsMax     = 200 // open incidents that are summed up, the most urgent first
	alarmsHeadMax   = 8   // of an incident: the alarms that opened it
	alarmsTailMax   = 56  // and the newest
	deliveriesMax   = 300 // newest lines of one history
	asideShownMax   = 50  // of one uplink
	overdueBatchMax = 500 // alarms looked at in one round
)

// receipts is the room's view of how far alarms have come at headquarters. It
// is made anew twice a second, so that whoever asks never waits for a disk.
type receipts struct {
	journal   bridge.Reader
	find      func(key string) (bridge.Record, bool, error)
	desk      *desk.Desk
	forwarder *bridge.Forwarder
	within    map[string]time.Duration // by uplink: receipt_within
	log       *slog.Logger
	started   time.Time

	// of watch's goroutine only
	alarms  map[string]*incidentAlarms
	scanned map[string]uint64 // by uplink: alarms up to here were overdue or received

	mu        sync.Mutex
	open      []wall.IncidentDelivery
	aside     []desk.SetAside // newest first
	without   map[string]bool // {uplink}/{id} of these
	suspended map[string]bool // uplinks beyond their max_backlog
	late      map[string]lateAlarms
}

// incidentAlarms are an incident's events in lane alarm, without their data.
type incidentAlarms struct {
	touched uint64
	lines   int // of the history that were looked at, folded ones too
	events  []bridge.Event
}

// lateAlarms are those without a receipt beyond its limit.
type lateAlarms struct {
	count  uint64
	oldest bridge.Stamp
}

func (s *Station) newReceipts() *receipts {
	r := &receipts{
		journal: s.journal, find: s.journal.Find, desk: s.desk, forwarder: s.forwarder, log: s.log, started: time.Now(),
		within: map[string]time.Duration{}, alarms: map[string]*incidentAlarms{}, scanned: map[string]uint64{}, late: map[string]lateAlarms{},
	}
	for _, u := range s.cfg.Uplinks {
		r.within[u.Name] = time.Duration(u.ReceiptWithin)
	}
	return r
}

// watch looks until ctx ends.
func (r *receipts) watch(ctx context.Context) error {
	tick := time.NewTicker(receiptsEvery)
	defer tick.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// refresh takes in what was set aside and who is suspended, and gives the open
// incidents. It is called before the forwarder runs, too: what was refused
// before a restart goes without data from the first batch on.
func (r *receipts) refresh(ctx context.Context) ([]*desk.Incident, error) {
	var open []*desk.Incident
	var aside []desk.SetAside
	suspended := map[string]bool{}
	if _, err := r.desk.View(ctx, func(state *desk.State) {
		open = state.OpenIncidents()
		aside = state.SetAside()
		for name := range r.within {
			suspended[name] = state.Suspended(name)
		}
	}); err != nil {
		return nil, fmt.Errorf("look at open incidents: %w", err)
	}
	newest := slices.Clone(aside)
	slices.Reverse(newest)
	without := make(map[string]bool, len(newest))
	for i := range newest {
		without[newest[i].Uplink+"/"+newest[i].ID] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aside, r.without, r.suspended = newest, without, suspended
	return open, nil
}

func (r *receipts) look(ctx context.Context) error {
	open, err := r.refresh(ctx)
	if err != nil {
		return err
	}
	open = open[:min(len(open), receiptsMax)]
	sums := make([]wall.IncidentDelivery, 0, len(open))
	kept := map[string]*incidentAlarms{}
	for _, inc := range open {
		alarms, err := r.alarmsOf(inc)
		if err != nil {
			return err
		}
		kept[inc.ID] = alarms
		if sum := r.sum(alarms.events); len(sum) > 0 {
			sums = append(sums, wall.IncidentDelivery{Incident: inc.ID, Uplinks: sum})
		}
	}
	r.alarms = kept
	late, err := r.overdue(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open, r.late = sums, late
	return err
}

// alarmsOf reads what the history has grown by.
func (r *receipts) alarmsOf(inc *desk.Incident) (*incidentAlarms, error) {
	known := r.alarms[inc.ID]
	if known == nil {
		known = &incidentAlarms{}
	}
	if known.touched == inc.Touched {
		return known, nil
	}
	for i := max(0, known.lines-inc.HistoryFolded); i < len(inc.History); i++ {
		event, err := r.event(&inc.History[i])
		if err != nil {
			return nil, err
		}
		known.lines = inc.HistoryFolded + i + 1
		if event == nil || event.Lane != bridge.Alarm {
			continue
		}
		event.Data = nil
		if len(known.events) == alarmsHeadMax+alarmsTailMax {
			known.events = slices.Delete(known.events, alarmsHeadMax, alarmsHeadMax+1)
		}
		known.events = append(known.events, *event)
	}
	known.touched = inc.Touched
	return known, nil
}

// event is what a line of a history tells of; nil when it lies in an older
// epoch, or is not kept any more.
func (r *receipts) event(line *desk.Step) (*bridge.Event, error) {
	if line.Place == 0 {
		return nil, nil
	}
	records, err := r.journal.Read(line.Place-1, 1)
	var retired *bridge.RetiredError
	if errors.As(err, &retired) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read event %s: %w", line.Event, err)
	}
	if len(records) == 0 || records[0].Event.ID != line.Event {
		return nil, nil
	}
	return &records[0].Event, nil
}

// ways is how far an event has come: the forwarder's word, but for what was
// set aside, which its cursor has passed.
func (r *receipts) ways(e *bridge.Event) []bridge.Delivery {
	all := r.forwarder.Deliveries(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range all {
		for k := range r.aside {
			if r.aside[k].ID == e.ID && r.aside[k].Uplink == all[i].Uplink {
				all[i].Mark, all[i].Reason = bridge.MarkSetAside, r.aside[k].Reason
			}
		}
	}
	return all
}

// far orders marks by how far an event has come.
func far(m bridge.Mark) int {
	return slices.Index([]bridge.Mark{bridge.MarkStored, bridge.MarkSent, bridge.MarkSetAside, bridge.MarkReceived, bridge.MarkRejected, bridge.MarkAccepted}, m)
}

// there reports whether headquarters has the event.
func there(m bridge.Mark) bool { return far(m) >= far(bridge.MarkReceived) }

func (r *receipts) sum(events []bridge.Event) []wall.UplinkDelivery {
	var sums []wall.UplinkDelivery
	for i := range events {
		for _, d := range r.ways(&events[i]) {
			at := slices.IndexFunc(sums, func(s wall.UplinkDelivery) bool { return s.Uplink == d.Uplink })
			if at < 0 {
				at = len(sums)
				sums = append(sums, wall.UplinkDelivery{Uplink: d.Uplink, Mark: d.Mark})
			}
			s := &sums[at]
			s.Events++
			if far(d.Mark) < far(s.Mark) {
				s.Mark = d.Mark
			}
			switch {
			case there(d.Mark):
				s.Received++
			case s.Oldest.IsZero():
				s.Oldest = events[i].RecordedTime
			}
			switch d.Mark {
			case bridge.MarkAccepted:
				s.Accepted++
			case bridge.MarkRejected:
				s.Rejected++
			}
		}
	}
	return sums
}

// Open implements wall's deliveries.
func (r *receipts) Open() []wall.IncidentDelivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// Of implements wall's deliveries.
func (r *receipts) Of(inc *desk.Incident) ([]wall.EventDelivery, error) { return r.waysOf(inc.History) }

// OfTask implements wall's deliveries.
func (r *receipts) OfTask(task *desk.Task) ([]wall.EventDelivery, error) {
	lines := make([]desk.Step, len(task.History))
	for i := range task.History {
		lines[i] = desk.Step{Event: task.History[i].Event, Place: task.History[i].Place}
	}
	return r.waysOf(lines)
}

func (r *receipts) waysOf(lines []desk.Step) ([]wall.EventDelivery, error) {
	var all []wall.EventDelivery
	lines = lines[max(0, len(lines)-deliveriesMax):]
	for i := range lines {
		e, err := r.event(&lines[i])
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		ways, err := r.judged(e)
		if err != nil {
			return nil, err
		}
		if len(ways) > 0 {
			all = append(all, wall.EventDelivery{Event: e.ID, Stored: e.RecordedTime, Uplinks: ways})
		}
	}
	return all, nil
}

// judged is ways with what a person above said before the box started: that is
// in the journal, under its key.
func (r *receipts) judged(e *bridge.Event) ([]bridge.Delivery, error) {
	all := r.ways(e)
	for i := range all {
		if d := &all[i]; d.Mark == bridge.MarkReceived || d.Mark == bridge.MarkSent {
			if err := r.recall(e, d); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (r *receipts) recall(e *bridge.Event, d *bridge.Delivery) error {
	for _, epoch := range []string{e.Epoch, ""} { // a receipt by id may leave the epoch out
		for _, accepted := range []bool{true, false} {
			for _, key := range desk.Keys(desk.ReceiptIn{Uplink: d.Uplink, Epoch: epoch, ID: e.ID, Accepted: accepted}) {
				record, found, err := r.find(key)
				if err != nil {
					return fmt.Errorf("find receipt of event %s: %w", e.ID, err)
				}
				var said desk.ReceiptFact
				if !found || json.Unmarshal(record.Event.Data, &said) != nil {
					continue // none, or erased by law
				}
				if at := record.Event.RecordedTime; !at.Before(d.Judged.Time) {
					d.Mark, d.Judged, d.By, d.Reason = bridge.MarkRejected, at, said.By, said.Reason
					if accepted {
						d.Mark = bridge.MarkAccepted
					}
				}
			}
		}
	}
	return nil
}
