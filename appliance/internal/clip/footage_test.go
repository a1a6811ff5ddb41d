package clip_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// footage is real H.264: 60 s of ffmpeg's test picture, which shows its own
// time, at 25 pictures a second with a key unit every 2 s.
type footage struct {
	units  []*ingest.Unit // times not yet set but PTS and DTS
	frames []string       // checksum of each decoded picture, in the order shown
	err    error
}

const (
	frameTicks = ingest.ClockRate / 25
	frameTime  = 40 * time.Millisecond
	gop        = 50
	frames     = 1500
)

var plain, withB, other = sync.OnceValue(func() footage { return makeFootage("320x180", 0) }),
	sync.OnceValue(func() footage { return makeFootage("320x180", 2) }),
	sync.OnceValue(func() footage { return makeFootage("256x144", 0) })

func load(t testing.TB, f func() footage) footage {
	t.Helper()
	got := f()
	require.NoError(t, got.err)
	return got
}

func makeFootage(size string, b int) (f footage) {
	dir, err := os.MkdirTemp("", "footage")
	if err != nil {
		return footage{err: err}
	}
	defer os.RemoveAll(dir)
	movie, raw := filepath.Join(dir, "f.mp4"), filepath.Join(dir, "f.h264")
	err = tool("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size="+size+":rate=25:duration=60",
		"-c:v", "libx264", "-preset", "veryfast", "-g", strconv.Itoa(gop), "-sc_threshold", "0", "-bf", strconv.Itoa(b),
		"-b_strategy", "0", "-pix_fmt", "yuv420p", "-b:v", "300k", "-video_track_timescale", "90000", movie)
	if err == nil {
		err = tool("ffmpeg", "-v", "error", "-i", movie, "-c", "copy", "-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264", raw)
	}
	if err != nil {
		return footage{err: err}
	}
	bitstream, err := os.ReadFile(raw)
	if err != nil {
		return footage{err: err}
	}
	var probe struct {
		Packets []struct {
			PTS, DTS int64
			Flags    string
		}
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_packets", "-of", "json", movie).Output()
	if err == nil {
		err = json.Unmarshal(out, &probe)
	}
	if err != nil {
		return footage{err: err}
	}
	w, h, _ := strings.Cut(size, "x")
	p := &ingest.Params{Codec: ingest.H264, FPS: 25}
	p.Width, _ = strconv.Atoi(w)
	p.Height, _ = strconv.Atoi(h)
	for _, nals := range split(bitstream) {
		pk := probe.Packets[len(f.units)]
		u := &ingest.Unit{Params: p, PTS: pk.PTS, DTS: pk.DTS, Key: strings.Contains(pk.Flags, "K"), NALs: nals}
		for _, n := range nals {
			u.Bytes += len(n)
			switch n[0] & 31 {
			case 7:
				p.SPS = n
			case 8:
				p.PPS = n
			}
		}
		f.units = append(f.units, u)
	}
	f.frames, f.err = frameSums(movie)
	return f
}

// split cuts an Annex B stream into access units at their delimiters.
func split(b []byte) (units [][][]byte) {
	for part := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		part = bytes.TrimRight(part, "\x00")
		if len(part) == 0 {
			continue
		}
		if part[0]&31 == 9 {
			units = append(units, nil)
		}
		units[len(units)-1] = append(units[len(units)-1], part)
	}
	return units
}

func tool(name string, args ...string) error {
	var errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		return &exec.ExitError{Stderr: append([]byte(err.Error()+": "), errs.Bytes()...)}
	}
	return nil
}

// frameSums decodes a file and gives the checksum of each picture that is
// presented; a warning of the decoder is an error.
func frameSums(path string) ([]string, error) {
	sums, _, err := framesOf(path)
	return sums, err
}

func framesOf(path string) (sums []string, pts []float64, err error) {
	var warnings bytes.Buffer
	cmd := exec.Command("ffmpeg", "-v", "warning", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil || warnings.Len() > 0 {
		return nil, nil, errors.Join(err, errors.New("ffmpeg warns: "+warnings.String()))
	}
	base := 1.0
	for line := range strings.Lines(string(out)) {
		if tb, ok := strings.CutPrefix(line, "#tb 0: 1/"); ok {
			base, _ = strconv.ParseFloat(strings.TrimSpace(tb), 64)
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		col := strings.Split(line, ",")
		t, _ := strconv.ParseFloat(strings.TrimSpace(col[2]), 64)
		pts = append(pts, t/base)
		sums = append(sums, strings.TrimSpace(col[5]))
	}
	return sums, pts, nil
}

// probe is what ffprobe says of a file; it must say nothing else.
type probe struct {
	Streams []struct {
		Duration string `json:"duration"`
		Start    string `json:"start_time"`
		Codec    string `json:"codec_name"`
	}
	Format struct {
		Duration string `json:"duration"`
	}
}

func (p probe) duration(t testing.TB) float64 {
	d, err := strconv.ParseFloat(p.Streams[0].Duration, 64)
	require.NoError(t, err)
	return d
}

func ffprobe(t testing.TB, path string) (p probe) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command("ffprobe", "-v", "warning", "-show_format", "-show_streams", "-of", "json", path)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	require.Empty(t, errs.String(), "ffprobe warns")
	require.NoError(t, json.Unmarshal(out, &p))
	require.Len(t, p.Streams, 1)
	return p
}
