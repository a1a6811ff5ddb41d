package clip_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/ingest"
)

// roll pushes seconds of a camera at 25 pictures a second with a key unit every
// 2 s, each picture of so many bytes.
func roll(r *clip.Ring, from, seconds, size int) {
	p := &ingest.Params{Codec: ingest.H264, SPS: []byte{0x67, 1}, PPS: []byte{0x68}}
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := from * 25; i < (from+seconds)*25; i++ {
		at := begin.Add(time.Duration(i) * frameTime)
		r.Push(&ingest.Unit{
			Params: p, PTS: int64(i) * frameTicks, DTS: int64(i) * frameTicks, Key: i%50 == 0, NALs: [][]byte{bytes.Repeat([]byte{0x41}, size)},
			Bytes: size, Received: at, Captured: at,
		}, false)
	}
}

func TestRingIsBoundedInSeconds(t *testing.T) {
	r := clip.NewRing(1, 30*time.Second, 1<<30)
	roll(r, 0, 300, 100)
	h := r.Held()
	require.GreaterOrEqual(t, h.To.Sub(h.From), 30*time.Second)
	require.Less(t, h.To.Sub(h.From), 32*time.Second, "whole GOPs: at most one more than was asked for")
	require.EqualValues(t, h.Units*100, h.Bytes)
	require.Zero(t, h.Squeezed)
	_, newest, missed := r.After(0)
	require.EqualValues(t, 7500, newest)
	require.EqualValues(t, 7500-h.Units, missed)
}

func TestRingIsBoundedInBytes(t *testing.T) {
	r := clip.NewRing(1, 30*time.Second, 1<<20)
	roll(r, 0, 60, 10_000) // 250 kB a second: four seconds of it
	h := r.Held()
	require.LessOrEqual(t, h.Bytes, int64(1<<20))
	require.Greater(t, h.To.Sub(h.From), 2*time.Second)
	require.NotZero(t, h.Squeezed)
	one, _, _ := r.After(0)
	require.True(t, one[0].Key, "it begins where decoding can")
	roll(r, 60, 10, 100_000) // a GOP alone is too long
	require.LessOrEqual(t, r.Held().Bytes, int64(1<<20))
}

// Readers share the units: a hundred of them take no more than the list.
func TestRingIsReadWithoutCopying(t *testing.T) {
	r := clip.NewRing(1, 30*time.Second, 1<<30)
	roll(r, 0, 40, 20_000) // 16 MB and more
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	units := 0
	for range 100 {
		samples, _, _ := r.After(0)
		units += len(samples)
		runtime.KeepAlive(samples)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(units*400), "bytes for %d units of 20 kB", units)
}
