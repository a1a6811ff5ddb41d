package vision_test

import (
	"context"
	"log/slog"
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

// reel gives units one after another, as fast as they are taken.
type reel struct {
	units []*ingest.Unit
	n     int
}

func (r *reel) Next(context.Context) (*ingest.Unit, error) {
	if r.n == len(r.units) {
		return nil, feed.ErrClosed
	}
	r.n++
	return r.units[r.n-1], nil
}

func (r *reel) Dropped() uint64 { return 0 }

// seen is a sighting, and how much footage had come when it was told.
type seen struct {
	vision.Sighting
	told time.Duration
}

// street is a camera over PETS09's crossing.
func street() vision.Config {
	return vision.Config{
		Camera: "street", FPS: 5, MaxLag: -1,
		Zones: map[string][]vision.Point{"all": {{X: 0.02, Y: 0.1}, {X: 0.98, Y: 0.1}, {X: 0.98, Y: 1}, {X: 0.02, Y: 1}}},
		Lines: map[string]vision.Line{"up": {From: vision.Point{X: 0.5, Y: 1}, To: vision.Point{X: 0.5, Y: 0}}},
		Rules: []vision.Rule{
			{Name: "in", Kind: vision.Intrusion, Zone: "all"},
			{Name: "across", Kind: vision.Tripwire, Line: "up"},
		},
	}
}

func detector(t testing.TB) *detect.Detector {
	t.Helper()
	d, info, err := detect.Open(detect.Options{
		Model: "yolox_nano.onnx", Library: "libonnxruntime.so.1", Wait: time.Minute,
		Dirs: []string{footage.ModelsDir(), footage.Shared("models")},
	})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	t.Logf("objects by %s", info.Backend)
	return d
}

func cut(t testing.TB, path string, start time.Time) []*ingest.Unit {
	t.Helper()
	r, err := avcodec.OpenFile(path, "street", start)
	require.NoError(t, err)
	defer r.Close()
	var units []*ingest.Unit
	for {
		u, err := r.Next(t.Context())
		if err != nil {
			break
		}
		units = append(units, u)
	}
	require.NotEmpty(t, units)
	return units
}

// observe runs a camera over footage and returns what was raised.
func observe(t testing.TB, cfg vision.Config, objects vision.ObjectDetector, units []*ingest.Unit) ([]seen, vision.Stats) {
	t.Helper()
	r := &reel{units: units}
	keys := vision.NewKeys(func() vision.Decoder { return avcodec.New(avcodec.Options{}) })
	defer keys.Close()
	var all []seen
	a, err := vision.NewAnalyzer(cfg, vision.Parts{
		Decoder: func() vision.Decoder { return avcodec.New(avcodec.Options{}) }, Keys: keys,
		Motion:  func(masks [][]vision.Point) vision.MotionDetector { return detect.NewMotion(masks) },
		Objects: objects, Stills: detect.Stills{}, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Sink: func(_ context.Context, s vision.Sighting) {
			if s.Phase == vision.Raised {
				all = append(all, seen{s, r.units[r.n-1].Received.Sub(units[0].Received)})
			}
		},
	})
	require.NoError(t, err)
	require.NoError(t, a.Run(t.Context(), r))
	return all, a.Stats()
}

// compare demands that the gate misses nothing that full decoding sees, and
// says how much later it was told, at most.
func compare(t testing.TB, cfg vision.Config, objects vision.ObjectDetector, units []*ingest.Unit) (full, gated []seen, late time.Duration, st vision.Stats) {
	t.Helper()
	cfg.DecodeAll = true
	full, _ = observe(t, cfg, objects, units)
	cfg.DecodeAll = false
	gated, st = observe(t, cfg, objects, units)
	for _, s := range full {
		near := -1
		for i, g := range gated {
			if g.Rule == s.Rule && g.Direction == s.Direction && (near < 0 || (g.FrameAt.Sub(s.FrameAt)).Abs() < gated[near].FrameAt.Sub(s.FrameAt).Abs()) {
				near = i
			}
		}
		if near < 0 || gated[near].FrameAt.Sub(s.FrameAt).Abs() > time.Second {
			t.Errorf("missed: %s at %s", s.Rule, s.FrameAt.Sub(units[0].Received))
			continue
		}
		late = max(late, gated[near].told-s.told)
	}
	return full, gated, late, st
}

func TestWhoCrossesInsideOneGOPIsSeen(t *testing.T) {
	objects := detector(t)
	scene := footage.Scene{Width: 960, Height: 540, Seconds: 44, Noise: 3, Encoder: footage.VBR("libx264", 250), Actors: []footage.Actor{
		{From: 31.5, To: 37.5, Height: 0.25, X: 0.1, Y: 0.5, Speed: 0.13},
	}}
	units := cut(t, scene.Make(t), time.Unix(0, 0).UTC())
	full, gated, late, st := compare(t, street(), objects, units)
	require.NotEmpty(t, full)
	t.Logf("full %d, gated %d, later by %s, %+v, decoded %d of %d", len(full), len(gated), late, st.Gate, st.Decoded, len(units))
	require.Len(t, gated, len(full))
	require.LessOrEqual(t, late, 500*time.Millisecond)
	require.Equal(t, vision.GateQuiet, st.Gate.State)
	require.Positive(t, st.Gate.Caught)
}
