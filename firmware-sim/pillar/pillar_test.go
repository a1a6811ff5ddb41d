package pillar_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/firmware-sim/pillar"
)

// box is a broker that plays the station: it sees presses and answers on demand.
type box struct {
	mqtt.HookBase
	port   *fault.Port
	server *mqtt.Server

	mu       sync.Mutex
	answer   string // result for every press; empty: silence
	presses  []pillar.Press
	statuses []string
}

func (b *box) ID() string { return "box" }

func (b *box) Provides(what byte) bool {
	return what == mqtt.OnConnectAuthenticate || what == mqtt.OnACLCheck || what == mqtt.OnPublished || what == mqtt.OnWillSent
}

func (b *box) OnConnectAuthenticate(_ *mqtt.Client, pk packets.Packet) bool {
	return string(pk.Connect.Username) == "P-001" && string(pk.Connect.Password) == "secret"
}

func (b *box) OnACLCheck(cl *mqtt.Client, topic string, _ bool) bool {
	return strings.HasPrefix(topic, "pillar/"+cl.ID+"/")
}

func (b *box) OnWillSent(cl *mqtt.Client, pk packets.Packet) { b.OnPublished(cl, pk) }

func (b *box) OnPublished(_ *mqtt.Client, pk packets.Packet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case strings.HasSuffix(pk.TopicName, "/status"):
		b.statuses = append(b.statuses, string(pk.Payload))
	case strings.HasSuffix(pk.TopicName, "/press"):
		var press pillar.Press
		if json.Unmarshal(pk.Payload, &press) != nil {
			return
		}
		b.presses = append(b.presses, press)
		if b.answer != "" {
			payload := fmt.Sprintf(`{"id":%q,"result":%q,"incident":"I1"}`, press.ID, b.answer)
			go func() { _ = b.server.Publish("pillar/P-001/ack", []byte(payload), false, 1) }()
		}
	}
}

func (b *box) answerWith(result string) { b.mu.Lock(); b.answer = result; b.mu.Unlock() }

func (b *box) seen() []pillar.Press {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]pillar.Press(nil), b.presses...)
}

func (b *box) lastStatus() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.statuses) == 0 {
		return ""
	}
	return b.statuses[len(b.statuses)-1]
}

func (b *box) start(t *testing.T) {
	t.Helper()
	b.server = mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, b.server.AddHook(b, nil))
	ln, err := b.port.Listen()
	require.NoError(t, err)
	require.NoError(t, b.server.AddListener(client.Farewell{Net: listeners.NewNet("tcp", ln), Server: b.server}))
	require.NoError(t, b.server.Serve())
}

func (b *box) stop(t *testing.T) {
	t.Helper()
	b.port.Kill()
	require.NoError(t, b.server.Close())
}

func newBox(t *testing.T) *box {
	t.Helper()
	port, err := fault.NewPort("127.0.0.1:0")
	require.NoError(t, err)
	b := &box{port: port}
	b.start(t)
	t.Cleanup(func() { b.stop(t); require.NoError(t, port.Release()) })
	return b
}

func (b *box) url() string { return "mqtt://" + b.port.Addr() }

type running struct {
	*pillar.Pillar
	cancel context.CancelCauseFunc
	done   chan error
}

func switchOn(t *testing.T, conf pillar.Config) *running {
	t.Helper()
	p, err := pillar.New(conf, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	r := &running{Pillar: p}
	require.NoError(t, p.Open())
	ctx, cancel := context.WithCancelCause(context.Background())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- p.Run(ctx) }()
	t.Cleanup(func() {
		if p.State().Running {
			r.off(t, nil)
		}
	})
	return r
}

func (r *running) off(t *testing.T, cause error) {
	t.Helper()
	r.cancel(cause)
	select {
	case err := <-r.done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.Fail(t, "pillar did not stop")
	}
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	require.Eventually(t, f, time.Minute, 10*time.Millisecond)
}

// config is a pillar that sends nothing again while its connection stands.
func config(t *testing.T, b *box) pillar.Config {
	return pillar.Config{ID: "P-001", Password: "secret", Broker: b.url(), Dir: t.TempDir(), Resend: time.Hour}
}

func TestPressIsAcked(t *testing.T) {
	b := newBox(t)
	b.answerWith("stored")
	p := switchOn(t, config(t, b))
	press, err := p.Press("alarm")
	require.NoError(t, err)
	require.Equal(t, uint64(1), press.Seq)
	eventually(t, func() bool { return p.State().Answers[press.ID].Result == "stored" })
	s := p.State()
	require.Empty(t, s.Pending)
	require.Equal(t, "I1", s.Answers[press.ID].Incident)
	require.Positive(t, s.Answers[press.ID].LatencyMS)
	require.Equal(t, []pillar.Press{press}, b.seen())
	require.Contains(t, b.lastStatus(), `"online":true`)

	require.NoError(t, b.server.Publish("pillar/P-001/command", []byte(`{"light":"flash"}`), false, 1))
	eventually(t, func() bool { c := p.State().Command; return c != nil && c.Light == "flash" })
}

func TestPressIsSentAgainUntilAnswered(t *testing.T) {
	b := newBox(t)
	conf := config(t, b)
	conf.Resend = 300 * time.Millisecond
	p := switchOn(t, conf)
	press, err := p.Press("duress")
	require.NoError(t, err)
	eventually(t, func() bool { return len(b.seen()) >= 3 })
	for i, got := range b.seen() {
		want := press
		want.Replayed = i > 0
		require.Equal(t, want, got)
	}
	require.Len(t, p.State().Pending, 1)
	b.answerWith("rejected")
	eventually(t, func() bool { return len(p.State().Pending) == 0 })
	require.Equal(t, "rejected", p.State().Answers[press.ID].Result)
}

func TestPressSurvivesRestartsAndOutages(t *testing.T) {
	b := newBox(t)
	conf := config(t, b)
	p := switchOn(t, conf)
	first, err := p.Press("alarm")
	require.NoError(t, err)
	eventually(t, func() bool { return len(b.seen()) >= 1 })
	b.stop(t)
	eventually(t, func() bool { return !p.State().Connected })
	second, err := p.Press("alarm")
	require.NoError(t, err)
	p.off(t, fault.ErrKilled)
	_, err = p.Press("alarm")
	require.ErrorIs(t, err, pillar.ErrOff)

	p = switchOn(t, conf) // another process with the same flash memory
	require.Len(t, p.State().Pending, 2)
	third, err := p.Press("alarm")
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 2, 3}, []uint64{first.Seq, second.Seq, third.Seq})
	before := len(b.seen())
	b.answerWith("stored")
	b.start(t)
	eventually(t, func() bool { return len(p.State().Pending) == 0 })
	var order []string
	for _, got := range b.seen()[before:] {
		order = append(order, got.ID)
		require.Equal(t, got.ID != third.ID, got.Replayed)
	}
	require.Equal(t, []string{first.ID, second.ID, third.ID}, order)
	p.off(t, nil)

	p = switchOn(t, conf)
	require.Empty(t, p.State().Pending)
	fourth, err := p.Press("test")
	require.NoError(t, err)
	require.Equal(t, uint64(4), fourth.Seq)
}

func TestStatusAndWill(t *testing.T) {
	b := newBox(t)
	conf := config(t, b)
	p := switchOn(t, conf)
	eventually(t, func() bool { return strings.Contains(b.lastStatus(), `"online":true`) })
	p.off(t, fault.ErrKilled)
	eventually(t, func() bool { return b.lastStatus() == `{"online":false}` })
	p = switchOn(t, conf)
	eventually(t, func() bool { return strings.Contains(b.lastStatus(), `"online":true`) })
	p.off(t, nil)
	eventually(t, func() bool {
		return strings.Contains(b.lastStatus(), `"online":false`) && b.lastStatus() != `{"online":false}`
	})
}

func TestBrokerComesLaterAndWrongPasswordIsTold(t *testing.T) {
	b := newBox(t)
	b.answerWith("stored")
	conf := config(t, b)
	conf.Broker = ""
	p := switchOn(t, conf)
	press, err := p.Press("alarm")
	require.NoError(t, err)
	eventually(t, func() bool { return p.State().Error == "no broker is known yet" })
	require.Error(t, p.SetBroker("http://elsewhere"))
	require.NoError(t, p.SetBroker(b.url()))
	eventually(t, func() bool { return p.State().Answers[press.ID].Result == "stored" })

	wrong := config(t, b)
	wrong.Password = "wrong"
	q := switchOn(t, wrong)
	eventually(t, func() bool {
		return strings.Contains(strings.ToLower(q.State().Error), "authorized") || strings.Contains(q.State().Error, "password")
	})
	_, err = q.Press("hello")
	require.ErrorContains(t, err, "want one of")
}
