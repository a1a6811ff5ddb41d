package media

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// segment is a small one: two fragments, the first with a picture reordered.
func segment(t testing.TB) []byte {
	p := &ingest.Params{
		Codec: ingest.H264, Width: 320, Height: 180, FPS: 25, PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0},
		SPS: []byte{0x67, 0x64, 0, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0x96, 0x0f, 0x3f, 1, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x3c, 0x0f, 0x14, 0x29, 0x96},
	}
	b, err := segmentHead(p, nil)
	require.NoError(t, err)
	var all []Sample
	for i, pts := range []int64{0, 7200, 3600, 10800} {
		u := &ingest.Unit{Params: p, PTS: pts, DTS: int64(i)*3600 - 3600, Key: i == 0, NALs: [][]byte{{0x65, byte(i)}}, Captured: time.Unix(0, Duration(pts).Nanoseconds())}
		all = append(all, FromUnit(u, 9, i == 0))
	}
	for n, part := range [][]Sample{all[:3], all[3:]} {
		frag, err := encodeFragment(part, nil, 0, -3600, uint32(n+1))
		require.NoError(t, err)
		b = append(b, frag...)
	}
	return b
}

func TestFragmentsComeBack(t *testing.T) {
	b := segment(t)
	frags, head, end, err := scan(bytes.NewReader(b), int64(len(b)), true)
	require.NoError(t, err)
	require.EqualValues(t, len(b), end)
	require.Len(t, frags, 2)
	src := bytes.NewReader(b)
	got := frags[1].appendTo(frags[0].appendTo(nil, head.pictures, nil, src), head.pictures, nil, src)
	require.Len(t, got, 4)
	for i, pts := range []int64{0, 7200, 3600, 10800} {
		require.Equal(t, pts, got[i].PTS)
		require.Equal(t, int64(i)*3600-3600, got[i].DTS)
		require.Equal(t, Duration(pts).Nanoseconds(), got[i].Captured.UnixNano())
		require.Equal(t, i == 0, got[i].Lost)
		raw, err := got[i].Append(nil)
		require.NoError(t, err)
		require.Equal(t, []byte{0, 0, 0, 2, 0x65, byte(i)}, raw)
	}
}

func TestNewerVersionIsLeftAlone(t *testing.T) {
	b := segment(t)
	_, _, off, err := readHead(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	h := b[off+uuidHead:]
	h[0] = 1
	moof := h[fragmentSize-uuidHead:][:moofFixed+3*trunEntry]
	binary.BigEndian.PutUint32(h[60:], crc32.Update(crc32.Checksum(h[:60], castagnoli), castagnoli, moof))
	_, _, _, err = scan(bytes.NewReader(b), int64(len(b)), true)
	require.ErrorIs(t, err, errNewer)
	require.NotErrorIs(t, err, ErrTorn)
}

// withSound is a segment of one fragment with sound.
func withSound(t testing.TB) []byte {
	pictures := &ingest.Params{Codec: ingest.MJPEG, Width: 320, Height: 180}
	heard := &ingest.Params{Codec: ingest.LPCM, SampleRate: 8000, Channels: 2}
	b, err := segmentHead(pictures, heard)
	require.NoError(t, err)
	one := FromUnit(&ingest.Unit{Params: pictures, Key: true, NALs: [][]byte{{0xff, 0xd8}}}, 9, false)
	var sounds []Sample
	for i := range int64(4) {
		sounds = append(sounds, FromUnit(&ingest.Unit{Params: heard, PTS: 1e9 + i*900, DTS: 1e9 + i*900, Samples: 80, NALs: [][]byte{bytes.Repeat([]byte{1, 2}, 160)}}, 9, false))
	}
	frag, err := encodeFragment([]Sample{one}, sounds, 3600, 0, 1)
	require.NoError(t, err)
	return append(b, frag...)
}

func TestSoundComesBack(t *testing.T) {
	b := withSound(t)
	frags, head, _, err := scan(bytes.NewReader(b), int64(len(b)), true)
	require.NoError(t, err)
	got := frags[0].appendTo(nil, head.pictures, head.sound, bytes.NewReader(b))
	require.Len(t, got, 5)
	for i, s := range got[1:] {
		require.Equal(t, int64(1e9)+int64(i)*900, s.PTS)
		require.Equal(t, 80, s.Samples)
		raw, err := s.Append(nil)
		require.NoError(t, err)
		require.Equal(t, []byte{0xff, 0xf9, 0x70, 0x18}, raw[:4], "a frame of FLAC, stereo of 16 bits")
		require.Contains(t, string(raw), string(bytes.Repeat([]byte{1, 2}, 80)))
	}
}

// Whatever stands in a segment: no panic, no sample outside the file, and what
// is whole is found again when the file is cut behind it.
func FuzzScan(f *testing.F) {
	b := segment(f)
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Add(withSound(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		frags, head, end, err := scan(r, int64(len(b)), true)
		if err == nil {
			require.EqualValues(t, len(b), end)
		}
		var all []Sample
		for _, frag := range frags {
			all = frag.appendTo(all, head.pictures, head.sound, r)
		}
		for i := range all {
			_, err := all[i].Append(nil)
			require.NoError(t, err)
		}
		if len(frags) > 0 {
			again, _, _, err := scan(bytes.NewReader(b[:end]), end, true)
			require.NoError(t, err)
			require.Len(t, again, len(frags))
		}
	})
}
