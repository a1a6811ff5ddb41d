package journal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

func TestErase(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err)
	dated(t, j, 300)
	lane := bridge.Notice
	before, err := j.ReadLane(lane, 4, 1)
	require.NoError(t, err)
	require.ErrorIs(t, j.Erase(lane, 5), ErrTooNew)
	require.NoError(t, j.Checkpoint(100, nil))
	require.NoError(t, j.Checkpoint(300, nil))
	require.ErrorIs(t, j.Erase(lane, 90), ErrTooNew)
	require.Error(t, j.Erase(lane, 1000))
	require.Error(t, j.Erase("weather", 1))
	require.NoError(t, j.Erase(lane, 5))
	require.NoError(t, j.Erase(lane, 5), "again")

	check := func(j *Journal) {
		after, err := j.ReadLane(lane, 4, 1)
		require.NoError(t, err)
		require.Empty(t, after[0].Event.Data)
		require.Empty(t, after[0].Event.DataSalt)
		require.Equal(t, before[0].Event.Hash(), after[0].Event.Hash())
		require.Equal(t, before[0].Key, after[0].Key)
		seen, err := j.Verify(t.Context(), 0)
		require.NoError(t, err)
		require.EqualValues(t, 300, seen.Records)
	}
	check(j)
	require.NoError(t, j.Close())
	check(openTest(t, dir))
}
