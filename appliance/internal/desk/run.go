package desk

import (
	"context"
	"fmt"
	"time"
)

// clockEvery is how often the wall clock is looked at when nothing happens.
const clockEvery = time.Second

// stopWithin bounds the last checkpoint.
const stopWithin = 30 * time.Second

// Run feeds a Tick at every deadline, writes checkpoints, and writes one more
// when ctx ends: the start after it is quick. It returns an error when the desk
// has failed, and then the process must end. No input may come after it has
// returned, or the last checkpoint lags behind; nothing is lost by that.
func (d *Desk) Run(ctx context.Context) error {
	written, retry := d.time.clock.Elapsed(), time.Duration(0)
	for {
		changed := d.Changed()
		timer := time.NewTimer(d.untilTick())
		select {
		case <-ctx.Done():
			timer.Stop()
			return d.stop(context.WithoutCancel(ctx))
		case <-d.dead:
			timer.Stop()
			return d.failed()
		case <-changed:
			timer.Stop()
		case <-timer.C:
			if err := d.tick(ctx); err != nil {
				return err
			}
		}
		if now := d.time.clock.Elapsed(); d.checkpointDue(now-written) && now >= retry {
			if err := d.Checkpoint(ctx); err != nil && ctx.Err() == nil {
				d.log.Error("checkpoint not written, the next start takes longer", "err", err)
				retry = now + checkpointRetry
			} else {
				written = now
			}
		}
	}
}

// checkpointDue: every 50,000 events or 10 minutes, when anything happened.
func (d *Desk) checkpointDue(since time.Duration) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	events := d.state.k.Place - d.checkpointed
	return events >= checkpointEvents || events > 0 && since >= checkpointEvery
}

// tick hands in a Tick when one is due, and looks at the clock in any case. A
// refusal of the journal is tried again at the next second.
func (d *Desk) tick(ctx context.Context) error {
	d.mu.Lock()
	if d.failure != nil {
		defer d.mu.Unlock()
		return d.failure
	}
	d.watchClock()
	deadline := d.state.Deadline()
	due := !deadline.IsZero() && !d.time.now(d.state.k.Now).Before(deadline.Time)
	d.mu.Unlock()
	if !due {
		return nil
	}
	if _, err := d.Handle(ctx, Tick{}); err != nil && ctx.Err() == nil {
		if dead := d.failed(); dead != nil {
			return dead
		}
		d.log.Error("escalation not recorded", "err", err)
		timer := time.NewTimer(clockEvery)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return nil
}

// untilTick is how long nothing is due, at most clockEvery.
func (d *Desk) untilTick() time.Duration {
	d.mu.RLock()
	defer d.mu.RUnlock()
	deadline := d.state.Deadline()
	if deadline.IsZero() {
		return clockEvery
	}
	return max(0, min(clockEvery, deadline.Sub(d.time.now(d.state.k.Now).Time)))
}

func (d *Desk) failed() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.failure
}

// stop writes the last checkpoint. The context of Run has ended already.
func (d *Desk) stop(ctx context.Context) error {
	if err := d.failed(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	return d.Checkpoint(ctx)
}

// Checkpoint writes the state beside the journal, unless that was done at this
// place before. The lock is held only to copy the maps: presses go on.
func (d *Desk) Checkpoint(ctx context.Context) error {
	d.checkpointing.Lock()
	defer d.checkpointing.Unlock()
	d.mu.Lock()
	if d.failure != nil || d.state.k.Place == d.checkpointed {
		defer d.mu.Unlock()
		return d.failure
	}
	k, ticket := d.state.k.copy(), d.ticket
	d.mu.Unlock()
	if err := d.wait(ctx, ticket); err != nil {
		return err
	}
	b, err := k.bytes()
	if err != nil {
		return err
	}
	if err := d.journal.Checkpoint(k.Place, b); err != nil {
		return fmt.Errorf("write checkpoint at place %d: %w", k.Place, err)
	}
	d.mu.Lock()
	d.checkpointed = k.Place
	d.mu.Unlock()
	return nil
}
