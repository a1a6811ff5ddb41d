package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

const appendEvery = 5 * time.Millisecond

// BenchmarkRecord is BenchmarkIngest with every camera recorded continuously,
// and a journal on the same disk that somebody appends to every 5 ms, synced:
// how long that takes beside so many cameras. cameras=0 is the journal alone.
func BenchmarkRecord(b *testing.B) {
	film := heavyFilm(b)
	for _, n := range []int{0, 1, 8, 32, 64} {
		b.Run(fmt.Sprintf("cameras=%d", n), func(b *testing.B) {
			for range b.N {
				recordMany(b, n, film)
			}
		})
	}
}

func recordMany(b *testing.B, n int, film string) {
	dir := b.TempDir()
	store := media.New(media.Options{Dir: filepath.Join(dir, "data"), MinFree: -1})
	require.NoError(b, store.Open())
	cutter := clip.New(clip.Options{Store: store, Trouble: func(camera string, err error) { b.Log(camera, err) }})
	require.NoError(b, cutter.Open())
	urls := startCameras(b, n, film)
	debug.FreeOSMemory()
	empty := resident(b)
	ctx, cancel := context.WithCancel(context.Background())
	var held sync.WaitGroup
	log := slog.New(slog.NewTextHandler(b.Output(), nil))
	sources := make([]*rtsp.Source, n)
	for i, url := range urls {
		units := feed.New[*ingest.Unit]()
		reader := units.Subscribe(clip.FeedSize, func(u *ingest.Unit) bool { return u.Key })
		held.Go(func() {
			cam := clip.Camera{ID: fmt.Sprint("cam-", i), Record: clip.Continuous, PreRoll: preRoll}
			if err := cutter.Hold(ctx, cam, reader); err != nil {
				b.Error(err)
			}
		})
		sources[i] = rtsp.New(rtsp.Config{Camera: ingest.CameraID(fmt.Sprint("cam-", i)), URL: url, Transport: rtsp.TCP, Deliver: units.Publish})
		held.Go(func() { ingest.Keep(ctx, log.With("camera", i), ingest.DefaultPace(), sources[i].Run) })
	}
	require.Eventually(b, func() bool {
		full := 0
		for _, c := range cutter.Stats().Cameras {
			if c.Held.To.Sub(c.Held.From) >= preRoll {
				full++
			}
		}
		return full == n
	}, 2*preRoll, 100*time.Millisecond)
	before, began, written := processor(b), time.Now(), store.Stats().Written
	quiet := time.NewTimer(look)
	<-quiet.C
	took := time.Since(began).Seconds()
	if n > 0 {
		b.ReportMetric((processor(b)-before).Seconds()/took/float64(n), "core/camera")
		b.ReportMetric(float64(store.Stats().Written-written)*8/1e6/took/float64(n), "Mbit/s/camera")
		b.ReportMetric((resident(b)-empty)/float64(n), "MB/camera")
	}
	waits := appendAlone(b, filepath.Join(dir, "journal"))
	b.ReportMetric(ms(percentile(waits, 50)), "append-p50-ms")
	b.ReportMetric(ms(percentile(waits, 99)), "append-p99-ms")
	b.ReportMetric(0, "ns/op")
	require.Zero(b, cutter.Stats().Missed, "units that left the ring before they were recorded")
	cancel()
	held.Wait()
}

// appendAlone appends 600 bytes every 5 ms for a while, and tells how long each
// took until it was synced.
func appendAlone(b *testing.B, dir string) (waits []time.Duration) {
	j, err := journal.Open(journal.Options{Dir: dir, Source: "/stations/bench/boxes/a"})
	require.NoError(b, err)
	data, err := json.Marshal(map[string]string{"note": string(bytes.Repeat([]byte{'x'}, 560))})
	require.NoError(b, err)
	tick := time.NewTicker(appendEvery)
	defer tick.Stop()
	for i := range int(look / appendEvery) {
		<-tick.C
		at := time.Now()
		_, ticket, err := j.Append([]bridge.Draft{{
			ID: fmt.Sprintf("%026d", i), Type: "watchpost.bench.noted", Subject: "bench", Time: bridge.At(at), Recorded: bridge.At(at), Lane: bridge.Alarm, Severity: "P1", Data: data,
		}})
		require.NoError(b, err)
		require.NoError(b, ticket.Wait(b.Context()))
		waits = append(waits, time.Since(at))
	}
	require.NoError(b, j.Close())
	return waits
}
