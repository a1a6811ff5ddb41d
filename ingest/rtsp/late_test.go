package rtsp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// lateMax is how often a test may find the machine late.
const lateMax = 6

// promptly asks for something that takes less than the limit. A loaded machine
// is late now and then; a source that waits too long is so each time.
func promptly(t *testing.T, limit time.Duration, took func() time.Duration) {
	t.Helper()
	for n := 1; ; n++ {
		is := took()
		if is < limit {
			return
		}
		require.Less(t, n, lateMax, "%s each time", is)
	}
}

// once makes an attempt and gives its error. A camera must answer within a
// second or two: where the machine was too late for that, it is made again.
func once(t *testing.T, cfg rtsp.Config) error {
	t.Helper()
	for n := 1; ; n++ {
		err := rtsp.New(cfg).Run(t.Context())
		require.Error(t, err)
		if text := err.Error(); n == lateMax || !strings.Contains(text, "timeout") && !strings.Contains(text, "timed out") && !strings.Contains(text, "deadline") {
			return err
		}
	}
}

// steady holds a camera until it has given enough, all in one session: where the
// machine was too late for that, it is held anew.
func steady(t *testing.T, cfg func() rtsp.Config, enough func(*wall) bool) (*rtsp.Source, *wall, func()) {
	t.Helper()
	for n := 1; ; n++ {
		s, w, stop := hold(t, cfg())
		require.Eventually(t, func() bool { return enough(w) || s.Stats().Sessions > 1 }, soon, 5*time.Millisecond)
		if st := s.Stats(); st.Sessions == 1 && st.State == rtsp.Live || n == lateMax {
			return s, w, stop
		}
		stop()
	}
}

// has is enough for most.
func has(n int) func(*wall) bool {
	return func(w *wall) bool { return len(w.all()) >= n }
}

// tornDown: a source that stops says so with TEARDOWN. It has half a second for
// that: where the machine was too late, it begins and stops again.
func (c *camera) tornDown(t *testing.T, cfg rtsp.Config) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		for began := time.Now(); time.Since(began) < 5*time.Second; <-tick.C {
			if c.teardowns.Load() > 0 {
				return
			}
		}
		require.Less(t, n, lateMax, "always TEARDOWN")
		_, w, stop := hold(t, cfg)
		w.wait(t, 5)
		stop()
	}
}
