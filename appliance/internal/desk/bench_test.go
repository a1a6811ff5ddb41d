package desk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// busy is a room with so many open incidents.
func busy(t testing.TB, open int) *room {
	r := newRoom(t)
	for i := range open {
		in := report(operator("li"))
		in.Kind = fmt.Sprint(i)
		drafts, _, err := r.rules.Step(r.state, bridge.At(r.now), [16]byte{1, byte(i), byte(i >> 8)}, in, nil)
		require.NoError(t, err)
		records, _, err := r.m.Append(drafts)
		require.NoError(t, err)
		for _, rec := range records {
			require.NoError(t, r.state.Apply(rec))
		}
	}
	return r
}

// BenchmarkStepPress is the decision about a press among 1,000 open incidents.
func BenchmarkStepPress(b *testing.B) {
	r := busy(b, 1000)
	require.Len(b, r.state.OpenIncidents(), 1000)
	in := press("P-1", "e1", ingest.PressAlarm, r.now)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.rules.Step(r.state, bridge.At(r.now), [16]byte{7}, in, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApplyPress folds the two events of a press among 1,000 open ones.
func BenchmarkApplyPress(b *testing.B) {
	r := busy(b, 1000)
	place := r.state.Place()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		drafts, _, err := r.rules.Step(r.state, bridge.At(r.now), [16]byte{7, byte(i), byte(i >> 8), byte(i >> 16)},
			press("P-1", fmt.Sprint(i), ingest.PressAlarm, r.now), nil)
		require.NoError(b, err)
		b.StartTimer()
		for _, d := range drafts {
			place++
			rec := bridge.Record{Place: place, Event: bridge.Event{ID: d.ID, Type: d.Type, Time: d.Time, RecordedTime: d.Recorded, Severity: d.Severity, Data: d.Data}}
			if err := r.state.Apply(rec); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkPresses is presses from many pillars through the whole desk onto the
// real journal, synced; p99 of the answers beside.
func BenchmarkPresses(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers, "callers"), func(b *testing.B) {
			d := openDesk(b, journals()["badger"](b), desk.SystemClock(), rand.NewChaCha8([32]byte{}))
			var mu sync.Mutex
			var took []time.Duration
			var wg sync.WaitGroup
			jobs := make(chan int)
			for range callers {
				wg.Go(func() {
					for i := range jobs {
						began := time.Now()
						_, err := d.Handle(context.Background(), press([]string{"P-1", "P-2"}[i%2], fmt.Sprint("e", i), ingest.PressAlarm, began))
						mu.Lock()
						took = append(took, time.Since(began))
						mu.Unlock()
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := range b.N {
				jobs <- i
			}
			close(jobs)
			wg.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "presses/s")
		})
	}
}

// BenchmarkPresses200PerSecond is what targets.md asks for: a press every 5 ms
// from many pillars; the p99 from the button to the disk.
func BenchmarkPresses200PerSecond(b *testing.B) {
	d := openDesk(b, journals()["badger"](b), desk.SystemClock(), rand.NewChaCha8([32]byte{}))
	took := make([]time.Duration, b.N)
	var wg sync.WaitGroup
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	b.ResetTimer()
	for i := range b.N {
		<-pace.C
		wg.Go(func() {
			began := time.Now()
			if _, err := d.Handle(context.Background(), press("P-1", fmt.Sprint("e", i), ingest.PressAlarm, began)); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(began)
		})
	}
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkPressInABusyRoom is a press at a further pillar while so many
// incidents are open.
func BenchmarkPressInABusyRoom(b *testing.B) {
	for _, open := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint("open=", open), func(b *testing.B) {
			f := newFlood(b)
			for i := range open {
				f.now = f.now.Add(time.Millisecond)
				in := report(operator("li"))
				in.Kind = fmt.Sprint("kind-", i)
				f.do(in)
			}
			in := press("P-1", "e", ingest.PressAlarm, f.now)
			for b.Loop() {
				_, _, err := f.rules.Step(f.state, bridge.At(f.now), [16]byte{}, in, nil)
				require.NoError(b, err)
			}
		})
	}
}
