package examples_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	patience = 2 * time.Minute // of a loaded machine
	pause    = 10 * time.Millisecond
	up       = "watchpost/" + uplinktest.Station + "/" + uplinktest.BoxName + "/up/"
)

// example is a subscriber program with a store.
type example struct {
	t       *testing.T
	command []string
	store   string
	broker  string

	mu      sync.Mutex
	said    bytes.Buffer
	process *exec.Cmd
}

func (e *example) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.said.Write(b)
}

func (e *example) start() {
	e.t.Helper()
	args := append(e.command[1:len(e.command):len(e.command)], "--broker", e.broker, "--station", uplinktest.Station, "--box", uplinktest.BoxName, "--store", e.store)
	e.process = exec.Command(e.command[0], args...)
	e.process.Stdout, e.process.Stderr = e, e
	require.NoError(e.t, e.process.Start())
	e.t.Cleanup(e.kill)
}

func (e *example) kill() {
	if e.process != nil {
		_ = e.process.Process.Kill()
		_ = e.process.Wait()
		e.process = nil
	}
}

// end asks it to end and wants a clean exit.
func (e *example) end() {
	e.t.Helper()
	require.NoError(e.t, e.process.Process.Signal(syscall.SIGTERM))
	require.NoError(e.t, e.process.Wait(), "%s", e.said.String())
	e.process = nil
}

func (e *example) waitSaid(text string) {
	e.t.Helper()
	said := ""
	if !assert.Eventually(e.t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		said = e.said.String()
		return strings.Contains(said, text)
	}, patience, pause) {
		e.t.Fatalf("never said %q; last words:\n%s", text, said[max(0, len(said)-1000):])
	}
}

// check reads the store back: "epoch lane last hash count" a chain.
func (e *example) check() string {
	e.t.Helper()
	out, err := exec.Command(e.command[0], append(e.command[1:len(e.command):len(e.command)], "--store", e.store, "--check")...).CombinedOutput()
	require.NoError(e.t, err, "%s", out)
	return string(out)
}

// copyStore copies the store's files under another name.
func (e *example) copyStore(from, to string) {
	e.t.Helper()
	old, err := filepath.Glob(to + "*")
	require.NoError(e.t, err)
	for _, path := range old {
		require.NoError(e.t, os.Remove(path))
	}
	files, err := filepath.Glob(from + "*")
	require.NoError(e.t, err)
	for _, path := range files {
		b, err := os.ReadFile(path)
		require.NoError(e.t, err)
		require.NoError(e.t, os.WriteFile(to+strings.TrimPrefix(path, from), b, 0o600))
	}
}

// chain is what check says of a lane that holds all of the records.
func chain(records []bridge.Record) string {
	last := records[len(records)-1].Event
	number, _ := bridge.SequenceNumber(last.Sequence)
	return fmt.Sprintf("%s %s %d %s %d\n", last.Epoch, last.Lane, number, last.Hash(), len(records))
}

func TestSubscribers(t *testing.T) {
	program := filepath.Join(t.TempDir(), "subscriber")
	out, err := exec.Command("go", "build", "-o", program, "./subscriber").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for name, command := range map[string][]string{
		"go":     {program},
		"python": {"/usr/bin/python3", "subscriber.py"}, // Debian's, which finds python3-paho-mqtt
	} {
		t.Run(name, func(t *testing.T) { subscriber(t, command) })
	}
}

func subscriber(t *testing.T, command []string) {
	broker := uplinktest.NewMosquitto(t)
	broker.Bare = true
	broker.Start()
	e := &example{t: t, command: command, broker: broker.Addr(), store: filepath.Join(t.TempDir(), "events")}
	box := uplinktest.NewBox(t)
	uplink, err := mqtt.New(mqtt.Options{URL: "mqtt://" + broker.Addr(), Station: uplinktest.Station, Box: uplinktest.BoxName})
	require.NoError(t, err)
	notices := box.Append(bridge.Notice, "P3", 50)
	alarms := box.Append(bridge.Alarm, "P1", 99)
	alarms = append(alarms, box.Append(bridge.Alarm, "P0", 1)...)
	e.start()
	box.Run(bridge.UplinkConfig{Name: "hq", Uplink: uplink, Lanes: []bridge.Lane{bridge.Alarm, bridge.Notice}, Drills: true, Types: []string{"watchpost.test"}})
	box.WaitDrained() // its receipts moved the cursors
	e.waitSaid("now P0 watchpost.test")
	e.end()
	require.Contains(t, e.check(), chain(alarms))
	require.Contains(t, e.check(), chain(notices))

	// Killed in the middle, it loses nothing; then its disk is replaced by an
	// old copy: it finds the gap, asks for it and has the whole chain again.
	old := filepath.Join(t.TempDir(), "old")
	e.copyStore(e.store, old)
	alarms = append(alarms, box.Append(bridge.Alarm, "P1", 1000)...)
	e.start()
	e.waitSaid("took alarm 300 ")
	e.kill()
	e.start()
	box.WaitDrained()
	e.kill()
	require.Contains(t, e.check(), chain(alarms))
	e.copyStore(old, e.store)
	alarms = append(alarms, box.Append(bridge.Alarm, "P1", 1)...)
	e.start()
	e.waitSaid("gap alarm 101 1101")
	e.waitSaid("took alarm 1101 ")
	box.WaitDrained()

	// Somebody at the broker sends what the box never wrote.
	forge(t, e, broker.Addr(), alarms[1100].Event)
	require.Eventually(t, func() bool { return len(box.Down()) == 3 }, patience, pause, "the box hears of it")
	for _, m := range box.Down() {
		require.Equal(t, bridge.Rejected, m.Receipt.Result)
	}
	alarms = append(alarms, box.Append(bridge.Alarm, "P1", 1)...)
	box.WaitDrained()
	e.waitSaid("took alarm 1102 ")
	require.Contains(t, e.check(), chain(alarms))
	require.Contains(t, e.check(), chain(notices))

	// A range that the box no longer has: its last hash stands for it.
	client := client(t, broker.Addr())
	gone := alarms[1101].Event
	gone.Type, gone.Lane, gone.Data = "watchpost.journal.retired", bridge.Notice, fmt.Appendf(nil, `{"from":1103,"hash":%q,"lane":"alarm","to":1200}`, bridge.ZeroHash)
	salt, err := hex.DecodeString(gone.DataSalt)
	require.NoError(t, err)
	gone.DataHash = bridge.DataHashOf(salt, gone.Data)
	publish(t, client, &gone)
	e.waitSaid("retired alarm 1103 1200")
	after := alarms[1101].Event
	after.Sequence, after.PrevHash = bridge.SequenceText(1201), bridge.ZeroHash
	publish(t, client, &after)
	e.waitSaid("took alarm 1201 ")
	e.end()
	require.Contains(t, e.check(), fmt.Sprintf("alarm 1201 %s 1103", after.Hash()))
}

func client(t *testing.T, addr string) paho.Client {
	t.Helper()
	client := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + addr).SetClientID(rand.Text()))
	token := client.Connect()
	token.Wait()
	require.NoError(t, token.Error())
	t.Cleanup(func() { client.Disconnect(100) })
	return client
}

func publish(t *testing.T, client paho.Client, event *bridge.Event) {
	t.Helper()
	wire, err := event.Encode()
	require.NoError(t, err)
	token := client.Publish(up+"alarm", 1, false, wire)
	token.Wait()
	require.NoError(t, token.Error())
}

// forge sends a next event that does not continue the chain, one with other
// data, an old number with another hash, and noise.
func forge(t *testing.T, e *example, addr string, last bridge.Event) {
	t.Helper()
	client := client(t, addr)
	send := func(change func(*bridge.Event), want string) {
		t.Helper()
		event := last
		change(&event)
		publish(t, client, &event)
		e.waitSaid(want)
	}
	next := bridge.SequenceText(1102)
	send(func(f *bridge.Event) { f.Sequence = next }, "broken alarm "+next+" does not continue the chain")
	send(func(f *bridge.Event) {
		f.Sequence, f.PrevHash, f.Data = next, last.Hash(), []byte(`{"schema":1,"note":"nothing happened"}`)
	}, "broken alarm "+next+" data is not what was hashed")
	send(func(f *bridge.Event) { f.Severity = "P3" }, "broken alarm "+last.Sequence+" differs from")
	for _, noise := range []string{"", "[]", "{", `{"sequence":1}`, `"`, "\xff", `{"sequence":"x","a":}`, "{}", `{"data":`} {
		client.Publish(up+"alarm", 1, false, noise).Wait()
	}
	e.waitSaid("unreadable")
}

// What headquarters refused comes without its data in its place, and is whole
// once it was sent again: from the next start on, too.
func TestSetAsideIsCompleted(t *testing.T) {
	program := filepath.Join(t.TempDir(), "subscriber")
	out, err := exec.Command("go", "build", "-o", program, "./subscriber").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for name, command := range map[string][]string{"go": {program}, "python": {"/usr/bin/python3", "subscriber.py"}} {
		t.Run(name, func(t *testing.T) {
			broker := uplinktest.NewMosquitto(t)
			broker.Bare = true
			broker.Start()
			e := &example{t: t, command: command, broker: broker.Addr(), store: filepath.Join(t.TempDir(), "events")}
			box := uplinktest.NewBox(t)
			alarms := box.Append(bridge.Alarm, "P1", 3)
			client := client(t, broker.Addr())
			e.start()
			e.waitPresence(client, "true")
			empty := alarms[1].Event.Withheld()
			for _, event := range []*bridge.Event{&alarms[0].Event, &empty, &alarms[2].Event} {
				publish(t, client, event)
			}
			e.waitSaid("took alarm 3 ")
			again := func() {
				t.Helper()
				wire, err := alarms[1].Event.Encode()
				require.NoError(t, err)
				require.NoError(t, wait(client.Publish(up+"replay/alarm", 1, false, wire)))
			}
			again()
			e.waitSaid("completed alarm 2 ")
			e.kill()
			require.Contains(t, e.check(), chain(alarms))
			e.waitPresence(client, "false")
			e.start()
			e.waitPresence(client, "true")
			again()
			publish(t, client, &alarms[2].Event)
			other := alarms[2].Event
			other.Severity = "P3"
			publish(t, client, &other)
			e.waitSaid("broken alarm") // all before it was taken
			e.end()
			require.Equal(t, 1, strings.Count(e.said.String(), "completed"), "a copy is a copy")
			require.Contains(t, e.check(), chain(alarms))
		})
	}
}

func wait(token paho.Token) error {
	token.Wait()
	return token.Error()
}

// waitPresence waits until headquarters said that it listens, or its Will that
// it does not.
func (e *example) waitPresence(client paho.Client, listening string) {
	e.t.Helper()
	said := make(chan struct{}, 16)
	topic := strings.TrimSuffix(up, "up/") + "down/presence"
	require.NoError(e.t, wait(client.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) {
		if strings.Contains(string(m.Payload()), listening) {
			said <- struct{}{}
		}
	})))
	select {
	case <-said:
	case <-time.After(patience):
		e.t.Fatalf("headquarters never said that listening is %s", listening)
	}
	require.NoError(e.t, wait(client.Unsubscribe(topic)))
}
