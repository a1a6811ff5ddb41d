package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

// Effects are carried out from the journal by workers with a cursor of their
// own: a crash between deciding and doing repeats them, and each is idempotent.

const (
	effectBatch    = 256
	effectRetryMax = 5 * time.Second
)

// follow gives every record to do, in order, from the worker's cursor on. A
// record that fails is tried again until it works, and later ones wait; one
// that can never work is counted, and they do not.
func (s *Station) follow(ctx context.Context, worker string, do func(context.Context, bridge.Record) error) error {
	place, err := s.journal.Cursor(worker, "")
	if err != nil {
		return fmt.Errorf("read cursor of %s: %w", worker, err)
	}
	for {
		changed := s.journal.Changed()
		records, err := s.journal.Read(place, effectBatch)
		var retired *bridge.RetiredError
		if errors.As(err, &retired) {
			place = retired.Through // a worker that is new
			continue
		}
		if err != nil {
			return fmt.Errorf("read journal for %s: %w", worker, err)
		}
		for _, record := range records {
			if err := s.persist(ctx, s.log.With("worker", worker, "event", record.Event.ID), func() error { return do(ctx, record) }); err != nil {
				return nil // ctx has ended
			}
			place = record.Place
			if err := s.journal.SaveCursor(worker, "", place); err != nil {
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

// persist calls try until it works, can never work, or ctx ends; only then it
// returns an error, ctx's.
func (s *Station) persist(ctx context.Context, log *slog.Logger, try func() error) error {
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
		if hopeless(err) {
			s.counts.givenUp.Add(1)
			log.Error("given up: it can never work", "err", err)
			return nil
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

// hopeless reports whether an error is about what was asked, and not about the
// state in which the box is: the same would be refused the next time.
func hopeless(err error) bool {
	var invalid *desk.InvalidError
	var unknown *desk.NotFoundError
	var forbidden *desk.ForbiddenError
	var illegal *desk.IllegalError
	var malformed *pillar.Malformed
	switch {
	case errors.As(err, &invalid), errors.As(err, &unknown), errors.As(err, &forbidden), errors.As(err, &illegal), errors.As(err, &malformed):
		return true
	case errors.Is(err, journal.ErrTooLarge), errors.Is(err, journal.ErrDraft), errors.Is(err, media.ErrName), errors.Is(err, clip.ErrRefused):
		return true
	}
	return false
}
