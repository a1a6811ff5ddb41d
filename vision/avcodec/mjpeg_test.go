package avcodec_test

import (
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
)

// MJPEG goes from a camera to frames, and so does a picture that changes its size.
func TestMJPEGOfACamera(t *testing.T) {
	dir := t.TempDir()
	film := func(name, size string) *camera.Footage {
		file := filepath.Join(dir, name)
		out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size="+size+":rate=25:duration=1",
			"-c:v", "mjpeg", "-q:v", "4", "-huffman", "default", "-pix_fmt", "yuvj420p", file).CombinedOutput()
		require.NoError(t, err, string(out))
		f, err := camera.LoadFootage(file)
		require.NoError(t, err)
		return f
	}
	faults := fault.NewInjector(1, "gate")
	cam := camera.New(camera.Config{ID: "gate", Listen: "127.0.0.1:0", Path: "main", Footage: film("a.mjpeg", "320x176"), Other: film("b.mjpeg", "160x96")},
		faults, slog.New(slog.DiscardHandler))
	require.NoError(t, cam.Open())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- cam.Run(ctx) }()
	units := make(chan *ingest.Unit, 100)
	source := rtsp.New(rtsp.Config{Camera: "gate", URL: cam.URL(), Deliver: func(u *ingest.Unit) {
		select {
		case units <- u:
		default:
		}
	}})
	go func() { // again where the machine is too late for a camera that answers
		ingest.Keep(ctx, slog.New(slog.DiscardHandler), ingest.DefaultPace(), source.Run)
		ended <- nil
	}()

	d := avcodec.New(avcodec.Options{})
	defer d.Close()
	widths := map[int]int{}
	for deadline := time.After(time.Minute); widths[160] < 3; {
		select {
		case u := <-units:
			require.NoError(t, d.Decode(u, func(f *vision.Frame) error {
				widths[f.Width]++
				require.True(t, f.FullRange)
				return nil
			}))
		case <-deadline:
			require.Fail(t, "no frames of the other size", "%v", widths)
		}
		if widths[320] == 3 {
			faults.Set(fault.Fault{Name: "resizing", Resizes: true}, 0)
		}
	}
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
}
