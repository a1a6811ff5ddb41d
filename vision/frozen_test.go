package vision_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// frozen says when it was told that the picture is, counted from when it froze,
// how often before that it was told wrongly, and what share of the pictures was
// decoded.
func frozen(t testing.TB, path string, frozeAt time.Duration, all bool) (after time.Duration, wrong int, share float64) {
	t.Helper()
	r := &reel{units: cut(t, path, time.Unix(0, 0))}
	keys := vision.NewKeys(func() vision.Decoder { return avcodec.New(avcodec.Options{}) })
	defer keys.Close()
	a, err := vision.NewAnalyzer(vision.Config{Camera: "street", MaxLag: -1, DecodeAll: all}, vision.Parts{
		Decoder: func() vision.Decoder { return avcodec.New(avcodec.Options{}) }, Keys: keys,
		Motion: func(masks [][]vision.Point) vision.MotionDetector { return detect.NewMotion(masks) },
		Stills: detect.Stills{}, Log: slog.New(slog.DiscardHandler), Sink: func(context.Context, vision.Sighting) {},
		Blind: func(_ context.Context, b vision.Blindness) {
			told := r.units[r.n-1].Received.Sub(r.units[0].Received)
			if told < frozeAt {
				wrong++
			} else if b.To.IsZero() && b.Kind == vision.VideoFrozen && after == 0 {
				after = told - frozeAt
			}
		},
	})
	require.NoError(t, err)
	require.NoError(t, a.Run(t.Context(), r))
	st := a.Stats()
	t.Logf("everything %t: %s %s %v", all, st.Gate.State, st.Gate.Reason, st.Gate.Opened)
	return after, wrong, float64(st.Decoded) / float64(len(r.units))
}

// still is an empty place with sensor noise, which freezes: the camera goes on
// sending, each time the same picture, encoded anew.
func still(noise, at int, encoder []string, actors ...footage.Actor) footage.Scene {
	return footage.Scene{Width: 480, Height: 270, Seconds: at + 12, Noise: noise, Encoder: encoder, Frozen: at, Actors: actors}
}

func TestAFrozenPictureIsToldWithinTenSeconds(t *testing.T) {
	t.Parallel()
	const at = 22
	for name, s := range map[string]footage.Scene{
		"H.264, hardly any noise": still(2, at, footage.VBR("libx264", 50)),
		"H.265, some noise":       still(5, at, footage.VBR("libx265", 50)),
	} {
		after, wrong, share := frozen(t, s.Make(t), at*time.Second, false)
		t.Logf("%s, told after %s", name, after)
		require.Zero(t, wrong, name)
		if s.Encoder[1] == "libx264" {
			require.Less(t, share, 0.95, "through a gate that was closed; that of H.265 is not, at this size")
		}
		require.Positive(t, after, name)
		require.LessOrEqual(t, after, 10*time.Second, name)
	}
}

// TestLessNoiseIsNotFrozen has a camera filter its noise more from one moment to
// the next, and fog rise, which leaves little of it: encoders drop what is left.
func TestLessNoiseIsNotFrozen(t *testing.T) {
	t.Parallel()
	const seconds = 46
	for name, light := range map[string]string{
		"a filter": "noise=alls=5:allf=t:enable='lt(t,24)',noise=alls=2:allf=t:enable='gte(t,24)'",
		"fog":      "noise=alls=4:allf=t,eq=contrast='1-0.65*clip((t-16)/10,0,1)':brightness='0.15*clip((t-16)/10,0,1)':eval=frame",
	} {
		s := footage.Scene{Width: 480, Height: 270, Seconds: seconds, Light: light, Encoder: footage.VBR("libx264", 50)}
		_, wrong, share := frozen(t, s.Make(t), seconds*time.Second, false)
		t.Logf("%s: %.2f of the pictures decoded", name, share)
		require.Zero(t, wrong, name)
	}
}

// BenchmarkFrozen prints after how many seconds a frozen picture is told, and
// how often one was that was not. Where the seconds are 0 it was not told.
func BenchmarkFrozen(b *testing.B) {
	const at = 66
	walker := footage.Actor{From: 5, To: 36, Height: 0.25, X: 0.1, Y: 0.5, Speed: 0.025}
	rates := map[string]func(gop int) []string{
		"H264_variable": func(gop int) []string { return footage.VBR("libx264", gop) },
		"H265_variable": func(gop int) []string { return footage.VBR("libx265", gop) },
		"H264_constant": func(gop int) []string { return footage.CBR("500k", gop) },
	}
	for rate, encoder := range rates {
		for gop, every := range map[int]string{50: "2_s", 250: "10_s"} {
			films := map[string]func(out string){
				"people": func(out string) { footage.Freezes(b, at+12, at, encoder(gop), out) },
			}
			for _, noise := range []int{2, 3, 5} {
				films[fmt.Sprint("noise_", noise)] = func(out string) { still(noise, at, encoder(gop), walker).Encode(b, out) }
			}
			for what, encode := range films {
				name := rate + "/GOP_" + every + "/" + what
				b.Run(name, func(b *testing.B) {
					path := footage.Cached(b, "frozen-"+strings.ReplaceAll(name, "/", "-")+".mp4", encode)
					for range b.N {
						freeze(b, path, at*time.Second)
					}
				})
			}
		}
	}
}

func freeze(b *testing.B, path string, at time.Duration) {
	whole, wrong, _ := frozen(b, path, at, true)
	gated, more, share := frozen(b, path, at, false)
	b.ReportMetric(whole.Seconds(), "s-all-decoded")
	b.ReportMetric(gated.Seconds(), "s-gated")
	b.ReportMetric(share, "decoded-share") // near 1: the gate never closed, and the row says nothing of a gated camera
	b.ReportMetric(float64(wrong+more), "wrong")
	b.ReportMetric(0, "ns/op")
}
