package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// sent is a batch whose transport has not confirmed yet.
type sent struct {
	ticket  Ticket
	lane    *laneWindow
	through uint64
	ids     []string
}

// drain sends the lanes in order, a higher one first, as far as the window
// has room.
func (l *line) drain(ctx context.Context, session Session, tickets chan<- sent) error {
	if err := l.drainOlder(ctx, session); err != nil {
		return err
	}
	size := batchEventsMax
	for {
		changed := l.journal.Changed()
		lane, after, limit, kick := l.nextBatch(size)
		if lane == nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changed:
			case <-kick:
			}
			continue
		}
		records, out, err := l.next(lane.lane, after, limit)
		if err != nil {
			return err
		}
		if !l.take(lane, after, out) {
			continue // rewound meanwhile
		}
		ticket, err := session.Send(ctx, Batch{Way: WayLane, Lane: lane.lane, Events: out})
		var refused *EventError
		switch {
		case errors.As(err, &refused):
			if err := l.refused(ctx, lane, after, records, refused); err != nil {
				return err
			}
			size = max(1, len(records)/2)
			continue
		case err != nil:
			return fmt.Errorf("send %s after %d: %w", lane.lane, after, err)
		}
		size = min(batchEventsMax, 2*size)
		through := out[len(out)-1].Sequence
		select {
		case tickets <- sent{ticket, lane, through, ids(out)}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *line) nextBatch(size int) (lane *laneWindow, after uint64, limit int, kick <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ready() {
		return nil, 0, 0, l.kick
	}
	lane, room := l.window.next(l.journal.LastSequence)
	if lane == nil {
		return nil, 0, 0, l.kick
	}
	return lane, lane.sent, min(size, room), l.kick
}

// take puts the events into the window before they are sent, so that no
// receipt can come too early.
func (l *line) take(lane *laneWindow, after uint64, out []Outgoing) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane.sent != after || !l.ready() {
		return false
	}
	now := l.options.Now()
	for i := range out {
		lane.add(flight{sequence: out[i].Sequence, id: out[i].ID, at: now, seen: l.marks.of(out[i].ID).seen()})
	}
	l.known.Sent += uint64(len(out))
	return true
}

// refused narrows a batch that cannot be taken down to one event, and sets
// that one aside: it goes without data, so that numbers and chain stay whole,
// and the lane goes on. One that is refused even so is left out.
func (l *line) refused(ctx context.Context, lane *laneWindow, after uint64, records []Record, why *EventError) error {
	if len(records) > 1 {
		l.change(func() { lane.unsend(after) })
		return nil
	}
	event := &records[0].Event
	if !l.withheld(event.ID) {
		if err := l.setAside(ctx, event, why); err != nil {
			return err
		}
		if len(event.Data) > 0 && l.wants(event) {
			l.change(func() { lane.unsend(after) })
			return nil
		}
	}
	l.log.Error("event left out: it is refused without its data too", "event", event.ID, "reason", why.Reason)
	var err error
	l.change(func() {
		for i := range lane.flight {
			if lane.flight[i].id == event.ID {
				lane.flight[i].confirmed = true
			}
		}
		if lane.advance() {
			err = l.save(lane)
		}
	})
	return err
}

// setAside records a refused event; it goes without data from then on.
func (l *line) setAside(ctx context.Context, e *Event, why *EventError) error {
	l.log.Error("event set aside", "event", e.ID, "reason", why.Reason)
	if l.options.SetAside != nil {
		if err := l.options.SetAside(ctx, l.config.Name, *e, why.Reason); err != nil {
			return fmt.Errorf("set event %s aside: %w", e.ID, err)
		}
	}
	l.change(func() { l.known.SetAside++ })
	l.withhold(e)
	return nil
}

// withhold makes an event that was refused go without data from now on; false
// when it did so already.
func (l *line) withhold(e *Event) bool {
	if l.withheld(e.ID) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.aside) >= asideMax {
		clear(l.aside) // at worst refused once more
	}
	l.aside[e.ID] = true
	return true
}

func (l *line) withheld(id string) bool {
	l.mu.Lock()
	aside := l.aside[id]
	l.mu.Unlock()
	return aside || l.options.Withheld != nil && l.options.Withheld(l.config.Name, id)
}

// confirm waits for the transport, batch by batch in the order of sending.
func (l *line) confirm(ctx context.Context, tickets <-chan sent) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case batch := <-tickets:
			if err := batch.ticket.Wait(ctx); err != nil {
				return fmt.Errorf("send %s up to %d: %w", batch.lane.lane, batch.through, err)
			}
			if err := l.delivered(batch); err != nil {
				return err
			}
		}
	}
}

func (l *line) delivered(batch sent) error {
	var err error
	l.change(func() {
		now := l.options.Now()
		l.trail.add(batch.lane.lane, MarkSent, batch.through, now)
		for _, id := range batch.ids {
			l.marks.sent(id, now)
			if l.config.Confirm == ByTransport {
				l.marks.received(id, now)
			}
		}
		if l.config.Confirm == ByTransport && batch.lane.confirm(batch.through) {
			err = l.save(batch.lane)
		}
	})
	return err
}

// save keeps a cursor that moved; the journal writes it within 100 ms. l.mu is
// held: whoever sees that all is confirmed finds it kept as well.
func (l *line) save(lane *laneWindow) error {
	l.trail.add(lane.lane, MarkReceived, lane.cursor, l.options.Now())
	return l.journal.SaveCursor(l.config.Name, lane.lane, lane.cursor)
}

// watchReceipts sends again what got no receipt in time.
func (l *line) watchReceipts(ctx context.Context) error {
	if l.config.Confirm != ByReceipt {
		return nil
	}
	tick := time.NewTicker(min(confirmEvery, l.config.ReceiptWithin/4))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		late, err := l.overdue()
		if err != nil {
			return err
		}
		for _, why := range late {
			l.log.Warn("receipt is overdue: sending again", "err", why)
		}
	}
}

// overdue confirms what headquarters has seen by another way, and takes back
// what got no receipt in time, as the errors say: it is sent again.
func (l *line) overdue() (late []error, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.options.Now()
	moved, waiting := l.window.overdue(now.Add(-l.config.ReceiptWithin))
	for _, lane := range moved {
		err = errors.Join(err, l.save(lane))
	}
	for _, lane := range waiting {
		why := fmt.Errorf("no receipt within %s for %s after %d", l.config.ReceiptWithin, lane.lane, lane.cursor)
		l.known.LastError, l.known.LastErrorAt = why.Error(), At(now)
		l.known.Overdue++
		lane.rewind()
		late = append(late, why)
	}
	if len(moved)+len(waiting) > 0 {
		l.wake() // there is room again
	}
	return late, err
}

// outgoing encodes records for this uplink: what it did not ask for goes
// without data, and so does what was refused, unless it is sent again.
func (l *line) outgoing(records []Record, again bool) ([]Outgoing, error) {
	out := make([]Outgoing, len(records))
	for i := range records {
		event := records[i].Event
		if !l.wants(&event) || !again && l.withheld(event.ID) {
			event = event.Withheld()
		}
		wire, err := event.Encode()
		if err != nil {
			return nil, err
		}
		sequence, err := SequenceNumber(event.Sequence)
		if err != nil {
			return nil, err
		}
		out[i] = Outgoing{ID: event.ID, Epoch: event.Epoch, Lane: event.Lane, Sequence: sequence, Wire: wire}
	}
	return out, nil
}

// wants reports whether the uplink gets the event's data. What is about the
// uplink itself, the answer to its headquarters' order, is never left out.
func (l *line) wants(e *Event) bool {
	if e.Subject == "uplinks/"+l.config.Name {
		return true
	}
	if e.Drill && !l.config.Drills {
		return false
	}
	if len(l.config.Types) > 0 && !slices.Contains(l.config.Types, e.Type) {
		return false
	}
	return len(l.config.Priorities) == 0 || slices.Contains(l.config.Priorities, e.Severity)
}

func ids(out []Outgoing) []string {
	all := make([]string, len(out))
	for i := range out {
		all[i] = out[i].ID
	}
	return all
}
