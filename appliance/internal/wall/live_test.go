package wall_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
)

// viewer is a browser with an offer, over what the setting allows.
type viewer struct {
	pc            *webrtc.PeerConnection
	packets, keys atomic.Int64
}

func newViewer(t *testing.T, networks ...webrtc.NetworkType) *viewer {
	t.Helper()
	v := &viewer{}
	media := &webrtc.MediaEngine{}
	require.NoError(t, media.RegisterDefaultCodecs())
	var setting webrtc.SettingEngine
	setting.SetIncludeLoopbackCandidate(true)
	if len(networks) > 0 {
		setting.SetNetworkTypes(networks)
	}
	var err error
	v.pc, err = webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.pc.GracefulClose() })
	v.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			v.packets.Add(1)
			if kind := packet.Payload[0] & 0x1f; kind == 28 && packet.Payload[1]&0x1f == 5 || kind == 5 {
				v.keys.Add(1)
			}
		}
	})
	_, err = v.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	require.NoError(t, err)
	offer, err := v.pc.CreateOffer(nil)
	require.NoError(t, err)
	gathered := webrtc.GatheringCompletePromise(v.pc)
	require.NoError(t, v.pc.SetLocalDescription(offer))
	<-gathered
	return v
}

func TestLivePictureOverHTTP(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "wall")
	v := newViewer(t)
	answer := c.raw("POST", "/api/v1/cameras/east/whep", []byte(v.pc.LocalDescription().SDP), with("Content-Type", "application/sdp"))
	sdp, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, answer.StatusCode, string(sdp))
	require.Equal(t, "application/sdp", answer.Header.Get("Content-Type"))
	location := answer.Header.Get("Location")
	require.True(t, strings.HasPrefix(location, "/api/v1/cameras/east/whep/"))
	require.NoError(t, v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(sdp)}))
	require.Eventually(t, func() bool { return v.packets.Load() >= 20 && v.keys.Load() > 0 }, within, 10*time.Millisecond)
	udp, tcp := b.server.WebRTCPorts()
	require.Positive(t, udp)
	require.Positive(t, tcp)
	require.Len(t, b.seen("look_opened"), 1)

	require.Equal(t, 404, first(b.as(t, "operator").do("DELETE", location, nil)), "not his")
	require.Equal(t, 400, first(c.do("PATCH", location, []byte("a=mid:0\r\na=candidate:nonsense\r\n"), with("Content-Type", "application/trickle-ice-sdpfrag"))))
	require.Equal(t, 415, first(c.do("PATCH", location, []byte("x"), with("Content-Type", "text/plain"))))
	require.Equal(t, 200, first(c.do("DELETE", location, nil)))
	require.Equal(t, 404, first(c.do("DELETE", location, nil)))
}

func TestLivePictureIsRefusedInWords(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "wall")
	post := func(camera, kind string) (int, object, string) {
		answer := c.raw("POST", "/api/v1/cameras/"+camera+"/whep", []byte("v=0"), with("Content-Type", kind))
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, decode(t, string(text)), answer.Header.Get("Retry-After")
	}
	status, problem, _ := post("west", "application/sdp")
	require.Equal(t, 404, status)
	require.Equal(t, "camera_unknown", problem["code"])
	status, _, _ = post("east", "application/json")
	require.Equal(t, 415, status)
	b.station.set(func(s *station) { s.params = &ingest.Params{Codec: ingest.H265} })
	status, problem, _ = post("east", "application/sdp")
	require.Equal(t, 415, status)
	require.Equal(t, "codec_unsupported", problem["code"])
	b.station.set(func(s *station) { s.live = false })
	status, problem, wait := post("east", "application/sdp")
	require.Equal(t, 409, status)
	require.Equal(t, "camera_not_live", problem["code"])
	require.Equal(t, "2", wait)
}
