package examples_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

// A journal is damaged in the middle of what headquarters has not had: what can
// be read of it goes first, the range that cannot be read is signed for, then
// the new epoch goes on. Headquarters has one whole chain of each, no alarm
// twice, and none that can be read is missing.
func TestOlderEpochGoesFirst(t *testing.T) {
	program := filepath.Join(t.TempDir(), "subscriber")
	out, err := exec.Command("go", "build", "-o", program, "./subscriber").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for name, command := range map[string][]string{"go": {program}, "python": {"/usr/bin/python3", "subscriber.py"}} {
		t.Run(name, func(t *testing.T) {
			broker := uplinktest.NewMosquitto(t)
			broker.Bare = true
			broker.Start()
			e := &example{t: t, command: command, broker: broker.Addr(), store: filepath.Join(t.TempDir(), "events")}
			e.start()
			b := &damagedBox{t: t, broker: broker.Addr(), dir: t.TempDir(), said: func() string { e.mu.Lock(); defer e.mu.Unlock(); return e.said.String() }}

			b.open()
			b.append(100)
			stop := b.forward()
			b.waitDrained()
			stop()
			b.append(200)
			b.close() // into one table,
			b.open()
			b.append(100)
			b.close() // and into the next
			old := b.damage()
			b.open()
			require.NotEqual(t, old, b.journal.Epoch())
			b.append(50)
			stop = b.forward()
			b.waitDrained()
			e.waitSaid("took alarm 400 ")
			e.waitSaid("took alarm 50 ")
			stop()
			b.close()

			b.open() // it had all of it: nothing comes again
			stop = b.forward()
			b.append(1)
			b.waitDrained()
			stop()
			b.close()
			e.end()
			said := e.said.String()
			require.Equal(t, 1, strings.Count(said, "took alarm 400 "))
			retired := strings.Index(said, "retired alarm 1 ")
			require.Positive(t, retired)
			require.Less(t, retired, strings.Index(said, "took alarm 400 "))
			require.NotContains(t, said, "gap")
			require.NotContains(t, said, "broken")
			checked := e.check()
			require.Regexp(t, old+" alarm 400 sha256:", checked)
			require.Regexp(t, b.epoch+" alarm 51 sha256:.* 51\n", checked)
		})
	}
}

// damagedBox is a journal with one uplink.
type damagedBox struct {
	t           *testing.T
	broker, dir string
	journal     *journal.Journal
	forwarder   *bridge.Forwarder
	epoch       string
	said        func() string
}

func (b *damagedBox) open() {
	b.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(b.t, err)
	b.journal, err = journal.Open(journal.Options{Dir: b.dir, Source: "/stations/" + uplinktest.Station + "/boxes/" + uplinktest.BoxName, SetAside: true,
		Sign: func(text []byte) []byte { return ed25519.Sign(key, text) }})
	require.NoError(b.t, err)
	b.epoch = b.journal.Epoch()
}

func (b *damagedBox) close() { require.NoError(b.t, b.journal.Close()) }

func (b *damagedBox) append(n int) {
	b.t.Helper()
	drafts := make([]bridge.Draft, n)
	for i := range drafts {
		now := bridge.At(time.Now())
		data, err := json.Marshal(map[string]string{"note": strings.Repeat(rand.Text(), 10)})
		require.NoError(b.t, err)
		drafts[i] = bridge.Draft{ID: rand.Text(), Type: "watchpost.test", Lane: bridge.Alarm, Severity: "P1", Time: now, Recorded: now, Data: data}
	}
	_, ticket, err := b.journal.Append(drafts)
	require.NoError(b.t, err)
	require.NoError(b.t, ticket.Wait(b.t.Context()))
}

func (b *damagedBox) forward() (stop func()) {
	b.t.Helper()
	uplink, err := mqtt.New(mqtt.Options{URL: "mqtt://" + b.broker, Station: uplinktest.Station, Box: uplinktest.BoxName})
	require.NoError(b.t, err)
	b.forwarder, err = bridge.NewForwarder(bridge.Options{Journal: b.journal, Down: func(context.Context, bridge.Message) error { return nil },
		Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: uplink, Lanes: []bridge.Lane{bridge.Alarm, bridge.Notice}}},
		Older: func(ctx context.Context) (all []bridge.OlderReader, err error) {
			older, err := b.journal.Older(ctx, nil)
			for _, o := range older {
				all = append(all, o)
			}
			return all, err
		}})
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.forwarder.Run(ctx) }()
	return func() { cancel(); require.NoError(b.t, <-done) }
}

func (b *damagedBox) waitDrained() {
	b.t.Helper()
	drained := func() bool {
		s := b.forwarder.Status()[0]
		return s.Listening && s.Lag[bridge.Alarm] == 0 && s.InFlight == 0
	}
	if !assert.Eventually(b.t, drained, patience, pause) {
		b.t.Fatalf("%+v\n%s", b.forwarder.Status(), b.said())
	}
}

// damage overwrites a part of the largest table: of 200 alarms that
// headquarters has not had.
func (b *damagedBox) damage() (epoch string) {
	b.t.Helper()
	tables, err := filepath.Glob(filepath.Join(b.dir, b.epoch, "*.sst"))
	require.NoError(b.t, err)
	var largest []byte
	var path string
	for _, table := range tables {
		content, err := os.ReadFile(table)
		require.NoError(b.t, err)
		if len(content) > len(largest) {
			largest, path = content, table
		}
	}
	copy(largest[len(largest)/2:], bytes.Repeat([]byte{0x55}, 9000))
	require.NoError(b.t, os.WriteFile(path, largest, 0o600))
	fmt.Fprintf(b.t.Output(), "damaged %s of %d bytes\n", path, len(largest))
	return b.epoch
}
