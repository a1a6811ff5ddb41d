package render_test

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
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
	"github.com/watchpost-edge/watchpost/vision/render"
)

func config(stills bool) render.Config {
	return render.Config{
		Camera: "gate", Stills: stills,
		Masks:   [][]vision.Point{{{X: 0.25, Y: 0.2}, {X: 0.6, Y: 0.2}, {X: 0.6, Y: 0.7}, {X: 0.25, Y: 0.7}}},
		Decoder: func() vision.Decoder { return avcodec.New(avcodec.Options{}) },
		Encoder: func(w, h int, fps float64) (render.Encoder, error) { return avcodec.NewEncoder(w, h, fps) },
		Log:     slog.New(slog.DiscardHandler),
	}
}

// list hands units over one after another.
type list struct{ units []*ingest.Unit }

func (l *list) Next(context.Context) (*ingest.Unit, error) {
	if len(l.units) == 0 {
		return nil, feed.ErrClosed
	}
	u := l.units[0]
	l.units = l.units[1:]
	return u, nil
}
func (l *list) Dropped() uint64 { return 0 }

// rendered is what comes out of a rendition of the units.
func rendered(t testing.TB, cfg render.Config, units []*ingest.Unit) []*ingest.Unit {
	t.Helper()
	r, err := render.New(cfg)
	require.NoError(t, err)
	reader := r.Feed().Subscribe(10_000, func(u *ingest.Unit) bool { return u.Key })
	require.NoError(t, r.Run(context.Background(), &list{units}))
	r.Feed().Close()
	var out []*ingest.Unit
	for {
		u, err := reader.Next(context.Background())
		if err != nil {
			return out
		}
		out = append(out, u)
	}
}

// TestMaskedPixelsAreBlackInTheStreamAndOthersAreNot decodes what was encoded.
func TestMaskedPixelsAreBlackInTheStreamAndOthersAreNot(t *testing.T) {
	start := time.Unix(1000, 0)
	for size, want := range map[string][2]int{"1920x1080": {1280, 720}, "640x360": {640, 360}} {
		t.Run(size, func(t *testing.T) {
			units := footage.Units(t, footage.Synthetic(t, size, "25", "3"), 1920, 1080, 25, start)
			out := rendered(t, config(false), units)
			require.InDelta(t, 36, len(out), 2, "12 a second")
			require.True(t, out[0].Key)
			require.Equal(t, want, [2]int{out[0].Params.Width, out[0].Params.Height})
			require.NotEmpty(t, out[0].Params.SPS)
			dec := avcodec.New(avcodec.Options{})
			defer dec.Close()
			n := 0
			for i, u := range out {
				require.Equal(t, ingest.CameraID("gate"), u.Camera)
				if i > 0 {
					require.Greater(t, u.PTS, out[i-1].PTS)
				}
				require.NoError(t, dec.Decode(u, func(f *vision.Frame) error {
					n++
					lit, dark := 0, 0
					for y := f.Height * 22 / 100; y < f.Height*68/100; y += 3 {
						for x := f.Width * 27 / 100; x < f.Width*58/100; x += 3 {
							require.InDelta(t, 16, f.Y[y*f.StrideY+x], 3, "picture %d at %d, %d", i, x, y)
							require.InDelta(t, 128, f.U[y/2*f.StrideU+x/2], 4)
							require.InDelta(t, 128, f.V[y/2*f.StrideV+x/2], 4)
							dark++
						}
					}
					for y := range f.Height {
						if p := f.Y[y*f.StrideY+f.Width*9/10]; p > 40 {
							lit++
						}
					}
					require.Positive(t, dark)
					require.Greater(t, lit, f.Height/2, "what is not masked is there")
					return nil
				}))
			}
			require.Equal(t, len(out), n)
		})
	}
}

func TestStillsAreOneASecondOfKeyUnits(t *testing.T) {
	units := footage.Units(t, footage.Synthetic(t, "640x360", "25", "6", "-g", "25"), 640, 360, 25, time.Unix(1000, 0))
	out := rendered(t, config(true), units)
	require.InDelta(t, 6, len(out), 1)
}

func TestNoMaskInForceNoPicture(t *testing.T) {
	for _, masks := range [][][]vision.Point{nil, {{{X: 1}, {Y: 1}}}} {
		cfg := config(false)
		cfg.Masks = masks
		_, err := render.New(cfg)
		require.ErrorIs(t, err, render.ErrNoMask)
	}
}

func TestAnotherRunAndAnotherSizeBeginWithAKeyUnit(t *testing.T) {
	start := time.Unix(1000, 0)
	one := footage.Units(t, footage.Synthetic(t, "640x360", "25", "1"), 640, 360, 25, start)
	two := footage.Units(t, footage.Synthetic(t, "320x240", "25", "1"), 320, 240, 25, start.Add(time.Second))
	for _, u := range two {
		u.Run = 2
	}
	out := rendered(t, config(false), append(one, two...))
	runs := map[uint32]int{}
	for _, u := range out {
		if runs[u.Run]++; runs[u.Run] == 1 {
			require.True(t, u.Key)
		}
	}
	require.Len(t, runs, 2)
	require.Equal(t, 240, out[len(out)-1].Params.Height)
}

// BenchmarkRendition prints the core fraction of one: CPU is the whole of one
// goroutine, so wall time over the footage's.
func BenchmarkRendition(b *testing.B) {
	for name, size := range map[string]string{"1080p25": "1920:1080", "360p25": "640:360"} {
		b.Run(name, func(b *testing.B) {
			path := footage.File(b, footage.Pedestrians(b), []string{"-t", "10"}, "-vf", "fps=25,scale="+size)
			for range b.N {
				units := footage.Units(b, path, 1920, 1080, 25, time.Now())
				began := time.Now()
				rendered(b, config(false), units)
				b.ReportMetric(time.Since(began).Seconds()/10, "core/rendition")
			}
		})
	}
}
