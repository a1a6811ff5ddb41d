package station

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/render"
)

// A camera whose pictures come in another order than they are shown is given
// to browsers as a rendition, made when somebody asks; one that browsers play
// is never encoded again.
func TestWhatNoBrowserPlaysIsRendered(t *testing.T) {
	b := newBench(t)
	b.leaves.Decoder = func() vision.Decoder { return avcodec.New(avcodec.Options{}) }
	b.leaves.Encoder = func(w, h int, fps float64) (render.Encoder, error) { return avcodec.NewEncoder(w, h, fps) }
	c, err := b.newCamera(config.Camera{ID: "gate", Streams: config.Streams{Main: "rtsp://127.0.0.1:1/"}})
	require.NoError(t, err)
	b.cameras = map[string]*camera{"gate": c}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.renderPlain(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-done)
	}()
	units := colourful(t, "4")
	next := 0
	give := func(early int64) bool {
		u := *units[next%len(units)]
		u.Run = uint32(1 + next/len(units))
		u.DTS -= early
		u.Received = time.Now()
		u.Captured = u.Received
		c.deliver(&u)
		next++
		return true
	}
	require.True(t, give(0))
	require.True(t, plays(whep.Video{Params: units[0].Params, GOP: c.gop}))
	for range len(units) {
		give(ingest.ClockRate / 25)
	}
	require.False(t, plays(whep.Video{Params: units[0].Params, GOP: c.gop}))
	_, there := c.plainVideo()
	require.False(t, there, "asked for, not there yet")
	eventually(t, func() bool {
		give(ingest.ClockRate / 25)
		video, there := c.plainVideo()
		return there && plays(video) && video.Feed != c.feed
	})
}
