package station

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A press that the journal cannot take gets neither PUBACK nor ack, and its
// connection is closed: so it comes again, and is there once.
func TestPressOnAFullDisk(t *testing.T) {
	b := newBench(t)
	b.cfg.Pillars = []config.Pillar{{ID: "P-1", Password: "secret"}}
	b.cfg.MQTT.Listen = "127.0.0.1:0"
	b.pillars = b.newPillars()
	require.NoError(t, b.pillars.broker.Open())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.pillars.broker.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })

	acks, lost := make(chan string, 16), make(chan error, 16)
	client := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + b.pillars.broker.Addr()).SetClientID("P-1").SetUsername("P-1").SetPassword("secret").
		SetAutoReconnect(false).SetCleanSession(true).SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err }).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			var ack struct{ ID, Result string }
			if json.Unmarshal(m.Payload(), &ack) == nil {
				acks <- ack.ID + " " + ack.Result
			}
		}))
	connect := func() {
		t.Helper()
		token := client.Connect()
		require.True(t, token.WaitTimeout(chainWithin))
		require.NoError(t, token.Error())
		token = client.Subscribe("pillar/P-1/ack", 1, nil)
		require.True(t, token.WaitTimeout(chainWithin))
		require.NoError(t, token.Error())
	}
	connect()
	defer client.Disconnect(100)
	press := []byte(`{"id":"e9","kind":"alarm","at":"` + time.Now().UTC().Format(time.RFC3339) + `","seq":9,"replayed":false}`)
	b.full.is.Store(true)
	token := client.Publish("pillar/P-1/press", 1, false, press)
	select {
	case <-lost:
	case <-time.After(chainWithin):
		t.Fatal("the connection was not closed")
	}
	require.True(t, token.WaitTimeout(chainWithin))
	require.Error(t, token.Error(), "no PUBACK")
	require.Empty(t, acks, "no ack")
	require.EqualValues(t, 1, b.pillars.adapter.Stats().Failed)

	b.full.is.Store(false)
	for range 2 {
		if !client.IsConnectionOpen() {
			connect()
		}
		token = client.Publish("pillar/P-1/press", 1, false, press)
		require.True(t, token.WaitTimeout(chainWithin))
		require.NoError(t, token.Error())
	}
	got := map[string]int{}
	for len(got) < 2 {
		select {
		case ack := <-acks:
			got[ack]++
		case <-time.After(chainWithin):
			t.Fatalf("acks: %v", got)
		}
	}
	require.Equal(t, 1, got["e9 stored"])
	require.NotZero(t, got["e9 duplicate"])
	presses := 0
	_, err := b.desk.View(t.Context(), func(s *desk.State) {
		for _, a := range s.Alerts() {
			if a.Press == "e9" && a.Kind == string(ingest.PressAlarm) {
				presses++
			}
		}
	})
	require.NoError(t, err)
	require.Equal(t, 1, presses)
}
