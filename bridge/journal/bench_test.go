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

// stretchEvents is how much of each is measured before it is the other's turn:
// what else the machine does meets both.
const stretchEvents = 4096

// BenchmarkAppend: callers append one event each and wait for its sync, in turn
// with badger itself: the same options, 600-byte values, as many a transaction
// as there are callers. ratio is events/s of the one by the other.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j, peer := openTest(b, b.TempDir()), openTest(b, b.TempDir())
			appends := &appending{j: j, waits: make([][]time.Duration, callers)}
			var own, peers time.Duration
			b.ResetTimer()
			for at := 0; at < b.N; at += stretchEvents {
				n := min(stretchEvents, b.N-at)
				start := time.Now()
				appends.run(b, int64(n))
				own += time.Since(start)
				b.StopTimer()
				start = time.Now()
				setBatches(b, peer.db, at, n, callers)
				peers += time.Since(start)
				b.StartTimer()
			}
			b.StopTimer()
			all := slices.Concat(appends.waits...)
			slices.Sort(all)
			b.ReportMetric(float64(b.N)/own.Seconds(), "events/s")
			b.ReportMetric(float64(b.N)/peers.Seconds(), "badger/s")
			b.ReportMetric(peers.Seconds()/own.Seconds(), "ratio")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// appending is callers that append and wait.
type appending struct {
	j     *Journal
	n     atomic.Int64 // appended so far
	waits [][]time.Duration
}

// run appends so many more.
func (a *appending) run(b *testing.B, more int64) {
	end := a.n.Load() + more
	var left atomic.Int64
	left.Store(more)
	var group sync.WaitGroup
	for caller := range a.waits {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				_, ticket, err := a.j.Append([]bridge.Draft{benchDraft(a.n.Add(1))})
				if err == nil {
					err = ticket.Wait(b.Context())
				}
				if err != nil {
					b.Error(err)
					return
				}
				a.waits[caller] = append(a.waits[caller], time.Since(start))
			}
		})
	}
	group.Wait()
	require.Equal(b, end, a.n.Load())
}

// setBatches writes n values behind the first at ones, so many a transaction.
func setBatches(b *testing.B, db *badger.DB, at, n, batch int) {
	value := []byte(strings.Repeat("x", 600))
	for last := at + n; at < last; at += batch {
		require.NoError(b, db.Update(func(txn *badger.Txn) error {
			for i := range min(batch, last-at) {
				if err := txn.Set(placeKeyOfBench(at+i), value); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// BenchmarkBadger is the peer at the batch that suits it best.
func BenchmarkBadger(b *testing.B) {
	j := openTest(b, b.TempDir())
	setBatches(b, j.db, 0, b.N, 256)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
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
