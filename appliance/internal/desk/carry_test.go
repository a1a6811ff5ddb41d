package desk_test

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
)

// TestRoomOutlivesADamagedJournal: the journal is damaged, set aside, and the
// room goes on with the state of its checkpoint; so does every start after.
func TestRoomOutlivesADamagedJournal(t *testing.T) {
	dir := t.TempDir()
	clock := newHands()
	open := func() (*desk.Desk, *journal.Journal) {
		j, err := journal.Open(journal.Options{Dir: dir, Source: "/stations/test/boxes/a", SetAside: true})
		require.NoError(t, err)
		d, err := desk.New(setup(), j, clock, slog.New(slog.DiscardHandler), rand.Reader)
		require.NoError(t, err)
		require.NoError(t, d.Open(t.Context()))
		return d, j
	}
	state := func(d *desk.Desk, incident string) desk.IncidentState {
		var is desk.IncidentState
		_, err := d.View(t.Context(), func(s *desk.State) {
			if inc := s.Incident(incident); inc != nil {
				is = inc.State
			}
		})
		require.NoError(t, err)
		return is
	}
	d, j := open()
	pressed, err := d.Handle(t.Context(), press("P-1", "e1", ingest.PressAlarm, clock.Wall()))
	require.NoError(t, err)
	require.NoError(t, d.Checkpoint(t.Context()))
	clock.pass(time.Minute)
	lost, err := d.Handle(t.Context(), press("P-2", "e2", ingest.PressAlarm, clock.Wall()))
	require.NoError(t, err)
	require.NoError(t, j.Close())
	require.NoError(t, os.WriteFile(filepath.Join(j.Path(), "MANIFEST"), []byte("?"), 0o600))

	d, again := open()
	require.NotEqual(t, j.Epoch(), again.Epoch())
	require.Equal(t, desk.Open, state(d, pressed.Incident))
	require.Empty(t, state(d, lost.Incident), "it came after the checkpoint: salvage has it")
	resent, err := d.Handle(t.Context(), press("P-1", "e1", ingest.PressAlarm, start()))
	require.NoError(t, err)
	require.True(t, resent.Duplicate)
	require.Equal(t, pressed.Incident, resent.Incident)
	resent, err = d.Handle(t.Context(), press("P-2", "e2", ingest.PressAlarm, start().Add(time.Minute)))
	require.NoError(t, err)
	require.False(t, resent.Duplicate, "the room does not have it: it comes again")
	_, err = d.Handle(t.Context(), desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	require.NoError(t, err)
	require.Positive(t, again.Last())
	for range 2 { // folded from the carried state, then from a checkpoint of its own
		require.NoError(t, again.Close())
		d, again = open()
		require.Equal(t, desk.Acknowledged, state(d, pressed.Incident))
		require.NoError(t, d.Checkpoint(t.Context()))
	}
	changes, _, err := d.Since(t.Context(), 0)
	require.NoError(t, err)
	require.NotEmpty(t, changes)
	require.NoError(t, again.Close())
}
