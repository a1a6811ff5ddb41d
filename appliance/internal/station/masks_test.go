package station

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep/viewer"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/render"
)

const maskedW, maskedH = 640, 360

// The mask of the test: the left half of the picture, less a rim.
func maskedCamera() config.Camera {
	return config.Camera{
		ID: "gate", Record: "continuous", PreRoll: config.Duration(10 * time.Second),
		Streams: config.Streams{Main: "rtsp://127.0.0.1:1/"}, Audio: true,
		Masks: [][]config.Point{{{0, 0}, {0.5, 0}, {0.5, 1}, {0, 1}}},
	}
}

// colourful are seconds of a moving colour picture, cut into units.
func colourful(t *testing.T, seconds string) []*ingest.Unit {
	path := filepath.Join(t.TempDir(), "in.h264")
	out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration="+seconds,
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-bf", "0", "-g", "25", "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", path).CombinedOutput()
	require.NoError(t, err, string(out))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	params := &ingest.Params{Codec: ingest.H264, Width: maskedW, Height: maskedH, FPS: 25}
	var units []*ingest.Unit
	for part := range bytes.SplitSeq(data, []byte{0, 0, 1}) {
		n := bytes.TrimRight(part, "\x00")
		if len(n) == 0 {
			continue
		}
		switch n[0] & 0x1f {
		case 9:
			at := int64(len(units)) * ingest.ClockRate / 25
			units = append(units, &ingest.Unit{Camera: "gate", Params: params, Run: 1, PTS: at, DTS: at})
			continue
		case 7:
			params.SPS = n
			continue
		case 8:
			params.PPS = n
			continue
		case 5:
			units[len(units)-1].Key = true
		}
		u := units[len(units)-1]
		u.NALs = append(u.NALs, n)
		u.Bytes += len(n)
	}
	return units
}

// lumaOf decodes a video file's pictures to their luma.
func lumaOf(t *testing.T, path string) [][]byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "gray", "-")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	raw, err := cmd.Output()
	require.NoError(t, err, errs.String())
	var out [][]byte
	for len(raw) >= maskedW*maskedH {
		out = append(out, raw[:maskedW*maskedH])
		raw = raw[maskedW*maskedH:]
	}
	return out
}

// halves is the greatest luma of the masked half, over all pictures, and the
// least of what the other half has at most.
func halves(pictures [][]byte) (masked, open byte) {
	open = 255
	for _, p := range pictures {
		most := byte(0)
		for y := range maskedH {
			for x := range maskedW {
				switch v := p[y*maskedW+x]; {
				case x < maskedW/2-4:
					masked = max(masked, v)
				case x > maskedW/2+8:
					most = max(most, v)
				}
			}
		}
		open = min(open, most)
	}
	return masked, open
}

// blackStills remembers which masks it was given.
type blackStills struct{ masks [][]vision.Point }

func (b *blackStills) Snapshot(_ *vision.Frame, s vision.Still) ([]byte, error) {
	b.masks = s.Masks
	return []byte("jpeg"), nil
}

// watchRTP is a browser that writes what it receives as H.264.
func watchRTP(t *testing.T, b *bench) func() []byte {
	server := whep.New(whep.Options{Source: b.Station, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, server.Open())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	v, err := viewer.Open()
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.Close() })
	var answer whep.Answer
	eventually(t, func() bool { // a box that is slow has no picture of late at times
		var err error
		answer, err = server.Offer(t.Context(), whep.Request{Camera: "gate", Owner: "wang", Offer: []byte(v.Offer())})
		return err == nil
	})
	require.False(t, answer.Counter)
	require.NoError(t, v.Answer(answer.SDP))
	return v.Stream
}

// plays25 plays footage as a camera of 25 pictures a second does, with sound,
// again and again until ctx ends: never faster, and slower where its rendition
// is behind, so that nothing is dropped. Pictures are captured in their time,
// however late they come.
func plays25(ctx context.Context, c *camera, units []*ingest.Unit, began time.Time) {
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		u := *units[n%len(units)]
		u.Run, u.Captured = uint32(1+n/len(units)), began.Add(time.Duration(n)*time.Second/25)
		for time.Now().Before(u.Captured) || n > 25 && u.Captured.Sub(heldTo(c.station, "gate")) > time.Second {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
		}
		u.Received = time.Now()
		c.deliver(&u)
		c.heard(tone(&u))
	}
}

// heldTo is when the newest picture that is held of a camera was captured.
func heldTo(s *Station, camera string) time.Time { return s.cutter.Stats().Cameras[camera].Held.To }

// slices264 counts the pictures in H.264 with start codes: slices that begin
// with the first macroblock.
func slices264(stream []byte) (n int) {
	for part := range bytes.SplitSeq(stream, []byte{0, 0, 1}) {
		if len(part) > 1 && (part[0]&0x1f == 1 || part[0]&0x1f == 5) && part[1]&0x80 != 0 {
			n++
		}
	}
	return n
}

// TestAMaskIsInTheStreamAndInTheFile reads what leaves the box of a masked
// camera: the RTP of a live viewer, the clip, an interval; and what does not:
// the sealed original.
func TestAMaskIsInTheStreamAndInTheFile(t *testing.T) {
	units := colourful(t, "7")
	b := newBench(t)
	stills := &blackStills{}
	b.leaves.Decoder = func() vision.Decoder { return avcodec.New(avcodec.Options{}) }
	b.leaves.Encoder = func(w, h int, fps float64) (render.Encoder, error) { return avcodec.NewEncoder(w, h, fps) }
	b.leaves.Stills = stills
	b.cfg.Cameras = []config.Camera{maskedCamera()}
	b.cutter = clip.New(clip.Options{Store: b.store, Ready: b.clipReady, Empty: b.clipEmpty})
	require.NoError(t, b.cutter.Open())
	c, err := b.newCamera(b.cfg.Cameras[0])
	require.NoError(t, err)
	b.cameras = map[string]*camera{"gate": c}
	_, live := b.Live("gate", false)
	require.False(t, live, "no masked picture, no picture")

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{c.render, c.hold, c.holdMasked, c.joinSound, b.cutter.Run} {
		running.Go(func() { require.NoError(t, run(ctx)) })
	}
	defer running.Wait()
	defer cancel()
	eventually(t, func() bool { // they read from the first picture on
		return c.smallFeed().Readers() == 1 && c.recorded.Readers() == 1 && c.masked.Feed().Readers() == 1 && c.maskedFeed().Readers() == 1
	})
	began := time.Now()
	running.Go(func() { plays25(ctx, c, units, began) })
	eventually(t, func() bool { _, is := b.Live("gate", true); return is })
	stream := watchRTP(t, b)
	_, _, err = c.Still(t.Context())
	require.ErrorIs(t, err, media.ErrNotFound, "not live: the wall says so, and does not fail")
	c.mu.Lock()
	c.live = true
	c.mu.Unlock()
	_, _, err = c.Still(t.Context())
	require.NoError(t, err)
	require.Equal(t, maskPolygons(&c.cfg), stills.masks)

	want := clip.Want{Incident: b.incident, Camera: "gate", Alert: "a", At: began.Add(3 * time.Second), PreRoll: 2 * time.Second, PostRoll: 2 * time.Second}
	eventually(t, func() bool { // however slow the box is: the footage plays in real time or later
		end := want.At.Add(want.PostRoll + time.Second)
		return !heldTo(b.Station, "gate").Before(end) && !heldTo(b.Station, sealed("gate")).Before(end)
	})
	require.NoError(t, b.wantSealed(ctx, want))
	id, err := b.cutter.Want(ctx, want)
	require.NoError(t, err)
	var known *desk.Clip
	eventually(t, func() bool {
		_, err := b.desk.View(t.Context(), func(s *desk.State) { known = s.Clip(id, clip.PartWhole) })
		return err == nil && known != nil
	})

	require.True(t, known.Masked)
	require.NotEmpty(t, known.Original)
	require.NotEqual(t, known.SHA256, known.Original)
	shown, err := b.cutter.Part(id, clip.PartWhole)
	require.NoError(t, err)
	requireMasked(t, lumaOf(t, shown.Path), 20)
	requireLoud(t, shown.Path, 3)
	eventually(t, func() bool { return slices264(stream()) >= 15 })
	rtp := filepath.Join(t.TempDir(), "rtp.h264")
	require.NoError(t, os.WriteFile(rtp, stream(), 0o600))
	requireMasked(t, lumaOf(t, rtp), 10)
	cut, err := b.cutter.Interval("gate", want.At.Add(-time.Second), want.At)
	require.NoError(t, err)
	defer cut.Close()
	interval := filepath.Join(t.TempDir(), "cut.mp4")
	f, err := os.Create(interval)
	require.NoError(t, err)
	_, err = io.Copy(f, cut)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	requireMasked(t, lumaOf(t, interval), 8)

	original, err := wallFiles{b.Station}.Original(id, clip.PartWhole)
	require.NoError(t, err)
	require.Equal(t, known.Original, original.ETag)
	require.NoError(t, original.Body.Close())
	whole, err := b.sealedPart(id, "gate", clip.PartWhole)
	require.NoError(t, err)
	requireLoud(t, whole.Path, 3)
	masked, _ := halves(lumaOf(t, whole.Path))
	require.Greater(t, masked, byte(150), "the original has what is masked")
	_, err = wallFiles{b.Station}.Cut(t.Context(), sealed("gate"), want.At.Add(-time.Second), want.At)
	require.Error(t, err, "no route knows the sealed name")
}

func requireMasked(t *testing.T, pictures [][]byte, least int) {
	t.Helper()
	require.GreaterOrEqual(t, len(pictures), least)
	masked, open := halves(pictures)
	require.LessOrEqual(t, masked, byte(24), "black, as encoded")
	require.Greater(t, open, byte(150), "the other half is there")
}

func TestTheOriginalOfAClip(t *testing.T) {
	require.Equal(t, "INC-gate~original-2", original("INC-gate-2", "gate"))
	require.Equal(t, "INC-gate-east~original-1", original("INC-gate-east-1", "gate-east"))
	require.Empty(t, original("INC-west-1", "gate"))
	id, is := unsealed("INC-gate~original-2")
	require.True(t, is)
	require.Equal(t, "INC-gate-2", id)
	_, is = unsealed("INC-gate-2")
	require.False(t, is)
}
