package station

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// An effect that can never work does not hold up those behind it; one that
// cannot work now does, until it can.
func TestFollowPassesWhatCanNeverWork(t *testing.T) {
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	var drafts []bridge.Draft
	for i := range 4 {
		drafts = append(drafts, bridge.Draft{ID: fmt.Sprint(i), Type: "watchpost.test", Lane: bridge.Alarm})
	}
	_, ticket, err := j.Append(drafts)
	require.NoError(t, err)
	require.NoError(t, ticket.Wait(t.Context()))

	s := &Station{journal: j, log: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithTimeout(t.Context(), chainWithin)
	defer stop()
	var tried []string
	require.NoError(t, s.follow(ctx, "worker", func(_ context.Context, r bridge.Record) error {
		tried = append(tried, r.Event.ID)
		switch len(tried) {
		case 1:
			return fmt.Errorf("step: %w", &desk.InvalidError{Field: "part"})
		case 2:
			_, err := clip.New(clip.Options{}).Want(ctx, clip.Want{Camera: "gate"})
			return err
		case 3:
			return errors.New("disk is busy")
		case 5:
			stop()
		}
		return nil
	}))
	require.Equal(t, []string{"0", "1", "2", "2", "3"}, tried)
	require.EqualValues(t, 2, s.counts.givenUp.Load())
	position, err := j.Cursor("worker", "")
	require.NoError(t, err)
	require.EqualValues(t, 4, position)
}

// What a part says when it ends badly is not lost because it was told to end.
func TestStagesReportHowTheyEnded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	order := make(chan string, 2)
	end := func(name string, err error) stage {
		return stage{name, func(ctx context.Context) error { <-ctx.Done(); order <- name; return err }}
	}
	stop()
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))
	require.NoError(t, runStages(ctx, log, []stage{end("desk", errors.New("checkpoint not written")), end("source", context.Canceled)}, func(int) { t.Error("nothing hung") }))
	require.Contains(t, said.String(), `part=desk err="checkpoint not written"`)
	require.NotContains(t, said.String(), "source")
	require.Equal(t, "source", <-order, "the one that started last ends first")
	require.Equal(t, "desk", <-order)
}
