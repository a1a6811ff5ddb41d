package whep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

// Limits of one session.
const (
	unitsBuffered  = 90      // about 3 s: a viewer further behind skips to the next key unit
	burstMaxBytes  = 6 << 20 // a longer GOP is not sent at once: the next key unit comes first
	burstPackets   = 16      // sent at once, then a pause of a millisecond
	reopenInterval = 200 * time.Millisecond
)

var errReordered = errors.New("the camera began to send B-frames")

// session is one viewer of one camera.
type session struct {
	id        string
	r         Request
	server    *Server
	pc        *webrtc.PeerConnection
	track     *webrtc.TrackLocalStaticRTP
	sender    *webrtc.RTPSender
	connected chan struct{}
	ctx       context.Context
	cancel    context.CancelFunc
	done      chan struct{}
	packer    *packer
	sent      *ingest.Unit // the newest; run's goroutine only
	group     int          // packets sent
}

func (s *Server) newSession(id string, r Request, wanted choice) (*session, error) {
	api, codec, err := s.api(wanted)
	if err != nil {
		return nil, fmt.Errorf("make WebRTC session: %w", err)
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{s.cert}})
	if err != nil {
		return nil, fmt.Errorf("make WebRTC session: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	one := &session{
		id: id, r: r, server: s, pc: pc, ctx: ctx, cancel: cancel, packer: newPacker(),
		connected: make(chan struct{}), done: make(chan struct{}),
	}
	one.track, err = webrtc.NewTrackLocalStaticRTP(codec, "video", "watchpost-"+r.Camera)
	if err == nil {
		err = one.addTrack()
	}
	if err != nil {
		one.abandon()
		return nil, fmt.Errorf("make WebRTC session: %w", err)
	}
	pc.OnConnectionStateChange(one.stateChanged())
	return one, nil
}

// api knows one codec only, under the payload type that was chosen: so pion
// cannot negotiate another.
func (s *Server) api(wanted choice) (*webrtc.API, webrtc.RTPCodecCapability, error) {
	codec := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: ingest.ClockRate, SDPFmtpLine: wanted.fmtp,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
	}
	media, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec, PayloadType: wanted.payload}, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, codec, err
	}
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		return nil, codec, err
	}
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		return nil, codec, err
	}
	registry.Add(responder)
	registry.Add(reports)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(s.setting)), codec, nil
}

func (one *session) addTrack() error {
	transceiver, err := one.pc.AddTransceiverFromTrack(one.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return err
	}
	one.sender = transceiver.Sender()
	return nil
}

// stateChanged runs on pion's goroutine, one call at a time.
func (one *session) stateChanged() func(webrtc.PeerConnectionState) {
	first := true
	return func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			if first {
				first = false
				close(one.connected)
			}
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			one.cancel()
		case webrtc.PeerConnectionStateUnknown, webrtc.PeerConnectionStateNew, webrtc.PeerConnectionStateConnecting, webrtc.PeerConnectionStateDisconnected:
		}
	}
}

// negotiate returns our SDP with all candidates: the answer, or our own offer.
func (one *session) negotiate(ctx context.Context, offer string, counter bool) (string, error) {
	var local webrtc.SessionDescription
	var err error
	if counter {
		local, err = one.pc.CreateOffer(nil)
	} else {
		if err := one.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
			return "", refuse(400, "offer_invalid", "the offer is not usable: %v", err)
		}
		local, err = one.pc.CreateAnswer(nil)
	}
	if err != nil {
		return "", refuse(400, "offer_invalid", "the offer cannot be answered: %v", err)
	}
	gathered := webrtc.GatheringCompletePromise(one.pc)
	if err := one.pc.SetLocalDescription(local); err != nil {
		return "", fmt.Errorf("answer offer: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	return one.pc.LocalDescription().SDP, nil
}

// abandon is the end of a session that never ran.
func (one *session) abandon() {
	one.cancel()
	if err := one.pc.GracefulClose(); err != nil {
		one.server.o.Log.Debug("closed WebRTC session", "camera", one.r.Camera, "err", err)
	}
}

// run lives as long as the session.
func (one *session) run() {
	defer close(one.done)
	log := one.server.o.Log.With("camera", one.r.Camera, "viewer", one.r.Owner)
	rtcpEnded := make(chan struct{})
	go one.readRTCP(rtcpEnded)
	watchEnded := make(chan struct{})
	go one.watch(watchEnded)

	err := one.awaitConnected()
	for err == nil && one.ctx.Err() == nil {
		err = one.play()
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Info("live session ended", "why", err)
	}
	one.abandon()
	<-rtcpEnded
	<-watchEnded
	one.server.remove(one)
	if one.r.Ended != nil {
		one.r.Ended()
	}
}

func (one *session) awaitConnected() error {
	late := time.NewTimer(connectWithin)
	defer late.Stop()
	select {
	case <-one.connected:
		return nil
	case <-one.ctx.Done():
		return one.ctx.Err()
	case <-late.C:
		return fmt.Errorf("no connection within %s", connectWithin)
	}
}

// watch ends the session when its viewer may see no more.
func (one *session) watch(ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(one.server.o.Revalidate)
	defer tick.Stop()
	for {
		select {
		case <-one.ctx.Done():
			return
		case <-tick.C:
			if one.r.Valid != nil && !one.r.Valid() {
				one.cancel()
				return
			}
		}
	}
}

// readRTCP counts what the viewer asks for. A lost packet is sent again by
// the responder; a key unit cannot be asked of a camera's feed.
func (one *session) readRTCP(ended chan<- struct{}) {
	defer close(ended)
	for {
		packets, _, err := one.sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				one.server.pli.Add(1)
			case *rtcp.TransportLayerNack:
				one.server.nack.Add(1)
			}
		}
	}
}

// play follows the camera's feed until it closes. The reader is there before
// the GOP is asked for, so that no unit falls between them.
func (one *session) play() error {
	video, ok := one.server.o.Source.Live(one.r.Camera, one.r.Small)
	if !ok || video.Feed == nil {
		return one.pause(reopenInterval)
	}
	reader := video.Feed.Subscribe(unitsBuffered, nil)
	defer reader.Close()
	if again, ok := one.server.o.Source.Live(one.r.Camera, one.r.Small); ok && again.Feed == video.Feed {
		video = again
	}
	if err := one.start(video.GOP); err != nil {
		return err
	}
	err := one.follow(reader)
	if errors.Is(err, feed.ErrClosed) {
		return one.pause(reopenInterval)
	}
	return err
}

// start sends the newest GOP at once, if it is news.
func (one *session) start(gop []*ingest.Unit) error {
	if len(gop) == 0 || !gop[0].Key || !one.isNews(gop[len(gop)-1]) {
		return nil
	}
	size := 0
	for _, u := range gop {
		size += u.Bytes
		if !passable(u) {
			return nil
		}
	}
	if size > burstMaxBytes {
		return nil
	}
	if reordered(gop) {
		return errReordered
	}
	for i, stamp := range one.packer.clock.burst(gop) {
		if err := one.write(one.packer.unit(gop[i], stamp)); err != nil {
			return err
		}
	}
	one.sent = gop[len(gop)-1]
	return nil
}

// follow sends units as they come, after what was sent or from the next key
// unit.
func (one *session) follow(reader *feed.Reader[*ingest.Unit]) error {
	needKey, dropped := one.sent == nil, uint64(0)
	for {
		u, err := reader.Next(one.ctx)
		if err != nil {
			return err
		}
		if now := reader.Dropped(); now > dropped {
			one.server.dropped.Add(now - dropped)
			needKey, dropped = true, now
		}
		if !one.isNews(u) {
			continue
		}
		needKey = needKey || u.Run != one.sent.Run
		if !passable(u) || needKey && !u.Key {
			if one.sent != nil { // what came before the start is no loss
				one.server.dropped.Add(1)
			}
			needKey = true
			continue
		}
		if one.sent != nil && u.Run == one.sent.Run && u.PTS < one.sent.PTS {
			return errReordered
		}
		needKey, one.sent = false, u
		if err := one.write(one.packer.unit(u, one.packer.clock.live(u))); err != nil {
			return err
		}
	}
}

// isNews reports whether the unit comes after all that was sent.
func (one *session) isNews(u *ingest.Unit) bool {
	return one.sent == nil || u.Run > one.sent.Run || u.Run == one.sent.Run && u.DTS > one.sent.DTS
}

func passable(u *ingest.Unit) bool { return u.Params == nil || u.Params.Codec == ingest.H264 }

// write sends packets in small groups: a key unit or a GOP at once would
// overrun the socket buffers on the way (Linux's default holds about 90
// packets).
func (one *session) write(packets []*rtp.Packet) error {
	for _, packet := range packets {
		if one.group++; one.group%burstPackets == 0 {
			if err := one.pause(time.Millisecond); err != nil {
				return err
			}
		}
		if err := one.track.WriteRTP(packet); err != nil {
			return fmt.Errorf("send packet: %w", err)
		}
		one.server.packets.Add(1)
		one.server.bytes.Add(uint64(len(packet.Payload)))
	}
	return nil
}

func (one *session) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-one.ctx.Done():
		return one.ctx.Err()
	case <-timer.C:
		return nil
	}
}
