// Package uplinktest is the conformance suite of bridge.Uplink, and the peers
// it needs: mosquitto, a webhook receiver, a nats-server, each with a
// headquarters behind it that follows the receiving rules of contracts.md, and
// a cable between box and peer that can be cut, held and slowed.
//
// It is for tests only and owns nothing else. A new transport passes Run
// before it is wired; what only one transport can do is tested beside it.
package uplinktest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	patience = 2 * time.Minute // of a loaded machine
	pause    = 5 * time.Millisecond
)

// Station and Box name the box in every test.
const (
	Station = "jingdong"
	BoxName = "a"
	source  = "/stations/" + Station + "/boxes/" + BoxName
)

// Peer is the other side of one uplink.
type Peer interface {
	// Addr is host:port, the same over restarts.
	Addr() string
	// Start and Kill begin and end the server. What it stored stays where a
	// real one would keep it. A new peer is not started.
	Start()
	Kill()
	// HQ is the headquarters behind it.
	HQ() *HQ
}

// Ordering is a peer that carries messages down.
type Ordering interface {
	Send(kind bridge.MessageKind, payload string)
}

// Kind is one implementation under test.
type Kind struct {
	Confirm bridge.Confirm
	Peer    func(t testing.TB) Peer
	// Uplink is a client of the peer that is reached at addr.
	Uplink func(t testing.TB, addr string) bridge.Uplink
	// Refuses: the peer never takes an event of more than RefusedBytes.
	Refuses bool
}

// RefusedBytes is what the peers that refuse, refuse.
const RefusedBytes = 32 << 10

func (k Kind) config(t testing.TB, name, addr string) bridge.UplinkConfig {
	return bridge.UplinkConfig{
		Name: name, Uplink: k.Uplink(t, addr), Confirm: k.Confirm, Drills: true,
		Lanes: []bridge.Lane{bridge.Alarm, bridge.Notice, bridge.Clip},
	}
}

// Run holds an implementation against the seam's promises.
func Run(t *testing.T, k Kind) {
	t.Run("outage", k.outage)
	t.Run("now", k.now)
	t.Run("now after an outage", k.nowAfterOutage)
	t.Run("filter", k.filter)
	t.Run("troubles", k.troubles)
	t.Run("box", k.box)
	if k.Refuses {
		t.Run("refused", k.refused)
	}
	t.Run("down", k.down)
}

// outage: nobody there at the start, then killed in the middle of the drain:
// all arrive in order, with a whole chain, and no event is missed on the way.
func (k Kind) outage(t *testing.T) {
	peer := k.Peer(t)
	cable := NewCable(t, peer.Addr())
	cable.Slow(1 << 20)
	box := NewBox(t)
	box.Append(bridge.Notice, "P3", 1000)
	box.Append(bridge.Alarm, "P1", 1000)
	box.Run(k.config(t, "hq", cable.Addr()))
	box.waitFor(func() bool { return box.Status(0).LastError != "" }, "an error while nobody is there")
	require.False(t, box.Status(0).Connected)

	peer.Start()
	peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Took) > 300 }, "the first part")
	peer.Kill()
	peer.Start()
	peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Took) == 2000 }, "the rest")
	box.WaitDrained()
	peer.HQ().Check(2000)
	for i, e := range peer.HQ().Taken() {
		require.Equal(t, i < 1000, e.Lane == bridge.Alarm, "the higher lane first")
	}
}

// now: a P0 in the middle of a drain does not wait for it. (How soon it is there:
// BenchmarkDrain of appliance/bench.)
func (k Kind) now(t *testing.T) {
	peer := k.Peer(t)
	peer.Start()
	cable := NewCable(t, peer.Addr())
	cable.Slow(1 << 20)
	box := NewBox(t)
	box.Append(bridge.Alarm, "P2", 3000)
	box.Run(k.config(t, "hq", cable.Addr()))
	hq := peer.HQ()
	hq.WaitFor(func(h *HQ) bool { return len(h.Took) > 300 }, "the drain")
	cable.Slow(256 << 10) // the rest takes 10 s
	id := box.Append(bridge.Alarm, "P0", 1)[0].Event.ID
	require.Less(t, hq.overtook(id), 3000)
	cable.Slow(0)
	hq.WaitFor(func(h *HQ) bool { return len(h.Took) == 3001 }, "the rest")
	hq.Check(3001)
}

// troubles stay at home: one uplink hangs, one is slow, the third has it all
// at once; later the others have it too.
func (k Kind) troubles(t *testing.T) {
	var peers []Peer
	var cables []*Cable
	var configs []bridge.UplinkConfig
	for _, name := range []string{"hangs", "slow", "well"} {
		peer := k.Peer(t)
		peer.Start()
		cable := NewCable(t, peer.Addr())
		peers, cables = append(peers, peer), append(cables, cable)
		configs = append(configs, k.config(t, name, cable.Addr()))
	}
	box := NewBox(t)
	box.Run(configs...)
	for i := range peers {
		box.waitFor(func() bool { return box.Status(i).Connected }, "up")
	}
	cables[0].Hold(true)
	cables[1].Slow(256 << 10)
	box.Append(bridge.Alarm, "P1", 900)
	id := box.Append(bridge.Alarm, "P0", 1)[0].Event.ID
	well := peers[2].HQ()
	well.WaitFor(func(h *HQ) bool { return len(h.Took) == 901 && !h.Now[id].IsZero() }, "all, while the first hangs")
	require.EqualValues(t, 901, box.Status(0).Lag[bridge.Alarm])
	for i := range peers {
		require.LessOrEqual(t, box.Status(i).InFlight, 500)
	}
	cables[0].Hold(false)
	cables[0].Cut() // as a line that comes back after a long silence
	for _, peer := range peers {
		peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Took) == 901 }, "all in the end")
		peer.HQ().Check(901)
	}
}

// box: stopped in the middle of a drain and begun again, it goes on from its
// cursor; at most a window comes twice.
func (k Kind) box(t *testing.T) {
	peer := k.Peer(t)
	peer.Start()
	cable := NewCable(t, peer.Addr())
	cable.Slow(1 << 20)
	box := NewBox(t)
	box.Append(bridge.Alarm, "P1", 2000)
	box.Flush = -1
	box.Run(k.config(t, "hq", cable.Addr()))
	peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Took) > 200 }, "the first part")
	box.Stop()
	cable.Slow(0)
	box.Run(k.config(t, "hq", cable.Addr()))
	peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Took) == 2000 }, "the rest")
	box.WaitDrained()
	peer.HQ().Check(2000)
	require.LessOrEqual(t, peer.HQ().copies(), 600)
}

// now after an outage: a P0 raised while the line was cut is there at once when
// it is back, in front of all that waited before it.
func (k Kind) nowAfterOutage(t *testing.T) {
	peer := k.Peer(t)
	peer.Start()
	cable := NewCable(t, peer.Addr())
	box := NewBox(t)
	box.Append(bridge.Alarm, "P1", 1)
	box.Run(k.config(t, "hq", cable.Addr()))
	hq := peer.HQ()
	hq.WaitFor(func(h *HQ) bool { return len(h.Took) == 1 }, "the line")
	cable.Cut()
	peer.Kill()
	box.Append(bridge.Alarm, "P2", 1200) // a transport that says nothing by itself notices by that
	box.waitFor(func() bool { return !box.Status(0).Connected }, "the outage")
	id := box.Append(bridge.Alarm, "P0", 1)[0].Event.ID
	box.Append(bridge.Alarm, "P2", 300)
	cable.Slow(256 << 10)
	peer.Start()
	require.Less(t, hq.overtook(id), 1201)
	cable.Slow(0)
	hq.WaitFor(func(h *HQ) bool { return len(h.Took) == 1502 }, "the rest")
	hq.Check(1502)
}

// filter: what an uplink did not ask for goes without data, and not by "now";
// drills only where asked for. Numbers and chain are whole for each.
func (k Kind) filter(t *testing.T) {
	all, some := k.Peer(t), k.Peer(t)
	all.Start()
	some.Start()
	whole, part := k.config(t, "all", all.Addr()), k.config(t, "some", some.Addr())
	part.Drills, part.Types, part.Priorities = false, []string{"watchpost.test"}, []string{"P0", "P1"}
	box := NewBox(t)
	var empty, urgent []string
	for _, row := range []struct {
		typ, severity string
		drill         bool
	}{
		{"watchpost.test", "P0", false}, {"watchpost.test", "P0", true}, {"watchpost.other", "P0", false},
		{"watchpost.test", "P1", false}, {"watchpost.test", "P2", false}, {"watchpost.test", "P1", true},
	} {
		draft := box.draft(bridge.Alarm, row.severity, json.RawMessage(`{"schema":1}`))
		draft.Type, draft.Drill = row.typ, row.drill
		id := box.append([]bridge.Draft{draft})[0].Event.ID
		if row.drill || row.typ != "watchpost.test" || row.severity > "P1" {
			empty = append(empty, id)
		} else if row.severity == "P0" {
			urgent = append(urgent, id)
		}
	}
	box.Run(whole, part)
	box.WaitDrained()
	for _, peer := range []Peer{all, some} {
		peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Took) == 6 }, "all numbers")
		peer.HQ().Check(6)
	}
	require.Empty(t, all.HQ().Empty())
	require.Equal(t, empty, some.HQ().Empty())
	all.HQ().WaitFor(func(h *HQ) bool { return len(h.Now) == 3 }, "every P0, drills too")
	some.HQ().WaitFor(func(h *HQ) bool { return len(h.Now) == 1 && !h.Now[urgent[0]].IsZero() }, "its P0")
}

// refused: one event is never taken; it is set aside and goes without its data
// in its place. Sent again, it is whole where headquarters takes it by then.
func (k Kind) refused(t *testing.T) {
	peer := k.Peer(t)
	peer.Start()
	box := NewBox(t)
	box.Append(bridge.Alarm, "P1", 40)
	large, err := json.Marshal(map[string]string{"note": strings.Repeat("x", RefusedBytes)})
	require.NoError(t, err)
	record := box.AppendData(bridge.Alarm, "P1", large)
	box.Append(bridge.Alarm, "P1", 60)
	box.Run(k.config(t, "hq", peer.Addr()))
	box.WaitDrained()
	id := record.Event.ID
	require.Equal(t, []string{"hq/" + id}, box.SetAside())
	require.EqualValues(t, 1, box.Status(0).SetAside)
	hq := peer.HQ()
	hq.WaitFor(func(h *HQ) bool { return len(h.Took) == 101 }, "all numbers")
	hq.Check(101)
	require.Equal(t, []string{id}, hq.Empty())

	var refused *bridge.EventError
	require.ErrorAs(t, box.forwarder.Resend(t.Context(), "hq", record), &refused)
	again := box.Append(bridge.Alarm, "P1", 1)[0]
	hq.WaitFor(func(h *HQ) bool { return len(h.Took) == 102 }, "the next")
	box.WaitDrained()
	if k.Confirm == bridge.ByTransport {
		require.NoError(t, box.forwarder.Resend(t.Context(), "hq", again))
		hq.WaitFor(func(h *HQ) bool { return len(h.Replay) == 1 && len(h.Replay[0].Data) > 0 }, "sent again, beside the lane")
	}
}

// down: what the room cannot store comes again, and what was sent while the
// box was away is there when it returns.
func (k Kind) down(t *testing.T) {
	peer := k.Peer(t)
	sender, ok := peer.(Ordering)
	if !ok {
		return // it has another way down
	}
	peer.Start()
	box := NewBox(t)
	box.FailDown(2)
	box.Run(k.config(t, "hq", peer.Addr()))
	box.waitFor(func() bool { return box.Status(0).Connected }, "up")
	sender.Send(bridge.KindTask, `{"id":"T1"}`)
	box.waitFor(func() bool { return len(box.Down()) == 3 }, "the order, twice refused")
	require.Equal(t, bridge.KindTask, box.Down()[2].Kind)
	require.JSONEq(t, `{"id":"T1"}`, string(box.Down()[2].Payload))

	box.Stop()
	sender.Send(bridge.KindIncident, `{"id":"I1"}`)
	sender.Send(bridge.KindReceipt, fmt.Sprintf(`{"id":"x","epoch":%q,"result":"accepted","by":"wang"}`, box.Journal.Epoch()))
	box.Run(k.config(t, "hq", peer.Addr()))
	// Each at least once; what a session that ended was given comes again, and
	// then behind the others.
	box.waitFor(func() bool {
		incident, receipt := false, false
		for _, m := range box.Down()[3:] {
			incident = incident || m.Kind == bridge.KindIncident
			receipt = receipt || m.Kind == bridge.KindReceipt && m.Receipt.By == "wang"
		}
		return incident && receipt
	}, "what came while away")

	records := box.Append(bridge.Alarm, "P1", 300)
	peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Took) == 300 }, "drain")
	sender.Send(bridge.KindReplay, fmt.Sprintf(`{"request":"r1","epoch":%q,"lane":"alarm","from":11,"to":260}`, box.Journal.Epoch()))
	peer.HQ().WaitFor(func(h *HQ) bool { return len(h.Replay) == 250 }, "replay")
	for i, e := range peer.HQ().replayed() {
		require.Equal(t, records[10+i].Event.Hash(), e.Hash())
	}
}
