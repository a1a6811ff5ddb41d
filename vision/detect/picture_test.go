package detect_test

import (
	"bytes"
	"context"
	"image/color"
	"image/jpeg"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/detect"
)

// canvas is a grey frame with padded rows, to paint on.
func canvas(w, h int) *vision.Frame {
	f := &vision.Frame{Camera: "test", Width: w, Height: h, StrideY: w + 16, StrideU: (w+1)/2 + 16, StrideV: (w+1)/2 + 8}
	f.Y = bytes.Repeat([]byte{126}, f.StrideY*h)
	f.U = bytes.Repeat([]byte{128}, f.StrideU*((h+1)/2))
	f.V = bytes.Repeat([]byte{128}, f.StrideV*((h+1)/2))
	return f
}

func paint(f *vision.Frame, x, y, w, h int, luma byte) {
	for r := y; r < y+h; r++ {
		for c := x; c < x+w; c++ {
			f.Y[r*f.StrideY+c] = luma
		}
	}
}

func pixel(t *testing.T, data []byte, x, y int) (r, g, b int) {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
	return int(c.R), int(c.G), int(c.B)
}

func TestASnapshotHasTheBoxAndBlackMasks(t *testing.T) {
	f := canvas(321, 181) // odd: cut to 320×180
	paint(f, 100, 100, 40, 40, 235)
	data, err := detect.Stills{}.Snapshot(f, vision.Still{
		Masks: [][]vision.Point{{{X: 0, Y: 0}, {X: 0.25, Y: 0}, {X: 0.25, Y: 0.25}, {X: 0, Y: 0.25}}},
		Box:   &vision.Box{X: 0.5, Y: 0.5, W: 0.25, H: 0.25},
	})
	require.NoError(t, err)
	img, err := jpeg.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, 320, img.Bounds().Dx())
	require.Equal(t, 180, img.Bounds().Dy())
	for _, p := range [][2]int{{2, 2}, {40, 20}, {75, 40}} {
		r, g, b := pixel(t, data, p[0], p[1])
		require.Less(t, r+g+b, 30, "masked at %v", p)
	}
	r, g, b := pixel(t, data, 120, 120)
	require.Greater(t, r+g+b, 720, "what is bright stays bright")
	r, g, b = pixel(t, data, 250, 30)
	require.InDelta(t, 128, r, 4)
	require.InDelta(t, 128, g, 4)
	require.InDelta(t, 128, b, 4)
	r, _, b = pixel(t, data, 200, 90) // upper edge of the box: amber
	require.Greater(t, r, b+80)
}

func TestMasksThatOverlapAreBlackWhereTheyDo(t *testing.T) {
	f := canvas(320, 180)
	paint(f, 0, 0, 320, 180, 235)
	square := func(from, to float64) []vision.Point {
		return []vision.Point{{X: from, Y: from}, {X: to, Y: from}, {X: to, Y: to}, {X: from, Y: to}}
	}
	masks := [][]vision.Point{square(0.1, 0.6), square(0.4, 0.9), square(0.45, 0.5)}
	data, err := detect.Stills{}.Snapshot(f, vision.Still{Masks: masks})
	require.NoError(t, err)
	for _, at := range []float64{0.2, 0.42, 0.48, 0.55, 0.8} {
		r, g, b := pixel(t, data, int(at*320), int(at*180))
		require.Less(t, r+g+b, 30, "masked at %g", at)
	}
	m := detect.NewMotion(masks)
	defer m.Close()
	for range 2 {
		_, err = m.Look(f)
		require.NoError(t, err)
	}
	paint(f, 140, 80, 40, 20, 16) // where two lie over each other
	seen, err := m.Look(f)
	require.NoError(t, err)
	require.Zero(t, seen.Changed)
}

func TestFullRangePicturesKeepTheirBrightness(t *testing.T) {
	f := canvas(320, 180)
	f.FullRange = true
	paint(f, 0, 0, 100, 100, 255)
	paint(f, 200, 100, 100, 60, 20)
	data, err := detect.Stills{}.Snapshot(f, vision.Still{})
	require.NoError(t, err)
	r, _, _ := pixel(t, data, 50, 50)
	require.InDelta(t, 255, r, 3)
	r, _, _ = pixel(t, data, 250, 130)
	require.InDelta(t, 20, r, 4)
}

func TestMotionIsWhereSomethingMoved(t *testing.T) {
	m := detect.NewMotion(nil)
	defer m.Close()
	for range 3 {
		got, err := m.Look(canvas(1280, 720))
		require.NoError(t, err)
		require.Empty(t, got.Regions)
	}
	f := canvas(1280, 720)
	paint(f, 640, 360, 40, 100, 60)
	got, err := m.Look(f)
	require.NoError(t, err)
	require.Len(t, got.Regions, 1)
	require.Greater(t, vision.IoU(got.Regions[0], vision.Box{X: 0.5, Y: 0.5, W: 40. / 1280, H: 100. / 720}), 0.3)
	require.InDelta(t, 40.*100/1280/720, got.Changed, 0.003)

	// Another size starts anew instead of failing.
	got, err = m.Look(canvas(640, 480))
	require.NoError(t, err)
	require.Empty(t, got.Regions)
}

func TestMotionIsBlindUnderMasks(t *testing.T) {
	m := detect.NewMotion([][]vision.Point{{{X: 0.4, Y: 0.4}, {X: 0.6, Y: 0.4}, {X: 0.6, Y: 0.8}, {X: 0.4, Y: 0.8}}})
	defer m.Close()
	_, err := m.Look(canvas(1280, 720))
	require.NoError(t, err)
	f := canvas(1280, 720)
	paint(f, 640, 360, 40, 100, 60)
	got, err := m.Look(f)
	require.NoError(t, err)
	require.Zero(t, got.Changed)
}

func TestNoiseAndANewLightAreSettled(t *testing.T) {
	m := detect.NewMotion(nil)
	defer m.Close()
	seed := uint32(1)
	noisy := func(base byte) *vision.Frame {
		f := canvas(640, 360)
		for i := range f.Y {
			seed = seed*1664525 + 1013904223
			f.Y[i] = base + byte(seed>>29) // 8 levels
		}
		return f
	}
	for range 20 {
		got, err := m.Look(noisy(100))
		require.NoError(t, err)
		require.Empty(t, got.Regions)
	}
	got, err := m.Look(noisy(150))
	require.NoError(t, err)
	require.Greater(t, got.Changed, 0.9)
	got, err = m.Look(noisy(150))
	require.NoError(t, err)
	require.Empty(t, got.Regions, "the light is learnt at once")
}

func TestFramesThatLieAboutTheirSizeAreRefused(t *testing.T) {
	f := canvas(320, 180)
	f.Height = 360
	_, err := detect.Stills{}.Snapshot(f, vision.Still{})
	require.ErrorContains(t, err, "320×360")
	m := detect.NewMotion(nil)
	defer m.Close()
	_, err = m.Look(f)
	require.Error(t, err)
	objects, _ := open(t, detect.Auto)
	_, err = objects.Detect(context.Background(), f, vision.Look{Regions: []vision.Box{{W: 1, H: 1}}})
	require.ErrorContains(t, err, "camera test")
}

func TestMemoryStaysFlat(t *testing.T) {
	objects, _ := open(t, detect.Auto)
	f := canvas(768, 576)
	once := func() {
		m := detect.NewMotion([][]vision.Point{{{}, {X: 0.1}, {X: 0.1, Y: 0.1}}})
		defer m.Close()
		for i := range 3 {
			paint(f, 100*i, 100, 80, 80, byte(40*i))
			_, err := m.Look(f)
			require.NoError(t, err)
			_, err = objects.Detect(context.Background(), f, vision.Look{MinScore: 0.1, Regions: []vision.Box{{X: 0.2, Y: 0.2, W: 0.1, H: 0.2}}})
			require.NoError(t, err)
			_, err = detect.Stills{}.Snapshot(f, vision.Still{Box: &vision.Box{X: 0.1, Y: 0.1, W: 0.1, H: 0.1}})
			require.NoError(t, err)
		}
	}
	for range 5 {
		once()
	}
	before := residentKiB(t)
	for range 25 {
		once()
	}
	// One leaked picture of this size a round would be 30 MiB.
	require.Less(t, residentKiB(t)-before, 24<<10, "KiB grown")
}

func residentKiB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(status), "VmRSS:")
	require.True(t, ok)
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return n
}

func TestADetectorNeverQueues(t *testing.T) {
	objects, _, err := detect.Open(detect.Options{Backend: detect.HOG, Wait: time.Millisecond})
	require.NoError(t, err)
	defer objects.Close()
	f := canvas(1920, 1080)
	look := vision.Look{Regions: []vision.Box{{X: 0, Y: 0, W: 1, H: 1}, {X: 0.1, Y: 0.2, W: 0.8, H: 0.4}}}
	const callers = 16
	errs := make(chan error, callers)
	for range callers {
		go func() {
			_, err := objects.Detect(context.Background(), f, look)
			errs <- err
		}()
	}
	busy := 0
	for range callers {
		if err := <-errs; err != nil {
			require.ErrorIs(t, err, vision.ErrBusy)
			busy++
		}
	}
	require.Positive(t, busy)
	require.Equal(t, uint64(busy), objects.Skipped())
}
