package rtsp_test

import (
	"bytes"
	"context"
	"image/jpeg"
	"log/slog"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	simulated "github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// simulate runs a simulated camera until the test ends.
func simulate(t *testing.T, conf simulated.Config, ext string, args ...string) (*simulated.Camera, *fault.Injector) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film"+ext)
	cmd := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=25:duration=2", "-c:v"}, args...)
	out, err := exec.Command("ffmpeg", append(cmd, file)...).CombinedOutput()
	require.NoError(t, err, string(out))
	conf.Footage, err = simulated.LoadFootage(file)
	require.NoError(t, err)
	conf.ID, conf.Listen, conf.Path = "gate", "127.0.0.1:0", "main"
	faults := fault.NewInjector(1, t.Name())
	c := simulated.New(conf, faults, slog.New(slog.DiscardHandler))
	require.NoError(t, c.Open())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })
	return c, faults
}

func mjpeg() []string {
	return []string{"mjpeg", "-q:v", "8", "-huffman", "default", "-pix_fmt", "yuvj420p", "-f", "mjpeg"}
}

func avc() []string {
	return []string{"libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-pix_fmt", "yuv420p"}
}

func TestMJPEG(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{rtsp.TCP, rtsp.UDP} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			c, _ := simulate(t, simulated.Config{}, ".mjpeg", mjpeg()...)
			_, w, _ := steady(t, func() rtsp.Config { return rtsp.Config{URL: c.URL(), Transport: transport} }, has(30))
			for i, u := range w.all() {
				require.True(t, u.Key)
				require.Equal(t, ingest.MJPEG, u.Params.Codec)
				require.Equal(t, []int{320, 176}, []int{u.Params.Width, u.Params.Height})
				require.Len(t, u.NALs, 1)
				if transport == rtsp.TCP {
					require.EqualValues(t, i*3600, u.PTS)
				}
				_, err := jpeg.Decode(bytes.NewReader(u.NALs[0]))
				require.NoError(t, err)
			}
		})
	}
}

func TestSound(t *testing.T) {
	t.Parallel()
	aac := filepath.Join(t.TempDir(), "a.aac")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=880:sample_rate=44100:duration=2", "-c:a", "aac", aac).CombinedOutput()
	require.NoError(t, err, string(out))
	for _, c := range []struct {
		name, sound, transport string
		codec                  ingest.Codec
		rate, samples          int
	}{
		{"alaw", "pcma", rtsp.TCP, ingest.LPCM, 8000, 160},
		{"mulaw over udp", "pcmu", rtsp.UDP, ingest.LPCM, 8000, 160},
		{"aac", aac, rtsp.TCP, ingest.AAC, 44100, 1024},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sound, err := simulated.LoadSound(c.sound)
			require.NoError(t, err)
			cam, _ := simulate(t, simulated.Config{Sound: sound}, ".h264", avc()...)
			var e *wall
			s, w, _ := steady(t, func() rtsp.Config {
				e = &wall{}
				return rtsp.Config{URL: cam.URL(), Transport: c.transport, Sound: e.deliver}
			}, func(w *wall) bool {
				return len(w.all()) >= 30 && len(e.all()) > 40 && (c.transport != rtsp.TCP || follows(e.all(), 40, int64(c.samples*ingest.ClockRate/c.rate)))
			})
			require.Equal(t, c.codec, s.Stats().Sound.Codec)
			loud := false
			units := e.all()
			for _, u := range units {
				require.False(t, u.Key)
				require.True(t, u.Params.Codec.Audio())
				require.Equal(t, c.rate, u.Params.SampleRate)
				require.Equal(t, 1, u.Params.Channels)
				require.Equal(t, c.samples, u.Samples)
				require.EqualValues(t, 1, u.Run)
				if c.codec == ingest.AAC {
					require.NotEmpty(t, u.Params.Config)
				} else {
					require.Len(t, u.NALs[0], 2*c.samples)
					loud = loud || bytes.ContainsFunc(u.NALs[0], func(r rune) bool { return r > 8 && r < 128 })
				}
			}
			require.Equal(t, c.codec == ingest.LPCM, loud)
			// The camera speaks and shows on one clock and dates both. A loaded
			// machine hears of one later than of the other, now and then.
			require.Eventually(t, func() bool {
				heard := e.all()
				last, pictures := heard[len(heard)-1], w.all()
				next := slices.IndexFunc(pictures, func(p *ingest.Unit) bool { return p.Received.After(last.Received) })
				return next >= 0 && math.Abs(float64(pictures[next].PTS-last.PTS)) < 0.3*ingest.ClockRate
			}, soon, 5*time.Millisecond)
		})
	}
}

// follows: the newest stretches of sound follow on each other. Before, where the
// machine was late, they were put in their place.
func follows(units []*ingest.Unit, newest int, ticks int64) bool {
	for i := len(units) - newest + 1; i < len(units); i++ {
		if math.Abs(float64(units[i].PTS-units[i-1].PTS-ticks)) > 2*90*90 {
			return false
		}
	}
	return true
}

func TestSoundThatCannotBeHadCostsNoPicture(t *testing.T) {
	t.Parallel()
	cam, _ := simulate(t, simulated.Config{}, ".h264", avc()...)
	e := &wall{}
	s, w, _ := hold(t, rtsp.Config{URL: cam.URL(), Sound: e.deliver})
	w.wait(t, 10)
	require.Equal(t, "camera sends no sound", s.Stats().SoundWhy)
	require.Empty(t, e.all())
}

func TestSoundIsOffByDefault(t *testing.T) {
	t.Parallel()
	sound, err := simulated.LoadSound("pcma")
	require.NoError(t, err)
	cam, _ := simulate(t, simulated.Config{Sound: sound}, ".h264", avc()...)
	s, w, _ := hold(t, rtsp.Config{URL: cam.URL()})
	check(t, w.wait(t, 10))
	require.Nil(t, s.Stats().Sound)
}

func TestKeyPictureIsAskedForWhereTheCameraTakesRequests(t *testing.T) {
	t.Parallel()
	long := []string{"libx264", "-preset", "ultrafast", "-bf", "0", "-x264-params", "keyint=1000:scenecut=0", "-force_key_frames", "0,1.6", "-pix_fmt", "yuv420p"}
	cam, faults := simulate(t, simulated.Config{Requests: true}, ".h264", long...)
	s, w, _ := hold(t, rtsp.Config{URL: cam.URL()})
	w.wait(t, 10)
	faults.Set(fault.Fault{Name: "hangup", Hangup: true}, 0)
	require.Eventually(t, func() bool { return s.Stats().Sessions >= 2 }, soon, 5*time.Millisecond)
	check(t, w.all())
	require.NotZero(t, s.Stats().KeysAsked)
}

func TestPictureChangesItsSize(t *testing.T) {
	t.Parallel()
	for ext, codec := range map[string][]string{".h264": avc(), ".mjpeg": mjpeg()} {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "other"+ext)
			args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25:duration=2", "-c:v"}, codec...)
			out, err := exec.Command("ffmpeg", append(args, file)...).CombinedOutput()
			require.NoError(t, err, string(out))
			other, err := simulated.LoadFootage(file)
			require.NoError(t, err)
			cam, faults := simulate(t, simulated.Config{Other: other}, ext, codec...)
			_, w, _ := hold(t, rtsp.Config{URL: cam.URL()})
			w.wait(t, 10)
			faults.Set(fault.Fault{Name: "resizing", Resizes: true}, 0)
			require.Eventually(t, func() bool { all := w.all(); return all[len(all)-1].Params.Width == 160 }, soon, 5*time.Millisecond)
			units := w.all()
			for i := 1; i < len(units); i++ {
				if units[i].Params != units[i-1].Params {
					require.True(t, units[i].Key, "new parameters begin with a key unit")
					require.Equal(t, []int{160, 96}, []int{units[i].Params.Width, units[i].Params.Height})
					require.Equal(t, units[i-1].Run, units[i].Run, "time goes on")
				}
			}
		})
	}
}

func TestPacketsWithoutAPictureEndTheSession(t *testing.T) {
	t.Parallel()
	cam, faults := simulate(t, simulated.Config{}, ".h264", avc()...)
	faults.Set(fault.Fault{Name: "keyless", Keyless: true}, 0)
	promptly(t, 12*time.Second, func() time.Duration {
		began := time.Now()
		require.ErrorContains(t, once(t, rtsp.Config{Camera: "gate", URL: cam.URL()}), "packets but no picture")
		require.Greater(t, time.Since(began), 5*time.Second)
		return time.Since(began)
	})
}

// Cameras that fail in every way at once cost a good one nothing.
func TestBadCamerasDisturbNoOther(t *testing.T) {
	t.Parallel()
	good, _ := simulate(t, simulated.Config{}, ".h264", avc()...)
	for _, name := range fault.Names() {
		if name == "resizing" {
			continue // it has no other size
		}
		f, err := fault.Named(name)
		require.NoError(t, err)
		bad, faults := simulate(t, simulated.Config{}, ".h264", avc()...)
		faults.Set(f, 0)
		hold(t, rtsp.Config{URL: bad.URL()})
	}
	s, w, _ := steady(t, func() rtsp.Config { return rtsp.Config{URL: good.URL(), Transport: rtsp.TCP} }, has(100))
	units := w.all()
	check(t, units)
	for i, u := range units {
		require.EqualValues(t, i*3600, u.PTS, "every picture of the good camera")
	}
	st := s.Stats()
	require.EqualValues(t, 1, st.Sessions)
	require.Zero(t, st.PacketsLost+st.DecodeErrors)
}
