package mqtt_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest/mqtt"
)

const soon = time.Minute // of a loaded machine

// open starts a broker with accounts a, b… (password "pw-…", prefix "dev/…/").
func open(t *testing.T, handle map[string]mqtt.Handler) *mqtt.Broker {
	t.Helper()
	b := mqtt.New(mqtt.Options{
		Listen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Accounts: func(user string) (mqtt.Account, bool) {
			switch user {
			case "a", "b", "c":
				return mqtt.Account{Password: "pw-" + user, Prefix: "dev/" + user + "/"}, true
			case "d":
				return mqtt.Account{Password: "pw-d", Prefix: "dev/d/", Tells: "dev/d/reply"}, true
			case "+":
				return mqtt.Account{Password: "pw-+", Prefix: "dev/+/"}, true
			case "nopassword":
				return mqtt.Account{Prefix: "dev/nopassword/"}, true
			}
			return mqtt.Account{}, false
		},
	})
	for pattern, h := range handle {
		b.Handle(pattern, h)
	}
	require.NoError(t, b.Open())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return b
}

func options(b *mqtt.Broker, user string) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("id-" + user).SetUsername(user).
		SetPassword("pw-" + user).SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(soon)
}

// dial connects; lost is closed when the broker ends the connection.
func dial(t *testing.T, opts *paho.ClientOptions) (c paho.Client, lost chan struct{}, err error) {
	t.Helper()
	lost = make(chan struct{})
	opts.SetConnectionLostHandler(func(paho.Client, error) { close(lost) })
	c = paho.NewClient(opts)
	token := c.Connect()
	require.True(t, token.WaitTimeout(soon))
	t.Cleanup(func() { c.Disconnect(0) })
	return c, lost, token.Error()
}

func gone(t *testing.T, lost chan struct{}) {
	t.Helper()
	select {
	case <-lost:
	case <-time.After(soon):
		require.FailNow(t, "still connected")
	}
}

// connack sends a CONNECT by hand and returns the code of the answer.
func connack(t *testing.T, b *mqtt.Broker, version byte, user, password string) byte {
	t.Helper()
	nc, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	defer nc.Close()
	text := func(s string) string { return string([]byte{0, byte(len(s))}) + s }
	body := text("MQTT") + string([]byte{version, 0xC2, 0, 10})
	if version == 5 {
		body += "\x00"
	}
	body += text("x") + text(user) + text(password)
	_, err = nc.Write(append([]byte{0x10, byte(len(body))}, body...))
	require.NoError(t, err)
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(soon)))
	var answer [4]byte
	_, err = io.ReadFull(nc, answer[:])
	require.NoError(t, err)
	require.EqualValues(t, 0x20, answer[0])
	return answer[3]
}

func TestWrongPasswordIsConnack5(t *testing.T) {
	b := open(t, nil)
	require.EqualValues(t, 0, connack(t, b, 4, "a", "pw-a"))
	require.EqualValues(t, 5, connack(t, b, 4, "a", "pw-b"))
	require.EqualValues(t, 5, connack(t, b, 4, "stranger", "x"))
	require.EqualValues(t, 5, connack(t, b, 4, "nopassword", "x"))
	require.EqualValues(t, 5, connack(t, b, 4, "+", "pw-+"))
	require.EqualValues(t, 5, connack(t, b, 4, "a", ""), "an empty password is a wrong one")
	require.EqualValues(t, 0x84, connack(t, b, 5, "a", "pw-a"), "MQTT 5")
	why := map[string]bool{}
	for _, r := range b.Refusals() {
		why[r.User+": "+r.Why] = true
		require.Equal(t, "127.0.0.1", r.Remote)
	}
	require.True(t, why["a: wrong password"], why)
	require.True(t, why["stranger: unknown user name"], why)
	require.EqualValues(t, 6, b.Stats().Refused)
}

func TestForeignTopicDisconnects(t *testing.T) {
	b := open(t, nil)
	for name, act := range map[string]func(c paho.Client){
		"publish":           func(c paho.Client) { c.Publish("dev/b/x", 1, false, "") },
		"publish qos 0":     func(c paho.Client) { c.Publish("dev/b/x", 0, false, "") },
		"publish retained":  func(c paho.Client) { c.Publish("dev/b/x", 1, true, "") },
		"publish the root":  func(c paho.Client) { c.Publish("dev/a/", 1, false, "") },
		"subscribe":         func(c paho.Client) { c.Subscribe("dev/b/x", 1, nil) },
		"subscribe to all":  func(c paho.Client) { c.Subscribe("#", 1, nil) },
		"subscribe by plus": func(c paho.Client) { c.Subscribe("dev/+/x", 1, nil) },
		"subscribe to SYS":  func(c paho.Client) { c.Subscribe("$SYS/#", 1, nil) },
		"shared":            func(c paho.Client) { c.Subscribe("$share/g/dev/b/x", 1, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c, lost, err := dial(t, options(b, "a"))
			require.NoError(t, err)
			before := b.Stats().Refused
			act(c)
			gone(t, lost)
			require.Equal(t, before+1, b.Stats().Refused)
		})
	}
	_, _, err := dial(t, options(b, "a").SetWill("dev/b/x", "forged", 1, true))
	require.Error(t, err, "a Will on somebody else's topic")
	require.Contains(t, b.Refusals()[0].Why, `Will on topic "dev/b/x"`)
}

// An account that tells on one topic does so on no other of its own: it cannot
// put words into what it is sent, nor fill the memory with what is retained.
func TestAccountThatTellsOnOneTopic(t *testing.T) {
	b := open(t, nil)
	for name, act := range map[string]func(c paho.Client){
		"what it is sent": func(c paho.Client) { c.Publish("dev/d/orders", 1, false, "") },
		"retained":        func(c paho.Client) { c.Publish("dev/d/x/1", 1, true, "") },
		"below":           func(c paho.Client) { c.Publish("dev/d/reply/x", 0, false, "") },
	} {
		t.Run(name, func(t *testing.T) {
			c, lost, err := dial(t, options(b, "d"))
			require.NoError(t, err)
			act(c)
			gone(t, lost)
			require.Contains(t, b.Refusals()[0].Why, `which is not "dev/d/reply"`)
		})
	}
	_, _, err := dial(t, options(b, "d").SetWill("dev/d/orders", "forged", 1, true))
	require.Error(t, err)
	c, _, err := dial(t, options(b, "d"))
	require.NoError(t, err)
	got := make(chan struct{}, 1)
	require.True(t, c.Subscribe("dev/d/#", 1, func(paho.Client, paho.Message) { got <- struct{}{} }).WaitTimeout(soon))
	require.True(t, c.Publish("dev/d/reply", 1, false, "done").WaitTimeout(soon))
	<-got
}

func TestOwnTopicsReachSubscribers(t *testing.T) {
	b := open(t, nil)
	c, _, err := dial(t, options(b, "a"))
	require.NoError(t, err)
	got := make(chan string, 10)
	require.True(t, c.Subscribe("dev/a/#", 1, func(_ paho.Client, m paho.Message) { got <- m.Topic() + " " + string(m.Payload()) }).WaitTimeout(soon))
	require.NoError(t, b.Publish("dev/b/x", []byte("not for a"), 1, false))
	require.NoError(t, b.Publish("dev/a/x", []byte("for a"), 1, false))
	require.Equal(t, "dev/a/x for a", <-got)
}

func TestOnlyItsOwnAccountTakesASessionOver(t *testing.T) {
	b := open(t, nil)
	_, lostA, err := dial(t, options(b, "a").SetClientID("same"))
	require.NoError(t, err)
	_, _, err = dial(t, options(b, "b").SetClientID("same"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return b.Stats().Clients == 2 }, soon, time.Millisecond)
	_, _, err = dial(t, options(b, "a").SetClientID("same"))
	require.NoError(t, err)
	gone(t, lostA)
}

func TestWillOfAReplacedConnectionIsNotSaid(t *testing.T) {
	wills := make(chan string, 10)
	b := open(t, map[string]mqtt.Handler{"dev/+/status": func(_ context.Context, user, topic string, payload []byte) error {
		wills <- string(payload)
		return nil
	}})
	_, lost, err := dial(t, options(b, "a").SetWill("dev/a/status", "offline", 1, true))
	require.NoError(t, err)
	second, _, err := dial(t, options(b, "a").SetWill("dev/a/status", "offline", 1, true))
	require.NoError(t, err)
	gone(t, lost)
	require.True(t, second.Publish("dev/a/status", 1, true, "online").WaitTimeout(soon))
	require.Equal(t, "online", <-wills)
	require.Empty(t, wills)
}

func TestMessageThatIsNotTakenIsNotAcknowledged(t *testing.T) {
	b := open(t, map[string]mqtt.Handler{"dev/+/x": func(context.Context, string, string, []byte) error { return errors.New("no") }})
	for _, qos := range []byte{1, 2} {
		c, lost, err := dial(t, options(b, "a"))
		require.NoError(t, err)
		token := c.Publish("dev/a/x", qos, false, "1")
		gone(t, lost)
		_ = token.WaitTimeout(soon)
		require.Error(t, token.Error())
	}
	require.EqualValues(t, 2, b.Stats().Rejected)
}

func TestLargeMessageIsRefused(t *testing.T) {
	b := open(t, nil)
	c, lost, err := dial(t, options(b, "a"))
	require.NoError(t, err)
	c.Publish("dev/a/x", 1, false, strings.Repeat("x", 64<<10))
	gone(t, lost)
	refusedWith(t, b, "a message of more than 65536 bytes: send less at once")
}

// refusedWith waits until the broker has said why: it does after the connection
// has ended.
func refusedWith(t *testing.T, b *mqtt.Broker, why string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(b.Refusals(), func(r mqtt.Refusal) bool { return r.User == "a" && r.Why == why })
	}, soon, 5*time.Millisecond, "%v", b.Refusals())
}

// Two devices with one id both work, and are named; one that comes back is not.
func TestTwoDevicesWithOneIDAreNamed(t *testing.T) {
	b := open(t, nil)
	from := func(host, user, id string) {
		opts := options(b, user).SetClientID(id)
		opts.SetDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}})
		_, _, err := dial(t, opts)
		require.NoError(t, err)
	}
	from("127.0.0.1", "a", "one")
	from("127.0.0.1", "a", "two")
	from("127.0.0.2", "b", "one")
	from("127.0.0.1", "d", "phone")
	from("127.0.0.2", "d", "other phone")
	require.Empty(t, b.Twins())
	from("127.0.0.2", "a", "two")
	twins := b.Twins()
	require.Len(t, twins, 1)
	require.Equal(t, []string{"a", "127.0.0.2", "also connected from 127.0.0.1: give each device an id of its own"}, []string{twins[0].User, twins[0].Remote, twins[0].Why})
	require.Zero(t, b.Stats().Refused)
}

func TestWhoBreaksTheProtocolIsNamed(t *testing.T) {
	b := open(t, nil)
	conn, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("\x10\x16\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01i\x00\x01a\x00\x04pw-a" + "\x32\x05\x00\x01\xff\x00\x01")) // a topic that is not UTF-8
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(soon)))
	answer, _ := io.ReadAll(conn)
	require.Equal(t, "\x20\x02\x00\x00", string(answer), "connected, and then not")
	refusedWith(t, b, "what it sent is no MQTT 3.1.1: malformed packet: topic")
}

func TestTakenPortIsNamed(t *testing.T) {
	b := open(t, nil)
	err := mqtt.New(mqtt.Options{Listen: b.Addr()}).Open()
	require.ErrorContains(t, err, "listen mqtt.listen on "+b.Addr()+": the address is taken")
}

func TestRunEndsWithEveryConnection(t *testing.T) {
	before := runtime.NumGoroutine()
	started, release := make(chan struct{}), make(chan struct{})
	b := mqtt.New(mqtt.Options{
		Listen:   "127.0.0.1:0",
		Accounts: func(string) (mqtt.Account, bool) { return mqtt.Account{Password: "pw-a", Prefix: "dev/a/"}, true },
	})
	b.Handle("#", func(ctx context.Context, _, _ string, _ []byte) error {
		close(started)
		<-release
		return ctx.Err()
	})
	require.NoError(t, b.Open())
	mute, err := net.Dial("tcp", b.Addr()) // says nothing at all
	require.NoError(t, err)
	defer mute.Close()
	c, _, err := dial(t, options(b, "a"))
	require.NoError(t, err)
	token := c.Publish("dev/a/x", 1, false, "1")
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	cancel()
	require.Eventually(t, func() bool { _, err := net.Dial("tcp", b.Addr()); return err != nil }, soon, time.Millisecond)
	close(release)
	require.NoError(t, <-ended)
	require.True(t, token.WaitTimeout(soon))
	require.NoError(t, token.Error(), "what was taken is acknowledged before the end")
	require.EqualValues(t, 1, b.Stats().Messages)
	c.Disconnect(0)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, soon, 5*time.Millisecond)
}

func TestRefusalsAreBounded(t *testing.T) {
	b := open(t, nil)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 40 {
				connack(t, b, 4, strings.Repeat("x", 50), "x")
			}
		})
	}
	group.Wait()
	require.Len(t, b.Refusals(), 1)
	require.EqualValues(t, 160, b.Refusals()[0].Count)
	for n := range 100 {
		connack(t, b, 4, strings.Repeat("y", n+1), "x")
	}
	require.Len(t, b.Refusals(), 64)
	require.Equal(t, strings.Repeat("y", 100), b.Refusals()[0].User)
}
