package journal

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// benchDraft becomes a record of about 600 bytes.
func benchDraft(n int64) bridge.Draft {
	now := bridge.At(time.Now())
	return bridge.Draft{ID: fmt.Sprintf("01JD%022d", n), Type: "watchpost.alert.raised", Subject: "incidents/01JD0000000000000000000000",
		Lane: bridge.Alarm, Severity: "P0", Time: now, Recorded: now, Data: json.RawMessage(`{"schema":1,"note":"x"}`)}
}

// BenchmarkAppend: callers append one event each and wait for its sync.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j := openTest(b, b.TempDir())
			var left atomic.Int64
			left.Store(int64(b.N))
			waits := make([][]time.Duration, callers)
			var group sync.WaitGroup
			b.ResetTimer()
			for caller := range callers {
				group.Go(func() {
					for n := left.Add(-1); n >= 0; n = left.Add(-1) {
						start := time.Now()
						_, ticket, err := j.Append([]bridge.Draft{benchDraft(n)})
						if err == nil {
							err = ticket.Wait(b.Context())
						}
						if err != nil {
							b.Error(err)
							return
						}
						waits[caller] = append(waits[caller], time.Since(start))
					}
				})
			}
			group.Wait()
			b.StopTimer()
			all := slices.Concat(waits...)
			slices.Sort(all)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkBadger is the peer: badger itself with the same options, 600-byte
// values, so many a transaction.
func BenchmarkBadger(b *testing.B) {
	for _, batch := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			j := openTest(b, b.TempDir())
			value := []byte(strings.Repeat("x", 600))
			b.ResetTimer()
			for n := 0; n < b.N; n += batch {
				require.NoError(b, j.db.Update(func(txn *badger.Txn) error {
					for i := range batch {
						if err := txn.Set(placeKeyOfBench(n+i), value); err != nil {
							return err
						}
					}
					return nil
				}))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func placeKeyOfBench(n int) []byte { return append([]byte("bench"), placeValue(uint64(n))...) }

// BenchmarkReadLane: pages of 500, as a forwarder reads them.
func BenchmarkReadLane(b *testing.B) {
	j := openTest(b, b.TempDir())
	const total = 20_000
	for n := 0; n < total; n += 1000 {
		drafts := make([]bridge.Draft, 1000)
		for i := range drafts {
			drafts[i] = benchDraft(int64(n + i))
		}
		appendWait(b, j, drafts...)
	}
	b.ResetTimer()
	read := 0
	for read < b.N {
		records, err := j.ReadLane(bridge.Alarm, uint64(read%total), 500)
		require.NoError(b, err)
		read += len(records)
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "events/s")
}
