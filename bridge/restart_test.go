package bridge_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// begin runs a forwarder until the function that it gives is called: what
// stands in memory is lost then, as by a crash, but for what is written once a
// second.
func begin(t *testing.T, o bridge.Options) (*bridge.Forwarder, func()) {
	t.Helper()
	o.Down, o.Flush = func(context.Context, bridge.Message) error { return nil }, -1
	f, err := bridge.NewForwarder(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = f.Run(ctx) }()
	return f, func() { cancel(); <-ended }
}

// A request for a range outlives a crash, and a break in the middle of it.
func TestReplaySurvivesARestart(t *testing.T) {
	j := openJournal(t)
	records := appendAll(t, j, many(bridge.Alarm, "P2", 900)...)
	dir := t.TempDir()
	absent := &fake{}
	uplink := func(u *fake) []bridge.UplinkConfig {
		return []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}
	}
	f, stop := begin(t, bridge.Options{Journal: j, Dir: dir, Uplinks: uplink(absent)})
	ask := func(request string, from, to int) error {
		return f.Take(t.Context(), "hq", bridge.KindReplay, fmt.Appendf(nil, `{"request":%q,"epoch":%q,"lane":"alarm","from":%d,"to":%d}`, request, j.Epoch(), from, to))
	}
	require.NoError(t, ask("a", 101, 800))
	require.NoError(t, ask("within", 200, 300), "the range that waits answers it")
	require.NoError(t, ask("b", 5, 5))
	for n := range 14 {
		require.NoError(t, ask("more", 900-n, 900-n))
	}
	require.NoError(t, ask("one more", 1, 2), "joined with the range that is nearest: 1 to 5")
	require.ErrorContains(t, f.Repeat("hq", records[19]), "16 ranges", "it is in its lane")
	stop()

	u := &fake{present: true}
	_, stop = begin(t, bridge.Options{Journal: j, Dir: dir, Uplinks: uplink(u)})
	u.waitFor(t, func() bool { return len(u.replay) > 100 }, "the beginning")
	u.mu.Lock()
	u.session.end(fmt.Errorf("line cut"))
	u.mu.Unlock()
	u.waitFor(t, func() bool { return len(u.replay) >= 719 }, "the rest")
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "hq", "replays.json"))
		return err == nil && string(b) == "[]"
	}, patience, pause, "all forgotten")
	stop()
	had := map[uint64]bool{}
	for _, e := range u.replay {
		had[e.Sequence] = true
	}
	require.Len(t, had, 700+5+14)
	require.Less(t, len(u.replay), 719+100+1, "it went on where it was")

	again := &fake{present: true}
	_, stop = begin(t, bridge.Options{Journal: j, Dir: dir, Uplinks: uplink(again)})
	again.waitFor(t, func() bool { return len(again.states) > 0 }, "up")
	stop()
	require.Empty(t, again.replay, "an answered request is forgotten")
}

// How far an event came, and when, is known after a restart.
func TestTimesSurviveARestart(t *testing.T) {
	j := openJournal(t)
	dir := t.TempDir()
	u := &fake{present: true, mute: true}
	o := bridge.Options{Journal: j, Dir: dir, Uplinks: []bridge.UplinkConfig{{Name: "hq/..", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}}
	_, err := bridge.NewForwarder(o)
	require.Error(t, err)
	o.Uplinks[0].Name = "hq %2F"
	began := time.Now().Add(-time.Millisecond)
	f, stop := begin(t, o)
	records := appendAll(t, j, event("p0", bridge.Alarm, "P0"), event("2", bridge.Alarm, "P2"), event("3", bridge.Alarm, "P2"))
	u.waitFor(t, func() bool { return len(u.got) == 3 && len(u.now) == 1 }, "sent")
	require.Eventually(t, func() bool { return !f.Deliveries(&records[2].Event)[0].Sent.IsZero() }, patience, pause, "and noted, as far as the last of them")
	say := func(text string) {
		require.NoError(t, u.handler.Receive(t.Context(), bridge.KindReceipt, fmt.Appendf(nil, text, j.Epoch())))
	}
	say(`{"epoch":%q,"id":"p0","result":"received"}`)
	say(`{"epoch":%q,"lane":"alarm","through":2,"result":"received"}`)
	stop()

	idle := &fake{}
	o.Uplinks[0].Uplink = idle
	f, stop = begin(t, o)
	for i, want := range []bridge.Mark{bridge.MarkReceived, bridge.MarkReceived, bridge.MarkSent} {
		d := f.Deliveries(&records[i].Event)[0]
		require.Equal(t, want, d.Mark, i)
		require.WithinRange(t, d.Sent.Time, began.Truncate(time.Millisecond), time.Now(), "%d", i)
		if want == bridge.MarkReceived {
			require.WithinRange(t, d.Received.Time, began.Truncate(time.Millisecond), time.Now(), "%d", i)
		} else {
			require.True(t, d.Received.IsZero())
		}
	}
	stop()

	// What a crash cut is not guessed.
	trails, err := filepath.Glob(filepath.Join(dir, "*", j.Epoch()+".trail"))
	require.NoError(t, err)
	require.Len(t, trails, 1)
	require.NoError(t, os.WriteFile(trails[0], []byte(`{"lane":"alarm","mark":"rec`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(trails[0]), "OTHER.trail"), nil, 0o600))
	f, stop = begin(t, o)
	defer stop()
	d := f.Deliveries(&records[1].Event)[0]
	require.Equal(t, bridge.MarkReceived, d.Mark, "the cursor says so")
	require.True(t, d.Received.IsZero())
	left, err := filepath.Glob(filepath.Join(filepath.Dir(trails[0]), "*.trail"))
	require.NoError(t, err)
	require.Equal(t, trails, left, "another epoch's numbers mean nothing here")
}
