package detect_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// judged runs the picture's health over real footage through an ffmpeg filter,
// and returns what was told, in seconds of the footage.
func judged(t testing.TB, seconds int, filter string) []vision.Blindness {
	t.Helper()
	args := []string{"-stream_loop", "-1", "-t", fmt.Sprint(seconds)}
	path := footage.File(t, footage.Small(t), args, "-vf", "fps=5,"+filter+",scale=384:288,format=yuv420p", "-crf", "23", "-preset", "ultrafast")
	start := time.Unix(0, 0)
	var told []vision.Blindness
	p := parts(nil, func(context.Context, vision.Sighting) {})
	p.Blind = func(_ context.Context, b vision.Blindness) { told = append(told, b) }
	a, err := vision.NewAnalyzer(vision.Config{Camera: "test", MaxLag: -1, Rules: []vision.Rule{}}, p)
	require.NoError(t, err)
	require.NoError(t, a.Run(context.Background(), &list{footage.Units(t, path, 384, 288, 5, start)}))
	for _, b := range told {
		to := "on"
		if !b.To.IsZero() {
			to = fmt.Sprintf("%.1f", b.To.Sub(start).Seconds())
		}
		t.Logf("%s from %.1f to %s: %s", b.Kind, b.From.Sub(start).Seconds(), to, b.Why)
	}
	return told
}

// TestFaultsOfThePictureAreFound makes each fault from real footage, from 14 s
// to 28 s: it must be opened and closed, once, and nothing else.
func TestFaultsOfThePictureAreFound(t *testing.T) {
	t.Parallel()
	const on = "enable='between(t,14,28)'"
	for name, c := range map[string]struct{ kind, filter string }{
		"a hand":             {vision.VideoCovered, "drawbox=color=0x604030:t=fill:" + on},
		"paint":              {vision.VideoCovered, "boxblur=30:2:" + on},
		"dark":               {vision.VideoCovered, "eq=brightness=-1:" + on},
		"blur":               {vision.VideoDefocused, "gblur=sigma=2.5:" + on},
		"turned":             {vision.VideoMoved, "crop=w=230:h=172:x='if(between(t,14,28),150,0)':y='if(between(t,14,28),110,0)'"},
		"nudged":             {vision.VideoMoved, "crop=w=300:h=224:x='if(between(t,14,28),30,0)':y='if(between(t,14,28),26,0)'"},
		"to where many walk": {vision.VideoMoved, "crop=w=130:h=98:x='if(between(t,14,28),190,0)':y='if(between(t,14,28),80,0)'"},
		"the same":           {vision.VideoFrozen, "split[a][b];[a][b]freezeframes=first=70:last=140:replace=69"},
	} {
		t.Run(name, func(t *testing.T) {
			told := judged(t, 34, c.filter)
			require.Len(t, told, 2)
			for _, b := range told {
				require.Equal(t, c.kind, b.Kind)
				require.InDelta(t, 14, b.From.Sub(time.Unix(0, 0)).Seconds(), 1.5)
			}
			require.True(t, told[0].To.IsZero())
			require.InDelta(t, 28, told[1].To.Sub(time.Unix(0, 0)).Seconds(), 4)
		})
	}
}

// light is normal footage of which a naive eye would complain.
func light() map[string]string {
	return map[string]string{
		"nothing":       "null",
		"lights go on":  "eq=brightness=-0.3:contrast=0.4:enable='lt(mod(t,30),15)'",
		"dusk and dawn": "eq=brightness='-0.45*(1-cos(t*0.1))/2':contrast='1-0.6*(1-cos(t*0.1))/2':eval=frame",
		"infrared":      "hue=s=0:enable='gt(mod(t,30),15)',eq=gamma=1.6:contrast=0.8:enable='gt(mod(t,30),15)'",
		"rain":          "noise=alls=35:allf=t:enable='gt(t,10)',eq=contrast=0.75:enable='gt(t,10)'",
		"night noise":   "eq=brightness=-0.3:contrast=0.5,noise=alls=18:allf=t",
		"headlights":    "split[a][b];[b]lutyuv=y='min(val*2+60,255)'[c];[a][c]overlay=x=0:y=0:enable='lt(mod(t,6),1.5)'",
		"a bus":         "split[a][b];[b]scale=768:450,hflip,eq=saturation=0.2[c];[a][c]overlay=x='-768+if(lt(mod(t,25),12),mod(t,25)*64,if(lt(mod(t,25),15),768,768+(mod(t,25)-15)*115))':y=-100:enable='gt(t,8)'",
	}
}

// TestLightIsNoFault looks at half a minute of each.
func TestLightIsNoFault(t *testing.T) {
	t.Parallel()
	for name, filter := range light() {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, judged(t, 32, filter))
		})
	}
}

// BenchmarkLight looks at an hour of normal footage, with all that light does,
// and prints how many faults were told: none is right.
func BenchmarkLight(b *testing.B) {
	for range b.N {
		faults, seconds := 0, 3600/len(light())
		for _, filter := range light() {
			faults += len(judged(b, seconds, filter))
		}
		b.ReportMetric(float64(faults), "false")
		b.ReportMetric(float64(seconds*len(light()))/3600, "hours")
	}
}
