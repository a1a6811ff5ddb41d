package partner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// room is the desk as a courier needs it.
type room interface {
	View(ctx context.Context, show func(*desk.State)) (uint64, error)
	Handle(ctx context.Context, in desk.Input) (desk.Result, error)
	Changed() <-chan struct{}
}

// Options of a courier.
type Options struct {
	Partner string
	Line    bridge.Uplink
	Desk    room
	Sender  Sender
	Age     time.Duration                     // what waits for longer is set aside
	Picture func(hash string) ([]byte, error) // nil: none goes along
	// Hopeless reports whether the desk would refuse the same again.
	Hopeless func(error) bool
	Pace     ingest.Pace // between attempts; zero: 500 ms to 30 s
	Log      *slog.Logger
}

// Status is how a partner's line stands.
type Status struct {
	Connected bool         `json:"connected"`
	Since     bridge.Stamp `json:"since"` // when Connected last changed; empty: never was
	Why       string       `json:"why,omitempty"`
	Sent      uint64       `json:"sent"`    // since the start of the box
	Refused   uint64       `json:"refused"` // replies that nobody could take, likewise
	RefusedOf string       `json:"refused_of,omitempty"`
}

// Courier is one partner's.
type Courier struct {
	o Options

	mu      sync.Mutex
	status  Status
	refusal rate.Sometimes // a partner that sends nonsense without end does not fill the log
}

// New makes a courier. It does no I/O.
func New(o Options) *Courier {
	if o.Pace == (ingest.Pace{}) {
		o.Pace = ingest.Pace{First: 500 * time.Millisecond, Max: 30 * time.Second, Steady: 10 * time.Second}
	}
	return &Courier{o: o, refusal: rate.Sometimes{First: 10, Interval: time.Minute}}
}

// Status is how the line stands.
func (c *Courier) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Run carries until ctx ends.
func (c *Courier) Run(ctx context.Context) error {
	ingest.Keep(ctx, c.o.Log, c.o.Pace, func(ctx context.Context) error {
		err := c.attempt(ctx)
		c.connected(false, err)
		return err
	})
	return nil
}

func (c *Courier) connected(is bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.Connected != is || c.status.Since.IsZero() {
		c.status.Connected, c.status.Since = is, bridge.At(time.Now())
	}
	c.status.Why = ""
	if err != nil {
		c.status.Why = err.Error()
	}
}

// attempt is one session of the line.
func (c *Courier) attempt(ctx context.Context) error {
	if err := c.dropStale(ctx); err != nil {
		return err
	}
	session, err := c.o.Line.Connect(ctx, handler{c})
	if err != nil {
		return err
	}
	defer session.Close()
	c.connected(true, nil)
	if err := session.State(ctx, bridge.State{Online: true, At: bridge.At(time.Now())}); err != nil {
		return err
	}
	for {
		changed := c.o.Desk.Changed()
		task, news, err := c.next(ctx)
		if err != nil {
			return err
		}
		if task != nil {
			if err := c.deliver(ctx, session, task, news); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-session.Done():
			return session.Err()
		case <-changed:
		}
	}
}

// next is the oldest news that the partner has not got; a nil task: there is
// none.
func (c *Courier) next(ctx context.Context) (task *desk.Task, news desk.OrderNews, err error) {
	_, err = c.o.Desk.View(ctx, func(s *desk.State) { task, news, _ = s.News(c.o.Partner) })
	return task, news, err
}

// deliver sends one message and tells the desk; in between lies the crash after
// which it goes once more.
func (c *Courier) deliver(ctx context.Context, session bridge.Session, task *desk.Task, news desk.OrderNews) error {
	in := desk.DeliveredIn{Task: task.ID, Message: news.Event, News: news.News}
	picture := c.picture(task, news)
	if picture != nil {
		in.Picture = picture.SHA256
	}
	wire, err := c.o.Sender.encode(task, news, picture)
	if err != nil {
		return err
	}
	err = send(ctx, session, bridge.Outgoing{ID: news.Event, Wire: wire})
	var refused *bridge.EventError
	switch {
	case errors.As(err, &refused):
		in.Refused, in.Picture = refused.Reason, ""
		c.o.Log.Warn("a partner's line does not take a message", "order", task.ID, "news", news.News, "reason", refused.Reason)
	case err != nil:
		return err
	}
	if _, err := c.o.Desk.Handle(ctx, in); err != nil {
		return fmt.Errorf("record delivery of order %s: %w", task.ID, err)
	}
	c.mu.Lock()
	c.status.Sent++
	c.mu.Unlock()
	return nil
}

func send(ctx context.Context, session bridge.Session, out bridge.Outgoing) error {
	ticket, err := session.Send(ctx, bridge.Batch{Way: bridge.WayOrder, Events: []bridge.Outgoing{out}})
	if err != nil {
		return err
	}
	return ticket.Wait(ctx)
}

// dropStale sets aside what has waited for too long.
func (c *Courier) dropStale(ctx context.Context) error {
	for {
		task, news, err := c.next(ctx)
		if task == nil || err != nil {
			return err
		}
		why := desk.StaleNews(news, time.Now(), c.o.Age)
		if why == "" {
			return nil
		}
		c.o.Log.Warn("a message to a partner is set aside", "order", task.ID, "news", news.News, "why", why)
		if _, err := c.o.Desk.Handle(ctx, desk.DeliveredIn{Task: task.ID, Message: news.Event, News: news.News, Refused: why}); err != nil {
			return fmt.Errorf("set order %s aside: %w", task.ID, err)
		}
	}
}

// handler takes what comes over the line.
type handler struct{ *Courier }

// Presence implements bridge.Handler: a partner's line has none.
func (handler) Presence(bool) {}

// Receive implements bridge.Handler.
func (h handler) Receive(ctx context.Context, kind bridge.MessageKind, payload []byte) error {
	if kind != "reply" {
		return nil
	}
	return h.Reply(ctx, payload)
}

// Reply takes a reply that came over a line without answers. After nil it is
// stored, or will never be taken; after an error it has to come again.
func (c *Courier) Reply(ctx context.Context, payload []byte) error {
	reply, err := ReadReply(payload)
	if err == nil {
		_, err = c.o.Desk.Handle(ctx, reply.Input(c.o.Partner))
	}
	if err == nil || !c.o.Hopeless(err) {
		return err
	}
	c.refusal.Do(func() { c.o.Log.Warn("a partner's reply is refused", "order", reply.Order, "err", err) })
	c.mu.Lock()
	c.status.Refused, c.status.RefusedOf = c.status.Refused+1, err.Error()
	c.mu.Unlock()
	return nil
}
