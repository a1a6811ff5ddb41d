package bench_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// checkpointEvents is the most that a start folds (journal.md).
const checkpointEvents = 50_000

// BenchmarkStart is from nothing to a room that can act: a journal of a million
// events is opened, and the desk folds what came after its newest checkpoint,
// as much as there can be.
func BenchmarkStart(b *testing.B) {
	dir, clock := aged(b, 1_000_000, checkpointEvents)
	for b.Loop() {
		began, before := time.Now(), used()
		j, d := openRoom(b, dir, clock)
		b.ReportMetric(time.Since(began).Seconds(), "s/start")
		b.ReportMetric((used() - before).Seconds(), "cpu-s/start")
		b.ReportMetric(0, "ns/op")
		state := 0
		_, err := d.View(b.Context(), func(s *desk.State) {
			bytes, err := s.Bytes()
			require.NoError(b, err)
			state = len(bytes)
		})
		require.NoError(b, err)
		b.Logf("%d events, state %d KB", j.Last(), state>>10)
		require.NoError(b, j.Close())
	}
}

// used is the processor time of this process so far: on a machine that does
// other things too it says more than the clock.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestStart is its short form.
func TestStart(t *testing.T) {
	dir, clock := aged(t, 20_000, 1000)
	began, before := time.Now(), used()
	j, _ := openRoom(t, dir, clock)
	t.Logf("%d events in %s", j.Last(), time.Since(began))
	require.Less(t, used()-before, 20*time.Second)
	require.NoError(t, j.Close())
}

// aged makes a journal of so many events, so many of them after the newest
// checkpoint and of a busy room.
func aged(t testing.TB, events, after uint64) (dir string, clock *hands) {
	t.Helper()
	dir, clock = t.TempDir(), &hands{wall: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	j, d := openRoom(t, dir, clock)
	playUntil(t, j, d, clock, after/10)
	for j.Last() < events-after {
		drafts := make([]bridge.Draft, min(1000, events-after-j.Last()))
		for i := range drafts {
			id, now := fmt.Sprintf("aged-%d", j.Last()+uint64(i)), bridge.At(clock.Wall())
			drafts[i] = bridge.Draft{ID: id, Key: "aged/" + id, Type: "watchpost.aged", Lane: bridge.Lanes()[i%4], Severity: "P3", Time: now, Recorded: now, Data: []byte(`{"schema":1}`)}
		}
		_, ticket, err := j.Append(drafts)
		require.NoError(t, err)
		require.NoError(t, ticket.Wait(t.Context()))
	}
	require.NoError(t, j.Close())
	j, d = openRoom(t, dir, clock)
	require.NoError(t, d.Checkpoint(t.Context()))
	playUntil(t, j, d, clock, events)
	require.NoError(t, j.Close())
	return dir, clock
}

func playUntil(t testing.TB, j *journal.Journal, d *desk.Desk, clock *hands, events uint64) {
	t.Helper()
	for day := 0; j.Last() < events; day++ {
		playDay(t, d, clock, int(j.Last())+day, 50)
	}
}

func openRoom(t testing.TB, dir string, clock *hands) (*journal.Journal, *desk.Desk) {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: dir, Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	d, err := desk.New(room(), j, clock, slog.New(slog.DiscardHandler), rand.Reader)
	require.NoError(t, err)
	require.NoError(t, d.Open(t.Context()))
	return j, d
}
