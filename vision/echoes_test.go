package vision_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

const (
	longGOP = 250 // pictures, 10 s
	froze   = 66 * 25
)

// screen is a camera over an empty place: what its pictures show is a function
// of their place.
type screen struct {
	bytes func(n int) int
	noise func(n int) (seed uint64, most int) // the same seed is the same noise, of so many levels at most
	mark  func(n int) uint64
}

func (s screen) Decode(u *ingest.Unit, each func(*vision.Frame) error) error {
	return each(&vision.Frame{PTS: u.PTS, Received: u.Received, Captured: u.Captured, Key: u.Key, Bytes: s.bytes(int(u.PTS / tick))})
}
func (s screen) Reset()  {}
func (s screen) Close()  {}
func (s screen) Settle() {}

func (s screen) Look(f *vision.Frame) (vision.Motion, error) {
	n := int(f.PTS / tick)
	v := vision.View{W: 160, H: 90, Luma: make([]byte, 160*90), Mark: s.mark(n)}
	seed, most := s.noise(n)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range v.Luma {
		v.Luma[i] = byte(60 + 50*(i/7%3) + 40*(i/160/9%2) + r.IntN(most+1))
	}
	return vision.Motion{View: v}, nil
}

// toldFrozen is how often that was told, and first how long after it froze.
func (s screen) toldFrozen(t *testing.T) (after time.Duration, times int) {
	t.Helper()
	r := &reel{}
	for n := range froze + 12*25 {
		at := time.Unix(0, 0).Add(time.Duration(n) * time.Second / 25)
		r.units = append(r.units, &ingest.Unit{Camera: "street", Run: 1, PTS: int64(n) * tick, DTS: int64(n) * tick, Received: at, Captured: at, Key: n%longGOP == 0})
	}
	a, err := vision.NewAnalyzer(vision.Config{Camera: "street", MaxLag: -1}, vision.Parts{
		Decoder: func() vision.Decoder { return s }, Motion: func([][]vision.Point) vision.MotionDetector { return s },
		Stills: &eyes{}, Log: slog.New(slog.DiscardHandler), Sink: func(context.Context, vision.Sighting) {},
		Blind: func(_ context.Context, b vision.Blindness) {
			if b.Kind == vision.VideoFrozen && b.To.IsZero() {
				times++
				after = r.units[r.n-1].Received.Sub(r.units[froze].Received)
			}
		},
	})
	require.NoError(t, err)
	require.NoError(t, a.Run(t.Context(), r))
	return after, times
}

// TestAFrozenPictureOfALongGOP is about streams of which the noise does not tell:
// what does is said at each. The same without what tells is not frozen.
func TestAFrozenPictureOfALongGOP(t *testing.T) {
	key := func(n int) int { return n / longGOP * longGOP }
	// Noise only in keys; what follows repeats them exactly.
	bare := screen{
		bytes: func(int) int { return 14_400 },
		noise: func(n int) (uint64, int) { return uint64(key(n)), 6 },
		mark:  func(n int) uint64 { return uint64(key(n)) },
	}
	dearer := func(n int) int { return 14_400 + 20*(n/longGOP%2) + map[bool]int{true: 1200}[key(n) > froze] }

	odd := bare
	odd.bytes = dearer // the encoder makes a key better that what follows repeats
	lit := odd
	lit.mark = func(n int) uint64 { return uint64(n) } // but it does not

	settled := bare // a little of the noise follows; frozen, the encoder goes to and fro between two pictures
	settled.mark = func(n int) uint64 {
		if n > froze+25 {
			return uint64(n % 2)
		}
		return uint64(n)
	}

	refined := screen{ // all noise is sent, and what is the same is sent again and better
		bytes: bare.bytes,
		mark:  func(n int) uint64 { return uint64(n) },
		noise: func(n int) (uint64, int) {
			if n > froze {
				return froze, 6
			}
			return uint64(n), 6
		},
	}
	for name, c := range map[string]struct {
		screen screen
		told   bool
	}{
		"nothing but keys":                       {bare, false},
		"a key costs more":                       {odd, true},
		"more, and what follows is not the same": {lit, false},
		"to and fro":                             {settled, true},
		"the same noise":                         {refined, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after, times := c.screen.toldFrozen(t)
			if !c.told {
				require.Zero(t, times)
				return
			}
			require.Equal(t, 1, times)
			require.Positive(t, after)
			require.LessOrEqual(t, after, 10*time.Second)
		})
	}
}
