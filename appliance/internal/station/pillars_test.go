package station

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A pillar that was online when the box stopped and does not come back is not
// shown as online for ever.
func TestPillarThatDoesNotComeBackIsSilent(t *testing.T) {
	b := newBench(t)
	_, err := b.desk.Handle(t.Context(), desk.DeviceIn{Device: "P-1", Type: "pillar", State: "online", Since: time.Now()})
	require.NoError(t, err)
	b.cfg.Pillars = []config.Pillar{{ID: "P-1"}}
	b.pillars = b.newPillars()
	b.pillars.returnWithin = time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.pillars.run(ctx, b.Station) }()
	state := func() (state string) {
		_, err := b.desk.View(t.Context(), func(s *desk.State) { state = s.Device("P-1").State })
		require.NoError(t, err)
		return state
	}
	eventually(t, func() bool { return state() == "silent" })
	b.pillars.status(ingest.PillarStatus{Pillar: "P-1", Online: true, At: time.Now()})
	eventually(t, func() bool { return state() == "online" })
	stop()
	require.NoError(t, <-ended)
}
