package station

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/vision"
)

// A fault of the picture is a blind interval and a warning while it lasts, and
// what a stop of the box left open ends with the next start.
func TestFaultsOfThePictureAreBlindIntervals(t *testing.T) {
	b := newBench(t)
	b.cfg.Cameras = []config.Camera{{ID: "gate", Record: "off", Streams: config.Streams{Main: "rtsp://127.0.0.1:1/"}}}
	kinds := func() []string {
		var list []string
		_, err := b.desk.View(t.Context(), func(s *desk.State) {
			if d := s.Device("gate"); d != nil {
				for _, o := range d.Blinds {
					list = append(list, o.Kind)
				}
			}
		})
		require.NoError(t, err)
		return list
	}
	run := func() (*camera, func()) {
		c, err := b.newCamera(b.cfg.Cameras[0])
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.tellFaults(ctx) }()
		return c, func() {
			cancel()
			require.NoError(t, <-done)
		}
	}
	from := time.Now().Add(-10 * time.Second)
	fault := func(kind string) vision.Fault { return vision.Fault{Kind: kind, From: from, Why: "of the test"} }
	is := func(want ...string) func() bool {
		return func() bool { return len(kinds()) == len(want) && (len(want) == 0 || kinds()[0] == want[0]) }
	}

	c, stop := run()
	c.blinded(t.Context(), vision.Blindness{Fault: fault(vision.VideoCovered)})
	eventually(t, is("covered"))
	require.Equal(t, "camera_covered", c.faultFindings()[0].Code)
	c.blinded(t.Context(), vision.Blindness{Fault: fault(vision.VideoCovered), To: time.Now()})
	eventually(t, is())
	require.Empty(t, c.faultFindings())
	c.blinded(t.Context(), vision.Blindness{Fault: fault(vision.VideoMoved)})
	eventually(t, is("moved"))
	stop()

	_, stop = run()
	eventually(t, is()) // the next start learns the view again
	stop()
}
