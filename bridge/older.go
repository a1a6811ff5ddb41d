package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// OlderReader is an epoch before the journal's, which an uplink may not have
// all of.
type OlderReader interface {
	Reader
	// Gone gives the event that stands for all of a lane up to a sequence, when
	// a read began in what is not there.
	Gone(lane Lane, through uint64) (Record, error)
	Close() error
}

// olderBatch is what is on its way of an older epoch.
type olderBatch struct {
	epoch string
	lane  Lane
	left  map[string]uint64 // ids without a receipt, and their sequences
}

// loadOlder tells every line what is to be sent before the journal.
func (f *Forwarder) loadOlder(ctx context.Context) []OlderReader {
	var all []OlderReader
	if f.options.Older != nil {
		var err error
		if all, err = f.options.Older(ctx); err != nil && ctx.Err() == nil {
			f.options.Logger.Error("older epochs are not sent", "err", err)
		}
	}
	for _, l := range f.lines {
		l.change(func() { l.older, l.olderKnown = all, true })
	}
	return all
}

// drainOlder sends the older epochs, lane by lane, batch by batch, and returns
// when the uplink has confirmed all of them. Every new P0 goes on "now"
// meanwhile.
func (l *line) drainOlder(ctx context.Context, session Session) error {
	if _, err := l.await(ctx, nil, func() bool { return l.olderKnown }); err != nil {
		return err
	}
	for _, j := range l.older {
		for _, lane := range l.window.lanes {
			if err := l.drainOlderLane(ctx, session, j, lane.lane); err != nil {
				return fmt.Errorf("send %s of epoch %s: %w", lane.lane, j.Epoch(), err)
			}
		}
	}
	return nil
}

func (l *line) drainOlderLane(ctx context.Context, session Session, j OlderReader, lane Lane) error {
	for size := batchEventsMax; ; {
		after, err := j.Cursor(l.config.Name, lane)
		if err != nil || after >= j.LastSequence(lane) {
			return err
		}
		if _, err := l.await(ctx, nil, l.ready); err != nil {
			return err
		}
		records, out, err := l.nextOlder(j, lane, after, size)
		if err != nil {
			return err
		}
		confirmed, err := l.sendOlder(ctx, session, lane, out)
		var refused *EventError
		switch {
		case errors.As(err, &refused) && len(out) > 1:
			size = len(out) / 2
			continue
		case errors.As(err, &refused) && !l.withheld(out[0].ID):
			if err := l.setAside(ctx, &records[0].Event, refused); err != nil {
				return err
			}
			continue // it goes without data
		case errors.As(err, &refused):
			l.log.Error("event left out: it is refused without its data too", "event", out[0].ID, "reason", refused.Reason)
		case err != nil:
			return err
		case !confirmed:
			continue
		}
		size = min(batchEventsMax, 2*size)
		if err := j.SaveCursor(l.config.Name, lane, out[len(out)-1].Sequence); err != nil {
			return err
		}
	}
}

// nextOlder is next for an older epoch.
func (l *line) nextOlder(j OlderReader, lane Lane, after uint64, limit int) ([]Record, []Outgoing, error) {
	records, err := j.ReadLane(lane, after, limit)
	var hole *RetiredError
	if errors.As(err, &hole) {
		record, err := j.Gone(lane, hole.Through)
		if err != nil {
			return nil, nil, err
		}
		l.log.Warn("a range of an older epoch cannot be read", "epoch", j.Epoch(), "lane", lane, "after", after, "through", hole.Through)
		return standIn(record, hole)
	}
	if err == nil && len(records) == 0 {
		err = fmt.Errorf("nothing after %d", after)
	}
	if err != nil {
		return nil, nil, err
	}
	out, err := l.outgoing(records, false)
	return records, out, err
}

// sendOlder sends a batch and waits until it is confirmed; not confirmed when
// headquarters went away, or gave no receipt in time.
func (l *line) sendOlder(ctx context.Context, session Session, lane Lane, out []Outgoing) (confirmed bool, err error) {
	batch := &olderBatch{epoch: out[0].Epoch, lane: lane, left: map[string]uint64{}}
	for i := range out {
		batch.left[out[i].ID] = out[i].Sequence
	}
	l.change(func() { l.olderBatch = batch })
	defer l.change(func() { l.olderBatch = nil })
	ticket, err := session.Send(ctx, Batch{Way: WayLane, Lane: lane, Events: out})
	if err == nil {
		err = ticket.Wait(ctx)
	}
	if err != nil {
		return false, err
	}
	l.change(func() { l.known.Sent += uint64(len(out)) })
	if l.config.Confirm == ByTransport {
		return true, nil
	}
	timer := time.NewTimer(l.config.ReceiptWithin)
	defer timer.Stop()
	inTime, err := l.await(ctx, timer.C, func() bool { return len(batch.left) == 0 || !l.ready() })
	if err != nil {
		return false, err
	}
	if !inTime {
		l.log.Warn("receipt is overdue: sending again", "epoch", batch.epoch, "lane", lane)
		l.change(func() { l.known.Overdue++ })
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(batch.left) == 0, nil
}

// receiptOfOlder takes a receipt for what is on its way of an older epoch. l.mu
// is held.
func (l *line) receiptOfOlder(r Receipt) {
	b := l.olderBatch
	if b == nil {
		return
	}
	delete(b.left, r.ID)
	if r.Epoch != b.epoch || r.Lane != b.lane {
		return
	}
	for id, sequence := range b.left {
		if sequence <= r.Through {
			delete(b.left, id)
		}
	}
}

// await returns when the condition holds, which is asked with l.mu held; false
// when the time came first.
func (l *line) await(ctx context.Context, until <-chan time.Time, holds func() bool) (bool, error) {
	for {
		l.mu.Lock()
		kick, ok := l.kick, holds()
		l.mu.Unlock()
		if ok {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-until:
			return false, nil
		case <-kick:
		}
	}
}
