package station

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// ended is a stage that notes when it has ended, as it should.
func ended(name string, order *[]string) stage {
	return stage{name, func(ctx context.Context) error {
		<-ctx.Done()
		*order = append(*order, name)
		return nil
	}}
}

// One stage fails and another hangs on its way out: the process must not stay.
func TestStageThatHangsEndsTheProcess(t *testing.T) {
	for name, stop := range map[string]bool{"after a failure": false, "after a signal": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []string
				var lines bytes.Buffer
				broken, stuck := errors.New("the disk is gone"), make(chan struct{})
				status, began := 0, time.Now()
				var took time.Duration
				exit := func(s int) {
					status, took = s, time.Since(began)
					close(stuck) // in a process nothing comes after it
				}
				ctx, cancel := context.WithCancel(t.Context())
				fails := func(ctx context.Context) error {
					if stop {
						cancel()
						<-ctx.Done()
						return nil
					}
					return broken
				}
				stages := []stage{ended("desk", &order), {"wall", func(context.Context) error { <-stuck; return nil }}, {"broker", fails}}
				err := runStages(ctx, slog.New(slog.NewTextHandler(&lines, nil)), stages, exit)
				cancel()
				require.Equal(t, hungStatus, status)
				require.Equal(t, stageHung, took)
				require.Contains(t, lines.String(), "part=wall")
				require.Equal(t, stop, err == nil)
				if !stop {
					require.ErrorIs(t, err, broken)
				}
				require.Equal(t, []string{"desk"}, order)
			})
		})
	}
}
