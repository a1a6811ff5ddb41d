package partner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
	"github.com/watchpost-edge/watchpost/ingest"
	broker "github.com/watchpost-edge/watchpost/ingest/mqtt"
	"github.com/watchpost-edge/watchpost/vision"
)

func sightingIn(snapshot string) desk.SightingIn {
	now := time.Now()
	return desk.SightingIn{Snapshot: snapshot, Sighting: vision.Sighting{
		ID: "s" + now.String(), Phase: vision.Raised, Camera: ingest.CameraID("gate"), Rule: "r", Kind: "left_object", Priority: "P2", From: now, To: now, ReceivedAt: now,
	}}
}

// program is a partner's program on a broker: it keeps what comes.
type program struct {
	paho.Client
	got chan partner.Message
}

func newProgram(t *testing.T, addr, user, password, topic string) *program {
	t.Helper()
	p := &program{got: make(chan partner.Message, 64)}
	p.Client = paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("program-of-" + user).SetUsername(user).SetPassword(password).
		SetProtocolVersion(4).SetAutoReconnect(false).SetCleanSession(true))
	token := p.Connect()
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	t.Cleanup(func() { p.Disconnect(50) })
	token = p.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) {
		var one partner.Message
		if json.Unmarshal(m.Payload(), &one) == nil {
			p.got <- one
		}
	})
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	return p
}

func (p *program) reply(t *testing.T, topic, text string) {
	t.Helper()
	token := p.Publish(topic, 1, false, text)
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
}

func (p *program) next(t *testing.T) partner.Message {
	t.Helper()
	select {
	case m := <-p.got:
		return m
	case <-time.After(patience):
		require.FailNow(t, "no order came")
		return partner.Message{}
	}
}

// A partner behind a broker of its own: orders, replies, its broker's outage,
// a reply for somebody else's order.
func TestPartnersBroker(t *testing.T) {
	s := newStation(t)
	peer := uplinktest.NewMosquitto(t)
	peer.Bare = true
	peer.Start()
	line, err := mqtt.New(mqtt.Options{URL: "mqtt://" + peer.Addr(), Station: "test", Box: "a", Topic: "city/council"})
	require.NoError(t, err)
	c, _ := s.courier("council", line)
	p := newProgram(t, peer.Addr(), "", "", "city/council/orders")
	order := s.route("quarrel")[0]
	m := p.next(t)
	require.Equal(t, []string{"watchpost.order.issued", order}, []string{m.Type, m.Data.Order})
	eventually(t, func() bool { return s.delivered(order) })

	for range 2 { // twice, once in effect
		p.reply(t, "city/council/reply", fmt.Sprintf(`{"order":%q,"id":"r1","result":"accepted"}`, order))
	}
	eventually(t, func() bool { return s.task(order).State == desk.Accepted })
	lights := s.route("light")[0]
	p.reply(t, "city/council/reply", fmt.Sprintf(`{"order":%q,"id":"r2","result":"done","report":"x"}`, lights))
	p.reply(t, "city/council/reply", `{"order":`)
	eventually(t, func() bool { return c.Status().Refused == 2 })
	require.Equal(t, desk.Issued, s.task(lights).State)
	require.Equal(t, 1, s.count(desk.TypeTaskAccepted))

	peer.Kill()
	eventually(t, func() bool { return !c.Status().Connected })
	second := s.route("quarrel")[0]
	peer.Start()
	p = newProgram(t, peer.Addr(), "", "", "city/council/orders")
	eventually(t, func() bool { return s.delivered(second) })
	p.reply(t, "city/council/reply", fmt.Sprintf(`{"order":%q,"id":"r3","result":"done","report":"已调解"}`, order))
	eventually(t, func() bool { return s.task(order).State == desk.Reported })
	require.Equal(t, "已调解", s.task(order).Report)
}

// A partner on the box's own broker: nothing counts as delivered before the
// partner itself has it.
func TestOwnBroker(t *testing.T) {
	s := newStation(t)
	b := broker.New(broker.Options{Listen: "127.0.0.1:0", Accounts: func(user string) (broker.Account, bool) {
		return broker.Account{Password: "pw", Prefix: "partner/" + user + "/"}, user == "council" || user == "lights"
	}})
	var at atomic.Pointer[partner.Courier]
	b.Handle(partner.Topic("+", "reply"), func(ctx context.Context, user, _ string, payload []byte) error {
		if user == "council" {
			return at.Load().Reply(ctx, payload)
		}
		return nil
	})
	require.NoError(t, b.Open())
	c, _ := s.courier("council", partner.BrokerLine{Broker: b, Partner: "council"})
	at.Store(c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended) })

	order := s.route("quarrel")[0]
	eventually(t, func() bool { return c.Status().Why != "" })
	require.Contains(t, c.Status().Why, "council is not connected to the broker")
	require.False(t, s.delivered(order))
	p := newProgram(t, b.Addr(), "council", "pw", "partner/council/orders")
	require.Equal(t, order, p.next(t).Data.Order)
	eventually(t, func() bool { return s.delivered(order) && c.Status().Connected })
	p.reply(t, "partner/council/reply", fmt.Sprintf(`{"order":%q,"result":"refused","reason":"不在辖区"}`, order))
	eventually(t, func() bool { return s.task(order).State == desk.HandedBack })
	require.Equal(t, "不在辖区", s.task(order).Reason)
	p.Disconnect(50)
	eventually(t, func() bool { return !c.Status().Connected })
}
