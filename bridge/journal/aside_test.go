package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// written makes a journal with a checkpoint, whose first events stand in a
// table and whose last ones in the log, and closes it. It gives its epoch.
func written(t testing.TB, dir string) string {
	t.Helper()
	for _, stretch := range []int{1, 21} { // Close makes a table of each
		j, err := Open(Options{Dir: dir, Source: testSource})
		require.NoError(t, err)
		for i := range 20 {
			d := draft(fmt.Sprint(stretch+i), bridge.Alarm)
			d.Key = "key/" + d.ID
			appendWait(t, j, d)
		}
		require.NoError(t, j.Checkpoint(10, []byte("state at 10")))
		require.NoError(t, j.Close())
	}
	epoch, err := newestEpoch(dir)
	require.NoError(t, err)
	return epoch
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

func damageFile(t testing.TB, pattern string, change func([]byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	slices.SortFunc(files, func(a, b string) int { return int(fileSize(t, b) - fileSize(t, a)) }) // the largest
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], change(content), 0o600))
}

// What a bad disk leaves behind: each time a new epoch begins with the state
// of the newest checkpoint, the old one is renamed, and Salvage reads what is
// whole.
func TestDamagedJournalIsSetAside(t *testing.T) {
	flip := func(from, to float64) func([]byte) []byte {
		return func(b []byte) []byte {
			for at := int(from * float64(len(b))); at < int(to*float64(len(b))); at++ {
				b[at] ^= 0x55
			}
			return b
		}
	}
	for name, c := range map[string]struct {
		pattern  string
		change   func([]byte) []byte
		salvaged uint64
	}{
		"a table's block":          {"*.sst", flip(0.1, 0.2), 20},
		"a table's index":          {"*.sst", flip(0.98, 0.99), 20},
		"a table cut":              {"*.sst", func(b []byte) []byte { return b[:len(b)/2] }, 20},
		"a table full of zeros":    {"*.sst", func(b []byte) []byte { clear(b); return b }, 20},
		"the manifest":             {"MANIFEST", flip(0.5, 0.6), 40},
		"the manifest's beginning": {"MANIFEST", flip(0, 0.02), 40},
	} {
		dir := t.TempDir()
		epoch := written(t, dir)
		damageFile(t, filepath.Join(dir, epoch, c.pattern), c.change)
		_, err := Open(Options{Dir: dir, Source: testSource})
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged, name)

		j, err := Open(Options{Dir: dir, Source: testSource, SetAside: true, Now: func() time.Time { return time.UnixMilli(0) }})
		require.NoError(t, err, name)
		require.Greater(t, j.Epoch(), epoch, "though the clock went back")
		aside, err := j.Aside()
		require.NoError(t, err)
		require.Equal(t, []string{filepath.Join(dir, asidePrefix+epoch)}, aside)
		state, err := j.Carried()
		require.NoError(t, err)
		require.Equal(t, "state at 10", string(state))
		place, _, err := j.Newest()
		require.NoError(t, err)
		require.Zero(t, place)
		first := appendWait(t, j, draft("new", bridge.Alarm))[0]
		require.EqualValues(t, 1, first.Place)
		require.Equal(t, bridge.ZeroHash, first.Event.PrevHash)
		require.NoError(t, j.Close())

		var last uint64
		seen, err := Salvage(t.Context(), aside[0], func(r bridge.Record) error {
			require.Greater(t, r.Place, last)
			last = r.Place
			return nil
		})
		require.NoError(t, err, name)
		require.GreaterOrEqual(t, seen.Records, c.salvaged, name)
		require.GreaterOrEqual(t, last, c.salvaged, name)

		again := openTest(t, dir)
		require.Equal(t, j.Epoch(), again.Epoch())
		require.EqualValues(t, 1, again.Last())
	}
}

// What hinders is not damage: the journal stays where it is.
func TestHealthyJournalIsNeverSetAside(t *testing.T) {
	dir := t.TempDir()
	epoch := written(t, dir)
	options := Options{Dir: dir, Source: testSource, SetAside: true}
	j, err := Open(options)
	require.NoError(t, err)
	_, err = Open(options)
	require.ErrorIs(t, err, ErrHeld)
	require.ErrorContains(t, err, dir)
	require.NoError(t, j.Close())

	short := options
	short.Reserve, short.Free = 64<<20, func(string) (int64, int64, error) { return 0, 1 << 30, nil }
	_, err = Open(short)
	require.ErrorIs(t, err, ErrFull)
	require.ErrorContains(t, err, dir)

	// An I/O error: a folder cannot be read as a table.
	table := filepath.Join(dir, epoch, "000001.sst")
	require.NoError(t, os.Rename(table, table+".kept"))
	require.NoError(t, os.Mkdir(table, 0o700))
	_, err = Open(options)
	require.Error(t, err)
	require.ErrorContains(t, err, dir)
	require.NoError(t, os.Remove(table))
	require.NoError(t, os.Rename(table+".kept", table))

	// What a killed compaction leaves: a table that no manifest names.
	require.NoError(t, os.WriteFile(filepath.Join(dir, epoch, "000099.sst"), make([]byte, 1000), 0o600))
	j, err = Open(options)
	require.NoError(t, err)
	require.Equal(t, epoch, j.Epoch())
	require.EqualValues(t, 40, j.Last())
	aside, err := j.Aside()
	require.NoError(t, err)
	require.Empty(t, aside)
	require.NoError(t, j.Close())
}

// Killed between the new epoch and the renaming: the next start renames.
func TestSettingAsideIsFinished(t *testing.T) {
	dir := t.TempDir()
	epoch := written(t, dir)
	damageFile(t, filepath.Join(dir, epoch, "MANIFEST"), func(b []byte) []byte { clear(b); return b })
	options := Options{Dir: dir, Source: testSource, SetAside: true}
	lock, err := lockDir(dir)
	require.NoError(t, err)
	j, err := replace(options.withDefaults(), lock, &space{}, epoch, errors.New("a test"))
	require.NoError(t, err)
	require.NoError(t, j.db.Close())
	lock.release()
	require.DirExists(t, filepath.Join(dir, epoch))

	again, err := Open(options)
	require.NoError(t, err)
	require.Equal(t, j.Epoch(), again.Epoch())
	require.NoDirExists(t, filepath.Join(dir, epoch))
	state, err := again.Carried()
	require.NoError(t, err)
	require.Equal(t, "state at 10", string(state))
	require.NoError(t, again.Close())
}

// Damage older than what a start looks at is seen while the box runs: the next
// start looks at everything.
func TestDamageSeenWhileRunning(t *testing.T) {
	dir := t.TempDir()
	options := Options{Dir: dir, Source: testSource, SetAside: true}
	j, err := Open(options)
	require.NoError(t, err)
	epoch := j.Epoch()
	drafts := make([]bridge.Draft, 500)
	for i := range drafts {
		drafts[i] = draft(fmt.Sprint(i), bridge.Alarm)
	}
	for range 3 {
		appendWait(t, j, drafts...)
	}
	broken := func(value []byte) {
		require.NoError(t, j.db.Update(func(txn *badger.Txn) error { return txn.Set(eventKey(7), value) }))
		j.committed.renew(j.db)
	}
	var whole []byte
	require.NoError(t, j.db.View(func(txn *badger.Txn) (err error) { whole, err = getValue(txn, eventKey(7)); return err }))
	for _, repaired := range []bool{true, false} {
		broken([]byte("?"))
		_, err = j.Read(0, 10)
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged)
		if repaired {
			broken(whole)
		}
		require.NoError(t, j.Close())
		j, err = Open(options)
		require.NoError(t, err)
		require.Equal(t, repaired, j.Epoch() == epoch)
	}
	require.NoError(t, j.Close())
}

// A log that lost its end, though it was synced, is no shorter journal.
func TestJournalShorterThanItsCheckpoint(t *testing.T) {
	dir := t.TempDir()
	epoch := written(t, dir)
	j := openTest(t, dir)
	appendWait(t, j, draft("41", bridge.Alarm))
	require.NoError(t, j.Checkpoint(41, nil))
	require.NoError(t, j.Close())
	path := filepath.Join(dir, checkpointDir, fmt.Sprintf("%s-%020d", epoch, 41))
	require.NoError(t, os.Rename(path, filepath.Join(dir, checkpointDir, fmt.Sprintf("%s-%020d", epoch, 42))))
	_, err := Open(Options{Dir: dir, Source: testSource})
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
}

func FuzzLogEntry(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 0, 'k', 'v', 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, value, size := logEntry(b)
		require.LessOrEqual(t, len(key)+len(value), size)
		require.LessOrEqual(t, size, len(b))
	})
}
