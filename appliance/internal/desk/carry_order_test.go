package desk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// The journal was set aside and the room went on in a new one: an order that
// headquarters sends again is the one that the room has, and a reply likewise.
func TestOrdersOfAnotherJournalComeOnce(t *testing.T) {
	r := newRoom(t)
	r.do(fromAbove("T-1"))
	b, err := r.state.Bytes()
	require.NoError(t, err)
	fresh := newRoom(t)
	fresh.state, err = desk.RestoreCarried(b)
	require.NoError(t, err)
	_, again := fresh.do(fromAbove("T-1"))
	require.Equal(t, r.state.Tasks()[0].ID, again.Task)
	require.Len(t, fresh.state.Tasks(), 1)
	records, more := fresh.do(fromAbove("T-1"))
	require.Empty(t, records)
	require.True(t, more.Duplicate)
}
