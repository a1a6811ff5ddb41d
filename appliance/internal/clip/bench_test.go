package clip_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

// heavy is a minute of a camera of 4 Mbit/s that was just captured.
func heavy(f footage) (out []*ingest.Unit) {
	zero := time.Now().Add(-time.Minute)
	for i, u := range f.units {
		c := *u
		c.Captured = zero.Add(time.Duration(i) * frameTime)
		c.Received = c.Captured
		size := 16_000
		if u.Key {
			size = 160_000
		}
		c.NALs = [][]byte{bytes.Repeat([]byte{u.NALs[len(u.NALs)-1][0]}, size)}
		c.Bytes = size
		out = append(out, &c)
	}
	return out
}

// BenchmarkWhole is the time from a wish for a minute that is over to the
// whole clip: 28 MB read, cut, hashed, written and synced.
func BenchmarkWhole(b *testing.B) {
	f := load(b, plain)
	store := media.New(media.Options{Dir: b.TempDir(), MinFree: -1})
	require.NoError(b, store.Open())
	ready := make(chan clip.Ready, 4)
	c := clip.New(clip.Options{Store: store, Trouble: func(_ string, err error) { b.Log(err) }, RingBytes: 1 << 30, Ready: func(_ context.Context, r clip.Ready) error {
		ready <- r
		return nil
	}})
	require.NoError(b, c.Open())
	ctx, cancel := context.WithCancel(context.Background())
	units := feed.New[*ingest.Unit]()
	done := make(chan error, 2)
	go func() { done <- c.Run(ctx) }()
	reader := units.Subscribe(2000, nil)
	go func() {
		done <- c.Hold(ctx, clip.Camera{ID: "gate", Record: clip.Continuous, PreRoll: time.Minute}, reader)
	}()
	for _, u := range heavy(f) {
		units.Publish(u)
	}
	require.Eventually(b, func() bool { return store.Stats().Recorded["gate"] > 58*time.Second }, 20*time.Second, time.Millisecond)
	b.ResetTimer()
	for i := range b.N {
		_, err := c.Want(ctx, clip.Want{Incident: "01A", Camera: "gate", Alert: string(rune('a' + i)), At: time.Now().Add(-30*time.Second - time.Duration(i)*time.Millisecond), PreRoll: 30 * time.Second, PostRoll: 29 * time.Second})
		require.NoError(b, err)
		var bytes int64
		for r := range ready {
			bytes += r.Bytes
			if r.Part == clip.PartWhole {
				break
			}
		}
		b.SetBytes(bytes)
	}
	b.StopTimer()
	cancel()
	require.NoError(b, <-done)
	require.NoError(b, <-done)
}
