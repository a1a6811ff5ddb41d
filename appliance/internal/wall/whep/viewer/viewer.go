// Package viewer is a browser for tests: it asks for live video over WHEP and
// keeps the H.264 that comes as RTP, as any viewer gets it.
//
// It owns one peer connection on loopback. It refuses nothing and shows
// nothing; how the offer reaches the box is the caller's. What cannot be set up
// is an error; a stream that ends just ends.
package viewer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/pion/logging"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// Viewer is one.
type Viewer struct {
	conn net.PacketConn
	pc   *webrtc.PeerConnection

	mu     sync.Mutex
	stream []byte
}

// Open makes a viewer with an offer that has all its candidates.
func Open() (*Viewer, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open viewer: %w", err)
	}
	quiet := &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
	setting := webrtc.SettingEngine{LoggerFactory: quiet}
	setting.SetICEUDPMux(webrtc.NewICEUDPMux(quiet.NewLogger("ice"), conn))
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open viewer: %w", err), conn.Close())
	}
	v := &Viewer{conn: conn, pc: pc}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { v.keep(track) })
	if err := v.offer(); err != nil {
		return nil, errors.Join(fmt.Errorf("open viewer: %w", err), v.Close())
	}
	return v, nil
}

func (v *Viewer) offer() error {
	_, err := v.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		return err
	}
	offer, err := v.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	return nil
}

func (v *Viewer) keep(track *webrtc.TrackRemote) {
	var depacketizer codecs.H264Packet
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if annexB, err := depacketizer.Unmarshal(packet.Payload); err == nil {
			v.mu.Lock()
			v.stream = append(v.stream, annexB...)
			v.mu.Unlock()
		}
	}
}

// Offer is its SDP.
func (v *Viewer) Offer() string { return v.pc.LocalDescription().SDP }

// Answer takes the box's SDP: video comes from now on.
func (v *Viewer) Answer(sdp string) error {
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		return fmt.Errorf("take answer: %w", err)
	}
	return nil
}

// Stream is what has come so far: H.264 with start codes.
func (v *Viewer) Stream() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]byte(nil), v.stream...)
}

// Close ends it.
func (v *Viewer) Close() error { return errors.Join(v.pc.GracefulClose(), v.conn.Close()) }
