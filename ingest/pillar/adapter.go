package pillar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// broker is what the adapter needs of MQTT. Handlers run before PUBACK; an
// error of theirs means no PUBACK and a closed connection. Publish may be
// called from inside a handler and does not wait for subscribers.
type broker interface {
	Handle(pattern string, h func(ctx context.Context, user, topic string, payload []byte) error)
	Publish(topic string, payload []byte, qos byte, retain bool) error
}

// Options of an adapter.
type Options struct {
	Broker broker
	// Known tells whether the station has such a pillar.
	Known func(id string) bool
	// Press stores one press and returns after the journal has synced it. An
	// error means that it is not stored: the pillar will send it again.
	Press func(ctx context.Context, p ingest.Press) (ingest.PressResult, error)
	// Status is told what a pillar says of itself. It must not block.
	Status func(s ingest.PillarStatus)
	// Live: statuses come when they are published. False where a broker may hand
	// on what it kept: then they do not tell how far a clock is behind.
	Live   bool
	Now    func() time.Time // nil for time.Now
	Logger *slog.Logger
}

// Stats counts what pillars sent.
type Stats struct {
	Stored, Duplicate, Rejected uint64 // acks by result; Rejected includes Malformed
	Malformed                   uint64 // messages that could not be read, statuses too
	Failed                      uint64 // presses that could not be stored or acknowledged
	Statuses                    uint64
}

// Adapter turns a broker's messages into presses and statuses.
type Adapter struct {
	opts Options

	mu     sync.Mutex
	stats  Stats
	heard  map[string]time.Time
	logged map[string]time.Time
	ahead  map[string]time.Duration // of pillars' clocks
}

// New registers the adapter's handlers with the broker, before the broker opens.
func New(opts Options) *Adapter {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Adapter{opts: opts, heard: make(map[string]time.Time), logged: make(map[string]time.Time), ahead: make(map[string]time.Duration)}
	opts.Broker.Handle("pillar/+/press", a.onPress)
	opts.Broker.Handle("pillar/+/status", a.onStatus)
	return a
}

// Results of a press.
const (
	stored    = "stored"
	duplicate = "duplicate"
	rejected  = "rejected"
)

func (a *Adapter) onPress(ctx context.Context, user, topic string, payload []byte) error {
	id, err := a.sender(user, topic)
	var bad *Malformed
	if errors.As(err, &bad) {
		a.malformed("", "press", bad)
		return nil // there is nobody to answer
	}
	if err != nil {
		return err
	}
	now := a.opts.Now()
	p, err := Decode(topic, payload, now)
	if errors.As(err, &bad) {
		a.malformed(id, "press", bad)
		return a.ack(id, bad.ID, ingest.PressResult{Result: rejected, Reason: bad.Error()})
	}
	if err != nil {
		return err
	}
	if !a.opts.Known(id) {
		return a.ack(id, p.ID, ingest.PressResult{Result: rejected, Reason: "pillar is not configured at this station"})
	}
	a.hear(id)
	if !p.At.IsZero() && !p.Replayed && now.Sub(p.At) < pressDelayMax {
		a.clocked(id, p.At.Sub(now))
	}
	result, err := a.opts.Press(ctx, p)
	if err == nil && result.Result != stored && result.Result != duplicate && result.Result != rejected {
		err = fmt.Errorf("result %q of a press is none", result.Result)
	}
	if err != nil {
		a.count(func(s *Stats) { s.Failed++ })
		return fmt.Errorf("store press %s of pillar %s: %w", p.ID, id, err)
	}
	return a.ack(id, p.ID, result)
}

// ack publishes the answer. Its error closes the connection: the pillar sends
// again and gets the ack of a duplicate.
func (a *Adapter) ack(pillar, event string, r ingest.PressResult) error {
	if err := a.opts.Broker.Publish(Topic(pillar, "ack"), EncodeAck(event, r, a.opts.Now()), 1, false); err != nil {
		a.count(func(s *Stats) { s.Failed++ })
		return fmt.Errorf("acknowledge press %s of pillar %s: %w", event, pillar, err)
	}
	a.count(func(s *Stats) {
		switch r.Result {
		case stored:
			s.Stored++
		case duplicate:
			s.Duplicate++
		default:
			s.Rejected++
		}
	})
	return nil
}

func (a *Adapter) onStatus(_ context.Context, user, topic string, payload []byte) error {
	id, err := a.sender(user, topic)
	var bad *Malformed
	if errors.As(err, &bad) {
		a.malformed("", "status", bad)
		return nil
	}
	if err != nil {
		return err
	}
	now := a.opts.Now()
	status, err := DecodeStatus(topic, payload, now)
	if errors.As(err, &bad) {
		// There is no ack for a status; the same bytes would be wrong again.
		a.malformed(id, "status", bad)
		return nil
	}
	if err != nil {
		return err
	}
	if !a.opts.Known(id) {
		a.malformed(id, "status", malformed("topic", topic, "pillar is not configured at this station"))
		return nil
	}
	if status.Online {
		a.hear(id)
	}
	if dated := !status.At.Equal(now); dated && status.Online && (a.opts.Live || status.At.After(now)) {
		a.clocked(id, status.At.Sub(now))
	}
	a.count(func(s *Stats) { s.Statuses++ })
	a.opts.Status(status)
	return nil
}

// sender is the pillar that a message is of. The broker keeps an account below
// its own topics; this holds even if it did not. A topic that is no pillar's, as
// an external broker may let through, is *Malformed.
func (a *Adapter) sender(user, topic string) (string, error) {
	id, err := parseTopic(topic)
	if err != nil {
		return "", malformed("topic", topic, "set the id of the pillar: it publishes on pillar/{id}/press and pillar/{id}/status")
	}
	if user != "" && user != id {
		return "", fmt.Errorf("topic %q is not of pillar %s", topic, user)
	}
	return id, nil
}

// Command sends a command to a pillar (QoS 1). It is not kept for a pillar that
// was never connected.
func (a *Adapter) Command(pillar string, c Command) error {
	payload, err := EncodeCommand(c)
	if err != nil {
		return fmt.Errorf("command pillar %s: %w", pillar, err)
	}
	if err := a.opts.Broker.Publish(Topic(pillar, "command"), payload, 1, false); err != nil {
		return fmt.Errorf("command pillar %s: %w", pillar, err)
	}
	return nil
}

// Heard is when a pillar last said something that could be read, on the box's
// clock; false when it never has since the box started.
func (a *Adapter) Heard(pillar string) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.heard[pillar]
	return at, ok
}

// pressDelayMax is how old a press may be that still tells what the pillar's
// clock says: an older one may have waited for its line.
const pressDelayMax = 5 * time.Second

// Ahead is how far a pillar's clock was ahead of the box's when it last dated a
// message, good to about a second; false when it never has since the box
// started.
func (a *Adapter) Ahead(pillar string) (time.Duration, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, ok := a.ahead[pillar]
	return d, ok
}

func (a *Adapter) clocked(pillar string, ahead time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ahead[pillar] = ahead
}

// Stats counts what was received so far.
func (a *Adapter) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats
}

func (a *Adapter) count(f func(*Stats)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.stats)
}

func (a *Adapter) hear(pillar string) {
	now := a.opts.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard[pillar] = now
}

// Bounds of the log of malformed messages, whatever an external broker lets in.
const (
	logAgain  = time.Minute
	loggedMax = 1000
)

func (a *Adapter) malformed(pillar, kind string, bad *Malformed) {
	now := a.opts.Now()
	a.mu.Lock()
	a.stats.Malformed++
	total := a.stats.Malformed
	last, seen := a.logged[pillar]
	say := !seen && len(a.logged) < loggedMax || seen && now.Sub(last) >= logAgain
	if say {
		a.logged[pillar] = now
	}
	a.mu.Unlock()
	if say {
		a.opts.Logger.Warn("malformed message of a pillar", "pillar", pillar, "kind", kind, "why", bad.Error(), "malformed", total)
	}
}
