// Package rtsp owns the way from a camera to Units: one RTSP session (H.264,
// H.265 or MJPEG, with AAC or G.711 sound if it is asked for, over TCP, UDP or
// TLS) with its RTP, its parameter sets and its clock.
//
// A Source makes one attempt at a time; ingest.Keep repeats it. It never
// buffers and never waits: a Unit is delivered on the goroutine that read it,
// and Deliver must return at once.
//
// It refuses other codecs (*UnsupportedError) and delivers no Unit before the
// parameter sets are known; every Run begins with a key unit, and so do new
// parameters. What comes before it, and access units without a picture, are
// dropped and counted. Delimiters and filler data are taken out. Sound that
// cannot be had costs no picture: Stats.SoundWhy says why.
//
// How it fails: an attempt ends with the reason, at the latest 5 s after the
// camera fell silent (9 s in the few attempts that are patient with a slow one)
// and 8 s after what it sends makes no picture any more, or up to 64 s where
// pictures come and the key picture takes that long; a
// refused password ends it with *ingest.RetryAfter, since cameras lock
// accounts. Whenever the context ends the session is torn down, for which the
// camera has half a second.
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

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"github.com/watchpost-edge/watchpost/ingest"
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
	Transport string // Auto when empty; rtsps is always TCP
	TLS       TLS    // of rtsps
	Logger    *slog.Logger
	// Dial connects, also where the camera redirects to; nil: to anywhere.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Deliver func(*ingest.Unit) // pictures; must not block
	Sound   func(*ingest.Unit) // sound; must not block; nil: the camera is not asked for it
}

// UnsupportedError says that the camera offers no codec we hold.
type UnsupportedError struct{ Offered []string }

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("camera offers %s: set it to H.264, H.265 or MJPEG", strings.Join(e.Offered, ", "))
}

// Source is one camera's stream.
type Source struct {
	cfg   Config
	log   *slog.Logger
	epoch time.Time

	reading sync.Mutex // over UDP each medium has a goroutine
	units   assembler  // under reading, and so is
	sound   soundClock //

	packetsLost, decodeErrors, reportsRefused atomic.Uint64

	mu     sync.Mutex
	stats  Stats
	useUDP bool // what Auto found to work
	tries  int  // attempts since the latest picture
	waits  int  // sessions that saw no key picture, one after the other
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

// Run makes one attempt; see ingest.Source. It must not be called twice at the
// same time.
func (s *Source) Run(ctx context.Context) error {
	s.mu.Lock()
	s.stats.Attempts++
	s.tries++
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
		var later *ingest.RetryAfter
		s.stats.LastError, s.stats.Refused = err.Error(), errors.As(err, &later)
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
	if s.cfg.Transport != Auto || s.secure() || ctx.Err() != nil {
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

// secure tells whether the session is encrypted: then all of it is on one
// connection.
func (s *Source) secure() bool { return strings.HasPrefix(s.cfg.URL, "rtsps://") }

func (s *Source) preferUDP() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Transport == UDP || s.cfg.Transport == Auto && s.useUDP && !s.secure()
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
	if hint := distrust(err); hint != "" {
		return fmt.Errorf("hold camera %s: %s: %w", s.cfg.Camera, hint, err)
	}
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

var _ ingest.Source = (*Source)(nil)
