package wall_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
	"github.com/watchpost-edge/watchpost/bridge"
)

// newReview is the projection of the box, running.
func newReview(t *testing.T, j bridge.Reader, d *desk.Desk, dir string) *review.Book {
	book := review.New(review.Options{
		Journal: j, Desk: d, Dir: dir, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
		Write: func(path string, write func(io.Writer) error) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return write(f)
		},
	})
	require.NoError(t, book.Open())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- book.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return book
}

func TestReviewAnswers(t *testing.T) {
	b := newBox(t)
	b.press(t, "1")
	body := b.as(t, "operator").get("/api/v1/review?compare_from=2026-01-05&compare_to=2026-01-11", "Review")
	require.EqualValues(t, 1, body["totals"].(object)["incidents"])
	require.Equal(t, true, body["exact"])
}
