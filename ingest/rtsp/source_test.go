package rtsp_test

import (
	"context"
	"log/slog"
	"math"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// wall collects Units.
type wall struct {
	mu    sync.Mutex
	units []*ingest.Unit
}

func (w *wall) deliver(u *ingest.Unit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.units = append(w.units, u)
}

func (w *wall) all() []*ingest.Unit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*ingest.Unit(nil), w.units...)
}

func (w *wall) wait(t *testing.T, n int) []*ingest.Unit {
	t.Helper()
	require.Eventually(t, func() bool { return len(w.all()) >= n }, soon, 5*time.Millisecond)
	return w.all()
}

// hold keeps a camera until the returned function is called.
func hold(t *testing.T, cfg rtsp.Config) (*rtsp.Source, *wall, func()) {
	t.Helper()
	w := &wall{}
	cfg.Camera, cfg.Deliver = "gate", w.deliver
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s := rtsp.New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ingest.Keep(ctx, cfg.Logger, ingest.DefaultPace(), s.Run)
	}()
	stop := sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return s, w, stop
}

// check is what every run of Units promises.
func check(t *testing.T, units []*ingest.Unit) {
	t.Helper()
	for i, u := range units {
		require.NotNil(t, u.Params)
		require.NotEmpty(t, u.NALs)
		require.GreaterOrEqual(t, u.PTS, u.DTS)
		require.NotZero(t, u.Uncertainty)
		require.False(t, u.Captured.After(u.Received.Add(time.Millisecond)))
		bytes := 0
		for _, nal := range u.NALs {
			bytes += len(nal)
			if u.Params.Codec == ingest.H265 {
				require.NotContains(t, []byte{32, 33, 34, 35, 38}, nal[0]>>1&0x3F)
				continue
			}
			typ := nal[0] & 0x1F
			require.NotContains(t, []byte{7, 8, 9, 12}, typ)
			require.Equal(t, u.Key, u.Key || typ == 5)
		}
		require.Equal(t, bytes, u.Bytes)
		if i == 0 || units[i-1].Run != u.Run {
			require.True(t, u.Key, "a run begins with a key unit")
		} else {
			require.Greater(t, u.DTS, units[i-1].DTS)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	hevc, err := film("libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:aud=1:repeat-headers=1:scenecut=0:bframes=0:keyint=25:min-keyint=25:open-gop=0")
	require.NoError(t, err)
	for name, c := range map[string]*camera{
		"parameters in the description": {sdp: true},
		"parameters in band":            {},
		"password":                      {password: "right"},
		"over udp":                      {udp: true},
		"udp only":                      {udp: true, noTCP: true},
		"no markers":                    {noMarker: true},
		"h265 in band":                  {film: hevc},
		"h265 in the description":       {film: hevc, sdp: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.t = t
			if c.film == nil {
				c.film = plainFilm(t)
			}
			c.start()
			defer c.close()
			cfg := rtsp.Config{URL: c.url(), Username: "viewer", Password: c.password}
			if name == "over udp" {
				cfg.Transport = rtsp.UDP
			}
			s, w, stop := steady(t, func() rtsp.Config { return cfg }, has(60))
			units := w.all()
			check(t, units)
			keys := 0
			for i, u := range units {
				require.EqualValues(t, 1, u.Run)
				require.Equal(t, ingest.CameraID("gate"), u.Camera)
				require.Zero(t, u.PTS%3600)
				if !c.udp { // which may lose some
					require.EqualValues(t, i*3600, u.PTS)
				}
				require.Equal(t, u.PTS, u.DTS)
				require.Same(t, units[0].Params, u.Params)
				if u.Key {
					keys++
				}
			}
			require.GreaterOrEqual(t, keys, 2)
			require.Equal(t, c.film.sps, units[0].Params.SPS)
			require.Equal(t, c.film.vps, units[0].Params.VPS)
			require.Equal(t, c.film.pps, units[0].Params.PPS)
			require.Equal(t, []int{320, 180}, []int{units[0].Params.Width, units[0].Params.Height})
			require.InDelta(t, 25, units[0].Params.FPS, 0.01)
			st := s.Stats()
			require.Equal(t, rtsp.Live, st.State)
			require.EqualValues(t, 1, st.Sessions)
			if c.noTCP {
				require.Equal(t, rtsp.UDP, st.Transport)
			}
			stop()
			c.tornDown(t, cfg)
		})
	}
}

func TestReorderedPictures(t *testing.T) {
	t.Parallel()
	reordered, err := film("libx264", "-preset", "medium", "-bf", "2", "-x264-params", "aud=1:repeat-headers=1:scenecut=0:b-adapt=0")
	require.NoError(t, err)
	c := &camera{t: t, film: reordered}
	c.start()
	defer c.close()
	_, w, _ := hold(t, rtsp.Config{URL: c.url()})
	check(t, w.wait(t, 30)) // served in decoding order with rising timestamps: worse than any camera
}

func TestCameraComesBack(t *testing.T) {
	t.Parallel()
	// Half a second between key units: what is measured is the way to the
	// camera, not the wait for a picture to begin with.
	short, err := film("libx264", "-preset", "ultrafast", "-x264-params", "aud=1:repeat-headers=1:scenecut=0:bframes=0:keyint=12")
	require.NoError(t, err)
	c := &camera{t: t, film: short}
	c.start()
	defer c.close()
	s, w, _ := hold(t, rtsp.Config{URL: c.url()})
	w.wait(t, 10)
	promptly(t, 2*time.Second, func() time.Duration {
		c.close()
		require.Eventually(t, func() bool { return s.Stats().State == rtsp.Lost }, soon, time.Millisecond)
		lost := s.Stats()
		require.NotEmpty(t, lost.LastError)
		require.Eventually(t, func() bool { return s.Stats().Attempts >= lost.Attempts+5 }, soon, time.Millisecond, "waits have grown")
		require.Equal(t, lost.Since, s.Stats().Since, "lost since the loss, not since the last attempt")
		c.start()
		answers := time.Now()
		require.Eventually(t, func() bool { return s.Stats().State == rtsp.Live }, soon, time.Millisecond)
		return time.Since(answers)
	})
	w.wait(t, len(w.all())+5)
	units := w.all()
	check(t, units)
	require.Greater(t, units[len(units)-1].Run, uint32(1))
	require.Eventually(t, func() bool { return s.Stats().LastError == "" }, soon, time.Millisecond)
}

// A camera that was set to another codec hangs up; what follows is a Run of
// its own.
func TestCameraChangesItsCodec(t *testing.T) {
	t.Parallel()
	hevc, err := film("libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:aud=1:repeat-headers=1:scenecut=0:bframes=0:keyint=25:min-keyint=25:open-gop=0")
	require.NoError(t, err)
	c := &camera{t: t, film: plainFilm(t)}
	c.start()
	defer c.close()
	_, w, _ := hold(t, rtsp.Config{URL: c.url()})
	w.wait(t, 5)
	c.close()
	c.film = hevc
	c.start()
	require.Eventually(t, func() bool { all := w.all(); return all[len(all)-1].Params.Codec == ingest.H265 }, soon, 5*time.Millisecond)
	units := w.all()
	check(t, units)
	for i := 1; i < len(units); i++ {
		require.Equal(t, units[i].Params.Codec != units[i-1].Params.Codec, units[i].Run != units[i-1].Run)
	}
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	c := &camera{t: t, film: plainFilm(t), password: "right"}
	c.start()
	defer c.close()
	var attempts atomic.Int64 // one each, unless the machine was late
	for _, user := range []string{"viewer", ""} {
		err := once(t, rtsp.Config{Camera: "gate", URL: c.url(), Username: user, Password: "wrong", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			attempts.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}})
		var later *ingest.RetryAfter
		require.ErrorAs(t, err, &later)
		require.Equal(t, time.Minute, later.Wait)
		require.NotContains(t, err.Error(), "wrong")
	}
	require.LessOrEqual(t, c.asked.Load(), 2*attempts.Load()-1)
}

func TestServerThatSaysNothing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	promptly(t, 5*time.Second, func() time.Duration {
		began := time.Now()
		require.Error(t, rtsp.New(rtsp.Config{URL: "rtsp://" + l.Addr().String() + "/main"}).Run(t.Context()))
		return time.Since(began)
	})
	promptly(t, time.Second, func() time.Duration {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- rtsp.New(rtsp.Config{URL: "rtsp://" + l.Addr().String() + "/main"}).Run(ctx) }()
		began := time.Now()
		cancel()
		require.NoError(t, <-ended)
		return time.Since(began)
	})
}

func TestCameraFallsSilent(t *testing.T) {
	t.Parallel()
	c := &camera{t: t, film: plainFilm(t)}
	c.start()
	defer c.close()
	s, w, _ := hold(t, rtsp.Config{URL: c.url()})
	promptly(t, 5*time.Second, func() time.Duration {
		c.mute.Store(false)
		w.wait(t, len(w.all())+5)
		c.mute.Store(true)
		began := time.Now()
		require.Eventually(t, func() bool { return s.Stats().State == rtsp.Lost }, soon, time.Millisecond)
		return time.Since(began)
	})
}

func TestCameraClockIsMeasured(t *testing.T) {
	t.Parallel()
	c := &camera{t: t, film: plainFilm(t), clock: time.Hour}
	c.start()
	defer c.close()
	s, w, _ := hold(t, rtsp.Config{URL: c.url()})
	require.Eventually(t, func() bool { return s.Stats().Clock.Known }, soon, time.Millisecond)
	check(t, w.wait(t, len(w.all())+5))
	require.Eventually(t, func() bool {
		return math.Abs(s.Stats().Clock.Offset.Seconds()+3600) < 0.1
	}, soon, 5*time.Millisecond)
	require.Eventually(t, func() bool { // unless it was late on its way
		all := w.all()
		last := all[len(all)-1]
		return last.Received.Sub(last.Captured).Abs() < time.Second
	}, soon, 5*time.Millisecond, "on the box's clock, not the camera's")
}

func TestTimestampsJump(t *testing.T) {
	t.Parallel()
	c := &camera{t: t, film: plainFilm(t)}
	c.start()
	defer c.close()
	_, w, _ := hold(t, rtsp.Config{URL: c.url()})
	w.wait(t, 5)
	newest := func() *ingest.Unit { all := w.all(); return all[len(all)-1] }
	for run, ahead := range []int64{3600, -10} {
		c.ahead.Store(ahead * 90000)
		require.Eventually(t, func() bool { return newest().Run == uint32(run+2) }, soon, 5*time.Millisecond, "with the next key unit")
	}
	units := w.all()
	check(t, units)
	for i := 1; i < len(units); i++ {
		if units[i].Run == units[i-1].Run {
			require.Less(t, units[i].PTS-units[i-1].PTS, int64(90000), "no jump within a run")
		}
	}
	require.Less(t, units[len(units)-1].PTS, int64(10*90000), "PTS starts anew")
}

// flapsEnv is how often the camera goes in TestFlapsLeaveNothing: 50 unless it
// says otherwise.
const flapsEnv = "WATCHPOST_FLAPS"

func TestFlapsLeaveNothing(t *testing.T) {
	flaps := 50
	if n, err := strconv.Atoi(os.Getenv(flapsEnv)); err == nil {
		flaps = n
	}
	quick, err := film("libx264", "-preset", "ultrafast", "-x264-params", "aud=1:repeat-headers=1:scenecut=0:bframes=0:keyint=3:min-keyint=3")
	require.NoError(t, err)
	c := &camera{t: t, film: quick}
	c.start()
	s := rtsp.New(rtsp.Config{Camera: "gate", URL: c.url(), Deliver: func(*ingest.Unit) {}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	empty := leftovers(t)
	go func() {
		defer close(ended)
		pace := ingest.Pace{First: 5 * time.Millisecond, Max: 20 * time.Millisecond, Steady: time.Minute}
		ingest.Keep(ctx, slog.New(slog.DiscardHandler), pace, s.Run)
	}()
	var early usage
	for n := range flaps {
		require.Eventually(t, func() bool { return s.Stats().State == rtsp.Live }, soon, time.Millisecond, n)
		if n == flaps/5 {
			early = leftovers(t)
		}
		c.close()
		require.Eventually(t, func() bool { return s.Stats().State == rtsp.Lost }, soon, time.Millisecond, n)
		if n < flaps-1 { // it would be there at once
			c.start()
		}
	}
	cancel()
	<-ended
	require.EqualValues(t, flaps, s.Stats().Sessions)
	var left usage
	require.Eventually(t, func() bool {
		left = leftovers(t)
		return left.goroutines <= empty.goroutines+3 && left.files <= empty.files+3
	}, soon, 10*time.Millisecond, "%+v, then %+v", empty, left)
	require.Less(t, left.heap, early.heap+4<<20, "memory")
	t.Logf("after %d flaps: %+v; before: %+v", flaps, left, empty)
}

type usage struct {
	goroutines, files int
	heap              uint64
}

func leftovers(t *testing.T) usage {
	t.Helper()
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return usage{runtime.NumGoroutine(), len(files), mem.HeapAlloc}
}
