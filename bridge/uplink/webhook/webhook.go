// Package webhook is the uplink to a headquarters that takes HTTP: batches of
// CloudEvents (CloudEvents 1.0, JSON batch format), each POST signed as in
// Standard Webhooks (https://www.standardwebhooks.com, HMAC-SHA256).
//
// It owns a secret, an address and no memory of what was sent: the journal and
// its cursor are the only queue. A lane's batches go one after the other, so
// their order is that of the calls; `now` and `replay` have requests of their
// own. A session stands while the receiver answers: it begins with an empty
// batch ([], which the batch format allows in a request), and one more follows
// whenever nothing was sent for a while.
//
// It refuses redirects, since the signed events would go where nobody
// configured, and reads little of an answer. What an answer means is in
// contracts.md, "Failing": 2xx confirms; 400, 413, 422 are an event's fault;
// all else is the receiver's, and ends the session: the forwarder tries again,
// not before the time that Retry-After asked for. Errors name scheme and host
// only, since a path or a query may hold a secret.
//
// What comes down takes another way: headquarters calls the station's own API.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	answerWithin  = 30 * time.Second // of a POST, its body sent and its answer read
	dialTimeout   = 10 * time.Second
	pulseEvery    = 30 * time.Second
	retryAfterMax = 2 * time.Minute // a longer Retry-After would silence a P0 for too long
	bodyBytesMax  = 1 << 20         // of a POST; one larger event goes alone
	answerMax     = 4 << 10         // bytes read of an answer
	waysMax       = 4               // connections: lanes, now, replay, pulse
)

// A body has room for the largest event.
const _ = uint(bodyBytesMax - bridge.EventMaxBytes)

// Options is where to send. Files are read at every attempt, so that a renewed
// secret or certificate needs no restart.
type Options struct {
	URL        string // http:// or https://
	SecretFile string // whsec_ and base64; several, one a line, while one replaces the other
	CAFile     string // "" trusts the system's authorities
	CertFile   string // client certificate, with KeyFile
	KeyFile    string
	// AnswerWithin ends a request, and the session with it; 0 is 30 s.
	AnswerWithin time.Duration
	// PulseEvery is the silence after which an empty batch asks whether the
	// receiver is still there; 0 is 30 s.
	PulseEvery time.Duration
	Logger     *slog.Logger
}

// Uplink implements bridge.Uplink.
type Uplink struct {
	options Options
	host    string // what errors say of the address

	mu        sync.Mutex
	notBefore time.Time // as Retry-After asked
}

var _ bridge.Uplink = (*Uplink)(nil)

// New checks the options; Connect does the rest.
func New(o Options) (*Uplink, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, errors.New("uplink url: cannot be parsed") // the error would repeat it
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, fmt.Errorf("uplink url %s://%s: want http:// or https:// and a host", u.Scheme, u.Host)
	case u.User != nil:
		return nil, fmt.Errorf("uplink url %s://%s: credentials do not belong into it", u.Scheme, u.Host)
	case o.SecretFile == "":
		return nil, fmt.Errorf("uplink %s: has no secret_file; the receiver can trust only what is signed", u.Host)
	case (o.CertFile == "") != (o.KeyFile == ""):
		return nil, errors.New("uplink certificate: cert_file and key_file go together")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.AnswerWithin <= 0 {
		o.AnswerWithin = answerWithin
	}
	if o.PulseEvery <= 0 {
		o.PulseEvery = pulseEvery
	}
	return &Uplink{options: o, host: u.Scheme + "://" + u.Host}, nil
}

// Connect implements bridge.Uplink. It waits as long as the receiver's
// Retry-After asked, and then asks whether it is there.
func (u *Uplink) Connect(ctx context.Context, h bridge.Handler) (bridge.Session, error) {
	if err := u.rest(ctx); err != nil {
		return nil, err
	}
	secrets, err := readSecrets(u.options.SecretFile)
	if err != nil {
		return nil, err
	}
	config, err := u.tlsConfig()
	if err != nil {
		return nil, err
	}
	s := &session{uplink: u, secrets: secrets, used: time.Now()}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.transport = transport(config)
	s.client = &http.Client{
		Transport:     s.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if err := s.ask(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("connect %s: %w", u.host, err)
	}
	s.pulse()
	h.Presence(true)
	return s, nil
}

// transport speaks HTTP/1.1 only: with one connection for all, as in HTTP/2, a
// stalled lane would stall what is urgent.
func transport(config *tls.Config) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialTimeout,
		MaxConnsPerHost:        waysMax,
		MaxIdleConnsPerHost:    waysMax,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		Protocols:              &protocols,
	}
}

// rest waits until the receiver wants to be asked again.
func (u *Uplink) rest(ctx context.Context) error {
	u.mu.Lock()
	wait := time.Until(u.notBefore)
	u.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (u *Uplink) restUntil(t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.notBefore = t
}

func (u *Uplink) tlsConfig() (*tls.Config, error) {
	return bridge.TLSFiles{CA: u.options.CAFile, Cert: u.options.CertFile, Key: u.options.KeyFile}.Config()
}

// batches joins events to JSON arrays of at most bodyBytesMax, or one event.
func batches(events []bridge.Outgoing) (bodies [][]byte, from []int) {
	var body bytes.Buffer
	flush := func() {
		if body.Len() > 0 {
			body.WriteByte(']')
			bodies = append(bodies, bytes.Clone(body.Bytes()))
			body.Reset()
		}
	}
	for i := range events {
		if body.Len() > 0 && body.Len()+len(events[i].Wire)+2 > bodyBytesMax {
			flush()
		}
		if body.Len() == 0 {
			from = append(from, i)
			body.WriteByte('[')
		} else {
			body.WriteByte(',')
		}
		body.Write(events[i].Wire)
	}
	flush()
	return bodies, from
}
