package detect_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLive prints what two busy cameras of 768×576 at 25 pictures a
// second cost in real time: CPU seconds a second of one camera, everything but
// ingest, and how long after its arrival the picture that meets a rule has
// become a sighting.
func BenchmarkLive(b *testing.B) {
	const cameras, seconds = 2, 12
	path := footage.File(b, footage.Pedestrians(b), []string{"-ss", "35", "-t", "12"})
	for _, backend := range []string{detect.ONNXRuntime, detect.DNN, detect.HOG} {
		b.Run(backend, func(b *testing.B) {
			objects, _, err := detect.Open(detect.Options{Backend: backend, Model: "yolox_nano.onnx", Dirs: []string{footage.ModelsDir(), footage.Shared("models")}})
			require.NoError(b, err)
			defer objects.Close()
			for range b.N {
				var worst time.Duration
				var skipped uint64
				before := cpu(b)
				done := make(chan *vision.Analyzer, cameras)
				lags := make(chan time.Duration, 1000)
				for range cameras {
					units := feed.New[*ingest.Unit]()
					reader := units.Subscribe(75, func(u *ingest.Unit) bool { return u.Key })
					a, err := vision.NewAnalyzer(vision.Config{
						Camera: "live", Zones: map[string][]vision.Point{"all": rect(0.4, 0.65, 0.95, 0.98)},
						Rules: []vision.Rule{{Name: "all", Kind: vision.Intrusion, Zone: "all"}},
					}, parts(objects, func(_ context.Context, s vision.Sighting) {
						if s.Phase == vision.Raised {
							lags <- time.Since(s.ReceivedAt)
						}
					}))
					require.NoError(b, err)
					go func() {
						if err := a.Run(context.Background(), reader); err != nil {
							b.Error(err)
						}
						done <- a
					}()
					list := footage.Units(b, path, 768, 576, 25, time.Now())
					go func() {
						pace := time.NewTicker(time.Second / 25)
						defer pace.Stop()
						for _, u := range list {
							<-pace.C
							u.Received, u.Captured = time.Now(), time.Now()
							units.Publish(u)
						}
						units.Close()
					}()
				}
				for range cameras {
					st := (<-done).Stats()
					skipped += st.Skipped + st.Dropped
				}
				close(lags)
				n := 0
				for lag := range lags {
					worst = max(worst, lag)
					n++
				}
				b.ReportMetric((cpu(b)-before).Seconds()/cameras/seconds, "core/camera")
				b.ReportMetric(worst.Seconds()*1000, "ms-worst-lag")
				b.ReportMetric(float64(n), "sightings")
				b.ReportMetric(float64(skipped), "skipped")
			}
		})
	}
}
