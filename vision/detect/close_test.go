package detect

import (
	"image"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
)

func TestCloseLooksAreWhereSomethingSmallMoves(t *testing.T) {
	small := vision.Box{X: 0.5, Y: 0.5, W: 0.01, H: 0.03} // 32 pixels of 1080, 7 of the model's
	beside, corner := small, small
	beside.X, corner.X, corner.Y = 0.53, 0.99, 0.97
	tall := vision.Box{X: 0.2, Y: 0.2, W: 0.1, H: 0.4}
	got := closeLooks([]vision.Box{tall, small, beside, corner}, 1920, 1080, 416, 1)
	require.Equal(t, []image.Rectangle{image.Rect(760, 348, 1176, 764), image.Rect(1504, 664, 1920, 1080)}, got)
	require.Empty(t, closeLooks([]vision.Box{small}, 480, 360, 416, 1), "nothing to gain")
	require.Len(t, closeLooks([]vision.Box{small}, 1920, 400, 416, 1), 1)
	require.Equal(t, 400, closeLooks([]vision.Box{small}, 1920, 400, 416, 1)[0].Dy())
	squeezed := closeLooks([]vision.Box{small}, 960, 1080, 416, 2)
	require.Len(t, squeezed, 1)
	require.Equal(t, [2]int{208, 416}, [2]int{squeezed[0].Dx(), squeezed[0].Dy()}, "a square when shown")
}

func TestBoxesThatThePartCutsOffAreLeftOut(t *testing.T) {
	whole, part := image.Rect(0, 0, 1000, 1000), image.Rect(0, 200, 416, 616)
	box := func(x, y, w, h float64) vision.Detection {
		return vision.Detection{Box: vision.Box{X: x, Y: y, W: w, H: h}}
	}
	got := inside([]vision.Detection{
		box(0, 0.3, 0.1, 0.1),   // at the frame's own edge
		box(0.2, 0.2, 0.1, 0.1), // at the part's
		box(0.3, 0.3, 0.116, 0.1),
		box(0.2, 0.3, 0.1, 0.1),
	}, part, whole)
	require.Len(t, got, 2)
}
