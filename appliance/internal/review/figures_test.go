package review_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// figures are what the days cost.
func (s *sim) figures() map[string]float64 {
	t := s.t
	s.book = s.newBook()
	s.catchUp()
	slices.Sort(s.steps)
	var state int
	_, err := s.desk.View(t.Context(), func(k *desk.State) {
		bytes, err := k.Bytes()
		require.NoError(t, err)
		state = len(bytes)
	})
	require.NoError(t, err)
	kept, err := s.book.Bytes()
	require.NoError(t, err)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	from := monday(t).Format(time.DateOnly)
	began := time.Now()
	_, err = s.book.Review(t.Context(), s.journal.Last(), review.Query{From: from, To: monday(t).AddDate(0, 0, 6).Format(time.DateOnly), CompareFrom: from, CompareTo: from})
	require.NoError(t, err)
	report := time.Since(began)

	checkpointed := s.startTime()
	require.NoError(t, s.desk.Checkpoint(t.Context()))
	stopped := s.startTime()
	require.NoError(t, s.journal.Close())
	checkpoints, err := filepath.Glob(filepath.Join(s.dir, "journal", "checkpoints", "*"))
	require.NoError(t, err)
	for _, path := range checkpoints {
		require.NoError(t, os.Remove(path))
	}
	began = time.Now()
	s.open()
	bare := time.Since(began)

	f := map[string]float64{
		"events": float64(s.journal.Last()), "incidents": float64(len(s.truth.real())), "inputs": float64(len(s.steps)),
		"step-p50-us": float64(s.steps[len(s.steps)/2].Microseconds()), "step-p99-us": float64(s.steps[len(s.steps)*99/100].Microseconds()),
		"state-MB": float64(state) / 1e6, "review-MB": float64(len(kept)) / 1e6, "heap-MB": float64(m.HeapAlloc) / 1e6,
		"report-ms": float64(report.Microseconds()) / 1e3, "start-ms": float64(checkpointed.Milliseconds()),
		"start-after-stop-ms": float64(stopped.Milliseconds()), "start-bare-ms": float64(bare.Milliseconds()),
	}
	for name, value := range f {
		t.Logf("%-22s %.1f", name, value)
	}
	return f
}

// startTime closes the box as a kill would find it, and starts it.
func (s *sim) startTime() time.Duration {
	s.journal.sync(s.t)
	require.NoError(s.t, s.journal.Close())
	began := time.Now()
	s.open()
	return time.Since(began)
}
