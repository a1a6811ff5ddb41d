// Package mqtt is the uplink to a headquarters behind an MQTT 3.1.1 broker:
// the topics of contracts.md, QoS 1, a persistent session, a Will.
//
// It owns one connection at a time and no memory of what was sent: the
// journal and its cursor are the only queue. So paho never stores for later
// and never reconnects by itself. After a break the forwarder sends again from
// the cursor, at most its window, in order; the receiver drops what it has.
// That is one more copy of some events, and in return there is no second
// store that a crash could leave out of step with the cursor. The session is
// persistent for what comes down: an order sent while the box was away waits
// at the broker.
//
// It refuses payloads it cannot place by their topic, and acknowledges them,
// since they would come again for ever. It fails by ending the session; the
// error names the broker.
package mqtt

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	qos            = 1
	version311     = 4
	connectTimeout = 10 * time.Second
	writeTimeout   = 10 * time.Second
	keepAlive      = 15 * time.Second // a dead line is seen within about twice this
	pingTimeout    = 5 * time.Second
	goodbye        = 250 * time.Millisecond
	ackWithin      = 30 * time.Second
)

// Options is where the broker is and who we are there. Files are read at every
// attempt, so that a renewed password or certificate needs no restart.
type Options struct {
	URL          string // mqtt://host:1883 or mqtts://host:8883
	Station, Box string
	// Topic is set for a partner that takes orders, and is no headquarters: its
	// messages go to {Topic}/orders, and what it says comes on {Topic}/reply.
	Topic        string
	Username     string
	PasswordFile string // its last line break is not part of the password
	CAFile       string // "" trusts the system's authorities
	CertFile     string // client certificate, with KeyFile
	KeyFile      string
	// AckWithin ends a session whose broker takes events and confirms none;
	// 0 is 30 s.
	AckWithin time.Duration
	Logger    *slog.Logger
}

// Uplink implements bridge.Uplink.
type Uplink struct {
	options Options
	root    string // watchpost/{station}/{box}/, or {Topic}/
	down    string // what is in front of a message's kind
	filter  string // of what comes down
	client  string // id
}

var _ bridge.Uplink = (*Uplink)(nil)

// New checks the options; Connect does the rest.
func New(o Options) (*Uplink, error) {
	at, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("uplink url: %w", err)
	}
	switch at.Scheme {
	case "mqtt", "mqtts", "tcp", "ssl", "tls":
	default:
		return nil, fmt.Errorf("uplink url %s: want mqtt:// or mqtts://", at.Redacted())
	}
	if at.User != nil {
		return nil, fmt.Errorf("uplink url %s: credentials belong into username and password_file", at.Redacted())
	}
	for _, part := range []string{o.Station, o.Box} {
		if part == "" || strings.ContainsAny(part, "/+#\x00") {
			return nil, fmt.Errorf("uplink station or box %q: cannot be part of a topic", part)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("uplink certificate: cert_file and key_file go together")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.AckWithin <= 0 {
		o.AckWithin = ackWithin
	}
	u := &Uplink{options: o}
	u.root, u.client = "watchpost/"+o.Station+"/"+o.Box+"/", "watchpost-"+o.Station+"-"+o.Box
	u.down, u.filter = u.root+"down/", u.root+"down/#"
	if o.Topic != "" {
		u.root, u.client = o.Topic+"/", u.client+"-"+url.PathEscape(o.Topic) // a/b and a-b are two
		u.down, u.filter = u.root, u.root+"reply"
	}
	return u, nil
}

// Connect implements bridge.Uplink.
func (u *Uplink) Connect(ctx context.Context, h bridge.Handler) (bridge.Session, error) {
	options, err := u.clientOptions()
	if err != nil {
		return nil, err
	}
	s := newSession(u, h)
	options.SetDefaultPublishHandler(s.receive)
	options.SetConnectionLostHandler(func(_ paho.Client, err error) { s.end(err) })
	s.client = paho.NewClient(options)
	s.work()
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("connect %s: %w", u.options.URL, err)
	}
	return s, nil
}

// clientOptions says every option that matters here, at the call.
func (u *Uplink) clientOptions() (*paho.ClientOptions, error) {
	will, err := json.Marshal(map[string]bool{"online": false})
	if err != nil {
		return nil, err
	}
	options := paho.NewClientOptions().
		AddBroker(u.options.URL).
		SetClientID(u.client).
		SetProtocolVersion(version311).
		SetCleanSession(false).
		SetStore(newWindow()). // of this connection only
		SetResumeSubs(false).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(true).
		SetAutoAckDisabled(true).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(writeTimeout).
		SetKeepAlive(keepAlive).
		SetPingTimeout(pingTimeout).
		SetBinaryWill(u.root+"state", will, qos, true)
	if u.options.Username != "" {
		options.SetUsername(u.options.Username)
	}
	if u.options.PasswordFile != "" {
		password, err := os.ReadFile(u.options.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("uplink password: %w", err)
		}
		options.SetPassword(strings.TrimRight(string(password), "\r\n"))
	}
	config, err := u.tlsConfig()
	if err != nil {
		return nil, err
	}
	return options.SetTLSConfig(config), nil
}

func (u *Uplink) tlsConfig() (*tls.Config, error) {
	return bridge.TLSFiles{CA: u.options.CAFile, Cert: u.options.CertFile, Key: u.options.KeyFile}.Config()
}
