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

// loop plays units n times over, as a looping camera does: timestamps go on.
func loop(units []*ingest.Unit, n int) []*ingest.Unit {
	var out []*ingest.Unit
	for i := range n {
		for _, u := range units {
			c := *u
			ticks := int64(i * len(units) * ingest.ClockRate / 25)
			shift := time.Duration(i*len(units)) * time.Second / 25
			c.PTS, c.DTS, c.Received, c.Captured = u.PTS+ticks, u.DTS+ticks, u.Received.Add(shift), u.Captured.Add(shift)
			out = append(out, &c)
		}
	}
	return out
}

func rect(x0, y0, x1, y1 float64) []vision.Point {
	return []vision.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}}
}

// scene is footage with the picture in which somebody first stands in a zone
// that was empty for 5 s before, each time the footage is played over.
type scene struct {
	path          string
	before        []string // of the input, for ffmpeg
	width, height int
	zone          []vision.Point
	first         int // picture, at 25 a second
}

// watch plays the scene twice over and returns in which pictures of the second
// round the rule was met (before the first there is nothing to be empty).
func (sc scene) watch(t *testing.T, objects vision.ObjectDetector) []int {
	t.Helper()
	start := time.Now()
	units := footage.Units(t, footage.File(t, sc.path, sc.before), sc.width, sc.height, 25, start)
	rec := &recorder{}
	a, err := vision.NewAnalyzer(vision.Config{
		Camera: "test", MaxLag: -1,
		Zones: map[string][]vision.Point{"zone": sc.zone},
		Rules: []vision.Rule{{Name: "enter", Kind: vision.Intrusion, Zone: "zone"}},
	}, parts(objects, rec.take))
	require.NoError(t, err)
	require.NoError(t, a.Run(context.Background(), &list{loop(units, 2)}))

	st := a.Stats()
	t.Logf("%d pictures a round: %+v", len(units), st)
	require.Equal(t, uint64(2*len(units)), st.Decoded)
	require.Zero(t, st.Open)
	require.Zero(t, st.DecodeErrors+st.DetectErrors+st.Skipped)
	raised := rec.phase(vision.Raised)
	require.Len(t, rec.phase(vision.Ended), len(raised))
	var at []int
	for _, s := range raised {
		require.Equal(t, vision.Person, s.Class)
		require.GreaterOrEqual(t, s.Confidence, vision.DefaultMinScore)
		require.True(t, vision.Inside(s.Box.Foot(), sc.zone))
		img, err := jpeg.Decode(bytes.NewReader(s.Snapshot))
		require.NoError(t, err)
		require.Equal(t, image.Pt(sc.width, sc.height), img.Bounds().Size())
		n := int(math.Round(s.FrameAt.Sub(start).Seconds() * 25))
		if n >= len(units) {
			at = append(at, n%len(units))
		}
	}
	return at
}

// demo is the scene of the demo. The ground truth of PETS09 S2.L1 has the
// person in the zone from picture 347 of this cut on.
func demo(t *testing.T) scene {
	return scene{
		path: footage.Pedestrians(t), before: []string{"-ss", "24.4", "-t", "18"}, width: 768, height: 576,
		zone: rect(0.4, 0.65, 0.95, 0.98), first: 347,
	}
}

func TestAPersonWalksIntoTheZone(t *testing.T) {
	for _, backend := range []string{detect.Auto, detect.HOG} { // the best there is, and what is always there
		t.Run(backend, func(t *testing.T) {
			objects, _ := open(t, backend)
			sc := demo(t)
			at := sc.watch(t, objects)
			require.Len(t, at, 1, "once a round")
			require.InDelta(t, sc.first, at[0], 10)
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
