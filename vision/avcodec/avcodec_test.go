package avcodec_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

// i420 packs a frame's planes as ffmpeg's rawvideo has them.
func i420(f *vision.Frame) []byte {
	var out []byte
	rows := func(p []byte, stride, w, h int) {
		for y := range h {
			out = append(out, p[y*stride:y*stride+w]...)
		}
	}
	rows(f.Y, f.StrideY, f.Width, f.Height)
	rows(f.U, f.StrideU, (f.Width+1)/2, (f.Height+1)/2)
	rows(f.V, f.StrideV, (f.Width+1)/2, (f.Height+1)/2)
	return out
}

func reference(t *testing.T, path string) []byte {
	t.Helper()
	var raw, msg bytes.Buffer
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	cmd.Stdout, cmd.Stderr = &raw, &msg
	require.NoError(t, cmd.Run(), msg.String())
	return raw.Bytes()
}

func TestEveryPixelIsWhatFFmpegDecodes(t *testing.T) {
	path := footage.Synthetic(t, "322x182", "25", "2")
	units := footage.Units(t, path, 322, 182, 25, time.Now())
	require.Len(t, units, 50)
	want := reference(t, path)
	const size = 322*182 + 2*161*91
	require.Len(t, want, 50*size)

	d := avcodec.New(avcodec.Options{})
	defer d.Close()
	n := 0
	for _, u := range units {
		at := n
		require.NoError(t, d.Decode(u, func(f *vision.Frame) error {
			require.Equal(t, 322, f.Width)
			require.Equal(t, 182, f.Height)
			require.Equal(t, u.PTS, f.PTS)
			require.Equal(t, u.Received, f.Received)
			require.Equal(t, u.Key, f.Key)
			require.True(t, bytes.Equal(want[n*size:(n+1)*size], i420(f)), "picture %d", n)
			n++
			return nil
		}))
		require.Equal(t, at+1, n, "a picture comes out with its unit, not later")
	}
}

func TestStartsAtKeyUnitOnly(t *testing.T) {
	units := footage.Units(t, footage.Synthetic(t, "160x120", "25", "3"), 160, 120, 25, time.Now())
	d := avcodec.New(avcodec.Options{SkipLoopFilter: true})
	defer d.Close()
	var first *ingest.Unit
	for _, u := range units[10:] {
		require.NoError(t, d.Decode(u, func(f *vision.Frame) error {
			if first == nil {
				first = u
			}
			return nil
		}))
	}
	require.Equal(t, units[50], first)
}

func TestDamageIsAnErrorAndEndsAtTheNextKeyUnit(t *testing.T) {
	units := footage.Units(t, footage.Synthetic(t, "160x120", "25", "5"), 160, 120, 25, time.Now())
	d := avcodec.New(avcodec.Options{})
	defer d.Close()
	frames := 0
	count := func(*vision.Frame) error { frames++; return nil }
	for _, u := range units[:5] {
		require.NoError(t, d.Decode(u, count))
	}
	bad := *units[5]
	bad.NALs = [][]byte{{0x41, 0xff, 0xff, 0xff}}
	err := d.Decode(&bad, count)
	var typed *avcodec.Error
	require.ErrorAs(t, err, &typed)
	require.Equal(t, ingest.CameraID("test"), typed.Camera)
	for _, u := range units[6:50] {
		require.NoError(t, d.Decode(u, count))
	}
	require.Equal(t, 5, frames)
	for _, u := range units[50:] {
		require.NoError(t, d.Decode(u, count))
	}
	require.Equal(t, 5+75, frames)
}

func TestAnotherResolutionAndRun(t *testing.T) {
	small := footage.Units(t, footage.Synthetic(t, "160x120", "25", "1"), 160, 120, 25, time.Now())
	large := footage.Units(t, footage.Synthetic(t, "320x240", "25", "1"), 320, 240, 25, time.Now())
	for _, u := range large {
		u.Run = 2
	}
	d := avcodec.New(avcodec.Options{})
	defer d.Close()
	widths := map[int]int{}
	for _, u := range append(small[:7], large...) {
		require.NoError(t, d.Decode(u, func(f *vision.Frame) error { widths[f.Width]++; return nil }))
	}
	require.Equal(t, map[int]int{160: 7, 320: 25}, widths)
}

func TestRefusesWhatItCannotTake(t *testing.T) {
	d := avcodec.New(avcodec.Options{})
	defer d.Close()
	none := func(*vision.Frame) error { return nil }
	require.ErrorContains(t, d.Decode(&ingest.Unit{Camera: "c", Key: true}, none), "without parameters")
	require.ErrorContains(t, d.Decode(&ingest.Unit{Camera: "c", Key: true, Params: &ingest.Params{Codec: "vp9"}}, none), `codec "vp9"`)

	path := footage.Synthetic(t, "160x120", "25", "0.2", "-pix_fmt", "yuv444p")
	err := d.Decode(footage.Units(t, path, 160, 120, 25, time.Now())[0], none)
	require.ErrorIs(t, err, avcodec.ErrPixelFormat)
	require.ErrorContains(t, err, "yuv444p, want yuv420p")
}

func TestErrorOfTheCallbackComesBack(t *testing.T) {
	units := footage.Units(t, footage.Synthetic(t, "160x120", "25", "0.2"), 160, 120, 25, time.Now())
	d := avcodec.New(avcodec.Options{})
	defer d.Close()
	stop := errors.New("stop")
	require.ErrorIs(t, d.Decode(units[0], func(*vision.Frame) error { return stop }), stop)
}

func TestTwoHundredDecodersLeaveNothingBehind(t *testing.T) {
	units := footage.Units(t, footage.Synthetic(t, "640x480", "25", "0.2"), 640, 480, 25, time.Now())
	once := func() {
		d := avcodec.New(avcodec.Options{})
		defer d.Close()
		for _, u := range units {
			require.NoError(t, d.Decode(u, func(*vision.Frame) error { return nil }))
		}
	}
	for range 20 {
		once()
	}
	before := residentKiB(t)
	for range 200 {
		once()
	}
	// One leaked decoder of this size is more than 2 MiB.
	require.Less(t, residentKiB(t)-before, 40<<10, "KiB grown by 200 decoders")
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
