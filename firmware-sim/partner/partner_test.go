package partner_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	"github.com/watchpost-edge/watchpost/firmware-sim/partner"
)

// box is a broker that keeps the replies.
type box struct {
	mqtt.HookBase
	server *mqtt.Server

	mu      sync.Mutex
	replies []map[string]string
}

func (*box) ID() string { return "box" }
func (*box) Provides(what byte) bool {
	return what == mqtt.OnConnectAuthenticate || what == mqtt.OnACLCheck || what == mqtt.OnPublished
}
func (*box) OnConnectAuthenticate(_ *mqtt.Client, pk packets.Packet) bool {
	return string(pk.Connect.Username) == "works" && string(pk.Connect.Password) == "secret"
}
func (*box) OnACLCheck(_ *mqtt.Client, topic string, write bool) bool {
	return topic == map[bool]string{true: "partner/works/reply", false: "partner/works/orders"}[write]
}
func (b *box) OnPublished(cl *mqtt.Client, pk packets.Packet) {
	reply := map[string]string{}
	if cl.Net.Inline || json.Unmarshal(pk.Payload, &reply) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replies = append(b.replies, reply)
}

// said is what was replied to the order.
func (b *box) said(order string) (results []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, reply := range b.replies {
		if reply["order"] == order {
			results = append(results, reply["result"])
		}
	}
	return results
}

func start(t *testing.T, refuses bool) (*box, *partner.Partner) {
	b := &box{server: mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler), InlineClient: true})}
	require.NoError(t, b.server.AddHook(b, nil))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, b.server.AddListener(client.Farewell{Net: listeners.NewNet("t", ln), Server: b.server}))
	require.NoError(t, b.server.Serve())
	t.Cleanup(func() { require.NoError(t, b.server.Close()) })
	broker := "mqtt://" + ln.Addr().String()
	conf := partner.Config{
		ID: "works", Password: "secret", Broker: broker, AcceptAfter: time.Millisecond, DoneAfter: time.Millisecond, Refuses: refuses,
	}
	if refuses {
		conf.Broker = "" // it is told later
	}
	p := partner.New(conf, slog.New(slog.DiscardHandler))
	require.NoError(t, p.Open())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended); require.False(t, p.State().Running) })
	if refuses {
		require.ErrorContains(t, p.SetBroker("nowhere"), "partner works")
		require.NoError(t, p.SetBroker(broker))
	}
	require.Eventually(t, func() bool { return p.State().Connected }, time.Minute, time.Millisecond)
	return b, p
}

func (b *box) order(t *testing.T, id, news, order string) {
	t.Helper()
	text := fmt.Sprintf(`{"id":%q,"type":"watchpost.order.%s","data":{"order":%q,"number":7,"note":"塌陷"}}`, id, news, order)
	require.NoError(t, b.server.Publish("partner/works/orders", []byte(text), false, 1))
}

func TestPartnerAnswers(t *testing.T) {
	b, p := start(t, false)
	b.order(t, "e1", "issued", "T1")
	b.order(t, "e1", "issued", "T1")
	require.NoError(t, b.server.Publish("partner/works/orders", []byte("nonsense"), false, 1))
	require.Eventually(t, func() bool { return len(b.said("T1")) == 2 && p.State().Again == 1 }, time.Minute, time.Millisecond)
	require.Equal(t, []string{"accepted", "done"}, b.said("T1"))
	b.order(t, "e2", "returned", "T1")
	require.Eventually(t, func() bool { return len(b.said("T1")) == 4 }, time.Minute, time.Millisecond)
	b.order(t, "e3", "confirmed", "T1")
	require.Eventually(t, func() bool { return len(p.State().Orders["T1"].News) == 3 }, time.Minute, time.Millisecond)
	require.Equal(t, []string{"issued", "returned", "confirmed"}, p.State().Orders["T1"].News)
	require.Len(t, b.said("T1"), 4)
}

func TestPartnerRefuses(t *testing.T) {
	b, _ := start(t, true)
	b.order(t, "e1", "issued", "T1")
	require.Eventually(t, func() bool { return len(b.said("T1")) == 1 }, time.Minute, time.Millisecond)
	require.Equal(t, []string{"refused"}, b.said("T1"))
}
