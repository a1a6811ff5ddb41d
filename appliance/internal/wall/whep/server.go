package whep

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

// Limits.
const (
	sessionsMax     = 64
	connectWithin   = 15 * time.Second
	gatherWithin    = 3 * time.Second
	retryAfter      = 2 * time.Second
	sdpMaxBytes     = 64 << 10
	portTries       = 10
	tcpReadBuffered = 8 // packets per TCP viewer: they only send RTCP
	// The mux waits for both when it closes, and takes connections of sessions
	// that are gone while it does (pion/ice's default is 30 s each). A session
	// is known before its viewer knows where to connect, so an unknown one stays
	// unknown.
	tcpSilentWithin  = 2 * time.Second
	tcpUnknownWithin = time.Second
)

// Video is what a camera gives now. GOP is the newest key unit and what
// followed, empty when it is not held: the first picture then waits for the
// next key unit. The feed is closed when another one takes its place.
type Video struct {
	Feed   *feed.Feed[*ingest.Unit]
	Params *ingest.Params
	GOP    []*ingest.Unit
}

// source gives the video of a camera; false while it is not live.
type source interface {
	Live(camera string, small bool) (Video, bool)
}

// Options of a Server.
type Options struct {
	UDP, TCP int // ports; 0: any free one
	Source   source
	Log      *slog.Logger
	// Disconnected is how long a viewer may be unheard before it counts as
	// disconnected, Gone how much longer until its session ends. 0: 5 s and
	// 10 s.
	Disconnected, Gone time.Duration
	// Revalidate is how often Request.Valid is asked; 0: 5 s.
	Revalidate time.Duration
}

// Stats are counters since the start; Sessions is the present number.
type Stats struct {
	Sessions, Opened, Packets, Bytes, DroppedUnits, PLI, NACK uint64
}

// Server holds the sessions.
type Server struct {
	o       Options
	cert    webrtc.Certificate
	setting webrtc.SettingEngine
	udp     *ice.MultiUDPMuxDefault
	tcp     ice.TCPMux
	tcpLn   net.Listener
	ports   [2]int

	mu       sync.Mutex
	sessions map[string]*session
	closed   bool

	opened, packets, bytes, dropped, pli, nack atomic.Uint64
}

// New returns a server that does nothing until Open.
func New(o Options) *Server {
	if o.Disconnected == 0 {
		o.Disconnected = 5 * time.Second
	}
	if o.Gone == 0 {
		o.Gone = 10 * time.Second
	}
	if o.Revalidate == 0 {
		o.Revalidate = 5 * time.Second
	}
	return &Server{o: o, sessions: make(map[string]*session)}
}

// Open takes the two ports.
func (s *Server) Open() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key for WebRTC: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return fmt.Errorf("make certificate for WebRTC: %w", err)
	}
	s.cert = *cert
	if err := s.listen(); err != nil {
		s.closePorts()
		return err
	}
	s.setting.LoggerFactory = loggers{s.o.Log}
	s.setting.SetICEUDPMux(s.udp)
	s.setting.SetICETCPMux(s.tcp)
	s.setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	s.setting.SetIncludeLoopbackCandidate(true)
	s.setting.DisableActiveTCP(true)
	// Browsers hide their addresses behind mDNS names; we need none of them,
	// since the browser comes to us.
	s.setting.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.setting.SetICETimeouts(s.o.Disconnected, s.o.Gone, 2*time.Second)
	return nil
}

func (s *Server) listen() error {
	udpPort, err := s.listenUDP()
	if err != nil {
		return err
	}
	s.tcpLn, err = net.Listen("tcp", ":"+strconv.Itoa(s.o.TCP))
	if err != nil {
		return fmt.Errorf("listen on WebRTC port webrtc.tcp %d: %w: end what uses it or choose another (0: any)", s.o.TCP, err)
	}
	s.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: s.tcpLn, Logger: loggers{s.o.Log}.NewLogger("ice-tcp"), ReadBufferSize: tcpReadBuffered,
		FirstStunBindTimeout: tcpSilentWithin, AliveDurationForConnFromStun: tcpUnknownWithin,
	})
	s.ports = [2]int{udpPort, s.tcpLn.Addr().(*net.TCPAddr).Port}
	return nil
}

// listenUDP takes the same port on each address of the box: answers must leave
// from the address that was asked.
func (s *Server) listenUDP() (int, error) {
	logger := loggers{s.o.Log}.NewLogger("ice-udp")
	var last error
	for range portTries {
		port := s.o.UDP
		if port == 0 {
			probe, err := net.ListenUDP("udp", nil)
			if err != nil {
				return 0, fmt.Errorf("listen on any UDP port: %w", err)
			}
			port = probe.LocalAddr().(*net.UDPAddr).Port
			if err := probe.Close(); err != nil {
				return 0, fmt.Errorf("listen on any UDP port: %w", err)
			}
		}
		mux, err := ice.NewMultiUDPMuxFromPort(port, ice.UDPMuxFromPortWithLoopback(), ice.UDPMuxFromPortWithLogger(logger))
		if err == nil {
			s.udp = mux
			return port, nil
		}
		last = err
		if s.o.UDP != 0 {
			break
		}
	}
	return 0, fmt.Errorf("listen on WebRTC port webrtc.udp %d: %w: end what uses it or choose another (0: any)", s.o.UDP, last)
}

// Ports are the UDP and the TCP port that Open got.
func (s *Server) Ports() (udp, tcp int) { return s.ports[0], s.ports[1] }

// Run holds the ports until ctx ends, then ends all sessions.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	open := make([]*session, 0, len(s.sessions))
	for _, one := range s.sessions {
		open = append(open, one)
	}
	s.mu.Unlock()
	for _, one := range open {
		one.cancel()
	}
	for _, one := range open {
		<-one.done
	}
	return s.closePorts()
}

// Close gives the ports back; for a server that was opened and never run.
func (s *Server) Close() error { return s.closePorts() }

func (s *Server) closePorts() error {
	var errs []error
	if s.udp != nil {
		errs = append(errs, s.udp.Close())
	}
	if s.tcp != nil {
		errs = append(errs, s.tcp.Close())
	}
	return errors.Join(errs...)
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	n := len(s.sessions)
	s.mu.Unlock()
	return Stats{
		Sessions: uint64(n), Opened: s.opened.Load(), Packets: s.packets.Load(), Bytes: s.bytes.Load(),
		DroppedUnits: s.dropped.Load(), PLI: s.pli.Load(), NACK: s.nack.Load(),
	}
}

// Request asks for a camera's video.
type Request struct {
	Camera string
	Small  bool   // its sub stream, where it has one
	Offer  []byte // SDP
	Owner  string // only this owner may patch or end the session
	Began  func() // called when the session is made
	Ended  func() // called once when it has ended
	// Valid is asked every few seconds: false ends the session.
	Valid func() bool
}

// Answer is the SDP to give back.
type Answer struct {
	Session string
	SDP     string
	Counter bool // a counter-offer (406): the viewer answers by Patch
}

// Offer opens a session.
func (s *Server) Offer(ctx context.Context, r Request) (Answer, error) {
	if len(r.Offer) > sdpMaxBytes {
		return Answer{}, refuse(400, "offer_invalid", "the offer is larger than %d bytes", sdpMaxBytes)
	}
	video, err := s.video(r.Camera, r.Small)
	if err != nil {
		return Answer{}, err
	}
	wanted, err := choose(r.Offer, video.Params)
	if err != nil {
		return Answer{}, err
	}
	id, err := randomID()
	if err != nil {
		return Answer{}, err
	}
	one, err := s.newSession(id, r, wanted)
	if err != nil {
		return Answer{}, err
	}
	sdp, err := one.negotiate(ctx, string(r.Offer), wanted.counter)
	if err == nil {
		err = s.add(one)
	}
	if err != nil {
		one.abandon()
		return Answer{}, err
	}
	return Answer{Session: id, SDP: sdp, Counter: wanted.counter}, nil
}

// video refuses what cannot be passed through.
func (s *Server) video(camera string, small bool) (Video, error) {
	video, ok := s.o.Source.Live(camera, small)
	if !ok || video.Feed == nil || video.Params == nil {
		e := refuse(409, "camera_not_live", "camera %s gives no picture now", camera)
		e.RetryAfter = retryAfter
		return Video{}, e
	}
	if video.Params.Codec != ingest.H264 {
		return Video{}, refuse(415, "codec_unsupported", "camera %s sends %s; browsers are given H.264 only", camera, video.Params.Codec)
	}
	if reordered(video.GOP) {
		return Video{}, refuse(415, "video_reordered", "camera %s sends H.264 with B-frames, which WebRTC cannot carry; turn them off in the camera (profile baseline, or no B-frames)", camera)
	}
	return video, nil
}

func (s *Server) add(one *session) error {
	s.mu.Lock()
	if s.closed || len(s.sessions) >= sessionsMax {
		defer s.mu.Unlock()
		e := refuse(503, "viewers_exhausted", "%d live pictures are open, and no more are given", len(s.sessions))
		e.RetryAfter = retryAfter
		return e
	}
	s.sessions[one.id] = one
	s.mu.Unlock()
	s.opened.Add(1)
	if one.r.Began != nil {
		one.r.Began()
	}
	go one.run()
	return nil
}

func (s *Server) remove(one *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, one.id)
}

func (s *Server) find(id, camera, owner string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.sessions[id]
	if !ok || one.r.Owner != owner || one.r.Camera != camera {
		return nil, refuse(404, "whep_unknown", "there is no live session %s of yours on camera %s", id, camera)
	}
	return one, nil
}

// PatchSDP gives a session the answer to its counter-offer.
func (s *Server) PatchSDP(id, camera, owner string, answer []byte) error {
	one, err := s.find(id, camera, owner)
	if err != nil {
		return err
	}
	if err := one.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
		return refuse(400, "offer_invalid", "the answer is not usable: %v", err)
	}
	return nil
}

// PatchCandidates gives a session the viewer's candidates (RFC 8840 fragment).
func (s *Server) PatchCandidates(id, camera, owner string, fragment []byte) error {
	one, err := s.find(id, camera, owner)
	if err != nil {
		return err
	}
	for _, candidate := range candidates(fragment) {
		if err := one.pc.AddICECandidate(candidate); err != nil {
			return refuse(400, "offer_invalid", "the candidate %q is not usable: %v", candidate.Candidate, err)
		}
	}
	return nil
}

// End ends a session and returns when it has ended.
func (s *Server) End(id, camera, owner string) error {
	one, err := s.find(id, camera, owner)
	if err != nil {
		return err
	}
	one.cancel()
	<-one.done
	return nil
}

func randomID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make session id: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// Refusal is an answer that is no session.
type Refusal struct {
	Status     int    // HTTP
	Code       string // stable
	Detail     string
	RetryAfter time.Duration
}

func (e *Refusal) Error() string { return e.Detail }

func refuse(status int, code, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}
