package clip_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

var (
	plain = sync.OnceValue(func() footage { return makeFootage(ingest.H264, "192x108", 60, 0) })
	withB = sync.OnceValue(func() footage { return makeFootage(ingest.H264, "192x108", 60, 2) })
	other = sync.OnceValue(func() footage { return makeFootage(ingest.H264, "256x144", 60, 0) })
	hevc  = sync.OnceValue(func() footage { return makeFootage(ingest.H265, "192x108", 16, 2) })
	mjpeg = sync.OnceValue(func() footage { return makeFootage(ingest.MJPEG, "192x108", 16, 0) })
)

func load(t testing.TB, f func() footage) footage {
	t.Helper()
	got := f()
	require.NoError(t, got.err)
	return got
}

func makeFootage(codec ingest.Codec, size string, seconds, b int) (f footage) {
	dir, err := os.MkdirTemp("", "footage")
	if err != nil {
		return footage{err: err}
	}
	defer os.RemoveAll(dir)
	movie := filepath.Join(dir, "f.mp4")
	args := []string{"-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%s:rate=25:duration=%d", size, seconds), "-pix_fmt", "yuv420p"}
	switch codec {
	case ingest.H264:
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-g", strconv.Itoa(gop), "-sc_threshold", "0", "-bf", strconv.Itoa(b), "-b_strategy", "0", "-b:v", "300k")
	case ingest.H265:
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", fmt.Sprintf("log-level=error:keyint=%d:min-keyint=%d:scenecut=0:bframes=%d", gop, gop, b))
	case ingest.MJPEG:
		args = append(args, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
	}
	if err := tool("ffmpeg", append(args, "-video_track_timescale", "90000", movie)...); err != nil {
		return footage{err: err}
	}
	p := &ingest.Params{Codec: codec, FPS: 25}
	if _, err := fmt.Sscanf(size, "%dx%d", &p.Width, &p.Height); err != nil {
		return footage{err: err}
	}
	if f.units, err = unitsOf(movie, p); err != nil {
		return footage{err: err}
	}
	f.frames, _, f.err = framesOf(movie)
	return f
}

// unitsOf takes a file apart into units as a camera sends them, delimiters and
// parameter sets in band.
func unitsOf(movie string, p *ingest.Params) (units []*ingest.Unit, err error) {
	var pictures [][][]byte
	switch p.Codec {
	case ingest.MJPEG:
		out, err := exec.Command("ffmpeg", "-v", "error", "-i", movie, "-c", "copy", "-f", "mjpeg", "-").Output()
		if err != nil {
			return nil, err
		}
		for _, jpeg := range bytes.SplitAfter(out, []byte{0xff, 0xd9}) {
			if len(jpeg) > 0 {
				pictures = append(pictures, [][]byte{jpeg})
			}
		}
	default:
		name := string(p.Codec)
		if p.Codec == ingest.H265 {
			name = "hevc"
		}
		out, err := exec.Command("ffmpeg", "-v", "error", "-i", movie, "-c", "copy", "-bsf:v", name+"_mp4toannexb,"+name+"_metadata=aud=insert", "-f", name, "-").Output()
		if err != nil {
			return nil, err
		}
		pictures = split(out, p)
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
	if err != nil || len(probe.Packets) != len(pictures) {
		return nil, fmt.Errorf("%d packets, %d pictures: %w", len(probe.Packets), len(pictures), err)
	}
	for i, nals := range pictures {
		pk := probe.Packets[i]
		u := &ingest.Unit{Params: p, PTS: pk.PTS, DTS: pk.DTS, Key: strings.Contains(pk.Flags, "K"), NALs: nals}
		for _, n := range nals {
			u.Bytes += len(n)
		}
		units = append(units, u)
	}
	return units, nil
}

// split cuts an Annex B stream into access units at their delimiters, and
// finds the parameter sets.
func split(b []byte, p *ingest.Params) (units [][][]byte) {
	for part := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		part = bytes.TrimRight(part, "\x00")
		if len(part) == 0 {
			continue
		}
		kind := int(part[0] & 31)
		if p.Codec == ingest.H265 {
			kind = 100 + int(part[0]>>1&63)
		}
		switch kind {
		case 9, 135:
			units = append(units, nil)
		case 132:
			p.VPS = part
		case 7, 133:
			p.SPS = part
		case 8, 134:
			p.PPS = part
		}
		units[len(units)-1] = append(units[len(units)-1], part)
	}
	return units
}

// reordered tells whether pictures are decoded in another order than shown.
func (f footage) reordered() bool {
	return !slices.IsSortedFunc(f.units, func(a, b *ingest.Unit) int { return int(a.PTS - b.PTS) })
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

// framesOf decodes a file and gives checksum and time of each picture that is
// presented; a warning of the decoder is an error.
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
