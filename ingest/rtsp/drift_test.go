package rtsp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

func TestDriftIsMeasured(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, reports := range map[string]bool{"sender reports": true, "arrivals": false} {
		for _, ppm := range []float64{-100, 0, 40, 100} {
			var c clock
			c.restart()
			random := rand.New(rand.NewPCG(1, 1))
			for n := range 25 * 180 {
				taken := time.Duration(n) * frame
				own := taken + time.Duration(float64(taken)*ppm/1e6)
				mono := taken + 10*time.Millisecond + time.Duration(random.Int64N(int64(30*time.Millisecond)))
				var ntp time.Time
				if reports {
					ntp = start.Add(time.Hour + own)
				}
				c.observe(start.Add(mono), mono, own, ntp)
				if taken < 50*time.Second {
					require.False(t, c.facts(0).DriftKnown)
				}
			}
			facts := c.facts(0)
			require.True(t, facts.DriftKnown)
			require.InDelta(t, ppm, facts.DriftPPM, 15, name)
			require.Equal(t, reports, facts.Known)
		}
	}
}

func TestReportsThatMakeNoSense(t *testing.T) {
	s := New(Config{})
	r := reports{refused: &s.reportsRefused}
	ntp := func(at time.Time) uint64 { return uint64(at.Unix()+2208988800) << 32 }
	good := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r.control(&rtcp.SenderReport{NTPTime: 0, RTPTime: 9000})
	require.Zero(t, s.Stats().Clock.Refused, "a camera without a clock")
	require.True(t, r.wall(9000, ingest.ClockRate).IsZero())
	r.control(&rtcp.SenderReport{NTPTime: ntp(good), RTPTime: 0xFFFFFFFF})
	r.control(&rtcp.SenderReport{NTPTime: ntp(time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)), RTPTime: 0})
	require.EqualValues(t, 1, s.Stats().Clock.Refused)
	require.Equal(t, good.Add(time.Second), r.wall(89999, ingest.ClockRate).UTC(), "the report before it stands, over a wrap")
	require.Equal(t, good.Add(-time.Second), r.wall(0xFFFFFFFF-90000, ingest.ClockRate).UTC())
	require.True(t, r.wall(61*90000, ingest.ClockRate).IsZero(), "a picture that the report says nothing about")
}

func TestWrapIsNoJump(t *testing.T) {
	var w unwrapper
	at := uint32(0xFFFFFFFF - 2*3600)
	for n := range int64(10) {
		require.Equal(t, n*3600, w.unwrap(at))
		at += 3600
	}
	require.Equal(t, int64(9*3600-1800), w.unwrap(at-3600-1800), "and back")
}

func TestSoundIsPutOnThePicturesTime(t *testing.T) {
	start := time.Now()
	var c soundClock
	c.session()
	stretch := func(n int, received time.Time) *ingest.Unit {
		return &ingest.Unit{Params: &ingest.Params{Codec: ingest.LPCM, SampleRate: 8000, Channels: 1}, Samples: 160, Received: received}
	}
	require.False(t, c.place(stretch(0, start), 0, 8000, 0, time.Time{}), "no picture yet")
	picture := func(n int, run uint32) {
		at := time.Duration(n) * frame
		c.picture(&ingest.Unit{Run: run, PTS: int64(n) * 3600, Received: start.Add(at), Captured: start.Add(at)}, time.Time{})
	}
	var last *ingest.Unit
	for n := range 500 { // two stretches a picture, as they arrive
		picture(n, 1)
		for half := range 2 {
			at := time.Duration(n)*frame + time.Duration(half)*frame/2
			u := stretch(n, start.Add(at))
			require.True(t, c.place(u, int64(2*n+half)*160, 8000, at, time.Time{}))
			require.InDelta(t, int64(n)*3600+int64(half)*1800, u.PTS, float64(apartTicks))
			if last != nil {
				require.Equal(t, last.PTS+1800, u.PTS)
			}
			last = u
		}
	}
	picture(0, 2) // timestamps jumped
	u := stretch(0, start)
	require.True(t, c.place(u, 1000*160, 8000, 500*frame, time.Time{}))
	require.EqualValues(t, 2, u.Run)
}
