package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	outageHoursEnv = "WATCHPOST_OUTAGE_HOURS" // of BenchmarkDrain; the target's outage is 72
	eventsPerHour  = 20 * 3600
	drainShort     = 100_000
	urgentEvery    = 300 * time.Millisecond
	urgentMax      = time.Second // targets.md
)

// BenchmarkDrain is a long outage compressed in time: so many events are in the
// journal, the box is killed and starts again, then headquarters comes back
// behind a real mosquitto and answers with receipts. P0s are raised meanwhile.
func BenchmarkDrain(b *testing.B) {
	events := drainShort
	if hours := os.Getenv(outageHoursEnv); hours != "" {
		n, err := strconv.Atoi(hours)
		require.NoError(b, err, outageHoursEnv)
		events = n * eventsPerHour
	}
	for b.Loop() {
		d := drain(b, events)
		b.ReportMetric(float64(events)/d.took.Seconds(), "events/s")
		b.ReportMetric(float64(events)/d.filled.Seconds(), "stored/s")
		b.ReportMetric(float64(d.started.Milliseconds()), "start-ms")
		b.ReportMetric(float64(slices.Max(d.urgent).Milliseconds()), "P0-max-ms")
		b.ReportMetric(float64(d.used.Private>>20), "box-MB")
		b.ReportMetric(float64(d.used.Disk>>20), "disk-MB")
		b.ReportMetric(float64(d.cpu.Microseconds())/float64(events), "box-µs/event")
		b.ReportMetric(0, "ns/op")
		slices.Sort(d.urgent)
		b.Logf("%d events: stored in %s, start after a kill %s, drained in %s; %d P0 meanwhile, half within %s, all within %s; the box's own memory %d MB at most, while the store compacts, and %d MB at the end; journal %d MB",
			events, d.filled.Round(time.Millisecond), d.started.Round(time.Millisecond), d.took.Round(time.Millisecond), len(d.urgent), d.urgent[len(d.urgent)/2].Round(time.Millisecond),
			d.urgent[len(d.urgent)-1].Round(time.Millisecond), d.memory>>20, d.used.Private>>20, d.used.Disk>>20)
		require.LessOrEqual(b, d.urgent[len(d.urgent)-1], urgentMax)
	}
}

// TestDrain is its short form.
func TestDrain(t *testing.T) {
	d := drain(t, 4000)
	require.NotEmpty(t, d.urgent)
	require.Less(t, slices.Max(d.urgent), 30*urgentMax, "a machine that tests everything at once is slow")
}

type drained struct {
	filled, started, took time.Duration

	cpu    time.Duration // of the box, draining
	urgent []time.Duration
	memory int64 // of the box's own, at most
	used   usage
}

func drain(t testing.TB, events int) drained {
	dir := t.TempDir()
	broker := uplinktest.NewMosquitto(t)
	broker.Bare = true
	broker.Start()
	b := startBox(t, dir, broker.Addr())
	began := time.Now()
	require.Equal(t, "filled", b.ask(fmt.Sprint("fill ", events)))
	d := drained{filled: time.Since(began)}
	b.kill()
	began = time.Now()
	b = startBox(t, dir, broker.Addr())
	before := b.usage() // answered once it is open
	d.started = time.Since(began)

	began = time.Now()
	h := newHeadquarters(t, broker.Addr())
	tick := time.NewTicker(urgentEvery)
	defer tick.Stop()
	raised := map[string]time.Time{}
	for n := 0; ; n++ {
		id := fmt.Sprintf("P0-%06d", n)
		raised[id] = time.Now()
		require.Equal(t, "stored", b.ask("alarm "+id+" P0"))
		var last uint64
		h.look(func() { last = h.last })
		if d.memory = max(d.memory, b.usage().Private); last >= uint64(events) {
			break
		}
		<-tick.C
	}
	h.reach(uint64(events + len(raised)))
	h.hearNow(len(raised))
	d.took, d.used = time.Since(began), b.usage()
	d.cpu = d.used.CPU - before.CPU
	h.look(func() {
		require.NoError(t, h.broken)
		require.Zero(t, h.gaps)
		for id, at := range raised {
			require.Contains(t, h.now, id, "each P0 also goes at once")
			d.urgent = append(d.urgent, h.now[id].Sub(at))
		}
	})
	return d
}
