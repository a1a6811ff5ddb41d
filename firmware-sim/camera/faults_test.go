package camera_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

// tap notes what comes over the wire, as it is.
type tap struct {
	*gortsplib.Client
	desc *description.Session

	mu      sync.Mutex
	packets []*rtp.Packet
	reports []*rtcp.SenderReport
}

func listen(t *testing.T, cam *running) *tap {
	t.Helper()
	u, err := base.ParseURL(cam.URL())
	require.NoError(t, err)
	tcp := gortsplib.TransportTCP
	p := &tap{Client: &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &tcp, ReadTimeout: patience}}
	p.OnPacketsLost, p.OnDecodeError = func(uint64) {}, func(error) {}
	require.NoError(t, p.Start2())
	t.Cleanup(p.Close)
	p.desc, _, err = p.Describe(u)
	require.NoError(t, err)
	require.NoError(t, p.SetupAll(p.desc.BaseURL, p.desc.Medias))
	p.OnPacketRTPAny(func(m *description.Media, _ format.Format, pkt *rtp.Packet) {
		if m != p.desc.Medias[0] {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.packets = append(p.packets, pkt)
	})
	p.OnPacketRTCPAny(func(m *description.Media, pkt rtcp.Packet) {
		if sr, ok := pkt.(*rtcp.SenderReport); ok && m == p.desc.Medias[0] {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.reports = append(p.reports, sr)
		}
	})
	_, err = p.Play(nil)
	require.NoError(t, err)
	return p
}

// sees waits until the packets so far satisfy a condition.
func (p *tap) sees(t *testing.T, condition func([]*rtp.Packet) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return condition(p.packets)
	}, patience, pause)
}

// steps are the distances between packets, in some respect.
func steps(packets []*rtp.Packet, of func(*rtp.Packet) uint32) (out []int32) {
	for i := 1; i < len(packets); i++ {
		out = append(out, int32(of(packets[i])-of(packets[i-1])))
	}
	return out
}

func TestEachFaultOnTheWire(t *testing.T) {
	sequence := func(p *rtp.Packet) uint32 { return uint32(p.SequenceNumber) }
	stamp := func(p *rtp.Packet) uint32 { return p.Timestamp }
	for name, condition := range map[string]func([]*rtp.Packet) bool{
		"reordering": func(all []*rtp.Packet) bool {
			return contains(steps(all, sequence), func(d int32) bool { return d == -1 })
		},
		"jumping": func(all []*rtp.Packet) bool {
			return contains(steps(all, stamp), func(d int32) bool { return d < -1e6 || d > 1e6 })
		},
		"frozen": func(all []*rtp.Packet) bool {
			return len(all) > 60 && all[len(all)-1].Timestamp == all[len(all)-20].Timestamp
		},
		"keyless": func(all []*rtp.Packet) bool {
			return len(all) > 60 && contains(steps(all, stamp), func(d int32) bool { return d == 7200 }) && !contains(steps(all, stamp), func(d int32) bool { return d > 7200 })
		},
		"resizing": func(all []*rtp.Packet) bool {
			sizes := map[string]bool{}
			for _, p := range all {
				if p.Payload[0]&0x1F == 24 { // STAP-A: the parameter sets
					sizes[string(p.Payload[3:20])] = true
				}
			}
			return len(sizes) == 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other, err := camera.LoadFootage(makeFootage(t, "other.mp4", "-bf", "0", "-vf", "scale=160:96"))
			require.NoError(t, err)
			cam := startCamera(t, camera.Config{Other: other})
			p := listen(t, cam)
			p.sees(t, func(all []*rtp.Packet) bool { return len(all) > 30 })
			if name == "keyless" {
				p.mu.Lock()
				p.packets = nil
				p.mu.Unlock()
			}
			f, err := fault.Named(name)
			require.NoError(t, err)
			cam.faults.Set(f, 0)
			p.sees(t, condition)
		})
	}
	t.Run("corrupting", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{})
		cam.faults.Set(fault.Fault{Name: "corrupting", CorruptPacket: 1}, 0)
		p := listen(t, cam)
		p.sees(t, func(all []*rtp.Packet) bool { return len(all) > 2*footageFrames })
		require.NotZero(t, cam.State().Fault.CorruptedPackets)
		again, err := camera.LoadFootage(makeFootage(t, "again.mp4"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(again.SPS, again.Frames[0].NALUs[0]), "what is sent is spoilt, not the film")
	})
}

func contains(list []int32, is func(int32) bool) bool {
	for _, v := range list {
		if is(v) {
			return true
		}
	}
	return false
}

func TestWhatHangsUpFirst(t *testing.T) {
	set := func(t *testing.T, cam *running, name string) {
		f, err := fault.Named(name)
		require.NoError(t, err)
		before := listen(t, cam)
		before.sees(t, func(all []*rtp.Packet) bool { return len(all) > 3 })
		cam.faults.Set(f, 0)
		ended := make(chan error, 1)
		go func() { ended <- before.Wait() }()
		select {
		case <-ended:
		case <-time.After(patience):
			require.Fail(t, "not hung up")
		}
	}
	t.Run("wrapping", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{})
		var p *tap
		for again := true; again; { // who comes after the wrap has missed it
			set(t, cam, "wrapping")
			p = listen(t, cam)
			p.sees(t, func(all []*rtp.Packet) bool { again = len(all) > 0 && all[0].Timestamp < 1<<31; return len(all) > 3 })
		}
		p.sees(t, func(all []*rtp.Packet) bool {
			return all[0].Timestamp > 0xFFFF0000-300_000 && all[len(all)-1].Timestamp < 1<<31
		})
	})
	t.Run("in_band", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{})
		set(t, cam, "in_band")
		require.Empty(t, listen(t, cam).desc.Medias[0].Formats[0].(*format.H264).SPS)
	})
	t.Run("undated", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{})
		set(t, cam, "undated")
		p := listen(t, cam)
		p.sees(t, func(all []*rtp.Packet) bool { return len(all) > 140 }) // more than 5 s
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Empty(t, p.reports)
	})
	t.Run("refusing", func(t *testing.T) {
		t.Parallel()
		cam := startCamera(t, camera.Config{Username: "viewer", Password: "secret"})
		f, err := fault.Named("refusing")
		require.NoError(t, err)
		cam.faults.Set(f, 0)
		require.Eventually(t, func() bool { // it may hang up on the first
			_, err = watch(strings.Replace(cam.URL(), "rtsp://", "rtsp://viewer:secret@", 1), gortsplib.TransportTCP)
			return err != nil && strings.Contains(err.Error(), "401")
		}, patience, pause)
	})
}

// FFmpeg, which is not ours, reads all that a camera can send.
func TestFFprobeReadsEachCodec(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	aac := filepath.Join(dir, "a.aac")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=sample_rate=44100:duration=1", "-c:a", "aac", aac).CombinedOutput()
	require.NoError(t, err, string(out))
	for codec, args := range map[string][]string{
		"hevc":  {"film.h265", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0:keyint=10:scenecut=0", "-pix_fmt", "yuv420p"},
		"mjpeg": {"film.mjpeg", "mjpeg", "-q:v", "6", "-huffman", "default", "-pix_fmt", "yuvj420p"},
	} {
		file := filepath.Join(dir, args[0])
		cmd := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=25", "-frames:v", "25", "-c:v"}, args[1:]...)
		out, err := exec.Command("ffmpeg", append(cmd, file)...).CombinedOutput()
		require.NoError(t, err, string(out))
		film, err := camera.LoadFootage(file)
		require.NoError(t, err)
		require.Len(t, film.Frames, footageFrames)
		require.InDelta(t, 25, film.Rate(), 0.001)
		for name, heard := range map[string]string{"pcma": "pcm_alaw", "pcmu": "pcm_mulaw", aac: "aac"} {
			t.Run(fmt.Sprint(codec, " and ", heard), func(t *testing.T) {
				t.Parallel()
				sound, err := camera.LoadSound(name)
				require.NoError(t, err)
				cam := startCamera(t, camera.Config{Footage: film, Sound: sound})
				out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+1", "-show_entries", "stream=codec_name", "-of", "csv", cam.URL()).CombinedOutput()
				require.NoError(t, err, string(out))
				require.Contains(t, string(out), "stream,"+codec)
				require.Contains(t, string(out), "stream,"+heard)
			})
		}
	}
	for _, bad := range []string{"opus", filepath.Join(dir, "none.aac")} {
		_, err := camera.LoadSound(bad)
		require.Error(t, err)
	}
}

func TestOtherSizeMustBeTheSameFilm(t *testing.T) {
	t.Parallel()
	film, err := camera.LoadFootage(makeFootage(t, "a.mp4"))
	require.NoError(t, err)
	require.NoError(t, film.SameFilm(nil))
	small, err := camera.LoadFootage(makeFootage(t, "b.mp4", "-bf", "0", "-vf", "scale=160:96"))
	require.NoError(t, err)
	require.NoError(t, film.SameFilm(small))
	other, err := camera.LoadFootage(makeFootage(t, "c.mp4", "-bf", "0", "-g", "5"))
	require.NoError(t, err)
	require.ErrorContains(t, film.SameFilm(other), "another film")
}
