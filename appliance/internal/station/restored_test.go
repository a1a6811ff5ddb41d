package station

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// After a restore the room has all incidents of the copy, those too that came
// after its newest checkpoint.
func TestRestoredRoomHasAllOfTheCopy(t *testing.T) {
	cfg := config.Default()
	cfg.Station.ID, cfg.Station.Box = "test", "a"
	cfg.Data.Journal.Dir, cfg.Data.Journal.Reserve = filepath.Join(t.TempDir(), "journal"), 16<<20
	log := slog.New(slog.DiscardHandler)
	open := func() (*journal.Journal, *desk.Desk) {
		j, err := journal.Open(journal.Options{Dir: cfg.Data.Journal.Dir, Source: source(&cfg), Reserve: int64(cfg.Data.Journal.Reserve)})
		require.NoError(t, err)
		d, err := desk.New(deskSetup(&cfg), j, desk.SystemClock(), log, rand.Reader)
		require.NoError(t, err)
		require.NoError(t, d.Open(t.Context()))
		return j, d
	}
	_, err := RestoreJournal(t.Context(), &cfg, log)
	require.Error(t, err, "there is none")
	left, err := filepath.Glob(filepath.Join(cfg.Data.Journal.Dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left)

	j, d := open()
	report := func(place string) {
		_, err := d.Handle(t.Context(), desk.ReportIn{Source: "walk_in", Kind: "theft", Place: place, By: desk.Actor{Name: "li", Role: "operator"}})
		require.NoError(t, err)
	}
	report("街口")
	require.NoError(t, d.Checkpoint(t.Context()))
	report("市场")
	_, err = d.Handle(t.Context(), desk.ReportIn{Source: "hq", Kind: "fight", Place: "车站", HQID: "H1", Uplink: "hq", By: desk.Actor{Name: "hq", Role: "uplink"}})
	require.NoError(t, err)
	_, err = RestoreJournal(t.Context(), &cfg, log)
	require.ErrorIs(t, err, journal.ErrHeld)
	before := j.Epoch()
	require.NoError(t, j.Close())

	restored, err := RestoreJournal(t.Context(), &cfg, log)
	require.NoError(t, err)
	require.NoError(t, restored.Damaged)
	j, d = open()
	defer func() { require.NoError(t, j.Close()) }()
	require.Equal(t, restored.Epoch, j.Epoch())
	require.NotEqual(t, before, j.Epoch())
	var incidents []*desk.Incident
	_, err = d.View(t.Context(), func(s *desk.State) { incidents = s.OpenIncidents() })
	require.NoError(t, err)
	require.Len(t, incidents, 3)

	// Headquarters names what it reported before by its own id still.
	s := &Station{journal: j, desk: d, log: log}
	said, err := s.order(t.Context(), bridge.Message{Uplink: "hq", Kind: bridge.KindTask, Payload: []byte(`{"id":"T1","to":"lead","note":"去","incident":"H1"}`)})
	require.NoError(t, err)
	require.Equal(t, []string{desk.OrderTaken, ""}, []string{said.Result, said.Reason})
	_, err = d.View(t.Context(), func(s *desk.State) {
		require.Equal(t, s.ReportedAbove("hq", "H1"), s.Task(said.Task).Incident)
		require.NotEmpty(t, said.Task)
		require.Empty(t, s.ReportedAbove("other", "H1"))
	})
	require.NoError(t, err)
}

// What headquarters refused before a restart goes without data from the first
// batch on: that is known before the forwarder runs.
func TestSetAsideIsKnownBeforeTheForwarderRuns(t *testing.T) {
	cfg := config.Default()
	dir := t.TempDir()
	cfg.Station.ID, cfg.Station.Box = "test", "a"
	cfg.Data.Dir, cfg.Data.Journal.Dir, cfg.Data.Journal.Reserve = dir, filepath.Join(dir, "journal"), 16<<20
	cfg.HTTP.Listen, cfg.HTTP.TLS.Listen, cfg.MQTT.Listen, cfg.WebRTC.UDP, cfg.WebRTC.TCP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", 0, 0
	cfg.Uplinks = []config.Uplink{{Name: "hq", Kind: "mqtt", URL: "mqtt://127.0.0.1:1", Lanes: []string{"alarm"}, Confirm: "receipt"}}
	j, err := journal.Open(journal.Options{Dir: cfg.Data.Journal.Dir, Source: source(&cfg), Reserve: 16 << 20})
	require.NoError(t, err)
	d, err := desk.New(deskSetup(&cfg), j, desk.SystemClock(), slog.New(slog.DiscardHandler), rand.Reader)
	require.NoError(t, err)
	require.NoError(t, d.Open(t.Context()))
	_, err = d.Handle(t.Context(), desk.SetAsideIn{Uplink: "hq", ID: "01J", Lane: "alarm", Sequence: "00000000000000000001", Epoch: j.Epoch(), Reason: "no"})
	require.NoError(t, err)
	require.NoError(t, j.Close())

	s := New(Options{Config: &cfg, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, s.Open(t.Context()))
	require.True(t, s.receipts.withheld("hq", "01J"))
	ended, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, s.Run(ended))
}
