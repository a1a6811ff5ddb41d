package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// retire appends 20 alarms, lets the first 10 go as the desk would, and gives
// the event that says so.
func retire(t *testing.T, j *journal.Journal) bridge.Record {
	t.Helper()
	drafts := many(bridge.Alarm, "P0", 20)
	for i := range drafts {
		drafts[i].Recorded = bridge.At(time.Now().Add(-72 * time.Hour))
	}
	appendAll(t, j, drafts...)
	require.NoError(t, j.Checkpoint(10, nil))
	require.NoError(t, j.Checkpoint(20, nil))
	r, ok, err := j.Retirable(time.Now(), journal.Keep{MaxAge: time.Hour})
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 10, r.Through)
	word := event("retired", bridge.Notice, "P3")
	word.Data = fmt.Appendf(nil, `{"lane":"alarm","from":1,"to":10,"hash":%q}`, r.Ranges[0].Hash)
	said := appendAll(t, j, word)[0]
	require.NoError(t, j.Retire(r, map[bridge.Lane]uint64{bridge.Alarm: said.Place}))
	return said
}

// Where retention has taken events that an uplink did not have, the event that
// says so comes in front of the first one after the hole, and is the answer to
// a replay of the range.
func TestRetiredStandsForTheHole(t *testing.T) {
	for name, byID := range map[string]bool{"through": false, "by id": true} {
		t.Run(name, func(t *testing.T) {
			j := openJournal(t)
			said := retire(t, j)
			u := &fake{present: true, byID: byID}
			run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm, bridge.Notice}, Types: []string{"nothing"}}}})
			require.Eventually(t, func() bool {
				return cursor(t, j, "hq", bridge.Alarm) == 20 && cursor(t, j, "hq", bridge.Notice) == 1
			}, patience, pause)
			u.mu.Lock()
			got, handler := u.got, u.handler
			u.mu.Unlock()
			first, err := bridge.DecodeEvent(got[0].Wire)
			require.NoError(t, err)
			require.Equal(t, said.Event, first, "whole, though the uplink filters")
			require.Equal(t, bridge.Alarm, got[0].Lane)
			require.EqualValues(t, 10, got[0].Sequence)
			require.EqualValues(t, 11, got[1].Sequence)

			require.NoError(t, handler.Receive(t.Context(), bridge.KindReplay, fmt.Appendf(nil, `{"request":"r","epoch":%q,"lane":"alarm","from":3,"to":12}`, j.Epoch())))
			u.waitFor(t, func() bool { return len(u.replay) == 3 }, "replay")
			u.mu.Lock()
			defer u.mu.Unlock()
			require.Equal(t, got[0].Wire, u.replay[0].Wire)
			require.EqualValues(t, 11, u.replay[1].Sequence)
		})
	}
}
