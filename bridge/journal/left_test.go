package journal

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// leftFile is a file: its beginning, and how long it is with the zeros behind.
type leftFile struct {
	begins []byte
	size   int
}

func whole(b []byte) leftFile { return leftFile{b, len(b)} }
func zeros(size int) leftFile { return leftFile{nil, size} }

// killed gives the files of a journal as a kill leaves them: a table, a log that
// was not flushed, four events.
func killed(t *testing.T) map[string]leftFile {
	t.Helper()
	dir := t.TempDir()
	for i := range 2 {
		j, err := Open(Options{Dir: dir, Source: testSource})
		require.NoError(t, err)
		appendWait(t, j, draft(fmt.Sprint(2*i), bridge.Alarm), draft(fmt.Sprint(2*i+1), bridge.Notice))
		require.NoError(t, j.Checkpoint(uint64(2*i+1), []byte("state")))
		if i == 0 {
			require.NoError(t, j.Close())
			continue
		}
		files := map[string]leftFile{}
		require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, _ := filepath.Rel(dir, path)
			content, err := os.ReadFile(path)
			files[name] = leftFile{bytes.TrimRight(content, "\x00"), len(content)}
			return err
		}))
		require.NoError(t, j.Close())
		return files
	}
	return nil
}

// lay writes files into a folder of their own.
func lay(t *testing.T, files map[string]leftFile) string {
	t.Helper()
	dir := t.TempDir()
	for name, file := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, file.begins, 0o600))
		require.NoError(t, os.Truncate(path, int64(file.size)))
	}
	return dir
}

// What a kill or a power cut can leave of badger's files (v4.9.6, ristretto
// v2's z.MmapFile): all four events are there, for a reader and after a start.
// Not beside tests that start processes: these hold badger's lock between fork
// and exec, and a reader that repairs opens twice at once.
func TestWhatAKillLeaves(t *testing.T) {
	files := killed(t)
	only := func(pattern string) string {
		for name := range files {
			if ok, _ := filepath.Match("*/"+pattern, name); ok {
				return filepath.Base(name)
			}
		}
		require.Fail(t, "no "+pattern)
		return ""
	}
	manifest := files[epochFile(t, files, "MANIFEST")].begins
	entry := manifest[8:] // the first change, after the magic
	gone := zeros(-1)
	for name, left := range map[string]struct {
		name string
		file leftFile
	}{
		"nothing": {"LOCK", whole([]byte("1\n"))},

		// Made and not yet lengthened; deleted, cut and not yet gone.
		"a log of no byte":             {"00009.mem", zeros(0)},
		"a log without its header":     {"00009.mem", zeros(19)},
		"a log cut to its header":      {"00009.mem", zeros(20)},
		"a log never written":          {"00009.mem", zeros(32 << 20)},
		"an older log of no byte":      {"00000.mem", zeros(0)},
		"an older log, emptied":        {"00000.mem", zeros(20)},
		"values of no byte":            {"000009.vlog", zeros(0)},
		"values without header":        {"000009.vlog", zeros(19)},
		"values cut to the header":     {"000009.vlog", zeros(20)},
		"values never written":         {"000009.vlog", zeros(32 << 20)},
		"older values of no byte":      {"000001.vlog", zeros(0)},
		"older values never cut":       {"000001.vlog", zeros(32 << 20)},
		"no values":                    {only("*.vlog"), gone},
		"a table of no byte":           {"000900.sst", zeros(0)},
		"a table never written":        {"000900.sst", zeros(4096)},
		"a table that compaction left": {"000900.sst", files[epochFile(t, files, only("*.sst"))]},

		"a manifest being made anew":       {"MANIFEST-REWRITE", zeros(0)},
		"a manifest almost made anew":      {"MANIFEST-REWRITE", whole(manifest[:len(manifest)-1])},
		"a change of tables, its length":   {"MANIFEST", whole(append(bytes.Clone(manifest), entry[:3]...))},
		"a change of tables, its sum":      {"MANIFEST", whole(append(bytes.Clone(manifest), entry[:8]...))},
		"a change of tables, half":         {"MANIFEST", whole(append(bytes.Clone(manifest), entry[:9]...))},
		"a change of tables, not written":  {"MANIFEST", leftFile{manifest, len(manifest) + 30}},
		"keys being made anew":             {"REWRITE-KEYREGISTRY", zeros(0)},
		"keys of no byte":                  {"KEYREGISTRY", zeros(0)},
		"keys cut":                         {"KEYREGISTRY", zeros(20)},
		"no keys":                          {"KEYREGISTRY", gone},
		"what can be discarded of no byte": {"DISCARD", zeros(0)},
		"what can be discarded, cut":       {"DISCARD", zeros(5)},
		"what can be discarded, forgotten": {"DISCARD", zeros(1 << 20)},
		"nothing of what can be discarded": {"DISCARD", gone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			these := maps.Clone(files)
			path := epochFile(t, files, left.name)
			these[path] = left.file
			if left.file.size < 0 {
				delete(these, path)
			}

			dir := lay(t, these)
			r, err := OpenReadOnly(dir, nil)
			require.NoError(t, err)
			require.EqualValues(t, 4, r.Last())
			require.NoError(t, r.Close())

			j := openTest(t, lay(t, these))
			require.EqualValues(t, 4, j.Last())
			_, err = j.Verify(context.Background(), 0)
			require.NoError(t, err)
			appendWait(t, j, draft("5", bridge.Alarm))
		})
	}
}

// epochFile is the name of a file of the epoch.
func epochFile(t *testing.T, files map[string]leftFile, name string) string {
	t.Helper()
	for path := range files {
		if filepath.Base(path) == "KEYREGISTRY" {
			return filepath.Join(filepath.Dir(path), name)
		}
	}
	require.Fail(t, "there is no epoch")
	return ""
}

// A change of tables of which the disk has some pages: it stands at the end of a
// page, so what comes after the zeros may say anything. This is damage, and the
// box starts all the same.
func TestTornManifestIsDamage(t *testing.T) {
	files := killed(t)
	path := epochFile(t, files, "MANIFEST")
	files[path] = whole(append(files[path].begins, 0, 0, 0, 0, 0, 0, 0, 0, 0xee, 0xee, 0xee, 0xee, 1, 2, 3, 4, 5))
	dir := lay(t, files)
	_, err := Open(Options{Dir: dir, Source: testSource})
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged)
	j, err := Open(Options{Dir: dir, Source: testSource, SetAside: true})
	require.NoError(t, err)
	state, err := j.Carried()
	require.NoError(t, err)
	require.Equal(t, "state", string(state))
	require.NoError(t, j.Close())
}

// A kill while a checkpoint is written leaves its draft: it says nothing about
// how far the journal went, and is not what a new epoch starts from.
func TestDraftOfCheckpointIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	epoch := written(t, dir)
	folder := filepath.Join(dir, checkpointDir)
	last := newestCheckpointOf(dir, epoch)
	content, err := os.ReadFile(filepath.Join(folder, last))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, last+draftSuffix), content, 0o600))
	require.Equal(t, last, newestCheckpointOf(dir, epoch))
}

// A table whose blocks cannot be held back stays where it is, empty: badger may
// be opening it. (Of a pipe no blocks can be held back.)
func TestTableThatCannotBeHeldBackStays(t *testing.T) {
	s := &space{store: t.TempDir(), next: 7}
	require.NoError(t, syscall.Mkfifo(s.tablePath(), 0o600))
	s.hold(os.O_RDWR)
	require.Contains(t, s.now.Trouble, "hold back blocks")
	_, err := os.Lstat(s.tablePath())
	require.NoError(t, err)
}
