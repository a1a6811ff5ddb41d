package mqtt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
)

// box is a journal with a forwarder over one MQTT uplink.
type box struct {
	t         *testing.T
	dir       string
	journal   *journal.Journal
	forwarder *bridge.Forwarder
	stop      func()

	mu   sync.Mutex
	down []bridge.Message
	fail int // so many messages from above are not taken
	n    int
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir()}
	b.open()
	t.Cleanup(func() {
		if b.stop != nil {
			b.stop()
		}
		require.NoError(t, b.journal.Close())
	})
	return b
}

func (b *box) open() {
	j, err := journal.Open(journal.Options{Dir: b.dir, Source: "/stations/jingdong/boxes/a"})
	require.NoError(b.t, err)
	b.journal = j
}

func (b *box) run(addr string, change func(*bridge.UplinkConfig, *mqtt.Options)) {
	b.t.Helper()
	options := mqtt.Options{URL: "mqtt://" + addr, Station: "jingdong", Box: "a", Logger: slog.New(slog.DiscardHandler)}
	config := bridge.UplinkConfig{Name: "hq", Lanes: []bridge.Lane{bridge.Alarm, bridge.Notice, bridge.Clip}, Drills: true}
	if change != nil {
		change(&config, &options)
	}
	uplink, err := mqtt.New(options)
	require.NoError(b.t, err)
	config.Uplink = uplink
	b.forwarder, err = bridge.NewForwarder(bridge.Options{Journal: b.journal, Uplinks: []bridge.UplinkConfig{config}, Version: "test", Down: b.take, Flush: time.Second})
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.forwarder.Run(ctx) }()
	b.stop = sync.OnceFunc(func() { cancel(); <-ended })
}

func (b *box) take(_ context.Context, m bridge.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = append(b.down, m)
	if b.fail > 0 {
		b.fail--
		return errors.New("the desk could not store it")
	}
	return nil
}

func (b *box) taken() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.down)
}

// append adds count events and waits for the disk.
func (b *box) append(lane bridge.Lane, severity string, count int) []bridge.Record {
	b.t.Helper()
	var all []bridge.Record
	for count > 0 {
		drafts := make([]bridge.Draft, min(count, 500))
		for i := range drafts {
			b.n++
			drafts[i] = bridge.Draft{ID: fmt.Sprintf("%s-%06d", lane, b.n), Type: "watchpost.test", Lane: lane, Severity: severity,
				Time: bridge.At(time.Now()), Recorded: bridge.At(time.Now()), Data: json.RawMessage(`{"schema":1}`)}
		}
		records, ticket, err := b.journal.Append(drafts)
		require.NoError(b.t, err)
		require.NoError(b.t, ticket.Wait(b.t.Context()))
		all = append(all, records...)
		count -= len(drafts)
	}
	return all
}

func (b *box) status() bridge.Status { return b.forwarder.Status()[0] }

func (b *box) waitDrained() {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		for _, n := range b.status().Lag {
			if n > 0 {
				return false
			}
		}
		return true
	}, patience, pause)
}

// Down at the start, killed in the middle: all arrive, in order, each once in
// effect, with a whole chain.
func TestBrokerDownThenKilled(t *testing.T) {
	broker := newBroker(t)
	b := newBox(t)
	b.append(bridge.Notice, "P3", 1000)
	b.append(bridge.Alarm, "P1", 1000)
	b.run(broker.addr, nil)
	require.Eventually(t, func() bool { return b.status().LastError != "" }, patience, pause)
	require.False(t, b.status().Connected)

	broker.start()
	hq := newHQ(t, broker.addr)
	hq.listen(true)
	hq.waitFor(func() bool { return len(hq.took) > 300 }, "the first part")
	broker.kill()
	broker.start()
	hq.waitFor(func() bool { return len(hq.took) == 2000 }, "the rest")
	b.waitDrained()
	hq.mu.Lock()
	defer hq.mu.Unlock()
	require.NoError(t, hq.problem)
	require.Zero(t, hq.gaps)
	for i, e := range hq.took[:300] {
		require.Equal(t, bridge.Alarm, e.Lane, "the higher lane first, at %d", i)
	}
	cursor, err := b.journal.Cursor("hq", bridge.Alarm)
	require.NoError(t, err)
	require.EqualValues(t, 1000, cursor)
	t.Log("copies after the break:", hq.copies)
}

// The box restarts in the middle: it goes on from its saved cursor.
func TestBoxRestarts(t *testing.T) {
	broker := newBroker(t)
	broker.start()
	hq := newHQ(t, broker.addr)
	hq.listen(true)
	b := newBox(t)
	b.append(bridge.Alarm, "P1", 3000)
	b.run(broker.addr, nil)
	hq.waitFor(func() bool { return len(hq.took) > 500 }, "the first part")
	b.stop()
	require.NoError(t, b.journal.Close())
	b.open()
	b.run(broker.addr, nil)
	hq.waitFor(func() bool { return len(hq.took) == 3000 }, "the rest")
	b.waitDrained()
	hq.mu.Lock()
	defer hq.mu.Unlock()
	require.NoError(t, hq.problem)
	require.Zero(t, hq.gaps)
}

// The window is full, nothing in the lane moves until a receipt is overdue, and
// 2,000 wait: a P0 still arrives. (How soon: BenchmarkDrain of appliance/bench.)
func TestUrgentOvertakes(t *testing.T) {
	broker := newBroker(t)
	broker.start()
	hq := newHQ(t, broker.addr)
	hq.mu.Lock()
	hq.mute = true // the drain comes to a halt at its window
	hq.mu.Unlock()
	hq.listen(true)
	b := newBox(t)
	b.append(bridge.Alarm, "P1", 2000)
	b.run(broker.addr, nil)
	hq.waitFor(func() bool { return len(hq.took) == 500 }, "the window")
	require.Eventually(t, func() bool { return b.status().InFlight == 500 }, patience, pause)

	urgent := b.append(bridge.Alarm, "P0", 1)
	hq.waitFor(func() bool { return len(hq.now) == 1 }, "now")
	require.Eventually(t, func() bool { return b.forwarder.Deliveries(&urgent[0].Event)[0].Mark == bridge.MarkSent }, patience, pause)
	hq.mu.Lock()
	defer hq.mu.Unlock()
	require.Equal(t, urgent[0].Event, hq.now[0])
	require.Len(t, hq.took, 500, "at most 500 unconfirmed")
}

// Nobody listens behind the broker: nothing is sent into the void, nothing is
// lost, and the first sign of life starts the drain.
func TestAbsentHeadquarters(t *testing.T) {
	broker := newBroker(t)
	broker.start()
	hq := newHQ(t, broker.addr)
	b := newBox(t)
	records := b.append(bridge.Alarm, "P0", 50)
	b.run(broker.addr, nil)
	var state map[string]any
	hq.waitFor(func() bool {
		if len(hq.states) > 0 {
			state = hq.states[0]
		}
		return state != nil
	}, "state")
	require.Equal(t, float64(50), state["lag"].(map[string]any)["alarm"])
	require.Equal(t, true, state["online"])
	require.Zero(t, hq.count())
	status := b.status()
	require.True(t, status.Connected)
	require.False(t, status.Listening)
	require.EqualValues(t, 50, status.Lag[bridge.Alarm])
	require.Equal(t, records[0].Event.RecordedTime, status.OldestUnreceived)

	hq.listen(true)
	hq.waitFor(func() bool { return len(hq.took) == 50 && len(hq.now) == 50 }, "drain and now")
	b.waitDrained()
	require.Equal(t, bridge.MarkReceived, b.forwarder.Deliveries(&records[49].Event)[0].Mark)
	require.Zero(t, b.status().OldestUnreceived)

	hq.listen(false)
	require.Eventually(t, func() bool { return !b.status().Listening }, patience, pause)
	b.append(bridge.Alarm, "P0", 1)
	require.EqualValues(t, 1, b.status().Lag[bridge.Alarm])
}

// An order is acknowledged only after the room has it: what could not be
// stored comes again, and what was sent while the box was away waits.
func TestOrdersComeAgain(t *testing.T) {
	broker := newBroker(t)
	broker.start()
	hq := newHQ(t, broker.addr)
	b := newBox(t)
	b.fail = 2
	b.run(broker.addr, nil)
	require.Eventually(t, func() bool { return b.status().Connected }, patience, pause)
	hq.send("task", false, `{"id":"T1"}`)
	require.Eventually(t, func() bool { return b.taken() == 3 }, patience, pause)
	require.Equal(t, bridge.KindTask, b.down[2].Kind)
	require.JSONEq(t, `{"id":"T1"}`, string(b.down[2].Payload))

	b.stop()
	hq.send("incident", false, `{"id":"I1"}`)
	hq.send("receipt", false, `not json`)
	hq.send("receipt", false, `{"id":"x","epoch":"`+b.journal.Epoch()+`","lane":"alarm","result":"accepted","by":"wang"}`)
	b.run(broker.addr, nil)
	require.Eventually(t, func() bool { return b.taken() == 5 }, patience, pause)
	require.Equal(t, bridge.KindIncident, b.down[3].Kind)
	require.Equal(t, "wang", b.down[4].Receipt.By)
	require.EqualValues(t, 1, b.status().Malformed)
}

func TestReplayIsAnswered(t *testing.T) {
	broker := newBroker(t)
	broker.start()
	hq := newHQ(t, broker.addr)
	hq.listen(true)
	b := newBox(t)
	records := b.append(bridge.Alarm, "P1", 400)
	b.run(broker.addr, nil)
	hq.waitFor(func() bool { return len(hq.took) == 400 }, "drain")
	hq.send("replay", false, `{"request":"r1","epoch":"`+b.journal.Epoch()+`","lane":"alarm","from":11,"to":260}`)
	hq.waitFor(func() bool { return len(hq.replay) == 250 }, "replay")
	hq.mu.Lock()
	defer hq.mu.Unlock()
	for i, e := range hq.replay {
		require.Equal(t, records[10+i].Event, e)
	}
}

// A cut line shows at the broker as the Will, and a clean end as the same word.
func TestWillAndGoodbye(t *testing.T) {
	broker := newBroker(t)
	broker.start()
	line := newCable(t, broker.addr)
	hq := newHQ(t, broker.addr)
	b := newBox(t)
	b.run(line.listener.Addr().String(), nil)
	online := func(want bool) func() bool {
		return func() bool { return len(hq.states) > 0 && hq.states[len(hq.states)-1]["online"] == want }
	}
	hq.waitFor(online(true), "up")
	line.cut()
	hq.waitFor(func() bool {
		for _, state := range hq.states {
			if state["online"] == false {
				return true
			}
		}
		return false
	}, "the Will")
	hq.waitFor(online(true), "back")
	b.stop()
	hq.waitFor(online(false), "goodbye")
}

// A session that the box itself ends, since the room cannot store an order,
// leaves no word behind that the box is online.
func TestSessionThatFailsSaysGoodbye(t *testing.T) {
	broker := newBroker(t, "allow_anonymous true", "max_inflight_messages 0")
	broker.start()
	hq := newHQ(t, broker.addr)
	b := newBox(t)
	b.fail = 1 << 20
	b.run(broker.addr, nil)
	require.Eventually(t, func() bool { return b.status().Connected }, patience, pause)
	for range 300 { // more than may wait
		hq.send("task", false, `{"id":"T1"}`)
	}
	hq.waitFor(func() bool {
		for _, state := range hq.states {
			if state["online"] == false {
				return true
			}
		}
		return false
	}, "goodbye")
}

// What the room cannot store now, as a full disk refuses a receipt, is tried
// again while the line stands: alarms go up meanwhile.
func TestLineStandsWhileTheRoomRefuses(t *testing.T) {
	broker := newBroker(t)
	broker.start()
	hq := newHQ(t, broker.addr)
	hq.listen(true)
	b := newBox(t)
	b.fail = 2
	b.run(broker.addr, nil)
	require.Eventually(t, func() bool { return b.status().Listening }, patience, pause)
	since := b.status().Since
	hq.send("receipt", false, `{"id":"x","result":"accepted","by":"wang"}`)
	require.Eventually(t, func() bool { return b.taken() >= 1 }, patience, pause)
	b.append(bridge.Alarm, "P1", 50)
	b.waitDrained()
	require.Eventually(t, func() bool { return b.taken() == 3 }, patience, pause)
	require.Equal(t, since, b.status().Since, "the same session")
}

// passwordLine is user jingdong, password "secret", as mosquitto_passwd writes it.
const passwordLine = "jingdong:$7$101$EpeuGqVk5l/Ebeo8$RqX6U6cEGbJw7D8vW4Lsc8Wj3qX75T8tgWYvJieoqRU1kbclpi0aCYPN5tJkyTTE3kSIfDc6QRAAa/4OGkrBCQ=="

func TestPasswordAndRefusal(t *testing.T) {
	passwords := filepath.Join(t.TempDir(), "passwords")
	require.NoError(t, os.WriteFile(passwords, []byte(passwordLine+"\n"), 0o600))
	broker := newBroker(t, "allow_anonymous false", "password_file "+passwords)
	broker.start()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("wrong\n"), 0o600))
	b := newBox(t)
	b.run(broker.addr, func(_ *bridge.UplinkConfig, o *mqtt.Options) { o.Username, o.PasswordFile = "jingdong", secret })
	require.Eventually(t, func() bool { return b.status().LastError != "" }, patience, pause)
	require.Contains(t, b.status().LastError, broker.addr)
	require.Contains(t, b.status().LastError, "not Auth")
	require.NoError(t, os.WriteFile(secret, []byte("secret\n"), 0o600)) // read at every attempt
	require.Eventually(t, func() bool { return b.status().Connected }, patience, pause)
}

// A broker that takes events and confirms none is left.
func TestMuteBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { muteBroker(conn) })
		}
	})
	b := newBox(t)
	b.append(bridge.Alarm, "P1", 10)
	b.run(l.Addr().String(), func(c *bridge.UplinkConfig, o *mqtt.Options) {
		c.Confirm, o.AckWithin = bridge.ByTransport, 50*time.Millisecond
	})
	require.Eventually(t, func() bool { return strings.Contains(b.status().LastError, "no PUBACK within 50ms") }, patience, pause)
	require.EqualValues(t, 10, b.status().Lag[bridge.Alarm])
}

// muteBroker speaks as much MQTT as it takes to be sent events.
func muteBroker(conn net.Conn) {
	defer conn.Close()
	for {
		packet, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch p := packet.(type) {
		case *packets.ConnectPacket:
			err = packets.NewControlPacket(packets.Connack).Write(conn)
		case *packets.SubscribePacket:
			answer := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			answer.MessageID, answer.ReturnCodes = p.MessageID, []byte{1}
			err = answer.Write(conn)
		case *packets.PingreqPacket:
			err = packets.NewControlPacket(packets.Pingresp).Write(conn)
		}
		if err != nil {
			return
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]mqtt.Options{
		"scheme":      {URL: "http://x", Station: "s", Box: "a"},
		"credentials": {URL: "mqtt://u:p@x", Station: "s", Box: "a"},
		"topic":       {URL: "mqtt://x", Station: "s/t", Box: "a"},
		"no box":      {URL: "mqtt://x", Station: "s"},
		"half a pair": {URL: "mqtts://x", Station: "s", Box: "a", CertFile: "c"},
	} {
		_, err := mqtt.New(o)
		require.Error(t, err, name)
	}
}

// deaf takes nothing.
type deaf struct{}

func (deaf) Presence(bool)                                             {}
func (deaf) Receive(context.Context, bridge.MessageKind, []byte) error { return nil }

// TestTopicsThatLookAlike: two partners at one broker have a session each,
// however their topics are spelled; a broker would end the older one of two
// with the same client id.
func TestTopicsThatLookAlike(t *testing.T) {
	b := newBroker(t)
	b.start()
	sessions := map[string]bridge.Session{}
	for _, topic := range []string{"a/b", "a-b", "a%2Fb"} {
		u, err := mqtt.New(mqtt.Options{URL: "mqtt://" + b.addr, Station: "jingdong", Box: "a", Topic: topic})
		require.NoError(t, err)
		session, err := u.Connect(t.Context(), deaf{})
		require.NoError(t, err, topic)
		t.Cleanup(session.Close)
		sessions[topic] = session
	}
	for topic, session := range sessions {
		ticket, err := session.Send(t.Context(), bridge.Batch{Way: bridge.WayOrder, Events: []bridge.Outgoing{{ID: "1", Wire: []byte("{}")}}})
		require.NoError(t, err, topic)
		require.NoError(t, ticket.Wait(t.Context()), "another took its session")
		require.NoError(t, session.Err(), topic)
	}
}
