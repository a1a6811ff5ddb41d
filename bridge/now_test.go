package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// lateNow is a journal that says where "now" was only when it may.
type lateNow struct {
	*journal.Journal
	may chan struct{}
}

func (l lateNow) Cursor(name string, lane bridge.Lane) (uint64, error) {
	if name == "hq/now" {
		<-l.may
	}
	return l.Journal.Cursor(name, lane)
}

// Every P0 goes on "now", though its lane was quicker: a headquarters may listen
// to that way alone. What was confirmed before the line stood needs no copy.
func TestEveryUrgentGoesOnNow(t *testing.T) {
	for _, confirm := range []bridge.Confirm{bridge.ByTransport, bridge.ByReceipt} {
		t.Run(string(confirm), func(t *testing.T) {
			j := openJournal(t)
			appendAll(t, j, many(bridge.Alarm, "P0", 30)...)
			require.NoError(t, j.SaveCursor("hq", bridge.Alarm, 10))
			late := lateNow{j, make(chan struct{})}
			u := &fake{present: true}
			f := run(t, bridge.Options{Journal: late, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, Confirm: confirm}}})
			ok := assert.Eventually(t, func() bool { return f.Status()[0].Lag[bridge.Alarm] == 0 }, patience, pause, "the lane is confirmed")
			close(late.may)
			require.True(t, ok)
			u.waitFor(t, func() bool { return len(u.now) == 20 }, "and they go on now")
			u.mu.Lock()
			defer u.mu.Unlock()
			require.Equal(t, "alarm-0011", u.now[0].ID)
		})
	}
}
