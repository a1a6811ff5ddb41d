package station

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A journal that takes no notices, as below its reserve, does not keep a camera
// that sends pictures from being seen; the newest word is told when it can be.
func TestCameraIsSeenWhileTheJournalRefuses(t *testing.T) {
	b := newBench(t)
	c, err := b.newCamera(config.Camera{ID: "gate", Streams: config.Streams{Main: "rtsp://127.0.0.1:1/"}})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	b.full.is.Store(true)
	go func() { ended <- c.watch(ctx) }()
	eventually(t, func() bool { return !c.state().Since.IsZero() }) // not live
	eventually(t, func() bool {
		c.deliver(&ingest.Unit{Key: true, Received: time.Now()})
		return c.state().Live
	})
	b.full.is.Store(false)
	eventually(t, func() bool {
		c.deliver(&ingest.Unit{Key: true, Received: time.Now()})
		online := false
		_, err := b.desk.View(t.Context(), func(s *desk.State) {
			d := s.Device("gate")
			online = d != nil && d.State == "online" && d.Blind == nil
		})
		return err == nil && online
	})
	stop()
	require.NoError(t, <-ended)
}
