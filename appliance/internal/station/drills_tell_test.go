package station

import (
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// turned is a clock that a test turns.
type turned struct {
	begin   time.Time
	elapsed time.Duration
}

func (c *turned) Wall() time.Time        { return c.begin.Add(c.elapsed) }
func (c *turned) Elapsed() time.Duration { return c.elapsed }

// TestHealthTellsOfRoundsAndDrills: a round that is due, one that was missed,
// and what was never drilled.
func TestHealthTellsOfRoundsAndDrills(t *testing.T) {
	cfg, err := config.Parse([]byte("station: {id: test}\nhttp: {listen: \"127.0.0.1:0\"}\n"), t.TempDir(), config.Supported{})
	require.NoError(t, err)
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	now := time.Now().UTC()
	ago := func(d time.Duration) []string { return []string{now.Add(-d).Format("15:04")} }
	plan := func(id string, due, within time.Duration) desk.PatrolPlan {
		return desk.PatrolPlan{ID: id, Name: id, Cameras: []string{"gate"}, DwellMS: 1000, Times: ago(due), WithinMS: within.Milliseconds()}
	}
	clock := &turned{begin: now.Add(-time.Hour)}
	d, err := desk.New(desk.Setup{
		Cameras: []desk.Camera{{ID: "gate"}}, Pillars: []desk.Pillar{{ID: "P-1", Cameras: []string{"gate"}}}, DrillAfter: 30 * 24 * time.Hour,
		Patrols: []desk.PatrolPlan{plan("due", 20*time.Minute, time.Hour), plan("missed", 30*time.Minute, 5*time.Minute)},
	}, j, clock, slog.New(slog.DiscardHandler), rand.Reader)
	require.NoError(t, err)
	require.NoError(t, d.Open(t.Context()))
	_, err = d.Handle(t.Context(), desk.StartedIn{Version: "1", Boot: "b"})
	require.NoError(t, err)
	clock.elapsed = 50 * time.Minute
	_, err = d.Handle(t.Context(), desk.Tick{})
	require.NoError(t, err)

	told := newDrills(&Station{cfg: cfg, desk: d})
	_, err = d.View(t.Context(), told.tell)
	require.NoError(t, err)
	said := map[string]string{}
	for _, f := range told.findings() {
		said[f.Code] = f.Subject
	}
	require.Equal(t, map[string]string{"drill_due": "", "patrol_due": "due", "patrol_missed": "missed"}, said)
	require.Equal(t, "1", told.findings()[0].Params["never"])
}
