package bench_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
	"github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// signedBy are the identifiers under which cameras put signatures into their
// video: Axis' Signed Video framework, and ONVIF Media Signing.
var signedBy = map[string][]byte{
	"h264": []byte("Signed Video...0"),
	"h265": {0x00, 0x5b, 0xc9, 0x3f, 0x2d, 0x71, 0x5e, 0x95, 0xad, 0xa4, 0x79, 0x6f, 0x90, 0x87, 0x7a, 0x6f},
}

// A camera that signs its own video keeps its proof: from the wire through ring
// and recording into clip and bundle, each of its signatures and each picture
// that it signed is there byte for byte, in their order.
func TestSignaturesOfACameraReachTheBundle(t *testing.T) {
	for _, codec := range []string{"h264", "h265"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			pictures, file := signedFilm(t, codec)
			movie := bundledClip(t, file)
			seen := 0
			at, last := 0, -1
			for {
				next := bytes.Index(movie[at:], signedBy[codec])
				if next < 0 {
					break
				}
				at += next
				number := int(movie[at+len(signedBy[codec])] &^ 0x80)
				require.Less(t, number, len(pictures))
				if last >= 0 {
					require.Equal(t, (last+1)%len(pictures), number, "pictures follow one another")
				}
				want := pictures[number]
				begin := at - bytes.Index(want, signedBy[codec])
				require.Equal(t, want, movie[begin:begin+len(want)], "picture %d", number)
				at, last, seen = begin+len(want), number, seen+1
			}
			require.Greater(t, seen, 60, "at 25 a second")
		})
	}
}

// signedFilm makes 4 s of video with a signature before every picture, and
// gives what a clip must hold of each: signature and slices, each behind its
// length.
func signedFilm(t *testing.T, codec string) (pictures [][]byte, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "plain."+codec)
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=25:duration=4", "-pix_fmt", "yuv420p"}
	if codec == "h264" {
		args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-sc_threshold", "0")
	} else {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0:keyint=25:min-keyint=25:scenecut=0:open-gop=0:info=0")
	}
	run(t, "ffmpeg", append(args, file)...)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var film []byte
	for nalu := range bytes.SplitSeq(raw, []byte{0, 0, 1}) {
		nalu = bytes.TrimRight(nalu, "\x00")
		if len(nalu) == 0 {
			continue
		}
		if isPicture(codec, nalu) {
			sei := signature(codec, len(pictures))
			film = append(append(film, 0, 0, 0, 1), sei...)
			pictures = append(pictures, append(behindLength(sei), behindLength(nalu)...))
		}
		film = append(append(film, 0, 0, 0, 1), nalu...)
	}
	require.Len(t, pictures, 100, "one slice a picture")
	file = filepath.Join(t.TempDir(), "signed."+codec)
	require.NoError(t, os.WriteFile(file, film, 0o600))
	return pictures, file
}

func isPicture(codec string, nalu []byte) bool {
	if codec == "h264" {
		return nalu[0]&0x1f == 1 || nalu[0]&0x1f == 5
	}
	return nalu[0]>>1&0x3f < 32
}

func behindLength(nalu []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(nalu))), nalu...)
}

// signature is a user_data_unregistered SEI (H.264 D.1.7, H.265 D.2.7) of 300
// bytes: identifier, the picture's number, bytes that need escaping, and a
// payload of every value.
func signature(codec string, number int) []byte {
	payload := append([]byte{}, signedBy[codec]...)
	payload = append(payload, byte(number)|0x80, 0x00, 0x00, 0x03, 0x01, 0x00, 0x00, 0x03, 0x00)
	for len(payload) < 300 {
		payload = append(payload, byte(len(payload)*7+number)|1)
	}
	sei := []byte{0x06}
	if codec == "h265" {
		sei = []byte{39 << 1, 1}
	}
	const escapes = 2 // are not part of the payload's size
	sei = append(sei, 5, 255, byte(len(payload)-escapes-255))
	return append(append(sei, payload...), 0x80)
}

// bundledClip plays a film to the box as a camera does, cuts a clip of it and
// takes it out of a bundle that verifies.
func bundledClip(t *testing.T, film string) []byte {
	t.Helper()
	footage, err := camera.LoadFootage(film)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	cam := camera.New(camera.Config{ID: "gate", Listen: "127.0.0.1:0", Path: "main", Footage: footage}, fault.NewInjector(1, "gate"), log)
	require.NoError(t, cam.Open())
	units := feed.New[*ingest.Unit]()
	source := rtsp.New(rtsp.Config{Camera: "gate", URL: cam.URL(), Transport: rtsp.TCP, Deliver: units.Publish})
	ready := make(chan clip.Ready, 2)
	store := media.New(media.Options{Dir: t.TempDir(), MinFree: -1})
	require.NoError(t, store.Open())
	cutter := clip.New(clip.Options{Store: store, Ready: func(_ context.Context, r clip.Ready) error { ready <- r; return nil }})
	require.NoError(t, cutter.Open())

	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() { _ = cam.Run(ctx) })
	all.Go(func() { ingest.Keep(ctx, log, ingest.DefaultPace(), source.Run) })
	all.Go(func() { _ = cutter.Run(ctx) })
	reader := units.Subscribe(clip.FeedSize, func(u *ingest.Unit) bool { return u.Key })
	all.Go(func() {
		_ = cutter.Hold(ctx, clip.Camera{ID: "gate", Record: clip.Continuous, PreRoll: 5 * time.Second}, reader)
	})
	require.Eventually(t, func() bool { return source.Stats().Units > 60 }, patience, 10*time.Millisecond)
	_, err = cutter.Want(ctx, clip.Want{Incident: "01M", Camera: "gate", Alert: "a", At: time.Now(), PreRoll: 2 * time.Second, PostRoll: time.Second})
	require.NoError(t, err)
	for r := range ready {
		if r.Part == clip.PartWhole {
			return throughBundle(t, r)
		}
	}
	return nil
}

func throughBundle(t *testing.T, r clip.Ready) []byte {
	t.Helper()
	key := evidence.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)))
	var zipped bytes.Buffer
	require.NoError(t, evidence.Write(t.Context(), &zipped, evidence.Case{
		Incident: "01M", By: "wang", Made: bridge.At(time.Now()), Events: func(func(bridge.Event, error) bool) {},
		Clips: []evidence.Clip{{ID: r.ID, Part: r.Part, Camera: r.Camera, From: bridge.At(r.From), To: bridge.At(r.To), Open: func(context.Context) (io.ReadSeekCloser, error) { return os.Open(r.Path) }}},
	}, key))
	report, err := evidence.Verify(t.Context(), bytes.NewReader(zipped.Bytes()), int64(zipped.Len()), key.Public().(ed25519.PublicKey))
	require.NoError(t, err)
	require.True(t, report.Good(), report.Problems)
	require.Empty(t, report.Manifest.Clips[0].Unindexed)
	return unzip(t, zipped.Bytes(), report.Manifest.Clips[0].Path)
}

func unzip(t *testing.T, b []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	content, err := fs.ReadFile(z, name)
	require.NoError(t, err)
	return content
}
