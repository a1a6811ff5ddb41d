package hq_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/hq"
)

func TestChainIsTakenAndReceived(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	eventually(t, func() bool { p := b.got("presence"); return len(p) > 0 && p[0]["listening"] == true })
	c, n := newChain("alarm"), newChain("notice")
	events := []made{c.next(t), c.next(t), c.next(t)}
	b.up(t, "alarm", events...)
	b.up(t, "notice", n.next(t))
	eventually(t, func() bool { return b.through("alarm") == 3 && b.through("notice") == 1 })
	got := r.entries(t)
	require.Len(t, got, 4)
	require.Equal(t, events[0].hash, got[0].Hash)
	require.JSONEq(t, string(events[0].payload), string(got[0].Event))
	_, err := time.Parse(time.RFC3339, got[0].Received)
	require.NoError(t, err)
	require.Equal(t, []string{"alarm-1 lane ok", "alarm-2 lane ok", "alarm-3 lane ok", "notice-1 lane ok"}, r.verdicts(t))
}

func TestNowDoesNotMoveTheLane(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	first, second := c.next(t), c.next(t)
	b.up(t, "now", second, second)
	eventually(t, func() bool { return b.result(second.id) == "received" })
	require.Zero(t, b.through("alarm"))
	b.up(t, "alarm", first, second)
	b.up(t, "now", second)
	eventually(t, func() bool { return b.through("alarm") == 2 && len(r.entries(t)) == 5 })
	require.Equal(t, []string{"alarm-2 now ok", "alarm-2 now duplicate", "alarm-1 lane ok", "alarm-2 lane ok", "alarm-2 now duplicate"}, r.verdicts(t))
}

func TestDuplicatesAreReceivedAgain(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	first := c.next(t)
	b.up(t, "alarm", first, first)
	eventually(t, func() bool { return len(r.entries(t)) == 2 })
	require.Equal(t, []string{"alarm-1 lane ok", "alarm-1 lane duplicate"}, r.verdicts(t))
	eventually(t, func() bool { return b.through("alarm") == 1 })

	other := newChain("alarm")
	b.up(t, "alarm", other.next(t, func(e map[string]any) { e["id"] = "another" }))
	eventually(t, func() bool { return b.result("another") == "rejected" })
}

func TestGapIsAskedForAndFilled(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	var all []made
	for range 6 {
		all = append(all, c.next(t))
	}
	b.up(t, "alarm", all[0], all[3], all[4])
	eventually(t, func() bool { return len(b.got("replay")) > 0 })
	ask := b.got("replay")[0]
	require.Equal(t, []any{"01JEPOCH", "alarm", 2.0, 3.0}, []any{ask["epoch"], ask["lane"], ask["from"], ask["to"]})
	require.NotEmpty(t, ask["request"])
	require.LessOrEqual(t, b.through("alarm"), 1.0)
	b.up(t, "replay/alarm", all[1], all[2])
	b.up(t, "alarm", all[5])
	eventually(t, func() bool { return b.through("alarm") == 6 })
	require.Equal(t, []string{
		"alarm-1 lane ok", "alarm-4 lane gap", "alarm-5 lane gap", "alarm-2 replay ok", "alarm-3 replay ok",
		"alarm-4 lane ok", "alarm-5 lane ok", "alarm-6 lane ok",
	}, r.verdicts(t))
}

func TestRetiredStandsForItsRange(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	var lost made
	for range 40 {
		lost = c.next(t)
	}
	word := newChain("notice").next(t, func(e map[string]any) {
		e["type"], e["data"], e["datasalt"] = "watchpost.journal.retired", map[string]any{"schema": 1, "lane": "alarm", "from": 1, "to": 40, "hash": lost.hash}, nil
	})
	require.Contains(t, string(word.payload), `"datasalt":null`)
	b.up(t, "alarm", word)
	eventually(t, func() bool { return b.result(word.id) == "rejected" }) // data without its salt

	data := `{"from":1,"hash":"` + lost.hash + `","lane":"alarm","schema":1,"to":40}`
	word = newChain("notice").with(t, data, data, func(e map[string]any) { e["type"] = "watchpost.journal.retired" })
	b.up(t, "alarm", word, c.next(t), word)
	eventually(t, func() bool { return b.through("alarm") == 41 })
	eventually(t, func() bool { return len(r.entries(t)) == 4 })
	require.Equal(t, []string{"notice-1 lane bad_data", "notice-1 lane retired", "alarm-41 lane ok", "notice-1 lane duplicate"}, r.verdicts(t))
	b.up(t, "notice", word) // in its own lane it is an ordinary event
	eventually(t, func() bool { return b.through("notice") == 1 })
	r.off(t, nil)
	r.on(t)
	require.Len(t, r.State().Chains, 2)
	require.Equal(t, uint64(41), r.State().Chains[0].Last)
}

func TestBrokenEventsAreRejectedWithTheReason(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	b.up(t, "alarm", c.next(t))
	badData := c.next(t, func(e map[string]any) { e["data"] = map[string]any{"schema": 2} })
	withheld := c.next(t, func(e map[string]any) { delete(e, "data"); delete(e, "datasalt") })
	b.up(t, "alarm", badData, withheld)
	eventually(t, func() bool { return b.through("alarm") == 3 && b.result(badData.id) == "rejected" })

	fork := *c
	fork.prev = "sha256:" + strings.Repeat("1", 64)
	badHash := fork.next(t, func(e map[string]any) { e["id"] = "fork" })
	foreign := c.next(t, func(e map[string]any) { e["id"], e["source"] = "foreign", "/stations/other/boxes/a" })
	b.up(t, "alarm", badHash, foreign, made{payload: []byte("not json")}, made{payload: []byte(`{"id":"empty"}`)})
	eventually(t, func() bool {
		return b.result("fork") == "rejected" && b.result("foreign") == "rejected" && b.result("empty") == "rejected"
	})
	require.Equal(t, 3.0, b.through("alarm"))
	require.Equal(t, []string{
		"alarm-1 lane ok", "alarm-2 lane bad_data", "alarm-3 lane ok", "fork lane bad_hash", "foreign lane bad_event", " lane bad_event", "empty lane bad_event",
	}, r.verdicts(t))
	require.Contains(t, r.entries(t)[6].Reason, "specversion")
}

func TestLedgerOutlivesKillsAndCutLines(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	first, second, third := c.next(t), c.next(t), c.next(t)
	b.up(t, "alarm", first)
	b.up(t, "now", third)
	eventually(t, func() bool { return b.through("alarm") == 1 && b.result(third.id) != "" })
	address := r.State().MQTT
	r.off(t, errKilled)
	require.False(t, r.State().Running)
	eventually(t, func() bool { return !b.client.IsConnectionOpen() })
	refused := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(address)).Connect()
	require.True(t, refused.WaitTimeout(time.Minute))
	require.ErrorContains(t, refused.Error(), "refused")
	require.Equal(t, []string{"alarm-1 lane ok", "alarm-3 now ok"}, r.verdicts(t))

	f, err := os.OpenFile(r.LedgerPath(), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"id":"cut`)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	r.on(t)
	require.Equal(t, address, r.State().MQTT)
	b = r.dial(t)
	b.up(t, "alarm", first, second, third)
	eventually(t, func() bool { return b.through("alarm") == 3 })
	require.Equal(t, []string{"alarm-1 lane ok", "alarm-3 now ok", "alarm-1 lane duplicate", "alarm-2 lane ok", "alarm-3 lane ok"}, r.verdicts(t))
	require.Equal(t, map[string]int{"ok": 4, "duplicate": 1}, r.State().Verdicts)
	raw, err := r.Ledger(4)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(raw), `"verdict"`))
}

func TestReceiptsOffAndOrders(t *testing.T) {
	r := start(t)
	require.Error(t, r.SetReceipts("sometimes"))
	require.NoError(t, r.SetReceipts(hq.ReceiptsOff))
	b := r.dial(t)
	b.up(t, "alarm", newChain("alarm").next(t))
	eventually(t, func() bool { return len(r.entries(t)) == 1 })
	require.Empty(t, b.got("receipt"))
	require.NoError(t, r.SetReceipts(hq.ReceiptsAuto))
	eventually(t, func() bool { return b.through("alarm") == 1 })

	_, err := r.Order("incident", map[string]any{"id": "HQ-1", "kind": "theft"})
	require.NoError(t, err)
	eventually(t, func() bool { o := b.got("incident"); return len(o) == 1 && o[0]["id"] == "HQ-1" })
	done(t, b.client.Publish("watchpost/s1/a/state", 1, true, []byte(`{"online":true}`)))
	eventually(t, func() bool { return string(r.State().Box) == `{"online":true}` })
	r.off(t, nil)
	_, err = r.Order("incident", nil)
	require.ErrorIs(t, err, hq.ErrOff)
}

func TestLookingAwayLosesNothing(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	missed := c.next(t)
	eventually(t, func() bool { return len(b.got("presence")) > 0 }) // the retained one
	require.NoError(t, r.Listen(false))
	eventually(t, func() bool { p := b.got("presence"); return len(p) > 0 && p[len(p)-1]["listening"] == false })
	b.up(t, "alarm", missed) // the broker says PUBACK, and nobody has it
	eventually(t, func() bool { return r.State().Unheard == 1 })
	require.NoError(t, r.Listen(true))
	eventually(t, func() bool { p := b.got("presence"); return p[len(p)-1]["listening"] == true && r.State().Listening })
	b.up(t, "alarm", c.next(t))
	eventually(t, func() bool { return len(b.got("replay")) > 0 })
	require.Zero(t, b.through("alarm"))
	b.up(t, "replay/alarm", missed)
	eventually(t, func() bool { return b.through("alarm") == 2 })
}

func TestManyEventsShareSyncs(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	const n = 2000
	var last mqtt.Token
	for range n {
		last = b.client.Publish("watchpost/s1/a/up/alarm", 1, false, c.next(t).payload)
	}
	done(t, last)
	eventually(t, func() bool { return b.through("alarm") == n })
	require.Equal(t, map[string]int{"ok": n}, r.State().Verdicts)
	require.Less(t, r.State().Sent, uint64(n))
}

func TestWrongPasswordIsRefused(t *testing.T) {
	r := start(t)
	for _, user := range []string{"box", "headquarters", ""} {
		token := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(r.State().MQTT).SetUsername(user).SetPassword("wrong")).Connect()
		require.True(t, token.WaitTimeout(time.Minute))
		require.Error(t, token.Error(), user)
	}
}

func TestDamagedLedgerIsNamed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ledger.jsonl"), []byte("{}\nnot json\n"), 0o600))
	h := hq.New(hq.Config{Name: "hq", Station: "s1", Box: "a", Dir: dir, MQTT: "127.0.0.1:0", TUS: "127.0.0.1:0", Receipts: hq.ReceiptsAuto}, discard())
	require.ErrorContains(t, h.Open(), fmt.Sprintf("open ledger %s: at byte 3", filepath.Join(dir, "ledger.jsonl")))
	var lines []json.RawMessage
	raw, err := h.Clips()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &lines))
	require.Empty(t, lines)
}
