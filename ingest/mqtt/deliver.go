package mqtt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// ErrNobody says that nobody is connected who subscribes to the topic.
var ErrNobody = errors.New("nobody is connected who subscribes to it with QoS 1")

// deliveries is which messages of Deliver are on their way: published, and not
// yet acknowledged by a subscriber. Its methods run on mochi's goroutines.
type deliveries struct {
	mochi.HookBase

	mu      sync.Mutex
	waiting map[string]chan struct{} // topic → closed at the first PUBACK; one at a time per topic
	sent    map[sentKey]string       // → topic
}

type sentKey struct {
	client string
	packet uint16
}

func newDeliveries() *deliveries {
	return &deliveries{waiting: map[string]chan struct{}{}, sent: map[sentKey]string{}}
}

func (d *deliveries) ID() string { return "deliveries" }

func (d *deliveries) Provides(b byte) bool {
	return b == mochi.OnQosPublish || b == mochi.OnQosComplete || b == mochi.OnQosDropped
}

// OnQosPublish comes before the message is queued for the client.
func (d *deliveries) OnQosPublish(cl *mochi.Client, pk packets.Packet, _ int64, _ int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[pk.TopicName] != nil {
		d.sent[sentKey{cl.ID, pk.PacketID}] = pk.TopicName
	}
}

func (d *deliveries) OnQosComplete(cl *mochi.Client, pk packets.Packet) { d.end(cl, pk, true) }
func (d *deliveries) OnQosDropped(cl *mochi.Client, pk packets.Packet)  { d.end(cl, pk, false) }

func (d *deliveries) end(cl *mochi.Client, pk packets.Packet, acknowledged bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := sentKey{cl.ID, pk.PacketID}
	topic, known := d.sent[key]
	delete(d.sent, key)
	if done := d.waiting[topic]; known && acknowledged && done != nil {
		close(done)
		delete(d.waiting, topic)
	}
}

// begin says that the topic's next message is waited for.
func (d *deliveries) begin(topic string) (done chan struct{}, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[topic] != nil {
		return nil, false
	}
	done = make(chan struct{})
	d.waiting[topic] = done
	return done, true
}

// forget ends what begin began.
func (d *deliveries) forget(topic string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting, topic)
	for key, of := range d.sent {
		if of == topic {
			delete(d.sent, key)
		}
	}
}

// Deliver publishes with QoS 1 and returns when a subscriber has acknowledged
// the message, not only the broker: ErrNobody when nobody is there to do so,
// and ctx's error when nobody does. One message of a topic at a time.
func (b *Broker) Deliver(ctx context.Context, topic string, payload []byte) error {
	if !b.Subscribed(topic) {
		return fmt.Errorf("deliver on %s: %w", topic, ErrNobody)
	}
	done, ok := b.deliveries.begin(topic)
	if !ok {
		return fmt.Errorf("deliver on %s: another message is on its way", topic)
	}
	defer b.deliveries.forget(topic)
	if err := b.Publish(topic, payload, 1, false); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("deliver on %s: no PUBACK: %w", topic, context.Cause(ctx))
	}
}

// Subscribed reports whether a client is connected that subscribes to the topic
// with QoS 1.
func (b *Broker) Subscribed(topic string) bool {
	if b.server == nil {
		return false
	}
	for id, sub := range b.server.Topics.Subscribers(topic).Subscriptions {
		if cl, known := b.server.Clients.Get(id); known && !cl.Closed() && sub.Qos > 0 {
			return true
		}
	}
	return false
}
