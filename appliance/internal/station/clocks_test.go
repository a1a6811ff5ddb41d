package station

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// A device's clock that is wrong is recorded once, with how far; one that is
// right, or moves within what is known of it, is nothing to record.
func TestClocksOfDevicesAreRecorded(t *testing.T) {
	b := newBench(t)
	var mu sync.Mutex
	now := []clockReading{{"gate", "camera", -40 * time.Second, 200 * time.Millisecond}, {"P-1", "pillar", 900 * time.Millisecond, time.Second}}
	seen := 0
	c := b.newClocks()
	c.every = time.Millisecond
	c.read = func() []clockReading {
		mu.Lock()
		defer mu.Unlock()
		seen++
		return slices.Clone(now)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx) }()
	rounds := func(n int) {
		mu.Lock()
		from := seen
		mu.Unlock()
		eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return seen >= from+n })
	}
	rounds(5)
	mu.Lock()
	now[0].ahead, now[1].ahead = 3*time.Second, 73*365*24*time.Hour
	mu.Unlock()
	rounds(5)
	stop()
	require.NoError(t, <-ended)

	var got []desk.DeviceChanged
	records, err := b.journal.Read(0, 100)
	require.NoError(t, err)
	for _, r := range records {
		if r.Event.Type == desk.TypeDeviceClock {
			var data desk.DeviceChanged
			require.NoError(t, json.Unmarshal(r.Event.Data, &data))
			got = append(got, data)
		}
	}
	require.Len(t, got, 2, "one a device within ten minutes, however it wanders")
	require.Equal(t, []any{"gate", -40_000.0, 200.0}, []any{got[0].Device, got[0].OffsetMS, got[0].UncertaintyMS})
	require.Equal(t, []any{"P-1", float64(73*365*24*time.Hour) / 1e6}, []any{got[1].Device, got[1].OffsetMS})
}
