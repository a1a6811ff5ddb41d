package station

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// deferredMax bounds what waits; the oldest goes first, and is counted.
const deferredMax = 1000

// deferred records what an uplink says of single events. Below the disk's
// reserve the journal takes alarms only: such a word then waits in memory, so
// that the alarms behind it go on. A restart loses what waits; the log has it.
type deferred struct {
	handle func(context.Context, desk.Input) (desk.Result, error)
	log    *slog.Logger

	late, lost atomic.Uint64 // for lack of space: put off, and dropped

	mu      sync.Mutex
	waiting []desk.Input
}

// noSpace reports whether the journal refused for lack of space.
func noSpace(err error) bool {
	return errors.Is(err, journal.ErrReserve) || errors.Is(err, journal.ErrFull)
}

// record hands the input to the desk, or keeps it when there is no space.
func (d *deferred) record(ctx context.Context, in desk.Input) error {
	_, err := d.handle(ctx, in)
	if !noSpace(err) {
		return err
	}
	d.late.Add(1)
	d.log.Error("not recorded yet: the disk is nearly full", "what", in, "err", err)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, in)
	if over := len(d.waiting) - deferredMax; over > 0 {
		d.waiting = slices.Delete(d.waiting, 0, over)
		d.lost.Add(uint64(over))
	}
	return nil
}

// again tries what waits, in order, as far as there is space. Only one
// goroutine may call it.
func (d *deferred) again(ctx context.Context) {
	d.mu.Lock()
	list := d.waiting
	d.waiting = nil
	d.mu.Unlock()
	for i, in := range list {
		_, err := d.handle(ctx, in)
		if err == nil {
			continue
		}
		if hopeless(err) {
			d.lost.Add(1)
			d.log.Error("given up: it can never work", "what", in, "err", err)
			continue
		}
		d.mu.Lock()
		d.waiting = append(slices.Clone(list[i:]), d.waiting...)
		d.mu.Unlock()
		return
	}
}
