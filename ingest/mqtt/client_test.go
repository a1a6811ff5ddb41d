package mqtt_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
)

// foreign is a broker that is not ours, and lets everybody in.
func foreign(t *testing.T) string {
	t.Helper()
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, server.AddHook(new(auth.AllowHook), nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, server.AddListener(mqtt.Farewell(listeners.NewNet("x", l), server)))
	require.NoError(t, server.Serve())
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return l.Addr().String()
}

// attend keeps a client with one handler connected.
func attend(t *testing.T, address string, handle mqtt.Handler) *mqtt.Client {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	c := mqtt.NewClient(mqtt.ClientOptions{URL: "mqtt://" + address, ClientID: "watchpost", Logger: log})
	c.Handle("dev/+/x", handle)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ingest.Keep(ctx, log, ingest.Pace{First: time.Millisecond, Max: 10 * time.Millisecond, Steady: time.Minute}, c.Run)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	require.Eventually(t, c.Connected, soon, time.Millisecond)
	return c
}

func sender(t *testing.T, address string) paho.Client {
	t.Helper()
	c, _, err := dial(t, paho.NewClientOptions().AddBroker("tcp://"+address).SetClientID("sender").SetProtocolVersion(4))
	require.NoError(t, err)
	return c
}

func TestExternalBrokerKeepsTheOrderOfEachSender(t *testing.T) {
	const senders, each = 5, 40
	address := foreign(t)
	var mu sync.Mutex
	got := map[string][]string{}
	var waiting atomic.Int32
	all := make(chan struct{})
	attend(t, address, func(_ context.Context, _, topic string, payload []byte) error {
		if string(payload) == "0" && waiting.Add(1) == senders {
			close(all)
		}
		<-all // senders do not wait for each other
		mu.Lock()
		defer mu.Unlock()
		got[topic] = append(got[topic], string(payload))
		return nil
	})
	pub := sender(t, address)
	want := []string{}
	for n := range each {
		want = append(want, fmt.Sprint(n))
		for s := range senders {
			require.True(t, pub.Publish(fmt.Sprintf("dev/%d/x", s), 1, false, fmt.Sprint(n)).WaitTimeout(soon))
		}
	}
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		for s := range senders {
			if len(got[fmt.Sprintf("dev/%d/x", s)]) < each {
				return false
			}
		}
		return true
	}, soon, 5*time.Millisecond)
	for s := range senders {
		require.Equal(t, want, got[fmt.Sprintf("dev/%d/x", s)])
	}
}

func TestExternalBrokerDeliversAgainWhatWasNotTaken(t *testing.T) {
	address := foreign(t)
	var tries atomic.Int32
	taken := make(chan string, 10)
	c := attend(t, address, func(_ context.Context, _, _ string, payload []byte) error {
		if tries.Add(1) < 4 {
			return errors.New("disk is full")
		}
		taken <- string(payload)
		return nil
	})
	pub := sender(t, address)
	require.True(t, pub.Publish("dev/a/x", 1, false, "press").WaitTimeout(soon))
	select {
	case p := <-taken:
		require.Equal(t, "press", p)
	case <-time.After(soon):
		require.FailNow(t, "lost")
	}
	require.EqualValues(t, 3, c.Stats().Rejected)
	require.Eventually(t, func() bool { return c.Publish("dev/a/ack", []byte("ok"), 1, false) == nil }, soon, time.Millisecond)
}

func TestExternalBrokerThatIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c := mqtt.NewClient(mqtt.ClientOptions{URL: "mqtt://" + l.Addr().String(), ClientID: "x"})
	require.ErrorContains(t, c.Run(t.Context()), "connect to broker mqtt://"+l.Addr().String())
	require.ErrorContains(t, c.Publish("a", nil, 1, false), "not connected")
}
