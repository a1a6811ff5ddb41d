package detect_test

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"log/slog"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// open takes the best backend there is on this machine, and says which.
func open(t testing.TB, backend string) (*detect.Detector, detect.Info) {
	t.Helper()
	d, info, err := detect.Open(detect.Options{
		Backend: backend, Model: "yolox_nano.onnx", Library: "libonnxruntime.so.1",
		Dirs: []string{footage.ModelsDir(), footage.Shared("models")}, Wait: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	if info.Why != "" {
		t.Logf("objects by %s, because %s", info.Backend, info.Why)
	} else {
		t.Logf("objects by %s", info.Backend)
	}
	return d, info
}

// recorder is a sink that keeps what it was told.
type recorder struct {
	mu  sync.Mutex
	all []vision.Sighting
}

func (r *recorder) take(_ context.Context, s vision.Sighting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
}

func (r *recorder) phase(p vision.Phase) []vision.Sighting {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []vision.Sighting
	for _, s := range r.all {
		if s.Phase == p {
			out = append(out, s)
		}
	}
	return out
}

// list hands units over one after another, however slow the reader is.
type list struct{ units []*ingest.Unit }

func (l *list) Next(ctx context.Context) (*ingest.Unit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(l.units) == 0 {
		return nil, feed.ErrClosed
	}
	u := l.units[0]
	l.units = l.units[1:]
	return u, nil
}
func (l *list) Dropped() uint64 { return 0 }

func parts(objects vision.ObjectDetector, sink func(context.Context, vision.Sighting)) vision.Parts {
	return vision.Parts{
		Decoder: func() vision.Decoder { return avcodec.New(avcodec.Options{}) },
		Motion:  func(masks [][]vision.Point) vision.MotionDetector { return detect.NewMotion(masks) },
		Objects: objects, Stills: detect.Stills{}, Sink: sink, Log: slog.New(slog.DiscardHandler),
	}
}

func rect(x0, y0, x1, y1 float64) []vision.Point {
	return []vision.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
}

// TestAPersonWalksIntoTheZone is the scene of the demo: 18 s of PETS09 S2.L1 in
// which the zone is empty until, by the ground truth, somebody stands in it
// from picture 347 on. Every backend must say so then, and only then.
func TestAPersonWalksIntoTheZone(t *testing.T) {
	t.Parallel()
	start, zone := time.Now(), rect(0.4, 0.65, 0.95, 0.98)
	path := footage.File(t, footage.Pedestrians(t), []string{"-ss", "24.4", "-t", "18"})
	units := footage.Units(t, path, 768, 576, 25, start)
	for _, backend := range []string{detect.Auto, detect.HOG} { // the best there is, and what is always there
		t.Run(backend, func(t *testing.T) {
			objects, _ := open(t, backend)
			rec := &recorder{}
			a, err := vision.NewAnalyzer(vision.Config{
				Camera: "test", MaxLag: -1, Zones: map[string][]vision.Point{"road": zone},
				Rules: []vision.Rule{{Name: "enter", Kind: vision.Intrusion, Zone: "road"}},
			}, parts(objects, rec.take))
			require.NoError(t, err)
			require.NoError(t, a.Run(context.Background(), &list{units}))

			st := a.Stats()
			t.Logf("%+v", st)
			require.Equal(t, uint64(len(units)), st.Decoded)
			require.Zero(t, st.Open)
			require.Zero(t, st.DecodeErrors+st.DetectErrors+st.Skipped)
			raised := rec.phase(vision.Raised)
			require.Len(t, raised, 1)
			require.Len(t, rec.phase(vision.Ended), 1)
			s := raised[0]
			require.InDelta(t, 347, math.Round(s.FrameAt.Sub(start).Seconds()*25), 10)
			require.Equal(t, vision.Person, s.Class)
			require.GreaterOrEqual(t, s.Confidence, vision.DefaultMinScore)
			require.True(t, vision.Inside(s.Box.Foot(), zone))
			img, err := jpeg.Decode(bytes.NewReader(s.Snapshot))
			require.NoError(t, err)
			require.Equal(t, image.Pt(768, 576), img.Bounds().Size())
		})
	}
}

func TestOpenSaysWhatItChoseAndRefusesTheWrong(t *testing.T) {
	_, info, err := detect.Open(detect.Options{Model: "absent.onnx"})
	require.NoError(t, err)
	require.Equal(t, detect.HOG, info.Backend)
	require.Contains(t, info.Why, "absent.onnx")
	require.Equal(t, []vision.Class{vision.Person}, info.Classes)

	_, _, err = detect.Open(detect.Options{Backend: "cuda"})
	require.ErrorContains(t, err, `backend "cuda": want auto, onnxruntime, dnn or hog`)
	_, _, err = detect.Open(detect.Options{Backend: detect.DNN, Model: "absent.onnx"})
	require.ErrorContains(t, err, "absent.onnx")
	_, _, err = detect.Open(detect.Options{Model: "./detect.go"})
	require.ErrorContains(t, err, "./detect.go: not an ONNX model")
}
