package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// keep runs Keep for so long in virtual time and returns when each attempt
// began and what was logged.
func keep(t *testing.T, pace ingest.Pace, during time.Duration, attempt func(ctx context.Context, n int) error) ([]time.Duration, string) {
	t.Helper()
	var began []time.Duration
	var lines bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), during)
		defer cancel()
		log := slog.New(slog.NewTextHandler(&lines, nil))
		ingest.Keep(ctx, log, pace, func(ctx context.Context) error {
			began = append(began, time.Since(start))
			return attempt(ctx, len(began))
		})
		require.Equal(t, during, time.Since(start), "Keep returns when its context ends")
	})
	return began, lines.String()
}

// after is an attempt that fails after d.
func after(ctx context.Context, d time.Duration, why string) error {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return errors.New(why)
}

func TestKeepTriesAtLeastEveryMax(t *testing.T) {
	began, lines := keep(t, ingest.DefaultPace(), time.Minute, func(ctx context.Context, _ int) error {
		return after(ctx, time.Second, "dial: timeout")
	})
	for i := 1; i < len(began); i++ {
		require.LessOrEqual(t, began[i]-began[i-1], 1500*time.Millisecond)
		require.GreaterOrEqual(t, began[i]-began[i-1], 1100*time.Millisecond)
	}
	require.Equal(t, 1, strings.Count(lines, "lost, trying again"), lines)
	require.NotContains(t, lines, "recovered")
}

func TestKeepNeverSpins(t *testing.T) {
	began, lines := keep(t, ingest.Pace{}, 10*time.Second, func(context.Context, int) error { return nil })
	require.Less(t, len(began), 60)
	require.Contains(t, lines, ingest.ErrEnded.Error())
}

func TestKeepSaysRecoveredWhenItIs(t *testing.T) {
	_, lines := keep(t, ingest.DefaultPace(), time.Minute, func(ctx context.Context, n int) error {
		if n < 4 {
			return errors.New("refused")
		}
		<-ctx.Done()
		return nil
	})
	require.Equal(t, 1, strings.Count(lines, "lost, trying again"), lines)
	require.Contains(t, lines, "msg=recovered attempts=4")
}

func TestKeepSilentDeviceIsNotRecovered(t *testing.T) {
	_, lines := keep(t, ingest.DefaultPace(), time.Minute, func(ctx context.Context, _ int) error {
		return after(ctx, 4*time.Second, "silent")
	})
	require.Equal(t, 1, strings.Count(lines, "\n"), lines)
}

func TestKeepHonoursRetryAfter(t *testing.T) {
	began, lines := keep(t, ingest.DefaultPace(), 5*time.Minute, func(_ context.Context, n int) error {
		if n == 1 {
			return errors.New("refused")
		}
		return &ingest.RetryAfter{Wait: time.Minute, Err: errors.New("wrong password")}
	})
	for i := 2; i < len(began); i++ {
		require.GreaterOrEqual(t, began[i]-began[i-1], time.Minute)
		require.LessOrEqual(t, began[i]-began[i-1], 67*time.Second)
	}
	require.Equal(t, 1, strings.Count(lines, "wrong password"), "a refusal after another failure is said once: %s", lines)
	_, _ = keep(t, ingest.DefaultPace(), time.Second, func(context.Context, int) error {
		return &ingest.RetryAfter{Wait: -1, Err: errors.New("nonsense")}
	})
}

func TestKeepEndsWithItsAttempt(t *testing.T) {
	ended := false
	keep(t, ingest.DefaultPace(), time.Second, func(ctx context.Context, _ int) error {
		<-ctx.Done()
		ended = true
		return ctx.Err()
	})
	require.True(t, ended)
}
