package whep_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

const within = time.Minute // generous: shared machines

// camera is a source with one camera, east, that sends numbered units.
type camera struct {
	mu     sync.Mutex
	live   bool
	feed   *feed.Feed[*ingest.Unit]
	params *ingest.Params
	gop    []*ingest.Unit
	run    uint32
	pts    int64
	n      uint32
	began  time.Time
}

func newCamera() *camera {
	c := &camera{
		live: true, feed: feed.New[*ingest.Unit](), run: 1, began: time.Now(),
		params: &ingest.Params{Codec: ingest.H264, SPS: []byte{0x67, 0x64, 0x00, 0x28, 0xac}, PPS: []byte{0x68, 0xee, 0x3c, 0x80}, Width: 1920, Height: 1080, FPS: 25},
	}
	c.send(20)
	return c
}

func (c *camera) Live(id string, _ bool) (whep.Video, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return whep.Video{Feed: c.feed, Params: c.params, GOP: append([]*ingest.Unit(nil), c.gop...)}, c.live && id == "east"
}

// send publishes n units, a key unit every 25.
func (c *camera) send(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		nal := bytes.Repeat([]byte{0xff}, 3000) // more than one packet, and no start code in it
		nal[0] = 0x41
		key := len(c.gop)%25 == 0
		if key {
			nal[0], c.gop = 0x65, nil
		}
		for i := range 4 {
			nal[1+i] = 0x80 | byte(c.n>>(7*i))
		}
		u := &ingest.Unit{
			Camera: "east", Params: c.params, Run: c.run, PTS: c.pts, DTS: c.pts, Key: key,
			NALs: [][]byte{{0x09, 0x10}, nal}, Bytes: len(nal), Received: c.began.Add(time.Duration(c.n) * 40 * time.Millisecond),
		}
		c.gop = append(c.gop, u)
		c.feed.Publish(u)
		c.n++
		c.pts += 3600
	}
}

// restart is the camera gone and back: another feed, another run.
func (c *camera) restart() {
	c.mu.Lock()
	c.feed.Close()
	c.feed, c.gop, c.pts = feed.New[*ingest.Unit](), nil, 0
	c.run++
	c.mu.Unlock()
}

func start(t *testing.T, c *camera) *whep.Server {
	t.Helper()
	return startWith(t, c, within) // a viewer of a loaded machine is silent at times
}

// startWith is a server whose viewers are gone when they were silent for twice
// as long.
func startWith(t *testing.T, c *camera, silent time.Duration) *whep.Server {
	t.Helper()
	server := whep.New(whep.Options{Source: c, Log: slog.New(slog.DiscardHandler), Disconnected: silent, Gone: silent, Revalidate: 100 * time.Millisecond})
	require.NoError(t, server.Open())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return server
}

// viewer is a browser: it keeps what it received.
type viewer struct {
	pc   *webrtc.PeerConnection
	conn net.PacketConn

	mu     sync.Mutex
	nals   []nal
	stamps []uint32 // of access units
}

type nal struct {
	kind   byte
	number uint32
}

func newViewer(t *testing.T, mimes ...string) *viewer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var setting webrtc.SettingEngine
	setting.SetICEUDPMux(webrtc.NewICEUDPMux(quiet().NewLogger("ice"), conn))
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	v := newViewerWith(t, setting, mimes...)
	v.conn = conn
	return v
}

func newViewerOverTCP(t *testing.T) *viewer {
	t.Helper()
	var setting webrtc.SettingEngine
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	setting.SetIncludeLoopbackCandidate(true)
	return newViewerWith(t, setting, webrtc.MimeTypeH264)
}

func quiet() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
}

func newViewerWith(t *testing.T, setting webrtc.SettingEngine, mimes ...string) *viewer {
	t.Helper()
	setting.LoggerFactory = quiet()
	media := &webrtc.MediaEngine{}
	for i, mime := range mimes {
		codec := webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000}
		if mime == webrtc.MimeTypeH264 {
			codec.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
		}
		require.NoError(t, media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec, PayloadType: webrtc.PayloadType(100 + i)}, webrtc.RTPCodecTypeVideo))
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	v := &viewer{pc: pc}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		var depacketizer codecs.H264Packet
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			v.take(&depacketizer, packet)
		}
	})
	t.Cleanup(v.close)
	return v
}

func (v *viewer) close() {
	_ = v.pc.GracefulClose()
	if v.conn != nil {
		_ = v.conn.Close()
	}
}

func (v *viewer) take(depacketizer *codecs.H264Packet, packet *rtp.Packet) {
	annexB, err := depacketizer.Unmarshal(packet.Payload)
	if err != nil || len(annexB) < 5 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	one := nal{kind: annexB[4] & 0x1f}
	if len(annexB) > 8 && (one.kind == 1 || one.kind == 5) {
		for i := range 4 {
			one.number |= uint32(annexB[5+i]&0x7f) << (7 * i)
		}
		v.stamps = append(v.stamps, packet.Timestamp)
	}
	v.nals = append(v.nals, one)
}

func (v *viewer) seen() []nal {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]nal(nil), v.nals...)
}

func (v *viewer) pictures() int {
	n := 0
	for _, one := range v.seen() {
		if one.kind == 1 || one.kind == 5 {
			n++
		}
	}
	return n
}

func (v *viewer) offer(t *testing.T, direction webrtc.RTPTransceiverDirection) []byte {
	t.Helper()
	_, err := v.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: direction})
	require.NoError(t, err)
	return v.local(t, v.pc.CreateOffer)
}

func (v *viewer) local(t *testing.T, make func(*webrtc.OfferOptions) (webrtc.SessionDescription, error)) []byte {
	t.Helper()
	description, err := make(nil)
	require.NoError(t, err)
	gathered := webrtc.GatheringCompletePromise(v.pc)
	require.NoError(t, v.pc.SetLocalDescription(description))
	<-gathered
	return []byte(v.pc.LocalDescription().SDP)
}

func (v *viewer) open(t *testing.T, server *whep.Server) string {
	t.Helper()
	answer, err := server.Offer(t.Context(), whep.Request{Camera: "east", Owner: "wang", Offer: v.offer(t, webrtc.RTPTransceiverDirectionRecvonly)})
	require.NoError(t, err)
	require.False(t, answer.Counter)
	require.NoError(t, v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}))
	return answer.Session
}

func TestFirstPictureComesFromTheRing(t *testing.T) {
	c := newCamera()
	server, v := start(t, c), newViewer(t, webrtc.MimeTypeH264)
	session := v.open(t, server)
	require.Eventually(t, func() bool { return v.pictures() == 20 }, within, 10*time.Millisecond)
	for sent := 20; sent < 60; { // what a socket's buffer holds, whoever has the processor
		c.send(10)
		sent += 10
		require.Eventually(t, func() bool { return v.pictures() == sent }, within, 10*time.Millisecond)
	}

	nals := v.seen()
	require.Equal(t, []byte{7, 8, 5}, []byte{nals[0].kind, nals[1].kind, nals[2].kind}, "parameter sets in front of the first key unit")
	require.Zero(t, nals[2].number)
	sets := 0
	for _, one := range nals {
		if one.kind == 7 {
			sets++
		}
		require.NotEqual(t, byte(9), one.kind, "delimiters are not sent")
	}
	require.Equal(t, 3, sets, "one for each key unit: 0, 25, 50")
	risesWithoutHole(t, v)
	requireSpan(t, v.stamps[:20], 19*90, "what is sent at once is shown at once")
	requireSpan(t, v.stamps[20:], 39*3600, "then as the camera's clock says")

	require.Error(t, server.End(session, "east", "li"), "another viewer's session")
	require.NoError(t, server.End(session, "east", "wang"))
	require.Zero(t, server.Stats().Sessions)
	require.Zero(t, c.feed.Readers())
	require.Zero(t, server.Stats().DroppedUnits)
}

func requireSpan(t *testing.T, stamps []uint32, want uint32, why string) {
	t.Helper()
	require.Equal(t, want, stamps[len(stamps)-1]-stamps[0], why)
}

// risesWithoutHole also allows a hole that ends with a key unit.
func risesWithoutHole(t *testing.T, v *viewer) (holes int) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := 1; i < len(v.stamps); i++ {
		require.Positive(t, int32(v.stamps[i]-v.stamps[i-1]), "timestamps rise")
	}
	last, first := uint32(0), true
	for _, one := range v.nals {
		if one.kind != 1 && one.kind != 5 {
			continue
		}
		if !first && one.number != last+1 {
			require.Equal(t, byte(5), one.kind, "after a loss comes a key unit")
			holes++
		}
		last, first = one.number, false
	}
	return holes
}

func TestSessionOutlivesItsCamera(t *testing.T) {
	c := newCamera()
	server, v := start(t, c), newViewer(t, webrtc.MimeTypeH264)
	v.open(t, server)
	require.Eventually(t, func() bool { return v.pictures() == 20 }, within, 10*time.Millisecond)
	c.restart()
	c.send(10)
	require.Eventually(t, func() bool { return v.pictures() == 30 }, within, 10*time.Millisecond)
	c.send(10)
	require.Eventually(t, func() bool { return v.pictures() == 40 }, within, 10*time.Millisecond)
	require.Zero(t, risesWithoutHole(t, v))
	require.EqualValues(t, 1, server.Stats().Sessions)
}

func TestSlowViewerSkipsToAKeyUnit(t *testing.T) {
	c := newCamera()
	server, v := start(t, c), newViewerOverTCP(t) // or what a socket's buffer has no room for is lost too
	v.open(t, server)
	require.Eventually(t, func() bool { return v.pictures() == 20 }, within, 10*time.Millisecond)
	c.send(1000) // at once: more than a reader may hold
	require.Eventually(t, func() bool { return server.Stats().DroppedUnits > 0 }, within, 10*time.Millisecond)
	var count int
	require.Eventually(t, func() bool {
		c.send(1)
		nals := v.seen()
		count = v.pictures()
		return nals[len(nals)-1].number >= 1020
	}, within, 20*time.Millisecond)
	require.Positive(t, risesWithoutHole(t, v))
	require.Less(t, count, 1000)
}

func TestOfferWithoutH264GetsACounterOffer(t *testing.T) {
	c := newCamera()
	server := start(t, c)
	answer, err := server.Offer(t.Context(), whep.Request{Camera: "east", Owner: "wang", Offer: newViewer(t, webrtc.MimeTypeVP8).offer(t, webrtc.RTPTransceiverDirectionRecvonly)})
	require.NoError(t, err)
	require.True(t, answer.Counter)
	require.Contains(t, answer.SDP, "a=sendonly")
	require.Contains(t, answer.SDP, "profile-level-id=640028")
	require.NoError(t, server.End(answer.Session, "east", "wang"))

	v := newViewer(t, webrtc.MimeTypeH264)
	answer, err = server.Offer(t.Context(), whep.Request{Camera: "east", Owner: "wang"})
	require.NoError(t, err)
	require.True(t, answer.Counter)
	// a viewer that plays any H.264 says so by taking the offered profile
	offer := strings.ReplaceAll(answer.SDP, "640028", "42e01f")
	require.NoError(t, v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
	reply := v.local(t, func(*webrtc.OfferOptions) (webrtc.SessionDescription, error) { return v.pc.CreateAnswer(nil) })
	require.NoError(t, server.PatchSDP(answer.Session, "east", "wang", []byte(strings.ReplaceAll(string(reply), "42e01f", "640028"))))
	require.Eventually(t, func() bool { return v.pictures() >= 20 }, within, 10*time.Millisecond)
}

func TestRefusals(t *testing.T) {
	offer := newViewer(t, webrtc.MimeTypeH264).offer(t, webrtc.RTPTransceiverDirectionRecvonly)
	for name, tc := range map[string]struct {
		change func(*camera, *whep.Request)
		status int
		code   string
	}{
		"not live":    {func(c *camera, _ *whep.Request) { c.live = false }, 409, "camera_not_live"},
		"no picture":  {func(c *camera, _ *whep.Request) { c.params = nil }, 409, "camera_not_live"},
		"other codec": {func(c *camera, _ *whep.Request) { c.params = &ingest.Params{Codec: ingest.H265} }, 415, "codec_unsupported"},
		"B-frames":    {func(c *camera, _ *whep.Request) { c.gop[3].PTS, c.gop[4].PTS = c.gop[4].PTS, c.gop[3].PTS }, 415, "video_reordered"},
		"no SDP":      {func(_ *camera, r *whep.Request) { r.Offer = []byte("hello") }, 400, "offer_invalid"},
		"half an SDP": {func(_ *camera, r *whep.Request) { r.Offer = r.Offer[:len(r.Offer)/2] }, 400, "offer_invalid"},
		"too large":   {func(_ *camera, r *whep.Request) { r.Offer = make([]byte, 100<<10) }, 400, "offer_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCamera()
			server := start(t, c)
			r := whep.Request{Camera: "east", Owner: "wang", Offer: offer}
			tc.change(c, &r)
			_, err := server.Offer(t.Context(), r)
			var refusal *whep.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, tc.status, refusal.Status)
			require.Equal(t, tc.code, refusal.Code)
			require.NotEmpty(t, refusal.Detail)
			require.Zero(t, server.Stats().Sessions)
		})
	}
}

func TestViewerBehindAFirewallComesOverTCP(t *testing.T) {
	c := newCamera()
	server := start(t, c)
	v := newViewerOverTCP(t)
	v.open(t, server)
	require.Eventually(t, func() bool { return v.pictures() == 20 }, within, 10*time.Millisecond)
}

func TestViewerThatVanishesEndsItsSession(t *testing.T) {
	c := newCamera()
	server, v := startWith(t, c, time.Second), newViewer(t, webrtc.MimeTypeH264)
	v.open(t, server)
	require.Eventually(t, func() bool { return v.pictures() == 20 }, within, 10*time.Millisecond)
	require.NoError(t, v.conn.Close(), "the cable is pulled")
	require.Eventually(t, func() bool { return server.Stats().Sessions == 0 }, within, 50*time.Millisecond)
	require.Zero(t, c.feed.Readers())
}

func TestSessionEndsWithItsRight(t *testing.T) {
	c := newCamera()
	server, v := start(t, c), newViewer(t, webrtc.MimeTypeH264)
	ended := make(chan struct{})
	answer, err := server.Offer(t.Context(), whep.Request{
		Camera: "east", Owner: "wang", Offer: v.offer(t, webrtc.RTPTransceiverDirectionRecvonly),
		Valid: func() bool { return false }, Ended: func() { close(ended) },
	})
	require.NoError(t, err)
	require.NoError(t, v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.SDP}))
	select {
	case <-ended:
	case <-time.After(within):
		require.Fail(t, "the session goes on")
	}
}

func TestGoroutinesStayFlatOverFiftyViewers(t *testing.T) {
	c := newCamera()
	server := start(t, c)
	flap := func() {
		v := newViewer(t, webrtc.MimeTypeH264)
		session := v.open(t, server)
		require.Eventually(t, func() bool { return v.pictures() > 0 }, within, 5*time.Millisecond)
		v.close()
		if err := server.End(session, "east", "wang"); err != nil {
			var gone *whep.Refusal
			require.True(t, errors.As(err, &gone), "it ended by itself when the viewer left")
		}
	}
	flap()
	before := runtime.NumGoroutine()
	for range 50 {
		flap()
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, within, 50*time.Millisecond)
	require.Zero(t, server.Stats().Sessions)
	require.Zero(t, c.feed.Readers())
}

func TestTakenPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer taken.Close()
	server := whep.New(whep.Options{TCP: taken.Addr().(*net.TCPAddr).Port, Source: newCamera(), Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, server.Open(), "webrtc.tcp")
}

// A browser whose session ended still opens TCP connections; so does a scanner.
func TestStopsBesideSilentConnections(t *testing.T) {
	server := whep.New(whep.Options{Source: newCamera(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, server.Open())
	_, port := server.Ports()
	dial := func() *net.TCPConn {
		conn, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	dial() // and says nothing
	// The second is turned away for what it says: then the first was accepted.
	nonsense := dial()
	_, err := nonsense.Write([]byte{0, 1, 0xff})
	require.NoError(t, err)
	_, err = nonsense.Read(make([]byte, 1))
	require.Error(t, err)

	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(within):
		t.Fatal("the ports are still open")
	}
}
