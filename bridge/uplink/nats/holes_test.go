package nats

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// A hole of an older epoch, which is sent before the journal, outlives one of
// the journal and a restart.
func TestHolesOfOlderEpochsAreKept(t *testing.T) {
	o := Options{URL: "nats://127.0.0.1:4222", Stream: "S", Station: "s", Box: "a", StateFile: filepath.Join(t.TempDir(), "made", "holes.json")}
	open := func() *Uplink {
		u, err := New(o)
		require.NoError(t, err)
		u.loadHoles()
		return u
	}
	older, newer := laneOf{"01A", bridge.Alarm}, laneOf{"01B", bridge.Alarm}
	u := open()
	u.holes[older] = hole{first: 5, last: 10, count: 1}
	require.NoError(t, u.keepHoles())
	u = open()
	u.holes[newer] = hole{first: 7, last: 9, count: 2}
	require.NoError(t, u.keepHoles())
	require.Equal(t, map[laneOf]hole{older: {5, 10, 1}, newer: {7, 9, 2}}, open().holes)
	require.Equal(t, "01A/alarm/6/again-1", open().messageID(bridge.Batch{Way: bridge.WayLane}, &bridge.Outgoing{Epoch: "01A", Lane: bridge.Alarm, Sequence: 6}))

	for n := range 2 * keptHolesMax {
		u.holes[laneOf{fmt.Sprintf("02%03d", n), bridge.Alarm}] = hole{1, 2, 1}
	}
	require.NoError(t, u.keepHoles())
	require.Len(t, open().holes, keptHolesMax)
	require.Contains(t, open().holes, laneOf{fmt.Sprintf("02%03d", 2*keptHolesMax-1), bridge.Alarm})
}
