package e2e

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// outage: headquarters stopped for 60 s while 50 presses arrive, the box
// killed with kill -9 twice in between: afterwards the ledger has every
// acknowledged press, in order, chain valid, each once in effect.
func outage(t *testing.T, r *rig, _ *browser) {
	const presses = 50
	r.control("POST", "/hq/hq/stop", "", nil)
	began := time.Now()
	ids := map[string]string{} // press → pillar
	kills := map[int]bool{10 + r.rand.IntN(10): true, 30 + r.rand.IntN(10): true}
	for i := range presses {
		pillar := []string{"P-001", "P-002"}[r.rand.IntN(2)]
		ids[r.press(pillar, "alarm")] = pillar
		if kills[i] {
			t.Logf("kill -9 after press %d", i+1)
			r.killBox()
			r.startBox()
		}
		wait(time.Duration(500+r.rand.IntN(1000)) * time.Millisecond)
	}
	r.until("every press acknowledged to its pillar", func() bool {
		s := r.simState()
		return len(s.Pillars["P-001"].Pending)+len(s.Pillars["P-002"].Pending) == 0
	})
	wait(time.Until(began.Add(60 * time.Second)))
	r.control("POST", "/hq/hq/start", "", nil)
	r.until("the ledger has every press", func() bool {
		have := map[string]bool{}
		for _, line := range r.ledger() {
			if data, is := line.raised(t); is && data.Press != nil {
				have[data.Press.ID] = true
			}
		}
		for id := range ids {
			if !have[id] {
				return false
			}
		}
		return true
	})
	effect := map[string]int{}
	alarms := 0
	for _, line := range r.ledger() {
		require.Contains(t, []string{"ok", "duplicate", "gap"}, line.Verdict, "%+v", line)
		if line.Taken && line.Lane == "alarm" {
			alarms++ // the ledger takes a line only when it is last + 1 and the hash fits
		}
		if data, is := line.raised(t); is && data.Press != nil {
			effect[data.Press.ID]++
		}
	}
	for id := range ids {
		require.Equal(t, 1, effect[id], "press %s is once in effect", id)
	}
	t.Logf("%d presses through the outage; %d alarms in an unbroken chain; drained %v after headquarters was back", presses, alarms, time.Since(began.Add(60*time.Second)).Round(100*time.Millisecond))
}

// killed: kill -9 at any time, start: desk, clips and cursors are as they were.
func killed(t *testing.T, r *rig, b *browser) {
	r.until("headquarters has everything", r.upToDate)
	before := r.room()
	taken := r.taken()
	r.killBox()
	r.startBox()
	after := r.room()
	same := before.unchanged(t, after)
	t.Logf("%d incidents, alerts and clips are byte for byte as they were", same)
	require.Greater(t, same, len(before.Alerts)/2)
	for _, c := range decodeAll[clipPart](t, before.Clips) {
		if c.Part != "whole" {
			continue // part 1 goes once its whole is there
		}
		status, _ := r.apiBytes("GET", c.Location, "")
		require.Equal(t, 200, status, "clip %s is as it was", c.ID)
	}
	r.until("the line is up to date again", r.upToDate)
	require.GreaterOrEqual(t, r.taken(), taken)
	for _, line := range r.ledger() {
		require.Contains(t, []string{"ok", "duplicate", "gap"}, line.Verdict)
	}
	r.plays(b, "yard") // the browser's tile came back by itself
}

func (r *rig) upToDate() bool {
	for _, u := range r.room().Uplinks {
		if !u.Listening {
			return false
		}
		for _, n := range u.Lag {
			if n > 0 {
				return false
			}
		}
	}
	return true
}

func (r *rig) taken() int {
	n := 0
	for _, line := range r.ledger() {
		if line.Taken {
			n++
		}
	}
	return n
}

// unchanged holds every resource against what it was, unless something has
// happened to it since: a limit passed, the camera saw somebody. Nothing may be
// missing. It returns how many were the same.
func (before room) unchanged(t *testing.T, after room) (same int) {
	_, number, _ := strings.Cut(before.AsOf, ".")
	place, err := strconv.ParseUint(number, 10, 64)
	require.NoError(t, err)
	type resource struct {
		ID      string `json:"id"`
		Part    string `json:"part"`
		Touched uint64 `json:"touched"`
	}
	for _, lists := range [][2][]json.RawMessage{{before.Incidents, after.Incidents}, {before.Alerts, after.Alerts}, {before.Clips, after.Clips}} {
		now := map[string]json.RawMessage{}
		touched := map[string]uint64{}
		for i, res := range decodeAll[resource](t, lists[1]) {
			now[res.ID+"/"+res.Part], touched[res.ID+"/"+res.Part] = lists[1][i], res.Touched
		}
		for i, res := range decodeAll[resource](t, lists[0]) {
			key := res.ID + "/" + res.Part
			require.Contains(t, now, key)
			if touched[key] > place {
				continue
			}
			require.Equal(t, string(lists[0][i]), string(now[key]))
			same++
		}
	}
	return same
}

// wait lets real time pass where time itself is what is played: the minute of
// an outage, the seconds between presses.
func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
