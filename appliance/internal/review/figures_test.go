package review_test

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// figures are what the days cost, by name with their unit.
func (s *sim) figures() map[string]float64 {
	t, f := s.t, map[string]float64{}
	slices.Sort(s.steps)
	f["step-p50-us"] = float64(s.steps[len(s.steps)/2].Microseconds())
	f["step-p99-us"] = float64(s.steps[len(s.steps)*99/100].Microseconds())
	f["events"], f["incidents"], f["inputs"] = float64(s.journal.Last()), float64(len(s.truth.real())), float64(len(s.steps))

	var state []byte
	_, err := s.desk.View(t.Context(), func(k *desk.State) {
		var err error
		state, err = k.Bytes()
		require.NoError(t, err)
	})
	require.NoError(t, err)
	f["checkpoint-MB"] = float64(len(state)) / 1e6
	before := inUse()
	restored, err := desk.Restore(state)
	require.NoError(t, err)
	f["state-MB"] = inUse() - before
	runtime.KeepAlive(restored)

	before = inUse()
	s.book = s.newBook()
	f["review-rebuilt-ms"], f["review-rebuilt-cpu-ms"] = cost(s.catchUp)
	f["review-MB"] = inUse() - before
	kept, err := s.book.Bytes()
	require.NoError(t, err)
	f["review-file-MB"] = float64(len(kept)) / 1e6
	from, to := monday(t).Format(time.DateOnly), monday(t).AddDate(0, 0, 6).Format(time.DateOnly)
	f["report-ms"], f["report-cpu-ms"] = cost(func() {
		_, err = s.book.Review(t.Context(), s.journal.Last(), review.Query{From: from, To: to, CompareFrom: from, CompareTo: to})
	})
	require.NoError(t, err)
	s.startFigures(f)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		t.Logf("%-22s %.1f", name, f[name])
	}
	return f
}

// startFigures are how long starts take: after a kill, after a stop with its
// checkpoint, and with every checkpoint lost.
func (s *sim) startFigures(f map[string]float64) {
	t := s.t
	reopen := func(name string) {
		s.journal.sync(t)
		require.NoError(t, s.journal.Close())
		f[name+"-ms"], f[name+"-cpu-ms"] = cost(s.open)
	}
	f["since-checkpoint"] = float64(s.journal.Last() - s.saved)
	reopen("start-after-kill")
	s.checkpoint()
	reopen("start-after-stop")
	checkpoints, err := filepath.Glob(filepath.Join(s.dir, "journal", "checkpoints", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, checkpoints)
	for _, path := range checkpoints {
		require.NoError(t, os.Remove(path))
	}
	reopen("start-bare")
}

// cost is what something takes, by the clock and of the processor: on a machine
// that does other things too the second says more.
func cost(do func()) (ms, cpuMS float64) {
	began, before := time.Now(), used()
	do()
	return float64(time.Since(began).Microseconds()) / 1e3, float64((used() - before).Microseconds()) / 1e3
}

func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// inUse is how much is in use, in MB.
func inUse() float64 {
	for range 3 { // what pools and finalizers hold goes with the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}
