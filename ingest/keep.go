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
	First  time.Duration // wait after the first failure; also the shortest wait
	Max    time.Duration // longest time from the beginning of one attempt to the next, if the attempt itself is shorter
	Steady time.Duration // how long an attempt must last to count as recovered
}

// DefaultPace tries again after 100 ms at first and then every 400 ms, or 100 ms
// after a dial that timed out: a refused connection costs one packet, and what
// is left of the 2 s until a camera that came back is live goes to its key
// frame. Ten seconds are longer than any time-out of a source that
// hears nothing, so that a device that accepts and then says nothing never
// counts as recovered.
func DefaultPace() Pace {
	return Pace{First: 100 * time.Millisecond, Max: 400 * time.Millisecond, Steady: 10 * time.Second}
}

func (p Pace) orDefault() Pace {
	d := DefaultPace()
	if p.First <= 0 {
		p.First = d.First
	}
	if p.Max < p.First {
		p.Max = max(d.Max, p.First)
	}
	if p.Steady <= 0 {
		p.Steady = d.Steady
	}
	return p
}

// ErrEnded stands for an attempt that returned nil though its context had not
// ended: the device hung up in good order.
var ErrEnded = errors.New("ended by the device")

// RetryAfter is an error of an attempt that must not be repeated sooner than
// Wait, whatever the pace: a refused password, for instance, since cameras
// lock accounts.
type RetryAfter struct {
	Wait time.Duration
	Err  error
}

func (e *RetryAfter) Error() string { return e.Err.Error() }
func (e *RetryAfter) Unwrap() error { return e.Err }

// Keep runs the attempt again and again until ctx ends, and returns after the
// last attempt has. A failure is logged once when it begins and once when it is
// over (an attempt has lasted pace.Steady); in between only a refusal
// (RetryAfter) is worth another line. Waits grow with jitter up to pace.Max,
// counted from the beginning of the attempt, and start anew after recovery.
func Keep(ctx context.Context, log *slog.Logger, pace Pace, attempt func(context.Context) error) {
	k := keeper{log: log, pace: pace.orDefault(), exp: backoff.NewExponentialBackOff()}
	k.exp.InitialInterval, k.exp.MaxInterval = k.pace.First, k.pace.Max
	k.exp.Reset()
	for ctx.Err() == nil {
		wait := k.once(ctx, attempt)
		if ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// keeper is Keep's memory from one attempt to the next.
type keeper struct {
	log      *slog.Logger
	pace     Pace
	exp      *backoff.ExponentialBackOff
	failures int  // since the last recovery
	refused  bool // the present failure was logged as a refusal
}

// once makes one attempt and returns how long to wait before the next.
func (k *keeper) once(ctx context.Context, attempt func(context.Context) error) time.Duration {
	began := time.Now()
	// Recovery is said when it happens, not when the next failure ends it.
	steady := make(chan struct{})
	failures := k.failures
	timer := time.AfterFunc(k.pace.Steady, func() {
		if failures > 0 {
			k.log.Info("recovered", "attempts", failures+1)
		}
		close(steady)
	})
	err := attempt(ctx)
	if !timer.Stop() {
		<-steady
		k.exp.Reset()
		k.failures, k.refused = 0, false
	}
	if err == nil {
		err = ErrEnded
	}
	k.failures++
	wait := min(k.exp.NextBackOff(), k.pace.Max)
	wait = max(k.pace.First, wait-time.Since(began))
	var later *RetryAfter
	refused := errors.As(err, &later)
	if refused && later.Wait > 0 {
		wait = max(wait, later.Wait+rand.N(later.Wait/10+1))
	}
	if ctx.Err() == nil && (k.failures == 1 || refused && !k.refused) {
		k.log.Warn("lost, trying again", "err", err, "wait", wait.Round(time.Millisecond))
	}
	k.refused = k.refused || refused
	return wait
}
