package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Limits of a client.
const (
	connectTimeout = 5 * time.Second
	keepAlive      = 15 * time.Second
	publishWithin  = 5 * time.Second
	queuedMax      = 1000 // messages taken from the broker and not handled yet
	goodbyeMillis  = 100
)

// ClientOptions name an external broker. The functions are asked at every
// attempt, so that a renewed password or certificate needs no restart.
type ClientOptions struct {
	URL      string // mqtt://host:1883 or mqtts://host:8883
	ClientID string // the session's name: the same at every start, and nobody else's
	Username string
	Password func() (string, error)      // nil: none
	TLS      func() (*tls.Config, error) // nil: the system's authorities
	Logger   *slog.Logger
}

// ErrRefused says that the external broker does not let us in as we are: the
// name, the password, the certificate or the client's id.
var ErrRefused = errors.New("refused by the broker")

// Client is a persistent session at an external broker, with the handlers of a
// Broker. A message is acknowledged to that broker after its handlers have
// returned nil; on an error the connection is closed, and the broker delivers
// again when Run is called again. Messages of one sender (all that share a
// topic but its last level) are handled in their order, different senders in
// parallel.
//
// The PUBACK that a device gets is the external broker's and promises nothing
// of ours.
type Client struct {
	opts     ClientOptions
	log      *slog.Logger
	handlers handlers

	mu         sync.Mutex
	current    paho.Client // nil while not connected
	subscribed bool
	since      time.Time // of subscribed
	why        error     // how the latest attempt ended

	messages, rejected atomic.Uint64
}

// NewClient returns a client that does nothing until Run.
func NewClient(opts ClientOptions) *Client {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Client{opts: opts, log: opts.Logger, since: time.Now()}
}

// Handle is like Broker.Handle. It must be called before Run.
func (c *Client) Handle(pattern string, h Handler) { c.handlers.add(pattern, h) }

// Connected tells whether the session is up and subscribed.
func (c *Client) Connected() bool {
	connected, _, _ := c.Status()
	return connected
}

// Status tells whether the session is up and subscribed, since when that is so
// (box time), and how the latest attempt ended; nil while none has.
func (c *Client) Status() (connected bool, since time.Time, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subscribed && c.current != nil && c.current.IsConnectionOpen(), c.since, c.why
}

// Stats counts messages handled and not taken.
func (c *Client) Stats() Stats {
	return Stats{Messages: c.messages.Load(), Rejected: c.rejected.Load()}
}

// Publish sends a message and returns when the broker has it (QoS 1) or it was
// written (QoS 0), at the latest after five seconds.
func (c *Client) Publish(topic string, payload []byte, qos byte, retain bool) error {
	c.mu.Lock()
	client := c.current
	c.mu.Unlock()
	if client == nil || !client.IsConnectionOpen() {
		return fmt.Errorf("publish %s: not connected to %s", topic, c.opts.URL)
	}
	token := client.Publish(topic, qos, retain, payload)
	if !token.WaitTimeout(publishWithin) {
		return fmt.Errorf("publish %s: broker %s does not answer", topic, c.opts.URL)
	}
	if err := token.Error(); err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return nil
}

// Run makes one attempt: it connects, subscribes and handles messages until ctx
// ends (nil) or the connection does (the reason), and returns after its last
// handler. ingest.Keep repeats it.
func (c *Client) Run(ctx context.Context) error {
	err := c.run(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.why = err
	}
	return err
}

func (c *Client) run(ctx context.Context) error {
	s := &session{client: c, lost: make(chan struct{}), ready: make(chan struct{}), queues: make(map[string][]paho.Message)}
	options, err := s.options()
	if err != nil {
		return fmt.Errorf("connect to broker %s: %w", c.opts.URL, err)
	}
	s.work, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	client := paho.NewClient(options)
	defer client.Disconnect(goodbyeMillis)
	defer s.workers.Wait()
	defer s.stop()
	if err := await(ctx, client.Connect()); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("connect to broker %s: %w", c.opts.URL, asRefusal(err))
	}
	c.setCurrent(client, false)
	defer c.setCurrent(nil, false)
	close(s.ready)
	err = s.subscribe(ctx, client)
	if err == nil {
		c.setCurrent(client, true)
		select {
		case <-ctx.Done():
		case <-s.lost:
			err = s.err
		}
	}
	s.drain()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *Client) setCurrent(client paho.Client, subscribed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subscribed != subscribed {
		c.since = time.Now()
	}
	c.current, c.subscribed = client, subscribed
}

// asRefusal marks what waiting does not mend.
func asRefusal(err error) error {
	for _, no := range []error{packets.ErrorRefusedBadUsernameOrPassword, packets.ErrorRefusedNotAuthorised, packets.ErrorRefusedIDRejected} {
		if errors.Is(err, no) {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return err
}

func await(ctx context.Context, token paho.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// session is one connection of a Client.
type session struct {
	client *Client
	work   context.Context // of handlers
	stop   context.CancelFunc
	ready  chan struct{} // closed when handlers can publish: kept messages come before

	mu      sync.Mutex
	lost    chan struct{} // closed with err when the connection must end
	err     error
	ended   bool
	queues  map[string][]paho.Message // by sender; a key has a goroutine
	queued  int
	workers sync.WaitGroup
}

func (s *session) options() (*paho.ClientOptions, error) {
	o := s.client.opts
	password, secure := "", &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if o.Password != nil {
		if password, err = o.Password(); err != nil {
			return nil, err
		}
	}
	if o.TLS != nil {
		if secure, err = o.TLS(); err != nil {
			return nil, err
		}
	}
	url := strings.Replace(strings.Replace(o.URL, "mqtts://", "ssl://", 1), "mqtt://", "tcp://", 1)
	return paho.NewClientOptions().AddBroker(url).SetClientID(o.ClientID).
		SetUsername(o.Username).SetPassword(password).SetTLSConfig(secure).
		SetProtocolVersion(4).SetCleanSession(false).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(connectTimeout).SetKeepAlive(keepAlive).SetWriteTimeout(publishWithin).
		SetAutoAckDisabled(true).
		// In order up to receive, which only queues; from there on each sender
		// has its own order. Paho's unordered mode starts a goroutine a message.
		SetOrderMatters(true).
		// The default handler also gets what the broker kept for this session,
		// which comes before any subscription.
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { s.receive(m) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { s.fail(fmt.Errorf("connection to broker: %w", err)) }), nil
}

func (s *session) subscribe(ctx context.Context, client paho.Client) error {
	filters := make(map[string]byte)
	for _, r := range s.client.handlers.all {
		filters[r.pattern] = 1
	}
	if len(filters) == 0 {
		return nil
	}
	token := client.SubscribeMultiple(filters, nil)
	if err := await(ctx, token); err != nil {
		return fmt.Errorf("subscribe at broker: %w", err)
	}
	for filter, code := range token.(*paho.SubscribeToken).Result() {
		if code >= 0x80 {
			return fmt.Errorf("subscribe at broker: %w: %q: allow it in the broker's access list", ErrRefused, filter)
		}
	}
	return nil
}

// fail ends the connection; the first reason counts.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *session) failLocked(err error) {
	if s.err == nil {
		s.err, s.ended = err, true
		close(s.lost)
	}
}

// receive queues a message behind those of the same sender.
func (s *session) receive(m paho.Message) {
	sender := m.Topic()
	if i := strings.LastIndexByte(sender, '/'); i >= 0 {
		sender = sender[:i]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return // not acknowledged: it comes again
	}
	if s.queued == queuedMax {
		s.failLocked(errors.New("more messages than can be handled"))
		return
	}
	queue, busy := s.queues[sender]
	s.queues[sender] = append(queue, m)
	s.queued++
	if !busy {
		s.workers.Go(func() { s.serve(sender) })
	}
}

// serve handles one sender's messages until there are none.
func (s *session) serve(sender string) {
	select {
	case <-s.ready:
	case <-s.work.Done():
		return
	}
	for {
		s.mu.Lock()
		queue := s.queues[sender]
		if len(queue) == 0 || s.ended {
			delete(s.queues, sender)
			s.mu.Unlock()
			return
		}
		m := queue[0]
		s.queues[sender] = queue[1:]
		s.queued--
		s.mu.Unlock()
		if err := s.client.handlers.call(s.work, "", m.Topic(), m.Payload()); err != nil {
			s.client.rejected.Add(1)
			s.fail(fmt.Errorf("message on %s not taken: %w", m.Topic(), err))
			return
		}
		s.client.messages.Add(1)
		m.Ack()
	}
}

// drain lets handlers at work finish, for five seconds, and takes nothing new.
func (s *session) drain() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	cancel := time.AfterFunc(handlersWithin, s.stop)
	defer cancel.Stop()
	s.workers.Wait()
}
