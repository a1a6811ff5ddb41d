package detect_test

import (
	"bytes"
	"context"
	"image/jpeg"
	"log/slog"
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

func TestAPersonWalksIntoTheZone(t *testing.T) {
	path := footage.File(t, footage.Pedestrians(t), []string{"-ss", "0", "-t", "12"})
	units := footage.Units(t, path, 768, 576, 25, time.Now())
	objects, info := open(t, detect.Auto)
	rec := &recorder{}
	a, err := vision.NewAnalyzer(vision.Config{
		Camera: "test", MaxLag: -1,
		Zones: map[string][]vision.Point{"lawn": {{X: 0.3, Y: 0.3}, {X: 0.95, Y: 0.3}, {X: 0.95, Y: 1}, {X: 0.3, Y: 1}}},
		Rules: []vision.Rule{{Name: "enter", Kind: vision.Intrusion, Zone: "lawn"}},
	}, parts(objects, rec.take))
	require.NoError(t, err)
	require.NoError(t, a.Run(context.Background(), &list{units}))

	raised := rec.phase(vision.Raised)
	st := a.Stats()
	t.Logf("%s: %+v", info.Backend, st)
	require.NotEmpty(t, raised)
	require.Equal(t, len(raised), len(rec.phase(vision.Ended)))
	require.Equal(t, uint64(len(units)), st.Decoded)
	require.InDelta(t, 60, st.Analysed, 1)
	for _, s := range raised {
		require.Equal(t, vision.Person, s.Class)
		require.Equal(t, "lawn", s.Zone)
		require.GreaterOrEqual(t, s.Confidence, vision.DefaultMinScore)
		require.True(t, vision.Inside(s.Box.Foot(), []vision.Point{{X: 0.29, Y: 0.29}, {X: 0.96, Y: 0.29}, {X: 0.96, Y: 1.01}, {X: 0.29, Y: 1.01}}))
		img, err := jpeg.Decode(bytes.NewReader(s.Snapshot))
		require.NoError(t, err)
		require.Equal(t, 768, img.Bounds().Dx())
		require.Equal(t, 576, img.Bounds().Dy())
		require.False(t, s.ReceivedAt.IsZero())
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
