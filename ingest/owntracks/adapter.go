package owntracks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// broker is what the adapter needs of MQTT.
type broker interface {
	Handle(pattern string, h func(ctx context.Context, user, topic string, payload []byte) error)
}

// Options of an adapter.
type Options struct {
	Broker broker
	// Fix is given each position. It must not block.
	Fix    func(ingest.Fix)
	Now    func() time.Time // nil for time.Now
	Logger *slog.Logger
}

// Stats counts what phones sent.
type Stats struct {
	Fixes     uint64
	Ignored   uint64 // messages of another type
	Malformed uint64
}

// Adapter turns a broker's messages into positions.
type Adapter struct {
	opts Options

	mu     sync.Mutex
	stats  Stats
	logged time.Time
}

// logAgain is how often a malformed message is in the log at most.
const logAgain = time.Minute

// New registers the adapter's handler with the broker, before the broker opens.
func New(opts Options) *Adapter {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Adapter{opts: opts}
	opts.Broker.Handle("owntracks/#", a.on)
	return a
}

// on takes one message. The broker keeps a login below its own topics; a
// message of another's is refused even if it did not. An external broker does
// not tell who it was: there the topic says it.
func (a *Adapter) on(_ context.Context, user, topic string, payload []byte) error {
	if user == "" {
		user, _ = personOf(topic)
	}
	fix, err := Decode(topic, payload, a.opts.Now())
	var bad *MalformedError
	switch {
	case errors.Is(err, ErrIgnored):
		a.count(func(s *Stats) { s.Ignored++ })
		return nil
	case errors.As(err, &bad):
		a.malformed(user, bad)
		return nil
	case err != nil:
		return err
	case fix.Person != user:
		return fmt.Errorf("topic %q is not of person %s", topic, user)
	}
	a.count(func(s *Stats) { s.Fixes++ })
	a.opts.Fix(fix)
	return nil
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

func (a *Adapter) malformed(user string, bad *MalformedError) {
	now := a.opts.Now()
	a.mu.Lock()
	a.stats.Malformed++
	total, say := a.stats.Malformed, now.Sub(a.logged) >= logAgain
	if say {
		a.logged = now
	}
	a.mu.Unlock()
	if say {
		a.opts.Logger.Warn("malformed position of a phone", "person", user, "why", bad.Error(), "malformed", total)
	}
}
