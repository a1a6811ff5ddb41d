package bridge

import (
	"context"
	"errors"
	"fmt"
)

// now sends every P0 at once, beside its lane: the same bytes, seen and stored
// by headquarters before the lane's copy comes in its order.
func (l *line) now(ctx context.Context, session Session) error {
	if l.window.lane(Alarm) == nil {
		return nil
	}
	cursor := l.config.Name + "/now"
	var after uint64
	for wasReady := false; ; {
		changed := l.journal.Changed()
		l.mu.Lock()
		ready, kick := l.ready(), l.kick
		l.mu.Unlock()
		if ready && !wasReady {
			from, err := l.nowFrom(cursor)
			if err != nil {
				return err
			}
			after = from
		}
		wasReady = ready
		if !ready || after >= l.journal.LastSequence(Alarm) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changed:
			case <-kick:
			}
			continue
		}
		records, err := l.journal.ReadLane(Alarm, after, batchEventsMax)
		var hole *RetiredError
		if errors.As(err, &hole) {
			after = hole.Through // the lane tells of it
			continue
		}
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return fmt.Errorf("journal has nothing after %d in lane %s", after, Alarm)
		}
		if err := l.sendNow(ctx, session, records); err != nil {
			return err
		}
		if after, err = SequenceNumber(records[len(records)-1].Event.Sequence); err != nil {
			return err
		}
		if err := l.journal.SaveCursor(cursor, Alarm, after); err != nil {
			return err
		}
	}
}

// nowFrom is where to begin: what was confirmed before the line was ready needs
// no second copy, and after a long outage what is old comes with the drain. What
// its lane confirms from then on goes all the same: which of the two comes first
// is nobody's to say, and a headquarters may listen to "now" alone.
func (l *line) nowFrom(cursor string) (uint64, error) {
	after, err := l.journal.Cursor(cursor, Alarm)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	after = max(after, l.nowAfter)
	if last := l.journal.LastSequence(Alarm); last > nowScanMax {
		after = max(after, last-nowScanMax)
	}
	return after, nil
}

func (l *line) sendNow(ctx context.Context, session Session, records []Record) error {
	var urgent []Record
	for _, record := range records {
		if record.Event.Severity == "P0" && l.wants(&record.Event) {
			urgent = append(urgent, record)
		}
	}
	if len(urgent) == 0 {
		return nil
	}
	out, err := l.outgoing(urgent, false)
	if err != nil {
		return err
	}
	l.mu.Lock()
	for i := range out {
		l.window.sentNow(out[i].ID)
		l.marks.of(out[i].ID) // or a receipt that overtakes the transport's word would be forgotten
	}
	l.mu.Unlock()
	ticket, err := session.Send(ctx, Batch{Way: WayNow, Lane: Alarm, Events: out})
	var refused *EventError
	if errors.As(err, &refused) {
		return l.refusedNow(ctx, session, urgent, refused)
	}
	if err == nil {
		err = ticket.Wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("send now: %w", err)
	}
	l.change(func() {
		for i := range out {
			l.marks.sent(out[i].ID, l.options.Now())
		}
	})
	return nil
}

// refusedNow sends the others of a batch that cannot be taken; what stands
// alone is set aside by its lane. None of the batch got there by this way: a
// receipt that came meanwhile was for the lane's copy.
func (l *line) refusedNow(ctx context.Context, session Session, urgent []Record, why *EventError) error {
	var err error
	l.change(func() {
		moved := false
		for i := range urgent {
			moved = l.window.notNow(urgent[i].Event.ID) || moved
		}
		if moved {
			err = l.save(l.window.lane(Alarm))
		}
	})
	if err != nil {
		return err
	}
	if half := len(urgent) / 2; half > 0 {
		if err := l.sendNow(ctx, session, urgent[:half]); err != nil {
			return err
		}
		return l.sendNow(ctx, session, urgent[half:])
	}
	l.log.Error("event refused on now", "event", urgent[0].Event.ID, "reason", why.Reason)
	return nil
}
