package detect_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// TestWhatWasLeftAndWhatWasTaken draws a case onto real footage in which
// people walk: put down at 13 s and taken again at 24 s, or there from the
// beginning and taken at 13 s.
func TestWhatWasLeftAndWhatWasTaken(t *testing.T) {
	t.Parallel()
	found, _ := open(t, detect.Auto)
	objects := &remembered{found, map[int64][]vision.Detection{}}
	const thing = "drawbox=x=215:y=175:w=18:h=14:color=0x203060:t=fill:enable="
	for name, c := range map[string]struct {
		filter       string
		kind         string
		raised, ends float64 // seconds; ends 0: at the end of the footage
	}{
		"left":    {thing + "'between(t,13,24)'", vision.LeftObject, 19.5, 29},
		"taken":   {thing + "'lt(t,13)'", vision.RemovedObject, 19.5, 0},
		"nothing": {"eq=brightness=-0.2:enable='gt(t,15)'", "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := footage.File(t, footage.Small(t), []string{"-t", "34"}, "-vf", "fps=5,"+c.filter, "-preset", "ultrafast", "-crf", "20")
			start := time.Unix(0, 0)
			rec := &recorder{}
			a, err := vision.NewAnalyzer(vision.Config{
				Camera: "test", MaxLag: -1, Zones: map[string][]vision.Point{"all": rect(0, 0, 1, 1)},
				Rules: []vision.Rule{
					{Name: "left", Kind: vision.LeftObject, Zone: "all", Dwell: 5 * time.Second, MinArea: 0.0005},
					{Name: "taken", Kind: vision.RemovedObject, Zone: "all", Dwell: 5 * time.Second, MinArea: 0.0005},
				},
			}, parts(objects, rec.take))
			require.NoError(t, err)
			require.NoError(t, a.Run(context.Background(), &list{footage.Units(t, path, 384, 288, 5, start)}))
			raised, ended := rec.phase(vision.Raised), rec.phase(vision.Ended)
			for _, s := range raised {
				t.Logf("%s from %.1f, met %.1f at %+v", s.Kind, s.From.Sub(start).Seconds(), s.FrameAt.Sub(start).Seconds(), s.Box)
			}
			if c.kind == "" {
				require.Empty(t, raised)
				return
			}
			require.Len(t, raised, 1)
			require.Equal(t, c.kind, raised[0].Kind)
			require.InDelta(t, c.raised, raised[0].FrameAt.Sub(start).Seconds(), 2.5)
			require.InDelta(t, 448.0/768, raised[0].Box.Centre().X, 0.02)
			require.InDelta(t, 364.0/576, raised[0].Box.Centre().Y, 0.03)
			require.NotEmpty(t, raised[0].Snapshot)
			require.Len(t, ended, 1)
			if c.ends > 0 {
				require.InDelta(t, c.ends, ended[0].To.Sub(start).Seconds(), 7)
			}
		})
	}
}

// remembered finds in one rendering of the same footage whom it found in another:
// the same people walk in each.
type remembered struct {
	vision.ObjectDetector
	people map[int64][]vision.Detection // by PTS
}

func (r *remembered) Detect(ctx context.Context, f *vision.Frame, look vision.Look) ([]vision.Detection, error) {
	if known, ok := r.people[f.PTS]; ok {
		return slices.Clone(known), nil
	}
	found, err := r.ObjectDetector.Detect(ctx, f, look)
	if err == nil {
		r.people[f.PTS] = slices.Clone(found)
	}
	return found, err
}

// TestASmallFarFigureIsSeen puts PETS09 at half its size into a picture of
// 1920×1080: people are 37 pixels tall, 8 of those that the model sees of the
// whole.
func TestASmallFarFigureIsSeen(t *testing.T) {
	t.Parallel()
	objects, info := open(t, detect.Auto)
	path := footage.File(t, footage.Pedestrians(t), []string{"-t", "10"}, "-vf", "fps=5,scale=384:288,pad=1920:1080:800:400:gray", "-preset", "ultrafast", "-crf", "18")
	rec := &recorder{}
	a, err := vision.NewAnalyzer(vision.Config{
		Camera: "test", MaxLag: -1, Zones: map[string][]vision.Point{"all": rect(0, 0, 1, 1)},
		Rules: []vision.Rule{{Name: "far", Kind: vision.Intrusion, Zone: "all"}},
	}, parts(objects, rec.take))
	require.NoError(t, err)
	require.NoError(t, a.Run(context.Background(), &list{footage.Units(t, path, 1920, 1080, 5, time.Unix(0, 0))}))
	t.Logf("%d people, by %s", len(rec.phase(vision.Raised)), info.Backend)
	require.GreaterOrEqual(t, len(rec.phase(vision.Raised)), 2)
}
