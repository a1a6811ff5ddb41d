package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// When the desk writes a checkpoint (journal.md).
const (
	checkpointEvents = 50_000
	checkpointEvery  = 10 * time.Minute
	checkpointRetry  = time.Minute // after one that could not be written
	foldBatch        = 4096        // records read at a time at the start
)

// Desk is the state, its journal and the lock around both. All methods may be
// called from many goroutines, after Open.
type Desk struct {
	rules   *Rules
	journal bridge.Appender
	log     *slog.Logger
	rand    io.Reader

	mu      sync.RWMutex
	state   *State
	time    *station
	ticket  bridge.Ticket // newest given out
	failure error         // of a sync or a fold: final
	changed chan struct{} // closed at the next event
	dead    chan struct{} // closed with failure

	checkpointing sync.Mutex
	checkpointed  uint64 // place of the newest checkpoint; guarded by mu
}

// New makes a desk over a journal. It does no I/O. rand gives the bytes that
// ids are made of.
func New(setup Setup, journal bridge.Appender, clock Clock, log *slog.Logger, rand io.Reader) (*Desk, error) {
	rules, err := NewRules(setup)
	if err != nil {
		return nil, fmt.Errorf("set up desk: %w", err)
	}
	return &Desk{
		rules: rules, journal: journal, log: log, rand: rand, state: NewState(), time: newStation(clock),
		changed: make(chan struct{}), dead: make(chan struct{}),
	}, nil
}

// Open loads the newest checkpoint and folds the journal after it.
func (d *Desk) Open(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	place, saved, err := d.journal.Newest()
	if err != nil {
		return fmt.Errorf("load checkpoint: %w", err)
	}
	if place == 0 {
		d.state = d.base()
	} else if d.state, err = Restore(saved); err != nil {
		d.log.Warn("checkpoint not usable, folding the journal from its beginning", "place", place, "err", err)
		d.state = d.base()
	}
	d.checkpointed = d.state.k.Place
	for ctx.Err() == nil {
		records, err := d.journal.Read(d.state.k.Place, foldBatch)
		if err != nil {
			return fmt.Errorf("read journal after %d: %w", d.state.k.Place, err)
		}
		for _, rec := range records {
			if rec.Place != d.state.k.Place+1 {
				return fmt.Errorf("fold journal: after place %d comes %d: the records between are gone, and no checkpoint covers them", d.state.k.Place, rec.Place)
			}
			if err := d.state.Apply(rec); err != nil {
				return err
			}
		}
		if len(records) == 0 {
			break
		}
	}
	if last := d.state.k.Now; !last.IsZero() {
		d.time.resume(last.Time)
	}
	return ctx.Err()
}

// Handle decides about an input, appends its events, folds them, and answers
// when all that the answer rests on is on the disk. An error of the input (see
// errors.go) or a refusal of the journal has changed nothing. When ctx ends
// first the input may have been stored: handled again it is a duplicate.
func (d *Desk) Handle(ctx context.Context, in Input) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("handle %T: %w", in, err)
	}
	d.mu.Lock()
	if d.failure != nil {
		defer d.mu.Unlock()
		return Result{}, d.failure
	}
	d.watchClock()
	since := d.state.k.Now
	result, err := d.step(in)
	if _, started := in.(StartedIn); started && err == nil {
		err = d.planRest(since, &result)
	}
	ticket := d.ticket
	d.mu.Unlock()
	if waited := d.wait(ctx, ticket); waited != nil {
		return Result{}, waited
	}
	return result, err
}

// planRest goes on with a start until everything of it is done.
func (d *Desk) planRest(since bridge.Stamp, result *Result) error {
	for range startStepsMax {
		more, err := d.step(PlanIn{Since: since})
		if err != nil {
			return err
		}
		if len(more.Events) == 0 {
			return nil
		}
		result.Place, result.Events = more.Place, append(result.Events, more.Events...)
	}
	return nil
}

// step does all of Handle that needs the lock.
func (d *Desk) step(in Input) (Result, error) {
	hit, err := d.find(in)
	if err != nil {
		return Result{}, err
	}
	var random [16]byte
	if _, err := io.ReadFull(d.rand, random[:]); err != nil {
		return Result{}, fmt.Errorf("read random bytes: %w", err)
	}
	drafts, answer, err := d.rules.Step(d.state, d.time.now(d.state.k.Now), random, in, hit)
	result := Result{
		Place: d.state.k.Place, Duplicate: answer.Duplicate, Incident: answer.Incident, Alert: answer.Alert, Task: answer.Task, Hold: answer.Hold, Round: answer.Round, Approval: answer.Approval, Handover: answer.Handover, Warning: answer.Warning,
	}
	if err != nil || len(drafts) == 0 {
		return result, err
	}
	records, ticket, err := d.journal.Append(drafts)
	if err != nil {
		return Result{}, fmt.Errorf("append %s: %w", drafts[0].Type, err)
	}
	d.ticket = ticket
	for _, rec := range records {
		if err := d.state.Apply(rec); err != nil {
			return Result{}, d.fail(err)
		}
	}
	close(d.changed)
	d.changed = make(chan struct{})
	result.Place, result.Events = d.state.k.Place, records
	return result, nil
}

// find looks the input's keys up, pending records included.
func (d *Desk) find(in Input) (*bridge.Record, error) {
	for _, key := range Keys(in) {
		rec, found, err := d.journal.Find(key)
		if err != nil {
			return nil, fmt.Errorf("find key %s: %w", key, err)
		}
		if found {
			return &rec, nil
		}
	}
	return nil, nil
}

// watchClock records a step of the wall clock.
func (d *Desk) watchClock() {
	from, to, ok := d.time.stepped()
	if !ok {
		return
	}
	d.log.Warn("the wall clock was stepped", "from", from, "to", to)
	if _, err := d.step(clockIn{From: from, To: to}); err != nil {
		d.log.Error("clock step not recorded", "err", err)
	}
}

// wait waits for a ticket. A failed sync is the end of the desk.
func (d *Desk) wait(ctx context.Context, ticket bridge.Ticket) error {
	if ticket == nil {
		return nil
	}
	err := ticket.Wait(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("wait for the journal: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fail(fmt.Errorf("sync journal: %w", err))
}

// fail stops the desk for good; the first reason stays.
func (d *Desk) fail(err error) error {
	if d.failure == nil {
		d.failure = fmt.Errorf("desk stopped: %w", err)
		close(d.dead)
	}
	return d.failure
}
