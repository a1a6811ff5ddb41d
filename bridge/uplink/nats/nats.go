// Package nats is the uplink to a headquarters behind NATS JetStream: the
// subjects of contracts.md, one stream that takes them, a publish ack per
// event. It is the way to a city: thousands of stations into one stream.
//
// It owns one connection at a time and no memory of what was sent: the journal
// and its cursor are the only queue, so nats.go neither reconnects nor buffers
// nor repeats. Events are published without waiting for one another. When one
// is not taken, nothing more is published, and the next session begins at the
// cursor. What had been published behind the hole is then behind it in the
// stream for good, and its Nats-Msg-Id would keep a copy in the right order
// out; so such copies get a Nats-Msg-Id of their own ("…/again-1"): the stream
// holds the lane in order, with some events twice, as the receiving rules
// expect.
//
// It refuses, before it publishes, what the server or the stream is too small
// for. A stream that does not exist, does not take our subjects or is full
// keeps Connect from succeeding; the error says what to do. It fails by ending
// the session; the error names the server.
//
// What comes down is read from the stream by a durable consumer when the
// stream takes the subjects down.* too: an order sent while the box was away
// waits there. Otherwise it comes as plain NATS: a request is answered with
// +OK, or with -ERR and has to be repeated.
package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	connectTimeout = 10 * time.Second
	requestTimeout = 5 * time.Second
	writeTimeout   = 10 * time.Second
	pingEvery      = 10 * time.Second // a dead line is seen within three of these
	pingsOut       = 2
	ackWithin      = 30 * time.Second
	pendingMax     = 4096 // publishes on their way; the forwarder's window is far below
	headerRoom     = 512  // of a message's size, for its headers
)

// Options is where the server is and who we are there. Files are read at every
// attempt.
type Options struct {
	URL          string // nats://host:4222 or tls://host:4222
	Stream       string // that takes watchpost.{station}.{box}.up.>
	Station, Box string
	Username     string
	PasswordFile string // its last line break is not part of the password
	CAFile       string // "" trusts the system's authorities
	CertFile     string // client certificate, with KeyFile
	KeyFile      string
	AckWithin    time.Duration // of a publish; 0 is 30 s
	// StateFile keeps where the stream is out of order over a restart, so that
	// no copy in the right order is taken for one that is there; "": it does not.
	StateFile string
	Logger    *slog.Logger
}

// Uplink implements bridge.Uplink.
type Uplink struct {
	options Options
	root    string // watchpost.{station}.{box}.

	mu       sync.Mutex
	holes    map[laneOf]hole
	newest   map[laneOf]place // that the stream has in its order
	loaded   bool             // holes of an earlier run
	needs    int              // bytes of the event that a stream refused last; 0: none
	forgets  bool             // said that the stream drops its oldest
	unstored bool             // said that orders do not wait
}

// place is where the stream has an event.
type place struct{ sequence, at uint64 }

// laneOf names a lane in an epoch.
type laneOf struct {
	epoch string
	lane  bridge.Lane
}

// hole is where a lane stands out of order in the stream: the first is missing,
// events up to the last are there already, too early.
type hole struct {
	first, last uint64
	count       int // of holes in this lane, so far
}

var _ bridge.Uplink = (*Uplink)(nil)

// New checks the options; Connect does the rest.
func New(o Options) (*Uplink, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("uplink url: %w", err)
	case (u.Scheme != "nats" && u.Scheme != "tls") || u.Host == "":
		return nil, fmt.Errorf("uplink url %s: want nats:// or tls:// and a host", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("uplink url %s: credentials belong into username and password_file", u.Redacted())
	case o.Stream == "" || strings.ContainsAny(o.Stream, ".*>/\\ \t\r\n"):
		return nil, fmt.Errorf("uplink stream %q: is no name of a stream", o.Stream)
	case (o.CertFile == "") != (o.KeyFile == ""):
		return nil, errors.New("uplink certificate: cert_file and key_file go together")
	}
	for _, part := range []string{o.Station, o.Box} {
		if part == "" || strings.ContainsAny(part, ".*> \t\r\n\x00") {
			return nil, fmt.Errorf("uplink station or box %q: cannot be part of a subject", part)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.AckWithin <= 0 {
		o.AckWithin = ackWithin
	}
	return &Uplink{options: o, root: "watchpost." + o.Station + "." + o.Box + ".", holes: map[laneOf]hole{}, newest: map[laneOf]place{}}, nil
}

// Connect implements bridge.Uplink.
func (u *Uplink) Connect(ctx context.Context, h bridge.Handler) (bridge.Session, error) {
	u.loadHoles()
	s := &session{uplink: u, handle: h, published: map[laneOf]uint64{}, acked: map[laneOf]uint64{}}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("connect %s: %w", u.options.URL, err)
	}
	h.Presence(true) // the stream stands for it: it keeps what nobody reads yet
	return s, nil
}

// connect says every option that matters here, at the call.
func (u *Uplink) connect(ctx context.Context, closed func(error)) (*natsgo.Conn, error) {
	options := []natsgo.Option{
		natsgo.Name("watchpost-" + u.options.Station + "-" + u.options.Box),
		natsgo.NoReconnect(),
		natsgo.Timeout(connectTimeout),
		natsgo.FlusherTimeout(writeTimeout),
		natsgo.PingInterval(pingEvery),
		natsgo.MaxPingsOutstanding(pingsOut),
		natsgo.SetCustomDialer(&dialer{ctx: ctx}),
		natsgo.ErrorHandler(func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) {
			u.options.Logger.Warn("nats", "err", err)
		}),
		natsgo.ClosedHandler(func(c *natsgo.Conn) {
			err := c.LastError()
			if err == nil {
				err = errors.New("connection closed by the server")
			}
			closed(err)
		}),
	}
	if u.options.Username != "" {
		password := ""
		if u.options.PasswordFile != "" {
			text, err := os.ReadFile(u.options.PasswordFile)
			if err != nil {
				return nil, fmt.Errorf("uplink password: %w", err)
			}
			password = strings.TrimRight(string(text), "\r\n")
		}
		options = append(options, natsgo.UserInfo(u.options.Username, password))
	}
	config, err := u.tlsConfig()
	if err != nil {
		return nil, err
	}
	if config != nil {
		options = append(options, natsgo.Secure(config))
	}
	return natsgo.Connect(u.options.URL, options...)
}

// tlsConfig is nil for a plain server with nothing configured: nats:// turns to
// TLS by itself when the server requires it.
func (u *Uplink) tlsConfig() (*tls.Config, error) {
	if !strings.HasPrefix(u.options.URL, "tls:") && u.options.CAFile == "" && u.options.CertFile == "" {
		return nil, nil
	}
	return bridge.TLSFiles{CA: u.options.CAFile, Cert: u.options.CertFile, Key: u.options.KeyFile}.Config()
}

// dialer gives up with its context; a connection that it made and that is not
// yet a session is closed then.
type dialer struct {
	ctx context.Context
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	return conn, nil
}

// stream looks whether the stream can take what we send.
func (u *Uplink) stream(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, *jetstream.StreamInfo, error) {
	name := u.options.Stream
	stream, err := js.Stream(ctx, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, nil, fmt.Errorf("stream %s does not exist: create it with the subjects watchpost.>", name)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, natsgo.ErrNoResponders):
		return nil, nil, fmt.Errorf("the server has no JetStream for this account: %w", err)
	case err != nil:
		return nil, nil, fmt.Errorf("ask for stream %s: %w", name, err)
	}
	info := stream.CachedInfo()
	if !takes(info.Config.Subjects, u.root+"up.alarm") {
		return nil, nil, fmt.Errorf("stream %s does not take %sup.alarm: give it the subjects watchpost.>", name, u.root)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	keeps := info.Config.Discard == jetstream.DiscardNew
	bounded := info.Config.MaxMsgs > 0 || info.Config.MaxBytes > 0
	if bounded && !keeps && !u.forgets {
		u.forgets = true
		u.options.Logger.Warn("the stream drops its oldest events when it is full: create it with discard new", "stream", name)
	}
	if keeps && info.Config.MaxMsgs > 0 && info.State.Msgs >= uint64(info.Config.MaxMsgs) {
		return nil, nil, fmt.Errorf("stream %s is full: it has %d of %d messages", name, info.State.Msgs, info.Config.MaxMsgs)
	}
	if keeps && info.Config.MaxBytes > 0 && u.needs > 0 && info.State.Bytes+uint64(u.needs) > uint64(info.Config.MaxBytes) {
		return nil, nil, fmt.Errorf("stream %s is full: it has %d of %d bytes", name, info.State.Bytes, info.Config.MaxBytes)
	}
	return stream, info, nil
}

// takes reports whether one of the stream's subjects covers the subject.
func takes(filters []string, subject string) bool {
	want := strings.Split(subject, ".")
	for _, filter := range filters {
		have := strings.Split(filter, ".")
		for i, token := range have {
			if token == ">" && i < len(want) {
				return true
			}
			if i >= len(want) || token != "*" && token != want[i] {
				break
			}
			if i == len(have)-1 && len(have) == len(want) {
				return true
			}
		}
	}
	return false
}
