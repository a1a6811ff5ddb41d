// Package mqtt owns the station's MQTT side: an embedded broker (mochi-mqtt)
// and a client for an external one, both with the same handlers. It knows
// topics and accounts, and no payload.
//
// What it promises: a handler runs before PUBACK, on the goroutine of the
// client that published, so many clients wait for the disk in parallel. When a
// handler returns an error there is no PUBACK and the connection is closed: an
// MQTT 3.1.1 client only sends again after a reconnect.
//
// What it refuses: a wrong password (CONNACK 5), a topic or a Will outside the
// account's own prefix (the client is disconnected), MQTT 5 (contracts name
// 3.1.1), messages above 64 KiB. Every refusal is counted, logged and kept in
// a bounded list for health.
//
// How it fails: Open names the address that is taken; after that nothing a
// client does ends the broker. Sessions and retained messages live in memory:
// devices publish their state again when they reconnect.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// Limits of the broker.
const (
	messageBytesMax   = 64 << 10
	inflightMax       = 1024             // QoS messages on their way to one client
	pendingMax        = 1024             // messages queued for one connection
	retainedMax       = 10_000           // retained topics, all clients together
	sessionKept       = time.Hour        // of a client that is away
	connectWithin     = 10 * time.Second // from the TCP connection to CONNECT
	writeWithin       = 5 * time.Second  // or the client is taken for dead
	handlersWithin    = 5 * time.Second  // grace for handlers when the broker stops
	defaultClientsMax = 2000
)

// Handler is given one message. user is the account that published it, "" when
// an external broker does not tell. payload is the handler's to keep. nil
// lets the message be acknowledged; an error means that it was not taken.
type Handler = func(ctx context.Context, user, topic string, payload []byte) error

// Account is one user of the broker.
type Account struct {
	Password string
	Prefix   string // the only topics it may publish and subscribe are below, for instance "pillar/P-001/"
	Tells    string // the only one of these that it may publish on; "": all
	// OneWay is for clients that only tell, and cannot be told what not to ask
	// for: a foreign subscription is refused without ending the connection, and
	// nothing that it publishes is retained.
	OneWay bool
}

// Options of a broker.
type Options struct {
	Listen    string      // plain MQTT, for instance ":1883"; "" for none
	TLSListen string      // MQTT over TLS, for instance ":8883"; "" for none
	TLS       *tls.Config // needed with TLSListen
	// Accounts tells who may connect. It is asked at every CONNECT, so accounts may change.
	Accounts   func(user string) (Account, bool)
	ClientsMax int // connections at the same time; 0 for 2000
	Logger     *slog.Logger
}

// Stats counts what the broker did since it was made.
type Stats struct {
	Clients    int64  // connected now
	Messages   uint64 // handled
	Rejected   uint64 // handlers that returned an error: no PUBACK
	Refused    uint64 // connections and topics refused
	Dropped    uint64 // messages to a client that did not take them
	Retained   int64
	Overloaded uint64 // connections closed because ClientsMax was reached
}

// Broker is an embedded MQTT broker.
type Broker struct {
	opts       Options
	log        *slog.Logger
	server     *mochi.Server
	hook       *hook
	deliveries *deliveries
	handlers   handlers
	refusals   refusals
	twins      refusals // of accounts that two devices use
	conns      *conns
	plain      net.Listener
	secure     net.Listener

	work     context.Context // of handlers; outlives Run's ctx by handlersWithin
	stopWork context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running int           // handlers at work
	idle    chan struct{} // closed when stopped and none is at work

	messages, rejected, dropped atomic.Uint64
}

// New returns a broker that does nothing until Open.
func New(opts Options) *Broker {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.ClientsMax <= 0 {
		opts.ClientsMax = defaultClientsMax
	}
	b := &Broker{opts: opts, log: opts.Logger, conns: newConns(opts.ClientsMax + 64), idle: make(chan struct{}), deliveries: newDeliveries()}
	b.refusals.log, b.refusals.named = opts.Logger, "mqtt client refused"
	b.twins.log, b.twins.named = opts.Logger, "two mqtt clients use one account"
	b.work, b.stopWork = context.WithCancel(context.Background())
	b.hook = &hook{broker: b, current: make(map[string]*mochi.Client), working: make(map[*mochi.Client]bool)}
	return b
}

// Handle registers h for a topic pattern ("+" and "#" as in MQTT). All
// handlers that match are called in the order of registration; the first error
// ends the message. Handle must be called before Open.
func (b *Broker) Handle(pattern string, h Handler) { b.handlers.add(pattern, h) }

// Open takes the addresses and starts to serve. Its error names the address and
// says what to do.
func (b *Broker) Open() error {
	caps := mochi.NewDefaultServerCapabilities()
	caps.MaximumClients = int64(b.opts.ClientsMax)
	caps.MaximumPacketSize = messageBytesMax
	caps.MaximumInflight = inflightMax
	caps.ReceiveMaximum = inflightMax
	caps.MaximumClientWritesPending = pendingMax
	caps.MaximumSessionExpiryInterval = uint32(sessionKept / time.Second)
	caps.TopicAliasMaximum = 0
	b.server = mochi.New(&mochi.Options{
		Capabilities: caps,
		InlineClient: true,
		Logger:       slog.New(quiet{b.log.Handler()}),
		// A day: nobody here may read $SYS.
		SysTopicResendInterval: math.MaxInt32,
	})
	if err := b.server.AddHook(b.hook, nil); err != nil {
		return fmt.Errorf("add hook of broker: %w", err)
	}
	if err := b.server.AddHook(b.deliveries, nil); err != nil {
		return fmt.Errorf("add hook of broker: %w", err)
	}
	if err := b.listen(); err != nil {
		b.closeListeners()
		return err
	}
	if err := b.server.Serve(); err != nil {
		b.closeListeners()
		return fmt.Errorf("serve mqtt: %w", err)
	}
	return nil
}

func (b *Broker) listen() (err error) {
	if b.opts.Listen != "" {
		if b.plain, err = b.listenOn("mqtt.listen", b.opts.Listen, nil); err != nil {
			return err
		}
	}
	if b.opts.TLSListen != "" {
		if b.opts.TLS == nil {
			return errors.New("listen mqtt.tls.listen: no certificate: set mqtt.tls.cert_file and key_file")
		}
		if b.secure, err = b.listenOn("mqtt.tls.listen", b.opts.TLSListen, b.opts.TLS); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) listenOn(key, address string, tlsConfig *tls.Config) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen %s on %s: the address is taken: stop the other program (another MQTT broker?) or set %s to a free one: %w", key, address, key, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen %s on %s: %w", key, address, err)
	}
	var wrapped net.Listener = &listener{Listener: l, conns: b.conns}
	if tlsConfig != nil {
		wrapped = tls.NewListener(wrapped, tlsConfig)
	}
	if err := b.server.AddListener(farewell{listeners.NewNet(key, wrapped), b.server}); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("add listener %s: %w", key, err)
	}
	return wrapped, nil
}

func (b *Broker) closeListeners() {
	for _, l := range []net.Listener{b.plain, b.secure} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// Addr is the address of the plain listener, "" when there is none. Valid after Open.
func (b *Broker) Addr() string { return addr(b.plain) }

// TLSAddr is the address of the TLS listener, "" when there is none. Valid after Open.
func (b *Broker) TLSAddr() string { return addr(b.secure) }

func addr(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Run waits until ctx ends, then stops: no new message is taken, handlers at
// work get five seconds to finish and be acknowledged, connections are closed.
// All goroutines of the broker's clients have ended when it returns.
func (b *Broker) Run(ctx context.Context) error {
	<-ctx.Done()
	b.closeListeners()
	b.mu.Lock()
	b.stopped = true
	if b.running == 0 {
		close(b.idle)
	}
	b.mu.Unlock()
	grace := time.NewTimer(handlersWithin)
	defer grace.Stop()
	select {
	case <-b.idle:
	case <-grace.C:
		b.log.Warn("mqtt handlers do not end, cancelled", "after", handlersWithin)
	}
	b.stopWork()
	// Connections before CONNECT are not known to mochi, which would wait for them.
	b.conns.closeAll()
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("close mqtt broker: %w", err)
	}
	return nil
}

// begin reports whether a handler may start; end must follow when it may.
func (b *Broker) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.running++
	return true
}

func (b *Broker) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running--
	if b.stopped && b.running == 0 {
		close(b.idle)
	}
}

// Publish sends a message to all subscribers, from any goroutine, also from
// inside a handler. It does not wait for them: nil means that it is queued for
// those connected (and, with QoS 1, for sessions kept), however many they are.
func (b *Broker) Publish(topic string, payload []byte, qos byte, retain bool) error {
	if b.server == nil {
		return fmt.Errorf("publish %s: broker is not open", topic)
	}
	if err := b.server.Publish(topic, payload, retain, qos); err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return nil
}

// Refusals are the latest refusals, newest first, for health.
func (b *Broker) Refusals() []Refusal { return b.refusals.list() }

// Twins are accounts that were used from two machines at once, newest first:
// nobody was refused, but one device speaks in the other's name.
func (b *Broker) Twins() []Refusal { return b.twins.list() }

// Stats counts what was done so far.
func (b *Broker) Stats() Stats {
	s := Stats{
		Messages: b.messages.Load(), Rejected: b.rejected.Load(), Dropped: b.dropped.Load(),
		Refused: b.refusals.total(), Overloaded: b.conns.refused.Load(),
	}
	if b.server != nil {
		s.Clients = atomic.LoadInt64(&b.server.Info.ClientsConnected)
		s.Retained = atomic.LoadInt64(&b.server.Info.Retained)
	}
	return s
}

// quiet lets only mochi's errors through: it warns whenever a client's
// connection ends, which is told elsewhere.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && q.Handler.Enabled(ctx, l)
}

func (q quiet) WithAttrs(as []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(as)} }
func (q quiet) WithGroup(name string) slog.Handler    { return quiet{q.Handler.WithGroup(name)} }
