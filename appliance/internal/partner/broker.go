package partner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// broker is the box's own MQTT broker.
type broker interface {
	Subscribed(topic string) bool
	Deliver(ctx context.Context, topic string, payload []byte) error
}

const (
	lookEvery = time.Second
	ackWithin = 10 * time.Second
)

// BrokerLine is the line to a partner that is a client of the box's own broker:
// its user is its id, its topics are partner/{id}/orders and …/reply. A
// session stands while it subscribes to its orders, and a message is delivered
// when the partner itself has acknowledged it, since the broker forgets.
type BrokerLine struct {
	Broker  broker
	Partner string
}

// Topic is where a partner's orders or replies go at the box's own broker.
func Topic(partner, what string) string { return "partner/" + partner + "/" + what }

// Connect implements bridge.Uplink.
func (l BrokerLine) Connect(context.Context, bridge.Handler) (bridge.Session, error) {
	if topic := Topic(l.Partner, "orders"); !l.Broker.Subscribed(topic) {
		return nil, fmt.Errorf("partner %s is not connected to the broker, or does not subscribe to %s with QoS 1", l.Partner, topic)
	}
	s := &brokerSession{line: l}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.watched = make(chan struct{})
	go s.watch()
	return s, nil
}

type brokerSession struct {
	line    BrokerLine
	ctx     context.Context
	cancel  context.CancelCauseFunc
	watched chan struct{}
}

// watch ends the session when the partner has gone.
func (s *brokerSession) watch() {
	defer close(s.watched)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		if !s.line.Broker.Subscribed(Topic(s.line.Partner, "orders")) {
			s.cancel(errors.New("the partner has left the broker"))
		}
	}
}

// delivered is the ticket of a message that was acknowledged within Send.
type delivered struct{}

func (delivered) Wait(context.Context) error { return nil }

// Send implements bridge.Session.
func (s *brokerSession) Send(ctx context.Context, b bridge.Batch) (bridge.Ticket, error) {
	for i := range b.Events {
		if err := s.deliver(ctx, b.Events[i].Wire); err != nil {
			s.cancel(err)
			return nil, err
		}
	}
	return delivered{}, nil
}

func (s *brokerSession) deliver(ctx context.Context, wire []byte) error {
	ctx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	return s.line.Broker.Deliver(ctx, Topic(s.line.Partner, "orders"), wire)
}

// State implements bridge.Session: the broker is the box.
func (s *brokerSession) State(context.Context, bridge.State) error { return nil }

// Done implements bridge.Session.
func (s *brokerSession) Done() <-chan struct{} { return s.ctx.Done() }

// Err implements bridge.Session.
func (s *brokerSession) Err() error { return context.Cause(s.ctx) }

// Close implements bridge.Session.
func (s *brokerSession) Close() {
	s.cancel(errors.New("closed"))
	<-s.watched
}
