package avcodec_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
)

// TestFilmsAreAsPlayersShowThem compares what people bring with what ffmpeg,
// which turns, cuts and orders as players do, makes of the same file.
func TestFilmsAreAsPlayersShowThem(t *testing.T) {
	t.Parallel()
	const seconds, fps = 2, 10
	run := func(t *testing.T, args ...string) {
		t.Helper()
		msg, err := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(msg))
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	source := []string{"-f", "lavfi", "-i", "testsrc2=size=160x96:rate=10:duration=2", "-threads", "1"}
	x264 := []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-pix_fmt", "yuv420p"}
	run(t, append(append(source, x264...), "-bf", "3", at("b.mp4"))...)
	for name, c := range map[string]struct {
		args     []string // nil: source and what follows
		encoder  []string
		pictures int
		near     float64 // what a pixel may differ by, on average
	}{
		"H.264 in AVI, B-frames without times.avi": {args: []string{"-i", at("b.mp4"), "-c", "copy"}},
		"H.264 alone.h264":                         {args: []string{"-i", at("b.mp4"), "-c", "copy"}},
		"MPEG-4 with B-frames.avi":                 {encoder: []string{"-c:v", "mpeg4", "-bf", "2", "-q:v", "3"}},
		"held upright.mp4":                         {args: []string{"-i", at("b.mp4"), "-c", "copy", "-metadata:s:v:0", "rotate=90"}},
		"held upright the other way.mp4":           {args: []string{"-i", at("b.mp4"), "-c", "copy", "-metadata:s:v:0", "rotate=270"}},
		"upside down.mp4":                          {args: []string{"-i", at("b.mp4"), "-c", "copy", "-metadata:s:v:0", "rotate=180"}},
		"begins inside a GOP.mp4":                  {args: []string{"-ss", "0.55", "-i", at("b.mp4"), "-c", "copy"}, pictures: 14},
		"second track is the one.mp4": {args: []string{"-f", "lavfi", "-i", "color=s=64x64:r=10:d=2", "-i", at("b.mp4"), "-map", "0", "-map", "1",
			"-c:v:0", "mpeg4", "-c:v:1", "copy", "-disposition:v:0", "0", "-disposition:v:1", "default"}},
		// ffmpeg takes grey for full range, whatever the stream says.
		"no colour.mp4":  {near: 8, encoder: []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-pix_fmt", "gray"}},
		"ten bits.mp4":   {encoder: []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p10le"}, near: 0.6},
		"all colour.mkv": {encoder: []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv444p"}, near: 1},
		"unpacked.avi":   {encoder: []string{"-c:v", "rawvideo", "-pix_fmt", "yuv420p"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := c.args
			if args == nil {
				args = append(append([]string{}, source...), c.encoder...)
			}
			run(t, append(args, at(name))...)
			if c.pictures == 0 {
				c.pictures = seconds * fps
			}
			want := reference(t, at(name))
			frames, times := watchFilm(t, at(name))
			require.Len(t, frames, c.pictures)
			for i, got := range frames {
				require.Equal(t, time.Duration(i)*time.Second/fps, (times[i] - times[0]).Round(time.Millisecond), "picture %d", i)
				require.LessOrEqual(t, len(got)*(i+1), len(want))
				require.LessOrEqual(t, differs(got, want[i*len(got):]), c.near, "picture %d", i)
			}
			require.Len(t, want, c.pictures*len(frames[0]))
		})
	}
}

// watchFilm is what the pictures of a file are, and when they were captured.
func watchFilm(t *testing.T, path string) (frames [][]byte, times []time.Duration) {
	start := time.Unix(1000, 0)
	r, err := avcodec.OpenFile(path, "c", start)
	require.NoError(t, err)
	defer r.Close()
	d := r.Decoder()
	defer d.Close()
	keep := func(f *vision.Frame) error {
		require.Positive(t, f.Bytes, "it has its unit")
		frames, times = append(frames, i420(f)), append(times, f.Captured.Sub(start))
		return nil
	}
	for {
		u, err := r.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.NoError(t, d.Decode(u, keep))
	}
	require.NoError(t, d.Drain(keep))
	return frames, times
}

// differs is by how much pixels differ on average.
func differs(a, b []byte) float64 {
	sum := 0
	for i, v := range a {
		d := int(v) - int(b[i])
		sum += max(d, -d)
	}
	return float64(sum) / float64(len(a))
}
