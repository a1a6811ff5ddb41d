package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/watchpost-edge/watchpost/bridge"
)

// inboxMax bounds what came down and is not handled; the broker holds back the
// rest, since it is not acknowledged.
const inboxMax = 256

// takeAgain is how often what could not be taken is tried again.
const takeAgain = time.Second

// session is one connection. Its end is its own: nothing is carried over.
type session struct {
	uplink *Uplink
	handle bridge.Handler
	client paho.Client
	inbox  chan paho.Message

	ctx    context.Context // of the worker; ends with the session
	cancel context.CancelCauseFunc
	worker sync.WaitGroup
	closed sync.Once
}

var _ bridge.Session = (*session)(nil)

func newSession(u *Uplink, h bridge.Handler) *session {
	s := &session{uplink: u, handle: h, inbox: make(chan paho.Message, inboxMax)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// work takes what came down. What the room cannot store now is tried again
// while the session stands, and by the next one: alarms go up meanwhile.
func (s *session) work() {
	s.worker.Go(func() {
		again := time.NewTicker(takeAgain)
		defer again.Stop()
		var left []paho.Message // neither taken nor acknowledged
		for {
			select {
			case <-s.ctx.Done():
				return
			case m := <-s.inbox:
				if !s.take(m) {
					left = append(left, m)
				}
			case <-again.C:
				left = slices.DeleteFunc(left, s.take)
			}
			if len(left) > inboxMax {
				s.end(fmt.Errorf("%d messages from above cannot be stored", len(left)))
			}
		}
	})
}

// open connects and subscribes. What the broker kept for us may arrive before
// the subscription is confirmed.
func (s *session) open(ctx context.Context) error {
	if err := s.wait(ctx, s.client.Connect()); err != nil {
		return err
	}
	token := s.client.Subscribe(s.uplink.filter, qos, nil)
	if err := s.wait(ctx, token); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for topic, granted := range token.(*paho.SubscribeToken).Result() {
		if granted > qos { // 0x80: the broker refused
			return fmt.Errorf("subscribe %s: refused by the broker", topic)
		}
	}
	return nil
}

// wait waits for a token, as long as the session stands.
func (s *session) wait(ctx context.Context, token paho.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// receive runs on paho's own goroutine: it hands over and returns.
func (s *session) receive(_ paho.Client, m paho.Message) {
	select {
	case s.inbox <- m:
	case <-s.ctx.Done():
	}
}

// take handles one message and acknowledges it only then: an order survives a
// crash in between. It reports whether it was taken.
func (s *session) take(m paho.Message) bool {
	leaf := strings.TrimPrefix(m.Topic(), s.uplink.down)
	if leaf == "presence" {
		s.presence(m.Payload())
	} else if err := s.handle.Receive(s.ctx, bridge.MessageKind(leaf), m.Payload()); err != nil {
		s.uplink.options.Logger.Warn("message from above not stored, trying again", "kind", leaf, "err", err)
		return false
	}
	m.Ack()
	return true
}

func (s *session) presence(payload []byte) {
	var presence struct {
		Listening bool `json:"listening"`
	}
	// An empty payload is a retained message taken back: nobody listens.
	if err := json.Unmarshal(payload, &presence); err != nil && len(payload) > 0 {
		s.uplink.options.Logger.Warn("presence cannot be read", "err", err)
	}
	s.handle.Presence(presence.Listening)
}

// Send implements bridge.Session. The forwarder calls it from one goroutine per
// way, so what is urgent slips between the events of a long batch.
func (s *session) Send(ctx context.Context, b bridge.Batch) (bridge.Ticket, error) {
	topic := s.uplink.root + "up/"
	switch b.Way {
	case bridge.WayOrder:
		topic = s.uplink.root + "orders"
	case bridge.WayNow:
		topic += "now"
	case bridge.WayReplay:
		topic += "replay/" + string(b.Lane)
	default:
		topic += string(b.Lane)
	}
	sent := tokens{session: s, tokens: make([]paho.Token, 0, len(b.Events))}
	for i := range b.Events {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sent.tokens = append(sent.tokens, s.client.Publish(topic, qos, false, b.Events[i].Wire))
	}
	return &sent, nil
}

// tokens is a batch on its way to the broker.
type tokens struct {
	session *session
	tokens  []paho.Token
}

// Wait implements bridge.Ticket.
func (t *tokens) Wait(ctx context.Context) error {
	limit := t.session.uplink.options.AckWithin
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no PUBACK within %s", limit))
	defer cancel()
	for _, token := range t.tokens {
		if err := t.session.wait(ctx, token); err != nil {
			return err
		}
	}
	return nil
}

// State implements bridge.Session.
func (s *session) State(ctx context.Context, state bridge.State) error {
	payload, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return s.wait(ctx, s.client.Publish(s.uplink.root+"state", qos, true, payload))
}

// Done implements bridge.Session.
func (s *session) Done() <-chan struct{} { return s.ctx.Done() }

// Err implements bridge.Session.
func (s *session) Err() error { return context.Cause(s.ctx) }

func (s *session) end(why error) { s.cancel(why) }

var errClosed = errors.New("closed")

// Close implements bridge.Session. A connection that still stands says that the
// box is offline, as its Will would: leaving in good order takes the Will back.
func (s *session) Close() {
	s.closed.Do(func() {
		s.end(errClosed)
		s.worker.Wait()
		if s.client.IsConnectionOpen() {
			token := s.client.Publish(s.uplink.root+"state", qos, true, []byte(`{"online":false}`))
			if !token.WaitTimeout(goodbye) || token.Error() != nil {
				s.uplink.options.Logger.Info("left without a word", "err", token.Error())
			}
		}
		s.client.Disconnect(uint(goodbye / time.Millisecond))
	})
}
