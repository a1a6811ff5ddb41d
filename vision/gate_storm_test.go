package vision_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// model is a camera on a box of given speed: real streams, of which decoding takes
// as long as it is said to, in virtual time. What moves is known from the stream
// that is on; the memory of who has left fades as slowly as detect.Motion's.
type model struct {
	eyes
	busy      map[*byte]bool // by a unit's first bytes
	slow      int            // times as long as on a box with nothing else to do
	ghost     int            // looks until who has left is forgotten
	stood     int64          // PTS since when nothing moves
	wasMoving bool
}

func (m *model) Decode(u *ingest.Unit, each func(*vision.Frame) error) error {
	took := 11 * time.Millisecond // 1080p, as measured
	if u.Key {
		took = 45 * time.Millisecond
	}
	<-time.After(time.Duration(m.slow) * took)
	f := &vision.Frame{Camera: u.Camera, Run: u.Run, PTS: u.PTS, Received: u.Received, Captured: u.Captured, Key: u.Key}
	if m.busy[&u.NALs[len(u.NALs)-1][0]] {
		f.Width = 1
	}
	return each(f)
}

func (m *model) Look(f *vision.Frame) (vision.Motion, error) {
	moving := f.Width == 1
	if moving {
		m.ghost = 28
	}
	if m.wasMoving != moving {
		m.stood = f.PTS
	}
	m.wasMoving = moving
	m.ghost--
	if m.ghost <= 0 && !moving {
		return vision.Motion{}, nil
	}
	return vision.Motion{Regions: everywhere(), Changed: 0.1, Stands: !moving && f.PTS-m.stood >= ingest.ClockRate}, nil
}

func (m *model) Settle() { m.ghost = 0 }

// modelled runs so many cameras that turn busy in the same second, for 8 s, on a box
// that is slow times as slow as the one that was measured, and says after how long
// all are quiet again.
func modelled(t *testing.T, calm, busy reelOf, cameras, slow int) (toQuiet time.Duration, inStorm uint64) {
	t.Helper()
	lively := map[*byte]bool{}
	for _, g := range busy {
		for _, u := range g {
			lively[&u.NALs[len(u.NALs)-1][0]] = true
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		keys := vision.NewKeys(func() vision.Decoder { return &model{busy: lively, slow: slow} })
		x := &box{tb: t, parts: vision.Parts{
			Decoder: func() vision.Decoder { return &model{busy: lively, slow: slow} }, Keys: keys, Budget: vision.NewBudget(1.5),
			Motion: func([][]vision.Point) vision.MotionDetector { return &model{} },
			Stills: &eyes{}, Sink: func(context.Context, vision.Sighting) {}, Log: slog.New(slog.DiscardHandler),
		}}
		var stormy atomic.Bool
		for range cameras {
			x.add(ctx, func() reelOf {
				if stormy.Load() {
					return busy
				}
				return calm
			})
		}
		<-time.After(50 * time.Second)
		require.Equal(t, float64(cameras), x.sum(quietOrProof), "before")
		analysed := x.sum(func(s vision.Stats) float64 { return float64(s.Analysed) })
		stormy.Store(true)
		<-time.After(8 * time.Second)
		require.Less(t, x.sum(quiet), float64(cameras)/8, "in the storm")
		inStorm = uint64(x.sum(func(s vision.Stats) float64 { return float64(s.Analysed) }) - analysed)
		stormy.Store(false)
		<-time.After(2 * time.Second) // the films end with their GOPs
		ended := time.Now()
		for x.sum(quiet) < float64(cameras) && time.Since(ended) < time.Minute {
			<-time.After(100 * time.Millisecond)
		}
		toQuiet = time.Since(ended)
		cancel()
		x.wg.Wait()
		keys.Close()
	})
	return toQuiet, inStorm
}

func TestManyCamerasThatTurnBusyAtOnceAreQuietAgainSoon(t *testing.T) {
	t.Parallel()
	scene := footage.Scene{Width: 640, Height: 360, Seconds: 12, Noise: 3, Encoder: footage.VBR("libx264", 50)}
	calm := loop(cut(t, scene.Make(t), time.Unix(0, 0)))
	path := t.TempDir() + "/busy.mp4"
	footage.Crowd(t, 4, append(footage.VBR("libx264", 50), "-s", "640x360"), path)
	busy := loop(cut(t, path, time.Unix(0, 0)))
	took, looked := modelled(t, calm, busy, 32, 1)
	t.Logf("all quiet after %s; %d pictures looked at in the storm", took, looked)
	require.LessOrEqual(t, took, 6*time.Second)
	require.Greater(t, looked, uint64(150), "what the box has is used")
}
