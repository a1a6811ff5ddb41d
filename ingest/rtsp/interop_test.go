package rtsp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// footageFile makes 20 s of video, with sound, in a container.
func footageFile(t *testing.T, name string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	cmd := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=25:duration=20", "-f", "lavfi", "-i", "sine=sample_rate=44100:duration=20", "-c:v"}, args...)
	out, err := exec.Command("ffmpeg", append(cmd, "-c:a", "aac", file)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

// gstreamer serves a pipeline with GStreamer's RTSP server, and returns its
// address. Debian's own Python has the bindings.
func gstreamer(t *testing.T, pipeline string, args ...string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", append([]string{"testdata/gst-server.py", pipeline}, args...)...)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "no port: is gir1.2-gst-rtsp-server-1.0 installed?")
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return "127.0.0.1:" + strings.TrimSpace(port)
}

// expect holds a camera until it has given some units, and the sound that it is
// asked for, and looks at them.
func expect(t *testing.T, cfg rtsp.Config, codec ingest.Codec, sound ...*wall) (*rtsp.Source, *wall) {
	t.Helper()
	s, w, stop := hold(t, cfg)
	require.Eventually(t, func() bool {
		silent := slices.ContainsFunc(sound, func(e *wall) bool { return len(e.all()) == 0 })
		return len(w.all()) >= 40 && !silent
	}, 3*soon, 10*time.Millisecond)
	stop()
	units := w.all()
	if codec != ingest.MJPEG {
		check(t, units)
	}
	require.Equal(t, codec, units[0].Params.Codec)
	require.Equal(t, 320, units[0].Params.Width)
	require.Equal(t, 176, units[0].Params.Height)
	st := s.Stats()
	if st.PacketsLost == 0 { // as UDP may on a busy machine
		require.Zero(t, st.DecodeErrors)
	}
	return s, w
}

func TestGStreamerServer(t *testing.T) {
	t.Parallel()
	avc := footageFile(t, "avc.mp4", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-pix_fmt", "yuv420p")
	reordered := footageFile(t, "b.mp4", "libx264", "-preset", "medium", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p")
	hevc := footageFile(t, "hevc.mp4", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:bframes=0:open-gop=0", "-pix_fmt", "yuv420p")
	mjpeg := footageFile(t, "mjpeg.mkv", "mjpeg", "-q:v", "8", "-huffman", "default", "-pix_fmt", "yuvj420p")
	const play = "filesrc location=%s ! qtdemux name=d d.video_0 ! queue ! %s name=pay0 "
	for _, c := range []struct {
		name, pipeline string
		codec, sound   ingest.Codec
	}{
		{"h264", fmt.Sprintf(play, avc, "h264parse ! rtph264pay config-interval=-1"), ingest.H264, ""},
		{"h264 with B-frames", fmt.Sprintf(play, reordered, "h264parse ! rtph264pay"), ingest.H264, ""},
		{"h264 and aac", fmt.Sprintf(play, avc, "h264parse ! rtph264pay") + "d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1", ingest.H264, ingest.AAC},
		{"h264 and aac in latm", fmt.Sprintf(play, avc, "h264parse ! rtph264pay") + "d.audio_0 ! queue ! aacparse ! rtpmp4apay name=pay1", ingest.H264, ingest.AAC},
		{"h264 and alaw", fmt.Sprintf(play, avc, "h264parse ! rtph264pay") + "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1", ingest.H264, ingest.LPCM},
		{"h265", fmt.Sprintf(play, hevc, "h265parse ! rtph265pay"), ingest.H265, ""},
		{"mjpeg", fmt.Sprintf("filesrc location=%s ! matroskademux ! queue ! jpegparse ! rtpjpegpay name=pay0", mjpeg), ingest.MJPEG, ""},
		{"mjpeg 4:2:2", "videotestsrc is-live=true ! video/x-raw,format=Y42B,width=320,height=176,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0", ingest.MJPEG, ""},
	} {
		for _, transport := range []string{rtsp.TCP, rtsp.UDP} {
			t.Run(c.name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				cfg := rtsp.Config{URL: "rtsp://" + gstreamer(t, c.pipeline) + "/main", Transport: transport}
				e, heard := &wall{}, []*wall(nil)
				if c.sound != "" {
					cfg.Sound, heard = e.deliver, []*wall{e}
				}
				s, _ := expect(t, cfg, c.codec, heard...)
				require.Equal(t, transport, s.Stats().Transport)
				if c.sound != "" {
					require.Equal(t, c.sound, e.all()[0].Params.Codec)
				}
				if c.sound == ingest.AAC {
					playsAAC(t, e.all())
				}
			})
		}
	}
}

// playsAAC lets ffmpeg decode the sound.
func playsAAC(t *testing.T, units []*ingest.Unit) {
	t.Helper()
	var packets mpeg4audio.ADTSPackets
	for _, u := range units {
		packets = append(packets, &mpeg4audio.ADTSPacket{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: u.Params.SampleRate, ChannelCount: u.Params.Channels, AU: u.NALs[0]})
	}
	adts, err := packets.Marshal()
	require.NoError(t, err)
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-f", "aac", "-i", "pipe:0", "-f", "s16le", "pipe:1")
	cmd.Stdin = bytes.NewReader(adts)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.InDelta(t, len(units)*1024*2*units[0].Params.Channels, len(out), 8192)
}

func TestGStreamerServerWithPasswordsAndTLS(t *testing.T) {
	t.Parallel()
	avc := footageFile(t, "avc.mp4", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-pix_fmt", "yuv420p")
	pipeline := "filesrc location=" + avc + " ! qtdemux ! h264parse ! rtph264pay name=pay0"
	for _, method := range []string{"basic", "digest"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			url := "rtsp://" + gstreamer(t, pipeline, method) + "/main"
			expect(t, rtsp.Config{URL: url, Username: "viewer", Password: "right"}, ingest.H264)
			var later *ingest.RetryAfter
			require.ErrorAs(t, once(t, rtsp.Config{URL: url, Username: "viewer", Password: "wrong"}), &later)
		})
	}
	t.Run("tls", func(t *testing.T) {
		t.Parallel()
		cert, ca := certificate(t)
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		require.NoError(t, err)
		text, err := os.ReadFile(ca)
		require.NoError(t, err)
		both := filepath.Join(t.TempDir(), "both.pem")
		require.NoError(t, os.WriteFile(both, append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), 0o600))
		url := "rtsps://" + gstreamer(t, pipeline, "basic", "--tls", both) + "/main"
		expect(t, rtsp.Config{URL: url, Username: "viewer", Password: "right", TLS: rtsp.TLS{CAFile: ca}}, ingest.H264)
	})
}

// Who joins an encoder that makes a key picture every 40 s does not wait for
// it; GStreamer needs no asking for that, and dates its pictures.
func TestGStreamerEncoderThatIsShared(t *testing.T) {
	t.Parallel()
	address := gstreamer(t, "videotestsrc is-live=true ! video/x-raw,width=320,height=176,framerate=25/1 ! x264enc key-int-max=1000 tune=zerolatency speed-preset=ultrafast ! rtph264pay name=pay0 pt=96", "--avpf")
	_, first, _ := hold(t, rtsp.Config{URL: "rtsp://" + address + "/main", Transport: rtsp.TCP})
	first.wait(t, 25)
	began := time.Now()
	s, second, _ := hold(t, rtsp.Config{URL: "rtsp://" + address + "/main", Transport: rtsp.TCP})
	units := second.wait(t, 1)
	require.True(t, units[0].Key)
	t.Logf("first picture after %s", time.Since(began).Round(time.Millisecond))
	require.Eventually(t, func() bool {
		clock := s.Stats().Clock
		return clock.Known && clock.Offset.Abs() < 10*time.Second // an encoder without a processor is late
	}, 2*soon, 10*time.Millisecond, "one machine, one clock")
}

// vlc serves a film with VLC's own RTSP server. VLC refuses to be root.
func vlc(t *testing.T, film string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // VLC cannot choose a port
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "vlc", "-I", "dummy", "--no-media-library", "--loop", film, "--sout", "#rtp{sdp=rtsp://"+address+"/main}", "--sout-keep")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		for _, dir := range []string{filepath.Dir(home), home, filepath.Dir(filepath.Dir(film)), filepath.Dir(film)} {
			require.NoError(t, os.Chmod(dir, 0o755))
		}
		require.NoError(t, os.Chown(home, nobody, nobody))
	}
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	require.NoError(t, cmd.Start(), "is vlc-bin installed?")
	t.Cleanup(func() { _ = cmd.Cancel(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 3*soon, 50*time.Millisecond, "VLC does not listen")
	return address
}

// VLC refuses RTP over TCP (461): auto comes to UDP by itself.
func TestVLCServer(t *testing.T) {
	t.Parallel()
	for codec, args := range map[ingest.Codec][]string{
		ingest.H264: {"libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-pix_fmt", "yuv420p"},
		ingest.H265: {"libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:bframes=0:open-gop=0", "-pix_fmt", "yuv420p"},
	} {
		for _, transport := range []string{rtsp.Auto, rtsp.UDP} {
			t.Run(fmt.Sprint(codec, " over ", transport), func(t *testing.T) {
				t.Parallel()
				address := vlc(t, footageFile(t, "film.mp4", args...))
				s, _ := expect(t, rtsp.Config{URL: "rtsp://" + address + "/main", Transport: transport}, codec)
				require.Equal(t, rtsp.UDP, s.Stats().Transport)
			})
		}
	}
}
