package station

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

func TestErasingByLawTakesTheDataAndKeepsTheChain(t *testing.T) {
	s, clock := aging(t)
	clock.report(t, s, 30)
	erase := s.acts()[wall.ActErase]
	for subject, field := range map[string]bool{"alarm": true, "alarm/0": true, "alarm/x": true, "sky/1": true, "alarm/9999": false} {
		err := erase.Check(t.Context(), subject)
		var invalid *desk.InvalidError
		var unknown *desk.NotFoundError
		if field {
			require.ErrorAs(t, err, &invalid, subject)
		} else {
			require.ErrorAs(t, err, &unknown, subject)
		}
	}
	require.NoError(t, erase.Check(t.Context(), "alarm/2"))
	require.NoError(t, erase.Do(t.Context(), desk.Approval{Act: wall.ActErase, Subject: "alarm/2", Reason: "court order 7", By: "lead", Second: "zhou"}))
	work(t, s)
	found, err := s.journal.ReadLane(bridge.Alarm, 1, 1)
	require.NoError(t, err)
	require.Empty(t, found[0].Event.Data)
	_, err = s.journal.Verify(t.Context(), 0)
	require.NoError(t, err)
	var invalid *desk.InvalidError
	require.ErrorAs(t, erase.Check(t.Context(), "alarm/2"), &invalid, "it is erased already")
	said := lastTypes(t, s, 1)
	require.Equal(t, []string{"watchpost.journal.erased"}, said)
}
