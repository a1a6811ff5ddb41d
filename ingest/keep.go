package ingest

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Pace is how Keep waits between attempts.
type Pace struct {
	First time.Duration // wait after the first failure
	Max   time.Duration // longest wait; also how long an attempt must last to count as recovered
}

// DefaultPace tries again after 100 ms at first and at least every 1.5 s.
func DefaultPace() Pace { return Pace{First: 100 * time.Millisecond, Max: 1500 * time.Millisecond} }

// RetryAfter is an error of an attempt that must not be repeated sooner than
// Wait, whatever the pace: a refused password, for instance, since cameras
// lock accounts.
type RetryAfter struct {
	Wait time.Duration
	Err  error
}

func (e *RetryAfter) Error() string { return e.Err.Error() }
func (e *RetryAfter) Unwrap() error { return e.Err }

// Keep runs the attempt again and again until ctx ends. A failure is logged
// once when it begins and once when it is over; waits grow with jitter up to
// pace.Max and start anew after an attempt that lasted at least that long.
func Keep(ctx context.Context, log *slog.Logger, pace Pace, attempt func(context.Context) error) {
	exp := backoff.NewExponentialBackOff()
	exp.InitialInterval, exp.MaxInterval = pace.First, pace.Max
	exp.Reset()
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= pace.Max {
			exp.Reset()
			if failures > 0 {
				log.Info("recovered", "attempts", failures+1)
			}
			failures = 0
		}
		failures++
		wait := min(exp.NextBackOff(), pace.Max)
		var later *RetryAfter
		if errors.As(err, &later) {
			wait = later.Wait + rand.N(later.Wait/10+1)
		}
		if failures == 1 && err != nil {
			log.Warn("lost, trying again", "err", err, "wait", wait.Round(time.Millisecond))
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}
