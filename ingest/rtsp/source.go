// Package rtsp owns the way from a camera to Units: one RTSP session (H.264 or
// H.265, over TCP or UDP) with its RTP, its parameter sets and its clock.
//
// A Source makes one attempt at a time; ingest.Keep repeats it. It never
// buffers and never waits: a Unit is delivered on the goroutine that read it,
// and Deliver must return at once.
//
// It refuses other codecs (*UnsupportedError) and delivers no Unit before the
// parameter sets are known; every Run begins with a key unit. What comes before
// it, and access units without a picture, are dropped and counted. Delimiters
// and filler data are taken out.
//
// How it fails: an attempt ends with the reason, at the latest 5 s after the
// camera fell silent; a refused password ends it with *ingest.RetryAfter, since
// cameras lock accounts. Whenever the context ends the session is torn down,
// for which the camera has half a second.
package rtsp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Time limits of a session. A camera that answers nothing is given up after
// silentAfter, so that Keep's pace finds it again within 2 s of its return.
const (
	dialWithin    = time.Second
	silentAfter   = 3 * time.Second
	writeWithin   = time.Second
	goodbyeWithin = 500 * time.Millisecond
	refusedWait   = time.Minute
)

// Transports of RTP, as in the configuration.
const (
	Auto = "auto" // TCP; UDP when the camera refuses TCP or sends nothing over it
	TCP  = "tcp"
	UDP  = "udp"
)

// Config is one camera's stream.
type Config struct {
	Camera    ingest.CameraID
	URL       string // rtsp:// or rtsps://, without credentials
	Username  string
	Password  string
	Transport string // Auto when empty
	Logger    *slog.Logger
	Deliver   func(*ingest.Unit) // must not block
}

// UnsupportedError says that the camera offers no codec we hold.
type UnsupportedError struct{ Offered []string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("camera offers %s: set it to H.264 or H.265", strings.Join(e.Offered, ", "))
}

// State of a camera's stream.
type State string

// States of a stream: connecting until it was live for the first time, lost
// from the end of an attempt until it is live again.
const (
	Connecting State = "connecting"
	Live       State = "live"
	Lost       State = "lost"
)

// Stats is what is known about a stream.
type Stats struct {
	State        State
	Since        time.Time // of State
	Transport    string    // of the present or latest session
	Units        uint64
	Bytes        uint64
	LastUnit     time.Time // received; zero before the first
	Dropped      uint64    // access units that made no Unit
	PacketsLost  uint64
	DecodeErrors uint64
	Attempts     uint64        // to connect
	Sessions     uint64        // that became live
	LastError    string        // of the latest failed attempt
	ClockKnown   bool          // the camera sends its wall clock
	ClockOffset  time.Duration // box minus camera, when known
	Uncertainty  time.Duration // of Captured
	Params       *ingest.Params
}

// Source is one camera's stream.
type Source struct {
	cfg   Config
	log   *slog.Logger
	epoch time.Time

	units assembler // used by the goroutine that reads the session

	packetsLost, decodeErrors atomic.Uint64

	mu     sync.Mutex
	stats  Stats
	useUDP bool // what Auto found to work
}

// New returns a source that does nothing until Run.
func New(cfg Config) *Source {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Transport == "" {
		cfg.Transport = Auto
	}
	now := time.Now()
	return &Source{
		cfg: cfg, log: cfg.Logger, epoch: now,
		units: assembler{camera: cfg.Camera},
		stats: Stats{State: Connecting, Since: now},
	}
}

// Stats is a snapshot.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.PacketsLost, out.DecodeErrors = s.packetsLost.Load(), s.decodeErrors.Load()
	return out
}

// Run makes one attempt; see ingest.Source. It must not be called twice at the
// same time.
func (s *Source) Run(ctx context.Context) error {
	s.mu.Lock()
	s.stats.Attempts++
	s.mu.Unlock()
	err := s.attempt(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats.State != Lost {
		s.stats.State, s.stats.Since = Lost, time.Now()
	}
	if err != nil {
		s.stats.LastError = err.Error()
	}
	return err
}

func (s *Source) attempt(ctx context.Context) error {
	u, err := base.ParseURL(s.cfg.URL)
	if err != nil {
		return &ingest.RetryAfter{Wait: refusedWait, Err: fmt.Errorf("parse url of camera %s: %w", s.cfg.Camera, err)}
	}
	if s.cfg.Username != "" {
		u.User = url.UserPassword(s.cfg.Username, s.cfg.Password)
	}
	udp := s.preferUDP()
	silent, err := s.session(ctx, u, udp)
	if s.cfg.Transport != Auto || ctx.Err() != nil {
		return s.explain(err)
	}
	if status(err) == base.StatusUnsupportedTransport {
		s.setPreferUDP(!udp)
		_, err = s.session(ctx, u, !udp)
	} else if silent {
		s.setPreferUDP(!udp) // it played and sent nothing: a firewall, perhaps
	}
	return s.explain(err)
}

func (s *Source) preferUDP() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Transport == UDP || s.cfg.Transport == Auto && s.useUDP
}

func (s *Source) setPreferUDP(udp bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.useUDP = udp
}

// explain turns refusals into errors that must not be repeated soon.
func (s *Source) explain(err error) error {
	if err == nil {
		return nil
	}
	var setup liberrors.ErrClientAuthSetup
	code := status(err)
	if code != base.StatusUnauthorized && code != base.StatusForbidden && !errors.As(err, &setup) {
		return fmt.Errorf("hold camera %s: %w", s.cfg.Camera, err)
	}
	why := "it refuses the user name or the password"
	if s.cfg.Username == "" {
		why = "it asks for a user name and a password"
	}
	return &ingest.RetryAfter{Wait: refusedWait, Err: fmt.Errorf("hold camera %s: %s: %w", s.cfg.Camera, why, err)}
}

// status is the RTSP status that err is about, 0 when it is about none.
func status(err error) base.StatusCode {
	var bad liberrors.ErrClientBadStatusCode
	if errors.As(err, &bad) {
		return bad.Code
	}
	return 0
}

// session connects once and stays until the session or ctx ends. silent
// reports that the camera agreed to play and then sent no packet at all.
func (s *Source) session(ctx context.Context, u *base.URL, udp bool) (silent bool, err error) {
	transport, name := gortsplib.TransportTCP, TCP
	if udp {
		transport, name = gortsplib.TransportUDP, UDP
	}
	s.mu.Lock()
	s.stats.Transport = name
	s.mu.Unlock()
	line := &line{}
	client := &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host,
		Transport: &transport, ReadTimeout: silentAfter, WriteTimeout: writeWithin,
		UserAgent:         "watchpost",
		DialContext:       line.dial,
		OnPacketsLost:     func(n uint64) { s.packetsLost.Add(n) },
		OnDecodeError:     func(error) { s.decodeErrors.Add(1) },
		OnTransportSwitch: func(error) {},
	}
	if err := client.Start2(); err != nil {
		return false, fmt.Errorf("start client: %w", err)
	}
	defer client.Close()
	stop := context.AfterFunc(ctx, func() {
		line.hurry()
		client.Close()
	})
	defer stop()
	t, err := s.setUp(client, u)
	if err != nil {
		return false, err
	}
	if _, err := client.Play(nil); err != nil {
		return false, fmt.Errorf("play: %w", err)
	}
	err = client.Wait()
	return t.packets.Load() == 0, err
}

// delivered notes a Unit and hands it on.
func (s *Source) delivered(u *ingest.Unit) {
	s.mu.Lock()
	st := &s.stats
	if st.State != Live {
		st.State, st.Since, st.LastError = Live, u.Received, ""
		st.Sessions++
	}
	st.Units++
	st.Bytes += uint64(u.Bytes)
	st.LastUnit, st.Params, st.Uncertainty = u.Received, u.Params, u.Uncertainty
	st.ClockKnown, st.ClockOffset = s.units.clock.hasNTP, s.units.clock.offset
	s.mu.Unlock()
	s.cfg.Deliver(u)
}

func (s *Source) drop(err error) {
	if !errors.Is(err, errNoPicture) && !errors.Is(err, errNoParams) && !errors.Is(err, errNoKey) {
		s.decodeErrors.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Dropped++
	if s.stats.State != Live {
		s.stats.LastError = err.Error()
	}
}

var _ ingest.Source = (*Source)(nil)
var _ net.Conn = (*lineConn)(nil)
