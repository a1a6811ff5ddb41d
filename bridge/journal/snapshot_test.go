package journal

import (
	"fmt"
	"sync"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Reads begin no transaction of their own, which badger would hold until the
// commit under way is synced, and see all that is synced.
func TestReadsDoNotWaitForCommits(t *testing.T) {
	j := openTest(t, t.TempDir())
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 50 {
				d := draft(fmt.Sprint(caller, "-", i), bridge.Alarm)
				d.Key = "press/" + d.ID
				records := appendWait(t, j, d)
				found, ok, err := j.Find(d.Key)
				require.NoError(t, err)
				require.True(t, ok)
				require.Equal(t, records[0], found)
				read, err := j.Read(records[0].Place-1, 1)
				require.NoError(t, err)
				require.Equal(t, records, read)
			}
		})
	}
	callers.Wait()
	require.NoError(t, j.view(func(txn *badger.Txn) error {
		require.Same(t, j.committed.now.txn, txn)
		appendWait(t, j, draft("later", bridge.Alarm))
		require.NotSame(t, j.committed.now.txn, txn)
		_, err := getValue(txn, eventKey(1)) // good as long as it is read
		return err
	}))
	require.Equal(t, 1, j.committed.now.users)
}
