package rtsp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const frame = 40 * time.Millisecond

// scene is a camera and a network before a clock.
type scene struct {
	clock clock
	start time.Time
	n     int
}

func newScene() *scene {
	s := &scene{start: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	s.clock.restart()
	return s
}

// picture takes one, delivers it after delay, and returns how far Captured is
// from the truth plus the least delay.
func (s *scene) picture(delay time.Duration, cameraAhead *time.Duration) (err, uncertainty time.Duration) {
	taken := time.Duration(s.n) * frame
	s.n++
	mono := taken + delay
	var ntp time.Time
	if cameraAhead != nil {
		ntp = s.start.Add(taken + *cameraAhead)
	}
	captured, uncertainty := s.clock.observe(s.start.Add(mono), mono, taken, ntp)
	return captured.Sub(s.start.Add(taken)), uncertainty
}

func TestCapturedIsSmootherThanArrival(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	hour := time.Hour
	for name, ahead := range map[string]*time.Duration{"arrival": nil, "sender reports": &hour} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			for range 100 {
				s.picture(20*time.Millisecond+time.Duration(random.Int64N(int64(30*time.Millisecond))), ahead)
			}
			for range 3000 {
				err, uncertainty := s.picture(20*time.Millisecond+time.Duration(random.Int64N(int64(30*time.Millisecond))), ahead)
				require.InDelta(t, 20, float64(err.Milliseconds()), 3, "jitter of 30 ms is gone")
				require.LessOrEqual(t, err, uncertainty)
				require.Less(t, uncertainty, 300*time.Millisecond)
			}
			if ahead != nil {
				require.InDelta(t, -3600, s.clock.offset.Seconds(), 0.05)
			}
		})
	}
}

func TestStallIsLag(t *testing.T) {
	s := newScene()
	for range 200 {
		s.picture(10*time.Millisecond, nil)
	}
	for n := range 50 { // all of two seconds arrive at once
		err, uncertainty := s.picture(10*time.Millisecond+time.Duration(50-n)*frame, nil)
		require.InDelta(t, 10, float64(err.Milliseconds()), 2)
		require.LessOrEqual(t, err, uncertainty)
	}
}

func TestBeginningIsUncertain(t *testing.T) {
	s := newScene()
	for n := range 25 { // a burst of the last second, then live
		err, uncertainty := s.picture(time.Duration(25-n)*frame, nil)
		require.LessOrEqual(t, err, uncertainty)
	}
}

func TestCameraClockIsSet(t *testing.T) {
	for _, jump := range []time.Duration{-3 * time.Second, 3 * time.Second, -time.Hour, 400 * 24 * time.Hour} {
		s, ahead := newScene(), time.Minute
		for range 200 {
			s.picture(10*time.Millisecond, &ahead)
		}
		ahead += jump
		for range 200 {
			err, _ := s.picture(10*time.Millisecond, &ahead)
			require.InDelta(t, 10, float64(err.Milliseconds()), 2, jump)
		}
		require.InDelta(t, -ahead.Seconds(), s.clock.offset.Seconds(), 0.1)
	}
}

func TestAbsurdSenderReportIsIgnored(t *testing.T) {
	s := newScene()
	back := -60 * 365 * 24 * time.Hour
	for range 200 {
		err, _ := s.picture(10*time.Millisecond, &back)
		require.InDelta(t, 10, float64(err.Milliseconds()), 2)
	}
	require.False(t, s.clock.hasNTP)
}

func TestSenderReportsHoldOverAReconnect(t *testing.T) {
	s, ahead := newScene(), time.Minute
	for range 200 {
		s.picture(10*time.Millisecond, &ahead)
	}
	s.clock.restart()
	for n := range 25 { // the new session begins with old pictures
		err, uncertainty := s.picture(10*time.Millisecond+time.Duration(25-n)*frame, &ahead)
		require.InDelta(t, 10, float64(err.Milliseconds()), 2)
		require.Less(t, uncertainty, 2*time.Second)
	}
}

func TestBoxClockSteps(t *testing.T) {
	s := newScene()
	for range 200 {
		s.picture(10*time.Millisecond, nil)
	}
	// The box's wall clock is set back an hour: Captured moves with it, no lag appears.
	s.start = s.start.Add(-time.Hour)
	err, uncertainty := s.picture(10*time.Millisecond, nil)
	require.InDelta(t, 10, float64(err.Milliseconds()), 2)
	require.Less(t, uncertainty, 200*time.Millisecond)
}

func TestDriftIsFollowed(t *testing.T) {
	var c clock
	c.restart()
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for n := range 25 * 600 {
		taken := time.Duration(n) * frame
		pts := taken - taken/10000 // 100 ppm slow
		mono := taken + 10*time.Millisecond
		captured, uncertainty := c.observe(start.Add(mono), mono, pts, time.Time{})
		require.Less(t, captured.Sub(start.Add(taken)).Abs(), 20*time.Millisecond)
		if taken > settling {
			require.Less(t, uncertainty, 200*time.Millisecond)
		}
	}
}

func TestCameraRebootsWithAnotherClock(t *testing.T) {
	for _, jump := range []time.Duration{-time.Hour, time.Hour, -3 * time.Second} {
		s, ahead := newScene(), time.Minute
		for range 200 {
			s.picture(10*time.Millisecond, &ahead)
		}
		ahead += jump
		s.clock.restart()
		for range 100 {
			err, uncertainty := s.picture(10*time.Millisecond, &ahead)
			require.LessOrEqual(t, err.Abs(), uncertainty, jump)
		}
		err, _ := s.picture(10*time.Millisecond, &ahead)
		require.InDelta(t, 10, float64(err.Milliseconds()), 2)
	}
}

// Some cameras count pictures instead of time: what they drop is missing in
// their RTP time.
func TestRTPTimeStandsStill(t *testing.T) {
	hour := time.Hour
	for name, reports := range map[string]bool{"sender reports": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			var c clock
			c.restart()
			start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			for n := range 500 {
				pts := time.Duration(n) * frame
				taken := pts
				if n > 200 {
					taken += 1700 * time.Millisecond
				}
				mono, ntp := taken+10*time.Millisecond, time.Time{}
				if reports {
					ntp = start.Add(taken + hour)
				}
				captured, uncertainty := c.observe(start.Add(mono), mono, pts, ntp)
				if reports {
					require.InDelta(t, 10, float64(captured.Sub(start.Add(taken)).Milliseconds()), 2, n)
					require.InDelta(t, -3600, c.offset.Seconds(), 0.1)
				} else if n > 240 {
					require.LessOrEqual(t, captured.Sub(start.Add(taken)).Abs(), uncertainty, n)
				}
			}
		})
	}
}
