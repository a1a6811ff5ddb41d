package pillar_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

const soon = time.Minute // of a loaded machine

// box is a broker with an adapter before a store that a test controls.
type box struct {
	broker  *mqtt.Broker
	adapter *pillar.Adapter
	fail    atomic.Bool

	mu       sync.Mutex
	presses  map[string]ingest.Press
	statuses []ingest.PillarStatus
	hold     func() // called inside Press
}

func (b *box) press(_ context.Context, p ingest.Press) (ingest.PressResult, error) {
	if b.hold != nil {
		b.hold()
	}
	if b.fail.Load() {
		return ingest.PressResult{}, errors.New("disk is full")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	key := p.Pillar + "/" + p.ID
	if _, known := b.presses[key]; known {
		return ingest.PressResult{Result: "duplicate", Incident: "I-" + p.ID}, nil
	}
	b.presses[key] = p
	return ingest.PressResult{Result: "stored", Incident: "I-" + p.ID}, nil
}

func (b *box) stored() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.presses)
}

func (b *box) lastStatus() ingest.PillarStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.statuses) == 0 {
		return ingest.PillarStatus{}
	}
	return b.statuses[len(b.statuses)-1]
}

func open(t *testing.T, hold func()) *box {
	t.Helper()
	b := &box{presses: make(map[string]ingest.Press), hold: hold}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	b.broker = mqtt.New(mqtt.Options{
		Listen: "127.0.0.1:0", Logger: log,
		Accounts: func(user string) (mqtt.Account, bool) {
			return mqtt.Account{Password: "secret-" + user, Prefix: pillar.Prefix(user)}, strings.HasPrefix(user, "P-")
		},
	})
	b.adapter = pillar.New(pillar.Options{
		Broker: b.broker, Press: b.press, Logger: log,
		Known: func(id string) bool { return strings.HasPrefix(id, "P-") },
		Status: func(s ingest.PillarStatus) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.statuses = append(b.statuses, s)
		},
	})
	require.NoError(t, b.broker.Open())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.broker.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return b
}

// device is a pillar that speaks through paho.
type device struct {
	paho.Client
	id   string
	acks chan pillar.Ack
}

func connect(t *testing.T, b *box, id string, change func(*paho.ClientOptions)) (*device, error) {
	t.Helper()
	opts := paho.NewClientOptions().AddBroker("tcp://" + b.broker.Addr()).SetClientID(id).SetUsername(id).
		SetPassword("secret-" + id).SetProtocolVersion(4).SetCleanSession(true).SetConnectRetry(false).
		SetAutoReconnect(true).SetMaxReconnectInterval(50 * time.Millisecond).SetOrderMatters(false)
	if change != nil {
		change(opts)
	}
	d := &device{id: id, acks: make(chan pillar.Ack, 100)}
	subscribed := make(chan struct{}, 100)
	opts.SetOnConnectHandler(func(c paho.Client) {
		c.Subscribe(pillar.Topic(id, "ack"), 1, func(_ paho.Client, m paho.Message) {
			var a pillar.Ack
			if json.Unmarshal(m.Payload(), &a) == nil {
				d.acks <- a
			}
		}).WaitTimeout(soon)
		subscribed <- struct{}{}
	})
	d.Client = paho.NewClient(opts)
	token := d.Connect()
	require.True(t, token.WaitTimeout(soon))
	t.Cleanup(func() { d.Disconnect(0) })
	if token.Error() == nil {
		<-subscribed // or the first ack would find nobody
	}
	return d, token.Error()
}

func (d *device) press(t *testing.T, payload string) paho.Token {
	t.Helper()
	return d.Publish(pillar.Topic(d.id, "press"), 1, false, payload)
}

func (d *device) ack(t *testing.T) pillar.Ack {
	t.Helper()
	select {
	case a := <-d.acks:
		return a
	case <-time.After(soon):
		require.FailNow(t, "no ack")
		return pillar.Ack{}
	}
}

func alarm(id string) string { return fmt.Sprintf(`{"id":%q,"kind":"alarm","seq":1}`, id) }

func TestPressIsStoredBeforeItIsAcknowledged(t *testing.T) {
	release := make(chan struct{})
	b := open(t, func() { <-release })
	d, err := connect(t, b, "P-001", nil)
	require.NoError(t, err)
	token := d.press(t, alarm("e1"))
	require.False(t, token.WaitTimeout(200*time.Millisecond), "PUBACK before the press is stored")
	require.Empty(t, d.acks)
	close(release)
	require.True(t, token.WaitTimeout(soon))
	require.NoError(t, token.Error())
	a := d.ack(t)
	require.Equal(t, "stored", a.Result)
	require.Equal(t, "I-e1", a.Incident)

	require.True(t, d.press(t, alarm("e1")).WaitTimeout(soon))
	require.Equal(t, "duplicate", d.ack(t).Result)
	require.Equal(t, 1, b.stored())
	_, heard := b.adapter.Heard("P-001")
	require.True(t, heard)
}

func TestFailedPressComesAgain(t *testing.T) {
	b := open(t, nil)
	b.fail.Store(true)
	d, err := connect(t, b, "P-001", func(o *paho.ClientOptions) { o.SetCleanSession(false) })
	require.NoError(t, err)
	d.press(t, alarm("e1"))
	require.Eventually(t, func() bool { return b.adapter.Stats().Failed >= 2 }, soon, 5*time.Millisecond, "the connection is closed, so it is sent again")
	require.Empty(t, d.acks, "no ack for what is not stored")
	b.fail.Store(false)
	// paho sends it again only because it never saw a PUBACK.
	require.Eventually(t, func() bool { return b.stored() == 1 }, soon, 5*time.Millisecond)
}

func TestMalformedPressIsRejectedOnce(t *testing.T) {
	b := open(t, nil)
	d, err := connect(t, b, "P-001", nil)
	require.NoError(t, err)
	token := d.press(t, `{"id":"e1","kind":"fire"}`)
	require.True(t, token.WaitTimeout(soon))
	require.NoError(t, token.Error(), "acknowledged, or it would come for ever")
	a := d.ack(t)
	require.Equal(t, "e1", a.ID)
	require.Equal(t, "rejected", a.Result)
	require.Contains(t, a.Reason, `kind: "fire"`)
	require.Zero(t, b.stored())
	require.EqualValues(t, 1, b.adapter.Stats().Malformed)
	require.True(t, d.IsConnected())
}

func TestStatusRetainedAndWill(t *testing.T) {
	b := open(t, nil)
	nc, err := net.Dial("tcp", b.broker.Addr())
	require.NoError(t, err)
	d, err := connect(t, b, "P-001", func(o *paho.ClientOptions) {
		o.SetWill(pillar.Topic("P-001", "status"), `{"online":false}`, 1, true).SetAutoReconnect(false)
		o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return nc, nil })
	})
	require.NoError(t, err)
	d.Publish(pillar.Topic("P-001", "status"), 1, true, `{"online":true,"battery_mv":12100}`)
	require.Eventually(t, func() bool { return b.lastStatus().Online }, soon, 5*time.Millisecond)
	require.NoError(t, nc.Close())
	require.Eventually(t, func() bool { return !b.lastStatus().Online }, soon, 5*time.Millisecond)
	again, err := connect(t, b, "P-001", func(o *paho.ClientOptions) { o.SetClientID("another") })
	require.NoError(t, err)
	kept := make(chan string, 1)
	again.Subscribe(pillar.Topic("P-001", "status"), 1, func(_ paho.Client, m paho.Message) { kept <- string(m.Payload()) })
	require.JSONEq(t, `{"online":false}`, <-kept)
	require.EqualValues(t, 2, b.adapter.Stats().Statuses)
}

func TestCommandReachesThePillar(t *testing.T) {
	b := open(t, nil)
	d, err := connect(t, b, "P-001", nil)
	require.NoError(t, err)
	got := make(chan string, 1)
	require.True(t, d.Subscribe(pillar.Topic("P-001", "command"), 1, func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }).WaitTimeout(soon))
	require.NoError(t, b.adapter.Command("P-001", pillar.Command{Light: "flash"}))
	require.JSONEq(t, `{"light":"flash"}`, <-got)
	require.Error(t, b.adapter.Command("P-001", pillar.Command{Light: "red"}))
}

func TestTwoHundredPressesWaitInParallel(t *testing.T) {
	const pillars = 200
	var waiting atomic.Int32
	all := make(chan struct{})
	release := sync.OnceFunc(func() { close(all) })
	b := open(t, func() {
		if waiting.Add(1) == pillars {
			release()
		}
		<-all // each press is held until all are here: one after the other this would never end
	})
	var group sync.WaitGroup
	for n := range pillars {
		group.Go(func() {
			d, err := connect(t, b, fmt.Sprintf("P-%03d", n), nil)
			if err != nil {
				t.Error(err)
				return
			}
			if !d.press(t, alarm("e")).WaitTimeout(2 * soon) {
				t.Error("no PUBACK")
				return
			}
			select {
			case a := <-d.acks:
				if a.Result != "stored" {
					t.Error(a)
				}
			case <-time.After(soon):
				t.Error("no ack")
			}
		})
	}
	group.Wait()
	release() // whatever became of the others: the broker waits for its handlers
	require.Equal(t, pillars, b.stored())
}

// The ids of both directions share one map in mochi; a thousand acks used up
// its quota for good.
func TestAcksNeverRunOut(t *testing.T) {
	b := open(t, nil)
	d, err := connect(t, b, "P-001", nil)
	require.NoError(t, err)
	for n := range 1500 {
		d.press(t, alarm(fmt.Sprint("e", n)))
		require.Equal(t, "stored", d.ack(t).Result, n)
	}
}

func TestMosquittoAsPillar(t *testing.T) {
	pub, err := exec.LookPath("mosquitto_pub")
	require.NoError(t, err, "apt-get install mosquitto-clients")
	b := open(t, nil)
	host, port, err := net.SplitHostPort(b.broker.Addr())
	require.NoError(t, err)
	run := func(password, topic, payload string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		out, err := exec.CommandContext(ctx, pub, "-h", host, "-p", port, "-u", "P-001", "-P", password, "-q", "1", "-t", topic, "-m", payload).CombinedOutput()
		return string(out), err
	}
	d, err := connect(t, b, "P-001", nil)
	require.NoError(t, err)
	out, err := run("secret-P-001", "pillar/P-001/press", alarm("m1"))
	require.NoError(t, err, out)
	require.Equal(t, "stored", d.ack(t).Result)
	out, err = run("wrong", "pillar/P-001/press", alarm("m2"))
	require.Error(t, err)
	require.Contains(t, strings.ToLower(out), "not authorised")
	_, err = run("secret-P-001", "pillar/P-002/press", alarm("m3"))
	require.Error(t, err, "another pillar's topic")
	require.Equal(t, 1, b.stored())
	require.True(t, d.IsConnected(), "nobody else is harmed")
	require.Len(t, b.broker.Refusals(), 2)
}

// outside is an external broker: it does not tell who published, and lets
// through what another's access list does.
type outside struct {
	handlers  map[string]mqtt.Handler
	published int
}

func (o *outside) Handle(pattern string, h mqtt.Handler) { o.handlers[pattern] = h }

func (o *outside) Publish(string, []byte, byte, bool) error { o.published++; return nil }

// TestTopicOfNoPillarIsTakenAndCounted: a device that was never given its id
// publishes below an empty one. An external broker would deliver that again at
// every connection, and nothing behind it ever.
func TestTopicOfNoPillarIsTakenAndCounted(t *testing.T) {
	o := &outside{handlers: map[string]mqtt.Handler{}}
	a := pillar.New(pillar.Options{
		Broker: o, Known: func(string) bool { return true }, Status: func(ingest.PillarStatus) { t.Error("a status of nobody") },
		Press: func(context.Context, ingest.Press) (ingest.PressResult, error) {
			t.Error("a press of nobody")
			return ingest.PressResult{}, nil
		},
	})
	require.NoError(t, o.handlers["pillar/+/press"](t.Context(), "", "pillar//press", []byte(alarm("p1"))))
	require.NoError(t, o.handlers["pillar/+/status"](t.Context(), "", "pillar//status", []byte(`{"online":true}`)))
	require.EqualValues(t, 2, a.Stats().Malformed)
	require.Zero(t, o.published)
	require.Error(t, o.handlers["pillar/+/press"](t.Context(), "P-2", "pillar/P-1/press", []byte(alarm("p1"))), "another's topic")
}
