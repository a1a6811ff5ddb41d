package detect_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/detect"
)

// TestWhoHasLeftIsToldFromWhoMoves has a white box walk for 4 s and vanish. The
// background remembers it for seconds; a second or so later it is known to have left.
func TestWhoHasLeftIsToldFromWhoMoves(t *testing.T) {
	m := detect.NewMotion(nil)
	defer m.Close()
	look := func(n int) vision.Motion {
		f := &vision.Frame{Width: 320, Height: 180, StrideY: 320, StrideU: 160, StrideV: 160, Y: make([]byte, 320*180), PTS: int64(n) * ingest.ClockRate / 5}
		f.U, f.V = make([]byte, 160*90), make([]byte, 160*90)
		if n >= 5 && n < 25 {
			for y := 60; y < 120; y++ {
				for x := 10 * n; x < 10*n+20; x++ {
					f.Y[y*320+x] = 255
				}
			}
		}
		out, err := m.Look(f)
		require.NoError(t, err)
		return out
	}
	for n := range 25 {
		require.False(t, look(n).Stands, "picture %d: it walks, or nothing differs", n)
	}
	remembered := 0
	for n := 25; n < 40; n++ {
		got := look(n)
		if len(got.Regions) > 0 {
			remembered++
		}
		if n < 30 || n >= 33 { // pictures are kept half a second apart
			require.Equal(t, n >= 33 && len(got.Regions) > 0, got.Stands, "picture %d", n)
		}
	}
	require.Greater(t, remembered, 6, "the background does not forget so soon")
	m.Settle()
	require.Empty(t, look(40).Regions, "settled: this is how the place looks")
}
