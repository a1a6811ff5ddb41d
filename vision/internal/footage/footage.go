// Package footage makes video for the tests of vision: it encodes real or
// synthetic pictures with the ffmpeg command and cuts the result into access
// units. It is imported by tests only and fails them when ffmpeg is missing.
package footage

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// NAL unit types (H.264, table 7-1).
const (
	nalIDR = 5
	nalSPS = 7
	nalPPS = 8
	nalAUD = 9
)

// Synthetic encodes ffmpeg's test picture testsrc2 as H.264 Annex B and
// returns its path. extra are encoder options.
func Synthetic(t testing.TB, size string, fps string, seconds string, extra ...string) string {
	t.Helper()
	in := []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=" + fps + ":duration=" + seconds}
	return encode(t, in, nil, extra)
}

// File encodes a video file as H.264 Annex B at 25 pictures a second, without
// B-frames and with a key frame every 2 s. before are input options (a seek),
// extra are encoder options.
func File(t testing.TB, path string, before []string, extra ...string) string {
	t.Helper()
	return encode(t, append(before, "-i", path), []string{"-vf", "fps=25"}, extra)
}

func encode(t testing.TB, in, filter, extra []string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "footage.h264")
	args := append([]string{"-nostdin", "-v", "error", "-y"}, in...)
	args = append(args, filter...)
	args = append(args, "-an", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "50", "-threads", "2")
	args = append(args, extra...)
	args = append(args, "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", out)
	cmd := exec.Command("ffmpeg", args...)
	msg, err := cmd.CombinedOutput()
	require.NoError(t, err, "ffmpeg: %s", msg)
	return out
}

// Units cuts an Annex B file whose access units begin with a delimiter into
// units of one run at fps pictures a second, received in real intervals from
// start.
func Units(t testing.TB, path string, width, height int, fps float64, start time.Time) []*ingest.Unit {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	params := &ingest.Params{Codec: ingest.H264, Width: width, Height: height, FPS: fps}
	var units []*ingest.Unit
	var u *ingest.Unit
	for _, nal := range split(data) {
		switch nal[0] & 0x1f {
		case nalAUD:
			at := start.Add(time.Duration(float64(len(units)) / fps * float64(time.Second)))
			pts := int64(float64(len(units)) / fps * ingest.ClockRate)
			u = &ingest.Unit{Camera: "test", Params: params, Run: 1, PTS: pts, DTS: pts, Received: at, Captured: at}
			units = append(units, u)
			continue
		case nalSPS:
			params.SPS = nal
			continue
		case nalPPS:
			params.PPS = nal
			continue
		case nalIDR:
			u.Key = true
		}
		require.NotNil(t, u, "access unit delimiter first")
		u.NALs = append(u.NALs, nal)
		u.Bytes += len(nal)
	}
	require.NotEmpty(t, units)
	return units
}

// split returns the NAL units between Annex B start codes.
func split(data []byte) [][]byte {
	var nals [][]byte
	for _, part := range bytes.Split(data, []byte{0, 0, 1}) {
		if n := bytes.TrimRight(part, "\x00"); len(n) > 0 {
			nals = append(nals, n)
		}
	}
	return nals
}

// Pedestrians is PETS09 S2.L1 View 001 (768×576, 795 pictures at 10 a second)
// as Debian's opencv-doc ships it, unpacked when it is packed.
func Pedestrians(t testing.TB) string {
	t.Helper()
	const path = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	if _, err := os.Stat(path); err == nil {
		return path
	}
	f, err := os.Open(path + ".gz")
	require.NoError(t, err, "vtest.avi of Debian's opencv-doc")
	defer f.Close()
	zr, err := gzip.NewReader(f)
	require.NoError(t, err)
	out, err := os.Create(filepath.Join(t.TempDir(), "vtest.avi"))
	require.NoError(t, err)
	_, err = io.Copy(out, zr)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return out.Name()
}

// Small is PETS09 at half its size, 5 pictures a second, made once: most tests
// need no more, and what others read from it need not be decoded in full.
func Small(t testing.TB) string {
	return Cached(t, "pedestrians-small.mp4", func(out string) {
		ffmpeg(t, "-i", Pedestrians(t), "-vf", "fps=5,scale=384:288", "-an", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "6", "-bf", "0", "-g", "25", "-threads", "2", out)
	})
}

// Shared is a path below the shared material (WATCHPOST_SHARED, by default
// beside the repository), or "" when it is not there.
func Shared(elem ...string) string {
	root := os.Getenv("WATCHPOST_SHARED")
	if root == "" {
		root = filepath.Join(repository(), "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// ModelsDir is where the tests look for the ONNX Runtime library: MODELS_DIR,
// else the repository's own cache.
func ModelsDir() string {
	if dir := os.Getenv("MODELS_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(repository(), ".cache", "models")
}

// repository is the nearest folder above with a go.mod.
func repository() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	return "."
}
