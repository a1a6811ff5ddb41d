package mqtt_test

import (
	"context"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest/mqtt"
)

// What Deliver says is the subscriber's word, not the broker's.
func TestDeliverWaitsForTheSubscriber(t *testing.T) {
	b := open(t, nil)
	const topic = "dev/a/orders"
	require.ErrorIs(t, b.Deliver(t.Context(), topic, []byte("1")), mqtt.ErrNobody)

	got, taken := make(chan string, 8), make(chan struct{})
	c, _, err := dial(t, options(b, "a").SetAutoAckDisabled(true).SetOrderMatters(false))
	require.NoError(t, err)
	token := c.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) {
		got <- string(m.Payload())
		<-taken
		m.Ack()
	})
	require.True(t, token.WaitTimeout(soon))
	require.Eventually(t, func() bool { return b.Subscribed(topic) }, soon, time.Millisecond)

	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- b.Deliver(ctx, topic, []byte("not acknowledged")) }()
	require.Equal(t, "not acknowledged", <-got)
	cancel()
	require.ErrorContains(t, <-ended, "no PUBACK")

	go func() { ended <- b.Deliver(t.Context(), topic, []byte("acknowledged")) }()
	require.Equal(t, "acknowledged", <-got)
	require.ErrorContains(t, b.Deliver(t.Context(), topic, []byte("beside it")), "another message is on its way")
	close(taken)
	require.NoError(t, <-ended)

	// With QoS 0 nobody says that it arrived.
	other, _, err := dial(t, options(b, "b"))
	require.NoError(t, err)
	require.True(t, other.Subscribe("dev/b/orders", 0, nil).WaitTimeout(soon))
	require.ErrorIs(t, b.Deliver(t.Context(), "dev/b/orders", []byte("1")), mqtt.ErrNobody)
}
