package journal

import (
	"fmt"
	"os"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	j := openTest(t, dir)
	place, _, err := j.Newest()
	require.NoError(t, err)
	require.Zero(t, place)
	require.Error(t, j.Checkpoint(1, nil), "nothing is synced")
	for i := range 4 {
		appendWait(t, j, draft(fmt.Sprint(i), bridge.Lanes()[i]))
	}
	for place := range uint64(4) {
		require.NoError(t, j.Checkpoint(place+1, fmt.Appendf(nil, "state\n%d", place+1)))
	}
	place, state, err := j.Newest()
	require.NoError(t, err)
	require.EqualValues(t, 4, place)
	require.Equal(t, "state\n4", string(state))
	places, err := j.checkpointPlaces()
	require.NoError(t, err)
	require.Equal(t, []uint64{3, 4}, places)

	// A damaged one is passed over.
	content, err := os.ReadFile(j.checkpointPath(4))
	require.NoError(t, err)
	for at := 0; at < len(content); at += 7 {
		content[at] ^= 1
		require.NoError(t, os.WriteFile(j.checkpointPath(4), content, 0o600))
		place, state, err = j.Newest()
		require.NoError(t, err)
		require.EqualValues(t, 3, place)
		require.Equal(t, "state\n3", string(state))
		content[at] ^= 1
	}
	// One of another journal as well, though its sum is right.
	other, err := encodeCheckpoint(checkpointHeader{Version: 1, Epoch: j.epoch, Place: 4}, nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(j.checkpointPath(4), other, 0o600))
	place, _, err = j.Newest()
	require.NoError(t, err)
	require.EqualValues(t, 3, place)
}

func FuzzDecodeCheckpoint(f *testing.F) {
	content, err := encodeCheckpoint(checkpointHeader{Version: 1, Epoch: "e", Place: 1, Bytes: 2}, []byte("ab"))
	require.NoError(f, err)
	f.Add(content)
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = decodeCheckpoint(b) // must not panic
	})
}

// A checkpoint that is written while others append reads no index that its
// transaction does not see yet.
func TestHeadsBesideAppends(t *testing.T) {
	j := openTest(t, t.TempDir())
	appendWait(t, j, draft("1", bridge.Clip))
	end := j.ends()
	require.NoError(t, j.view(func(txn *badger.Txn) error {
		for n := range 3 {
			appendWait(t, j, draft(fmt.Sprint(2+n), bridge.Clip))
		}
		at, err := j.headsAt(txn, 1, &end)
		require.EqualValues(t, 1, at.lane(bridge.Clip).sequence)
		return err
	}))
}
