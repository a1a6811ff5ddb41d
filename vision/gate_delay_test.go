package vision_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// BenchmarkDelay is how long after the picture that met the rule its sighting
// is told, in real time: with everything decoded, and through the gate, which
// first has to look back to the key picture.
func BenchmarkDelay(b *testing.B) {
	objects := detector(b)
	for _, gop := range []int{50, 250} {
		scene := footage.Scene{Width: 1920, Height: 1080, Seconds: 34, Noise: 3, Encoder: footage.VBR("libx264", gop), Actors: []footage.Actor{
			{From: 28.5, To: 34, Height: 0.25, X: 0.1, Y: 0.5, Speed: 0.13},
		}}
		units := cut(b, footage.Cached(b, fmt.Sprintf("delay-%d.mp4", gop), func(out string) { scene.Encode(b, out) }), time.Unix(0, 0))
		for _, all := range []bool{true, false} {
			b.Run(fmt.Sprintf("GOP_%d_s/all=%t", gop/25, all), func(b *testing.B) {
				for range b.N {
					b.ReportMetric(delay(b, objects, units, all).Seconds(), "s-after-the-picture")
					b.ReportMetric(0, "ns/op")
				}
			})
		}
	}
}

// delay plays the units once, in real time.
func delay(b *testing.B, objects vision.ObjectDetector, units []*ingest.Unit, all bool) time.Duration {
	x := newBox(b, objects)
	var mu sync.Mutex
	var worst time.Duration
	var began time.Time
	x.parts.Sink = func(_ context.Context, s vision.Sighting) {
		if s.Phase == vision.Raised {
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, time.Since(s.FrameAt))
		}
	}
	cfg := street()
	cfg.MaxLag, cfg.DecodeAll = 0, all
	a, err := vision.NewAnalyzer(cfg, x.parts)
	require.NoError(b, err)
	f := feed.New[*ingest.Unit]()
	reader := f.Subscribe(75, func(u *ingest.Unit) bool { return u.Key })
	x.wg.Go(func() { _ = a.Run(context.Background(), reader) })
	began = time.Now()
	for i, u := range units {
		<-time.After(time.Until(began.Add(time.Duration(i) * time.Second / 25)))
		c := *u
		c.Received, c.Captured = time.Now(), time.Now()
		f.Publish(&c)
	}
	f.Close()
	x.wg.Wait()
	b.Logf("%v", a.Stats().Gate)
	return worst
}
