package station

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// tone is the sound of one picture at 25 a second: 40 ms of 440 Hz, as G.711
// comes in.
func tone(u *ingest.Unit) *ingest.Unit {
	const rate, block = 8000, 320
	samples := make([]byte, 0, 2*block)
	for i := range block {
		at := float64(u.PTS)/ingest.ClockRate + float64(i)/rate
		samples = binary.BigEndian.AppendUint16(samples, uint16(int16(12000*math.Sin(2*math.Pi*440*at))))
	}
	return &ingest.Unit{
		Camera: u.Camera, Params: &ingest.Params{Codec: ingest.LPCM, SampleRate: rate, Channels: 1}, Run: u.Run, PTS: u.PTS, DTS: u.PTS,
		NALs: [][]byte{samples}, Samples: block, Bytes: len(samples), Received: u.Received, Captured: u.Captured,
	}
}

// requireLoud wants at least so many seconds of the tone in a file.
func requireLoud(t *testing.T, path string, seconds float64) {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", "0:a", "-f", "s16le", "-ac", "1", "-ar", "8000", "-")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	raw, err := cmd.Output()
	require.NoError(t, err, errs.String())
	loud := 0
	for ; len(raw) >= 320; raw = raw[320:] { // 20 ms
		for i := 0; i < 320; i += 2 {
			if int16(binary.LittleEndian.Uint16(raw[i:])) > 6000 {
				loud++
				break
			}
		}
	}
	require.GreaterOrEqual(t, float64(loud)*0.02, seconds, "seconds of sound")
}

// TestSoundFindsItsMaskedPictures: sound waits for its picture, comes on its
// run and scale, and goes from one session of the camera to the next.
func TestSoundFindsItsMaskedPictures(t *testing.T) {
	began := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	second := func(n float64) time.Time { return began.Add(time.Duration(n * float64(time.Second))) }
	ticks := func(n float64) int64 { return int64(n * ingest.ClockRate) }
	unit := func(run uint32, pts, captured float64, sound bool) *ingest.Unit {
		u := &ingest.Unit{Run: run, PTS: ticks(pts), DTS: ticks(pts), Captured: second(captured), Key: !sound, Params: &ingest.Params{Codec: ingest.H264}}
		if sound {
			u.Params = &ingest.Params{Codec: ingest.LPCM}
		}
		return u
	}
	for name, c := range map[string]struct {
		sub   bool
		ahead float64 // of the sound's scale
	}{"of one stream": {}, "of the sub stream": {true, 100}} {
		m := newMaskedSound(c.sub)
		reader := m.feed.Subscribe(64, nil)
		next := func() *ingest.Unit {
			ctx, cancel := context.WithTimeout(t.Context(), chainWithin)
			defer cancel()
			u, err := reader.Next(ctx)
			require.NoError(t, err, name)
			return u
		}
		for i := range 4 {
			m.hear(unit(7, c.ahead+10+float64(i), 10+float64(i), true))
		}
		m.picture(unit(1, 11, 11, false))
		require.True(t, next().Key)
		for _, want := range []float64{10, 11} {
			u := next()
			require.Equal(t, []any{uint32(1), ticks(want)}, []any{u.Run, u.PTS}, name)
		}
		m.hear(unit(8, c.ahead, 40, true)) // the camera came again
		m.picture(unit(1, 13, 13, false))
		require.True(t, next().Key)
		require.Equal(t, ticks(12), next().PTS, name)
		require.Equal(t, ticks(13), next().PTS, name)
		m.picture(unit(2, 1, 41, false))
		require.True(t, next().Key)
		u := next()
		require.Equal(t, []any{uint32(2), ticks(0)}, []any{u.Run, u.PTS}, name)
		reader.Close()
	}
	m := newMaskedSound(false)
	for range soundWaitMax + 5 {
		m.hear(unit(1, 1, 1, true))
	}
	require.Len(t, m.waits, soundWaitMax)
	require.EqualValues(t, 5, m.lost)
}
