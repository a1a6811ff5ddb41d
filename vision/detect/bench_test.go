package detect_test

import (
	"context"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/clearmot"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

const petsFrames = 400 // of which the truth is known, 10 a second

// truth is the people of PETS09 S2.L1, pixels of 768×576.
func truth(t testing.TB) clearmot.Tracks {
	t.Helper()
	path := footage.Shared("footage", "pets09-s2l1-gt-001-400.txt")
	require.NotEmpty(t, path, "ground truth, see WATCHPOST_SHARED")
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	tracks, err := clearmot.Read(f)
	require.NoError(t, err)
	return tracks
}

// pets is the scene's rules: lines and zones that people cross and enter.
func pets() vision.Config {
	line := func(x0, y0, x1, y1 float64) vision.Line {
		return vision.Line{From: vision.Point{X: x0, Y: y0}, To: vision.Point{X: x1, Y: y1}}
	}
	return vision.Config{
		Camera: "test", MaxLag: -1, Every: true,
		Lines: map[string]vision.Line{
			"left":  line(0.30, 0.75, 0.30, 0.25),
			"post":  line(0.50, 0.90, 0.50, 0.30),
			"right": line(0.75, 0.90, 0.75, 0.30),
		},
		Zones: map[string][]vision.Point{
			"grass":    rect(0.05, 0.40, 0.45, 0.95),
			"junction": rect(0.55, 0.40, 0.95, 0.75),
		},
		Rules: []vision.Rule{
			{Name: "left", Kind: vision.Tripwire, Line: "left"},
			{Name: "post", Kind: vision.Tripwire, Line: "post"},
			{Name: "right", Kind: vision.Tripwire, Line: "right"},
			{Name: "grass", Kind: vision.Counting, Zone: "grass"},
			{Name: "junction", Kind: vision.Counting, Zone: "junction"},
		},
	}
}

// watched is what the whole chain made of the scene, at every picture.
type watched struct {
	tracks clearmot.Tracks
	counts map[string]int // by rule
	spent  time.Duration
}

func watchPets(t testing.TB, objects vision.ObjectDetector, frames int) watched {
	t.Helper()
	path := footage.File(t, footage.Pedestrians(t), []string{"-t", strconv.Itoa(frames / 10)}, "-vf", "fps=10", "-crf", "18")
	out := watched{tracks: clearmot.Tracks{}, counts: map[string]int{}}
	n := 0
	p := parts(objects, func(_ context.Context, s vision.Sighting) {
		if s.Phase == vision.Raised {
			out.counts[s.Rule]++
		}
	})
	p.Observe = func(f *vision.Frame, tracks []vision.Track) {
		n++
		w, h := float64(f.Width), float64(f.Height)
		for _, k := range tracks {
			if k.Seen || k.Hidden {
				out.tracks[n] = append(out.tracks[n], clearmot.Box{ID: int(k.ID), X: k.Box.X * w, Y: k.Box.Y * h, W: k.Box.W * w, H: k.Box.H * h})
			}
		}
	}
	a, err := vision.NewAnalyzer(pets(), p)
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, a.Run(context.Background(), &list{footage.Units(t, path, 768, 576, 10, began)}))
	out.spent = time.Since(began)
	require.Equal(t, frames, n)
	return out
}

// counted is how many crossings and entries the truth has, by rule. Who is
// nearer to a line than margin is on neither side of it.
func counted(tracks clearmot.Tracks, frames int) map[string]int {
	const margin = 0.006
	cfg := pets()
	feet := map[int][]vision.Point{}
	for n := 1; n <= frames; n++ {
		for _, b := range tracks[n] {
			feet[b.ID] = append(feet[b.ID], vision.Box{X: b.X / 768, Y: b.Y / 576, W: b.W / 768, H: b.H / 576}.Foot())
		}
	}
	out := map[string]int{}
	for _, r := range cfg.Rules {
		for _, way := range feet {
			side, was, inside := 0.0, vision.Point{}, -100
			for i, p := range way {
				if r.Zone != "" {
					if vision.Inside(p, cfg.Zones[r.Zone]) {
						if i-inside > 30 { // away for 3 s: entered again
							out[r.Name]++
						}
						inside = i
					}
					continue
				}
				line := cfg.Lines[r.Line]
				off := line.Offset(p)
				if math.Abs(off) < margin {
					continue
				}
				if now := math.Copysign(1, off); now != side {
					if side != 0 && line.CrossedBy(was, p) {
						out[r.Name]++
					}
					side = now
				}
				was = p
			}
		}
	}
	return out
}

// TestPeopleAreFollowed holds the whole chain against the truth.
func TestPeopleAreFollowed(t *testing.T) {
	t.Parallel()
	if footage.Shared("footage") == "" {
		t.Log("no ground truth, see WATCHPOST_SHARED: nothing to compare with")
		return
	}
	objects, info := open(t, detect.Auto)
	const frames = petsFrames / 2
	got := watchPets(t, objects, frames)
	score := clearmot.Evaluate(truth(t), got.tracks, frames)
	t.Log(score, got.counts)
	if info.Backend == detect.HOG {
		require.Greater(t, score.Recall(), 0.4)
		return
	}
	require.Greater(t, score.MOTA(), 0.70) // of the first half; the benchmark has all
	require.Less(t, score.Switches, 12)
	for rule, want := range counted(truth(t), frames) {
		require.InDelta(t, want, got.counts[rule], 1+0.2*float64(want), rule)
	}
}

// BenchmarkPeople prints precision, recall, MOTA and identity switches of each
// backend with the tracker on the first 400 pictures of PETS09 S2.L1 (CLEAR
// MOT, IoU 0.5), what was counted at lines and zones beside the truth, and
// milliseconds a picture, all in.
func BenchmarkPeople(b *testing.B) {
	there := truth(b)
	want := counted(there, petsFrames)
	for _, backend := range []string{detect.ONNXRuntime, detect.DNN, detect.HOG} {
		b.Run(backend, func(b *testing.B) {
			objects, _ := open(b, backend)
			for range b.N {
				got := watchPets(b, objects, petsFrames)
				s := clearmot.Evaluate(there, got.tracks, petsFrames)
				b.ReportMetric(s.MOTA(), "MOTA")
				b.ReportMetric(s.Precision(), "precision")
				b.ReportMetric(s.Recall(), "recall")
				b.ReportMetric(float64(s.Switches), "switches")
				b.ReportMetric(got.spent.Seconds()*1000/petsFrames, "ms/picture")
				for rule, n := range want {
					b.Logf("%s: %d, by the truth %d", rule, got.counts[rule], n)
				}
			}
		})
	}
}
