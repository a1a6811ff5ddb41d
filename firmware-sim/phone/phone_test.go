package phone_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
	"github.com/watchpost-edge/watchpost/firmware-sim/phone"
)

// box is a broker that keeps what it is told, and grants no subscription.
type box struct {
	mqtt.HookBase
	server *mqtt.Server

	mu       sync.Mutex
	messages []packets.Packet
}

func (*box) ID() string { return "box" }
func (*box) Provides(what byte) bool {
	return what == mqtt.OnConnectAuthenticate || what == mqtt.OnACLCheck || what == mqtt.OnPublished
}
func (*box) OnConnectAuthenticate(_ *mqtt.Client, pk packets.Packet) bool {
	return string(pk.Connect.Username) == "zhang" && string(pk.Connect.Password) == "secret"
}
func (*box) OnACLCheck(_ *mqtt.Client, _ string, write bool) bool { return write }
func (b *box) OnPublished(_ *mqtt.Client, pk packets.Packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, pk)
}

func (b *box) heard() []packets.Packet {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]packets.Packet{}, b.messages...)
}

func listen(t *testing.T, address string) (*box, string) {
	b := &box{server: mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)})}
	require.NoError(t, b.server.AddHook(b, nil))
	ln, err := net.Listen("tcp", address)
	require.NoError(t, err)
	require.NoError(t, b.server.AddListener(client.Farewell{Net: listeners.NewNet("t", ln), Server: b.server}))
	require.NoError(t, b.server.Serve())
	return b, ln.Addr().String()
}

// TestRound: positions come as OwnTracks sends them, along the round; those of
// the time without a broker come later, in order.
func TestRound(t *testing.T) {
	b, address := listen(t, "127.0.0.1:0")
	p := phone.New(phone.Config{
		Person: "zhang", Device: "a1", Password: "secret", Broker: "mqtt://" + address, Center: phone.Position{Lat: 28.69, Lon: 115.99},
		RadiusM: 100, SpeedMPS: 50, Every: 20 * time.Millisecond,
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, p.Open())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	require.Eventually(t, func() bool { return len(b.heard()) >= 5 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, b.server.Close())
	before := len(b.heard())
	require.Eventually(t, func() bool { s := p.State(); return !s.Connected && s.Error != "" }, time.Minute, 10*time.Millisecond)

	b, address = listen(t, "127.0.0.1:0")
	t.Cleanup(func() { _ = b.server.Close() })
	require.Error(t, p.SetBroker("http://x"))
	require.NoError(t, p.SetBroker("mqtt://"+address))
	require.Eventually(t, func() bool { return p.State().Sent > uint64(before)+10 }, time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	require.False(t, p.State().Running)
	last, places := int64(0), map[float64]bool{}
	for _, pk := range b.heard() {
		require.Equal(t, "owntracks/zhang/a1", pk.TopicName)
		require.Equal(t, byte(1), pk.FixedHeader.Qos)
		var m struct {
			Type string `json:"_type"`
			Lat  float64
			Tst  int64
		}
		require.NoError(t, json.Unmarshal(pk.Payload, &m))
		require.Equal(t, "location", m.Type)
		require.InDelta(t, 28.69, m.Lat, 0.001)
		require.GreaterOrEqual(t, m.Tst, last)
		last, places[m.Lat] = m.Tst, true
	}
	require.Greater(t, len(places), 5, "it moves")
}
