package uplinktest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	"github.com/watchpost-edge/watchpost/bridge/uplink/nats"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
	"github.com/watchpost-edge/watchpost/bridge/uplink/webhook"
)

var kinds = map[string]uplinktest.Kind{
	"mqtt": {
		Confirm: bridge.ByReceipt,
		Peer:    func(t testing.TB) uplinktest.Peer { return uplinktest.NewMosquitto(t) },
		Uplink: func(t testing.TB, addr string) bridge.Uplink {
			u, err := mqtt.New(mqtt.Options{URL: "mqtt://" + addr, Station: uplinktest.Station, Box: uplinktest.BoxName})
			require.NoError(t, err)
			return u
		},
	},
	"webhook": {
		Confirm: bridge.ByTransport,
		Refuses: true,
		Peer:    func(t testing.TB) uplinktest.Peer { return uplinktest.NewReceiver(t) },
		Uplink: func(t testing.TB, addr string) bridge.Uplink {
			secret := filepath.Join(t.TempDir(), "secret")
			require.NoError(t, os.WriteFile(secret, []byte(uplinktest.Secret+"\n"), 0o600))
			u, err := webhook.New(webhook.Options{URL: "http://" + addr + "/events", SecretFile: secret})
			require.NoError(t, err)
			return u
		},
	},
	"nats": {
		Confirm: bridge.ByTransport,
		Refuses: true,
		Peer:    func(t testing.TB) uplinktest.Peer { return uplinktest.NewJetStream(t) },
		Uplink: func(t testing.TB, addr string) bridge.Uplink {
			u, err := nats.New(nats.Options{URL: "nats://" + addr, Stream: uplinktest.Stream, Station: uplinktest.Station, Box: uplinktest.BoxName})
			require.NoError(t, err)
			return u
		},
	},
}

func TestConformance(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they mostly wait for slow lines
			uplinktest.Run(t, kind)
		})
	}
}

// peers is one of each kind, started, with a cable each.
type peers struct {
	peer  map[string]uplinktest.Peer
	cable map[string]*uplinktest.Cable
}

func newPeers(t *testing.T) peers {
	t.Helper()
	p := peers{map[string]uplinktest.Peer{}, map[string]*uplinktest.Cable{}}
	for name, kind := range kinds {
		p.peer[name] = kind.Peer(t)
		p.peer[name].Start()
		p.cable[name] = uplinktest.NewCable(t, p.peer[name].Addr())
	}
	return p
}

func (p peers) config(t *testing.T, kind, name string) bridge.UplinkConfig {
	return bridge.UplinkConfig{
		Name: name, Uplink: kinds[kind].Uplink(t, p.cable[kind].Addr()), Confirm: kinds[kind].Confirm, Drills: true,
		Lanes: []bridge.Lane{bridge.Alarm, bridge.Notice},
	}
}

func (p peers) waitFor(t *testing.T, kind string, count int) {
	t.Helper()
	p.peer[kind].HQ().WaitFor(func(h *uplinktest.HQ) bool { return len(h.Took) == count }, kind)
	p.peer[kind].HQ().Check(count)
}

func cursor(t *testing.T, b *uplinktest.Box, name string) uint64 {
	t.Helper()
	at, err := b.Journal.Cursor(name, bridge.Alarm)
	require.NoError(t, err)
	return at
}

// Uplinks of all kinds at the same time, each with its own troubles and its
// own cursor.
func TestAllKindsAtOnce(t *testing.T) {
	p := newPeers(t)
	box := uplinktest.NewBox(t)
	box.Run(p.config(t, "mqtt", "hq"), p.config(t, "webhook", "city"), p.config(t, "nats", "bus"))
	for round, gone := range []string{"mqtt", "webhook", "nats", ""} {
		if gone != "" {
			p.peer[gone].Kill()
		}
		box.Append(bridge.Alarm, "P1", 200)
		box.Append(bridge.Alarm, "P0", 50)
		for kind := range kinds {
			if kind != gone {
				p.waitFor(t, kind, 250*(round+1))
			}
		}
		if gone != "" {
			p.peer[gone].Start()
			p.waitFor(t, gone, 250*(round+1))
		}
	}
	box.WaitDrained()
	for _, name := range []string{"hq", "city", "bus"} {
		require.EqualValues(t, 1000, cursor(t, box, name), name)
	}
}

// Adding, removing and renaming an uplink leaves the others' queues alone.
func TestUplinksComeAndGo(t *testing.T) {
	p := newPeers(t)
	box := uplinktest.NewBox(t)
	box.Append(bridge.Alarm, "P1", 100)
	box.Run(p.config(t, "mqtt", "hq"), p.config(t, "webhook", "city"))
	box.WaitDrained()
	box.Stop()

	// nats is added, the webhook removed, mqtt renamed.
	box.Append(bridge.Alarm, "P1", 100)
	box.Run(p.config(t, "nats", "bus"), p.config(t, "mqtt", "headquarters"))
	box.WaitDrained()
	p.waitFor(t, "nats", 200)
	p.waitFor(t, "mqtt", 200)
	require.Equal(t, []uint64{100, 100, 200, 200}, []uint64{cursor(t, box, "hq"), cursor(t, box, "city"), cursor(t, box, "bus"), cursor(t, box, "headquarters")})
	p.peer["mqtt"].HQ().WaitFor(func(h *uplinktest.HQ) bool { return h.Copies >= 100 }, "a new name begins anew, and what it had are copies")
	p.waitFor(t, "webhook", 100)
	box.Stop()

	// The webhook is back, and goes on where it was.
	box.Append(bridge.Alarm, "P1", 100)
	box.Run(p.config(t, "webhook", "city"), p.config(t, "nats", "bus"), p.config(t, "mqtt", "headquarters"))
	box.WaitDrained()
	for kind := range kinds {
		p.waitFor(t, kind, 300)
	}
	for _, kind := range []string{"webhook", "nats"} {
		p.peer[kind].HQ().WaitFor(func(h *uplinktest.HQ) bool { return h.Copies == 0 }, fmt.Sprintf("%s had nothing twice", kind))
	}
}
