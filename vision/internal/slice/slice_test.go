package slice_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/internal/slice"
)

// encode makes a second of moving pictures.
func encode(t testing.TB, options string) []*ingest.Unit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "v.mkv")
	args := "-nostdin -v error -f lavfi -i testsrc2=size=320x192:rate=25:duration=1.2 -pix_fmt yuv420p -threads 1 " + options + " " + path
	msg, err := exec.Command("ffmpeg", strings.Fields(args)...).CombinedOutput()
	require.NoError(t, err, string(msg))
	r, err := avcodec.OpenFile(path, "c", time.Now())
	require.NoError(t, err)
	defer r.Close()
	var units []*ingest.Unit
	for {
		u, err := r.Next(context.Background())
		if err != nil {
			return units
		}
		units = append(units, u)
	}
}

func TestQuantiserAndTypeAreWhatTheEncoderWasTold(t *testing.T) {
	cases := map[string]string{
		"avc":          "-c:v libx264 -qp 31 -bf 0 -g 10 -x264-params ipratio=1",
		"avc baseline": "-c:v libx264 -qp 31 -bf 0 -g 10 -profile:v baseline -x264-params ipratio=1",
		"avc slices":   "-c:v libx264 -qp 31 -bf 0 -g 10 -x264-params ipratio=1:slices=4",
		"avc b":        "-c:v libx264 -qp 31 -bf 2 -g 10 -x264-params ipratio=1:pbratio=1:b-adapt=0",
		"avc weights":  "-c:v libx264 -qp 31 -bf 0 -g 10 -vf fade=in:0:25 -x264-params ipratio=1:weightp=2:ref=3",
		"avc fields":   "-c:v libx264 -qp 31 -bf 0 -g 10 -flags +ilme+ildct -x264-params ipratio=1",
		"hevc":         "-c:v libx265 -g 10 -x265-params log-level=none:qp=31:ipratio=1:bframes=0",
		"hevc b":       "-c:v libx265 -g 10 -x265-params log-level=none:qp=31:ipratio=1:pbratio=1:bframes=2:b-adapt=0",
		"hevc slices":  "-c:v libx265 -g 10 -x265-params log-level=none:qp=31:ipratio=1:bframes=0:slices=2",
		"hevc weights": "-c:v libx265 -g 10 -vf fade=in:0:25 -x265-params log-level=none:qp=31:ipratio=1:bframes=0:weightp=1",
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			units := encode(t, options)
			require.Len(t, units, 30)
			var r slice.Reader
			kinds := map[slice.Type]int{}
			for i, u := range units {
				p := r.Read(u)
				require.Equal(t, 31, p.QP, "picture %d", i)
				require.Positive(t, p.Bytes)
				require.LessOrEqual(t, p.Bytes, u.Bytes)
				kinds[p.Type]++
				if u.Key {
					require.Equal(t, slice.I, p.Type)
					require.False(t, p.Disposable)
				}
			}
			require.GreaterOrEqual(t, kinds[slice.I], 3)
			require.Zero(t, kinds[slice.Unknown])
			if strings.HasSuffix(name, " b") {
				require.Positive(t, kinds[slice.B])
			}
		})
	}
}

func TestPicturesThatNobodyNeedsAreKnown(t *testing.T) {
	units := encode(t, "-c:v libx264 -qp 31 -bf 2 -g 30 -x264-params b-adapt=0:b-pyramid=none")
	var r slice.Reader
	disposable := 0
	for _, u := range units {
		p := r.Read(u)
		require.Equal(t, p.Type == slice.B, p.Disposable)
		if p.Disposable {
			disposable++
		}
	}
	require.Greater(t, disposable, 15)
}

func TestFillerAndTheRestDoNotCount(t *testing.T) {
	u := *encode(t, "-c:v libx264 -qp 31 -bf 0 -g 10")[0]
	var r slice.Reader
	want := r.Read(&u)
	filler := append([]byte{12}, bytes.Repeat([]byte{0xff}, 5000)...)
	u.NALs = append([][]byte{{9, 0xf0}, {6, 5, 1, 0}}, append(u.NALs, filler)...)
	require.Equal(t, want, r.Read(&u))
}

func FuzzRead(f *testing.F) {
	for _, options := range []string{"-c:v libx264 -bf 2", "-c:v libx265 -x265-params log-level=none"} {
		units := encode(f, options)
		for _, u := range units[:5] {
			f.Add(u.Params.Codec == ingest.H265, u.Params.SPS, u.Params.PPS, u.NALs[len(u.NALs)-1])
		}
	}
	f.Fuzz(func(t *testing.T, hevc bool, sps, pps, nal []byte) {
		codec := ingest.H264
		if hevc {
			codec = ingest.H265
		}
		var r slice.Reader
		p := r.Read(&ingest.Unit{Params: &ingest.Params{Codec: codec, SPS: sps, PPS: pps}, NALs: [][]byte{nal}})
		require.LessOrEqual(t, p.Bytes, len(nal))
		require.True(t, p.QP >= -1 && p.QP <= 51)
	})
}
