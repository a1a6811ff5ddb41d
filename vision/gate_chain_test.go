package vision_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
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

// seen is a sighting from its beginning to its end, and how much footage had
// come when it was raised.
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
	return observeWithin(t, nil, cfg, objects, units)
}

func observeWithin(t testing.TB, budget *vision.Budget, cfg vision.Config, objects vision.ObjectDetector, units []*ingest.Unit) ([]seen, vision.Stats) {
	t.Helper()
	r := &reel{units: units}
	keys := vision.NewKeys(func() vision.Decoder { return avcodec.New(avcodec.Options{}) })
	defer keys.Close()
	var all []seen
	a, err := vision.NewAnalyzer(cfg, vision.Parts{
		Decoder: func() vision.Decoder { return avcodec.New(avcodec.Options{}) }, Keys: keys, Budget: budget,
		Motion:  func(masks [][]vision.Point) vision.MotionDetector { return detect.NewMotion(masks) },
		Objects: objects, Stills: detect.Stills{}, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Sink: func(_ context.Context, s vision.Sighting) {
			if s.Phase == vision.Raised {
				all = append(all, seen{s, r.units[r.n-1].Received.Sub(units[0].Received)})
				return
			}
			for i := range all {
				if all[i].ID == s.ID {
					all[i].To = s.To
				}
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
		// One that covers this moment: where full decoding lost somebody and
		// began anew, the gate may not have.
		i := slices.IndexFunc(gated, func(g seen) bool {
			return g.Rule == s.Rule && g.Direction == s.Direction &&
				g.FrameAt.Before(s.FrameAt.Add(time.Second)) && g.To.After(s.FrameAt.Add(-time.Second))
		})
		if i < 0 {
			t.Errorf("missed: %s at %s", s.Rule, s.FrameAt.Sub(units[0].Received))
			continue
		}
		late = max(late, gated[i].told-s.told)
	}
	return full, gated, late, st
}

// hard is footage on which a gate may miss something.
func hard() map[string]footage.Scene {
	near := footage.Actor{From: 30, To: 37, Height: 0.25, X: 0.05, Y: 0.5, Speed: 0.13}
	far := footage.Actor{From: 30, To: 50, Height: 0.11, X: 0.3, Y: 0.3, Speed: 0.03}
	scene := func(encoder []string, noise int, light string, actors ...footage.Actor) footage.Scene {
		return footage.Scene{Width: 960, Height: 540, Seconds: 56, Noise: noise, Light: light, Encoder: encoder, Actors: actors}
	}
	late := footage.Actor{From: 130, To: 137, Height: near.Height, X: near.X, Y: near.Y, Speed: near.Speed}
	idling := scene(footage.VBR("libx264", 50), 3, "", late)
	idling.Seconds, idling.Lorry = 145, 15
	return map[string]footage.Scene{
		"a lorry idles for two minutes":      idling,
		"crosses inside a GOP of 10 s":       scene(footage.VBR("libx264", 250), 3, "", near),
		"crosses, H.265":                     scene(footage.VBR("libx265", 250), 3, "", near),
		"crosses, GOP of 2 s":                scene(footage.VBR("libx264", 50), 3, "", near),
		"crosses, constant bit rate":         scene(footage.CBR("1M", 50), 3, "", near),
		"far and small":                      scene(footage.VBR("libx264", 50), 2, "", far),
		"far and small, GOP of 10 s":         scene(footage.VBR("libx264", 250), 2, "", far),
		"comes, stands for 15 s, goes":       scene(footage.VBR("libx264", 50), 3, "", near, footage.Actor{From: 37, To: 50, Height: 0.25, X: 0.05 + 0.13*7, Y: 0.5}),
		"night: dark, and much noise":        scene(footage.VBR("libx264", 50), 10, "eq=brightness=-0.25:contrast=0.7", near),
		"dusk falls slowly":                  scene(footage.VBR("libx264", 50), 3, "eq=brightness='-0.006*t':eval=frame", near),
		"two, one after the other, both far": scene(footage.VBR("libx264", 100), 2, "", far, footage.Actor{From: 44, To: 54, Height: 0.14, X: 0.8, Y: 0.35, Speed: -0.05}),
	}
}

// BenchmarkNothingMissed fails when the gate misses a sighting that full
// decoding gives, and prints how much later the others are told.
func BenchmarkNothingMissed(b *testing.B) {
	objects := detector(b)
	scenes := hard()
	for _, name := range slices.Sorted(maps.Keys(scenes)) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			path := footage.Cached(b, "hard-"+strings.NewReplacer(" ", "-", ",", "", ".", "", ":", "").Replace(name)+".mp4", func(out string) { scenes[name].Encode(b, out) })
			units := cut(b, path, time.Unix(0, 0).UTC())
			for range b.N {
				full, gated, late, st := compare(b, street(), objects, units)
				report(b, full, gated, late, st, len(units))
				if len(gated) > len(full) {
					b.Errorf("told %d times, and by full decoding %d: one stay is one sighting", len(gated), len(full))
				}
			}
		})
	}
}

// BenchmarkNothingMissedReal is the same on real footage: people, one after
// another, through a doorway, with B-frames and keys far apart.
func BenchmarkNothingMissedReal(b *testing.B) {
	path := footage.Shared("footage", "one-by-one-person-detection.mp4")
	if path == "" {
		b.Log("the shared footage is not here, see WATCHPOST_SHARED")
		return
	}
	objects := detector(b)
	units := cut(b, path, time.Unix(0, 0).UTC())
	for range b.N {
		full, gated, late, st := compare(b, street(), objects, units)
		report(b, full, gated, late, st, len(units))
	}
}

func report(b *testing.B, full, gated []seen, late time.Duration, st vision.Stats, units int) {
	b.ReportMetric(float64(len(full)), "full")
	b.ReportMetric(float64(len(gated)), "gated")
	b.ReportMetric(late.Seconds(), "s-later")
	b.ReportMetric(float64(st.Decoded)/float64(units), "decoded-share")
	b.ReportMetric(0, "ns/op")
	b.Logf("%s %s %v", st.Gate.State, st.Gate.Reason, st.Gate.Opened)
}

func TestWhoCrossesInsideOneGOPIsSeen(t *testing.T) {
	t.Parallel()
	objects := detector(t)
	scene := footage.Scene{Width: 640, Height: 360, Seconds: 21, Noise: 3, Encoder: footage.VBR("libx264", 250), Actors: []footage.Actor{
		{From: 12.5, To: 18.5, Height: 0.3, X: 0.1, Y: 0.5, Speed: 0.13},
	}}
	units := cut(t, scene.Make(t), time.Unix(0, 0).UTC())
	full, gated, late, st := compare(t, street(), objects, units)
	t.Logf("full %d, gated %d, later by %s, %+v, decoded %d of %d", len(full), len(gated), late, st.Gate, st.Decoded, len(units))
	if len(full) == 0 {
		t.Log("this detector does not find the figure: nothing to compare")
	}
	require.Len(t, gated, len(full))
	require.LessOrEqual(t, late, 500*time.Millisecond)
	require.Positive(t, st.Gate.Opened["pictures cost more than they should"])
	require.Positive(t, st.Gate.Caught, "looked back to the key picture")
	require.Less(t, st.Decoded, uint64(len(units)*3/4))

	// A box with no processor time left looks at key pictures, and counts the
	// rest; nothing is put off.
	none := vision.NewBudget(0)
	none.Spend(time.Hour)
	live := street()
	live.MaxLag = time.Hour
	_, st = observeWithin(t, none, live, objects, units)
	require.LessOrEqual(t, st.Decoded, uint64(3), "key pictures")
	require.Positive(t, st.Gate.Shed)
}
