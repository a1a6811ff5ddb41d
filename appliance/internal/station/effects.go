package station

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Effects are carried out from the journal by workers with a cursor of their
// own: a crash between deciding and doing repeats them, and each is idempotent.

const (
	effectBatch    = 256
	effectRetryMax = 5 * time.Second
)

// follow gives every record to do, in order, from the worker's cursor on. A
// record that fails is tried again until it works: later ones wait.
func follow(ctx context.Context, log *slog.Logger, journal bridge.Reader, worker string, do func(context.Context, bridge.Record) error) error {
	place, err := journal.Cursor(worker, "")
	if err != nil {
		return fmt.Errorf("read cursor of %s: %w", worker, err)
	}
	for {
		changed := journal.Changed()
		records, err := journal.Read(place, effectBatch)
		if err != nil {
			return fmt.Errorf("read journal for %s: %w", worker, err)
		}
		for _, record := range records {
			if err := persist(ctx, log.With("worker", worker, "event", record.Event.ID), func() error { return do(ctx, record) }); err != nil {
				return nil // ctx has ended
			}
			place = record.Place
			if err := journal.SaveCursor(worker, "", place); err != nil {
				return fmt.Errorf("save cursor of %s: %w", worker, err)
			}
		}
		if len(records) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// persist calls try until it works or ctx ends; then it returns ctx's error.
func persist(ctx context.Context, log *slog.Logger, try func() error) error {
	pace := backoff.NewExponentialBackOff()
	pace.InitialInterval, pace.MaxInterval = 50*time.Millisecond, effectRetryMax
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil {
			if attempt > 1 {
				log.Info("done at last", "attempts", attempt)
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if attempt == 1 {
			log.Warn("trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pace.NextBackOff()):
		}
	}
}
