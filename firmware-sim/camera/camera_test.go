package camera_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

// footageFrames is one second of test picture: a loop the tests can wait for.
const footageFrames = 25

const (
	patience = time.Minute // of a loaded machine
	pause    = 20 * time.Millisecond
)

func makeFootage(t *testing.T, name string, extra ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-frames:v", "25", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "10"}
	if len(extra) == 0 {
		extra = []string{"-bf", "0"}
	}
	out, err := exec.Command("ffmpeg", append(append(args, extra...), path)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

type running struct {
	*camera.Camera
	faults *fault.Injector
	cancel context.CancelCauseFunc
	done   chan error
}

func (r *running) start(t *testing.T) {
	t.Helper()
	require.NoError(t, r.Open())
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.Run(ctx) }()
}

func (r *running) stop(t *testing.T, cause error) {
	t.Helper()
	r.cancel(cause)
	select {
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "camera did not stop")
	}
}

func startCamera(t *testing.T, conf camera.Config) *running {
	t.Helper()
	if conf.Footage == nil {
		f, err := camera.LoadFootage(makeFootage(t, "a.mp4"))
		require.NoError(t, err)
		conf.Footage = f
	}
	conf.ID, conf.Listen, conf.Path = "gate", "127.0.0.1:0", "main"
	faults := fault.NewInjector(1, "gate")
	r := &running{Camera: camera.New(conf, faults, slog.New(slog.DiscardHandler)), faults: faults}
	r.start(t)
	t.Cleanup(func() {
		if r.State().Running {
			r.stop(t, nil)
		}
	})
	return r
}

// reader watches a camera and collects the timestamps of its access units.
type reader struct {
	*gortsplib.Client
	mu    sync.Mutex
	pts   []int64
	keys  int
	lost  atomic.Uint64
	ended chan error
}

func watch(rawURL string, transport gortsplib.Transport) (*reader, error) {
	u, err := base.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	r := &reader{Client: &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &transport, ReadTimeout: patience}, ended: make(chan error, 1)}
	r.OnPacketsLost = func(n uint64) { r.lost.Add(n) }
	if err := r.Start2(); err != nil {
		return nil, err
	}
	desc, _, err := r.Describe(u)
	if err != nil {
		r.Close()
		return nil, err
	}
	var forma *format.H264
	media := desc.FindFormat(&forma)
	if media == nil || len(forma.SPS) == 0 {
		r.Close()
		return nil, errors.New("no H.264 with parameter sets in the SDP")
	}
	dec, err := forma.CreateDecoder()
	if err == nil {
		_, err = r.Setup(desc.BaseURL, media, 0, 0)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	r.OnPacketRTP(media, forma, func(pkt *rtp.Packet) {
		pts, ok := r.PacketPTS2(media, pkt)
		au, err := dec.Decode(pkt)
		if err != nil || !ok {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pts = append(r.pts, pts)
		if h264.IsRandomAccess(au) {
			r.keys++
		}
	})
	if _, err := r.Play(nil); err != nil {
		r.Close()
		return nil, err
	}
	go func() { r.ended <- r.Wait() }()
	return r, nil
}

func (r *reader) seen() (pts []int64, keys int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int64(nil), r.pts...), r.keys
}

func TestTimestampsRiseOverTheLoop(t *testing.T) {
	for name, transport := range map[string]gortsplib.Transport{"tcp": gortsplib.TransportTCP, "udp": gortsplib.TransportUDP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cam := startCamera(t, camera.Config{})
			r, err := watch(cam.URL(), transport)
			require.NoError(t, err)
			defer r.Close()
			require.Eventually(t, func() bool { return cam.State().Readers == 1 }, patience, pause)
			require.Eventually(t, func() bool { pts, _ := r.seen(); return len(pts) > footageFrames+10 }, patience, pause)
			pts, keys := r.seen()
			for i := 1; i < len(pts); i++ {
				require.Zero(t, (pts[i]-pts[i-1])%3600, "frame %d", i)
				require.Greater(t, pts[i], pts[i-1], "frame %d", i)
			}
			if r.lost.Load() == 0 { // a busy machine may lose some over UDP
				require.Equal(t, int64(3600*(len(pts)-1)), pts[len(pts)-1]-pts[0])
			}
			require.GreaterOrEqual(t, keys, 3)
			s := cam.State()
			require.Equal(t, footageFrames, s.Frames)
			require.Equal(t, int64(1000), s.DurationMS)
			require.InDelta(t, 25, s.Rate, 0.001)
			require.GreaterOrEqual(t, s.Loop, 1)
			require.NotNil(t, s.LastWrap)
			require.Eventually(t, func() bool { // unless the machine is late just then
				s := cam.State()
				due := s.LoopStarted.Add(time.Duration(s.Frame) * 40 * time.Millisecond)
				return s.FrameAt.Sub(due).Abs() < 300*time.Millisecond
			}, patience, pause)
		})
	}
}

func TestStoppedCameraRefusesAndComesBackAtItsAddress(t *testing.T) {
	t.Parallel()
	cam := startCamera(t, camera.Config{})
	address := cam.URL()
	for _, cause := range []error{nil, fault.ErrKilled} {
		r, err := watch(address, gortsplib.TransportTCP)
		require.NoError(t, err)
		cam.stop(t, cause)
		select {
		case err := <-r.ended:
			require.Error(t, err)
		case <-time.After(patience):
			require.Fail(t, "the reader was not disconnected")
		}
		r.Close()
		require.False(t, cam.State().Running)
		_, err = watch(address, gortsplib.TransportTCP)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)

		cam.start(t)
		require.Equal(t, address, cam.URL())
	}
	r, err := watch(address, gortsplib.TransportTCP)
	require.NoError(t, err)
	defer r.Close()
	require.Eventually(t, func() bool { pts, _ := r.seen(); return len(pts) > 3 }, patience, pause)
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	cam := startCamera(t, camera.Config{Username: "viewer", Password: "secret"})
	_, err := watch(cam.URL(), gortsplib.TransportTCP)
	require.ErrorContains(t, err, "401")
	_, err = watch(strings.Replace(cam.URL(), "rtsp://", "rtsp://viewer:wrong@", 1), gortsplib.TransportTCP)
	require.ErrorContains(t, err, "401")
	_, err = watch(strings.Replace(cam.URL(), "/main", "/other", 1), gortsplib.TransportTCP)
	require.Error(t, err)
	r, err := watch(strings.Replace(cam.URL(), "rtsp://", "rtsp://viewer:secret@", 1), gortsplib.TransportTCP)
	require.NoError(t, err)
	r.Close()
}

func TestFaults(t *testing.T) {
	set := func(cam *running, name string, d time.Duration) {
		f, err := fault.Named(name)
		require.NoError(t, err)
		cam.faults.Set(f, d)
	}
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{})
		r, err := watch(cam.URL(), gortsplib.TransportTCP)
		require.NoError(t, err)
		defer r.Close()
		require.Eventually(t, func() bool { pts, _ := r.seen(); return len(pts) > 3 }, patience, pause)
		set(cam, "silent", 0)
		from := cam.State().Made
		require.Eventually(t, func() bool { return cam.State().Made >= from+20 }, patience, pause)
		set(cam, fault.None, 0)
		before, _ := r.seen()
		require.Eventually(t, func() bool { pts, _ := r.seen(); return len(pts) > len(before)+5 }, patience, pause)
		pts, _ := r.seen()
		var gap int64
		for i := 1; i < len(pts); i++ {
			gap = max(gap, pts[i]-pts[i-1])
		}
		require.Greater(t, gap, int64(10*3600), "frames went missing while silent")
	})
	t.Run("losing", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{})
		set(cam, "losing", 0)
		r, err := watch(cam.URL(), gortsplib.TransportTCP)
		require.NoError(t, err)
		defer r.Close()
		require.Eventually(t, func() bool { return cam.State().Fault.DroppedPackets > 2 }, patience, pause)
	})
	t.Run("closing", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{})
		cam.faults.Set(fault.Fault{Name: "closing", CloseSession: 0.2}, 0)
		r, err := watch(cam.URL(), gortsplib.TransportTCP)
		if err != nil {
			return // closed before it played
		}
		defer r.Close()
		select {
		case err := <-r.ended:
			require.Error(t, err)
		case <-time.After(patience):
			require.Fail(t, "the reader was not disconnected")
		}
	})
}

func TestFFprobeReadsIt(t *testing.T) {
	t.Parallel()
	cam := startCamera(t, camera.Config{Username: "viewer", Password: "secret"})
	u := strings.Replace(cam.URL(), "rtsp://", "rtsp://viewer:secret@", 1)
	out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+1.5", "-show_entries", "stream=codec_name,width,height:frame=pts_time", "-of", "csv", u).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "stream,h264,320,180")
	require.Greater(t, strings.Count(string(out), "frame,"), footageFrames)
}

func TestFootage(t *testing.T) {
	t.Parallel()
	mp4, err := camera.LoadFootage(makeFootage(t, "a.mp4"))
	require.NoError(t, err)
	annexB, err := camera.LoadFootage(makeFootage(t, "a.h264"))
	require.NoError(t, err)
	require.Len(t, mp4.Frames, footageFrames)
	require.Len(t, annexB.Frames, footageFrames)
	require.InDelta(t, 25, annexB.Rate(), 0.001)
	for i := range mp4.Frames {
		require.Equal(t, mp4.Frames[i].Key, annexB.Frames[i].Key, "frame %d", i)
		require.Equal(t, i%10 == 0, mp4.Frames[i].Key)
	}

	_, err = camera.LoadFootage(makeFootage(t, "b.mp4", "-bf", "2"))
	require.ErrorContains(t, err, "encode without B-frames")
	_, err = camera.LoadFootage(filepath.Join(t.TempDir(), "none.mp4"))
	require.ErrorIs(t, err, os.ErrNotExist)
	broken := filepath.Join(t.TempDir(), "broken.mp4")
	require.NoError(t, os.WriteFile(broken, []byte("not a film"), 0o600))
	_, err = camera.LoadFootage(broken)
	require.Error(t, err)
}
