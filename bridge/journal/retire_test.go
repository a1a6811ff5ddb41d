package journal

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// epochStart is when the events of these tests begin.
func epochStart() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

// dated appends n events of mixed lanes, a second apart, in steps of 100.
func dated(t testing.TB, j *Journal, n int) {
	t.Helper()
	for at := j.Last(); n > 0; n -= 100 {
		drafts := make([]bridge.Draft, min(n, 100))
		for i := range drafts {
			at++
			drafts[i] = draft(fmt.Sprint(at), bridge.Lanes()[at%3])
			drafts[i].Recorded = bridge.At(epochStart().Add(time.Duration(at) * time.Second))
			drafts[i].Key = "key/" + drafts[i].ID
		}
		appendWait(t, j, drafts...)
	}
}

// say does what the desk does with a retirement.
func say(t testing.TB, j *Journal, r Retirement) map[bridge.Lane]uint64 {
	t.Helper()
	var drafts []bridge.Draft
	for _, one := range r.Ranges {
		d := draft(fmt.Sprintf("retired-%d-%s", r.Through, one.Lane), bridge.Notice)
		d.Type, d.Data = "watchpost.journal.retired", fmt.Appendf(nil, `{"lane":%q,"from":%d,"to":%d,"hash":%q}`, one.Lane, one.From, one.To, one.Hash)
		last, err := j.Read(j.Last()-1, 1)
		require.NoError(t, err)
		d.Recorded = last[0].Event.RecordedTime
		drafts = append(drafts, d)
	}
	said := map[bridge.Lane]uint64{}
	for i, record := range appendWait(t, j, drafts...) {
		said[r.Ranges[i].Lane] = record.Place
	}
	return said
}

func swept(t testing.TB, j *Journal) {
	t.Helper()
	require.Eventually(t, func() bool {
		gone := true
		require.NoError(t, j.db.View(func(txn *badger.Txn) error {
			return scan(txn, 0, func(place uint64, _ []byte) (bool, error) {
				gone = place > j.Low()
				return false, nil
			})
		}))
		return gone
	}, 4*time.Minute, 5*time.Millisecond)
}

func TestRetire(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	options := Options{Dir: t.TempDir(), Source: testSource, Sign: func(b []byte) []byte { return ed25519.Sign(private, b) }}
	j, err := Open(options)
	require.NoError(t, err)
	dated(t, j, 5000)
	now := epochStart().Add(5000 * time.Second)
	keep := Keep{MaxAge: 1000 * time.Second}
	_, ok, err := j.Retirable(now, keep)
	require.NoError(t, err)
	require.False(t, ok, "no checkpoint covers it")
	require.NoError(t, j.Checkpoint(3000, []byte("3000")))
	require.NoError(t, j.Checkpoint(5000, []byte("5000")))
	keep.Uplinks, keep.Workers = []string{"hq"}, []string{"clips"}
	require.NoError(t, j.SaveCursor("clips", "", 2500))
	_, ok, err = j.Retirable(now, keep)
	require.NoError(t, err)
	require.False(t, ok, "headquarters has no alarm yet")

	// Each bound in turn: the alarm that is not confirmed, the worker, the
	// checkpoint, the age.
	require.NoError(t, j.SaveCursor("hq", bridge.Alarm, 500))
	next, err := j.ReadLane(bridge.Alarm, 500, 1)
	require.NoError(t, err)
	through := func(keep Keep) uint64 {
		r, _, err := j.Retirable(now, keep)
		require.NoError(t, err)
		return r.Through
	}
	require.Equal(t, next[0].Place-1, through(keep))
	require.NoError(t, j.SaveCursor("hq", bridge.Alarm, j.LastSequence(bridge.Alarm)))
	require.EqualValues(t, 2500, through(keep))
	require.NoError(t, j.SaveCursor("clips", "", 5000))
	require.EqualValues(t, 3000, through(keep))
	require.EqualValues(t, 1499, through(Keep{MaxAge: 3500 * time.Second}), "recorded before")
	require.Zero(t, through(Keep{MaxAge: 4500 * time.Second}), "not worth its events")
	require.Zero(t, through(Keep{}))
	require.Greater(t, through(Keep{Budget: 4000 * 600}), uint64(1000))

	r, ok, err := j.Retirable(now, Keep{MaxAge: 3000 * time.Second})
	require.NoError(t, err)
	require.True(t, ok)
	require.EqualValues(t, 1999, r.Through)
	require.Error(t, j.Retire(r, nil), "nobody said so")
	said := say(t, j, r)
	require.Error(t, j.Retire(Retirement{Through: 4000, Ranges: r.Ranges}, said), "the checkpoint is at 3000")
	require.NoError(t, j.Retire(r, said))
	require.NoError(t, j.Retire(r, said), "again")
	swept(t, j)

	check := func(j *Journal) {
		var retired *bridge.RetiredError
		_, err = j.Read(0, 10)
		require.ErrorAs(t, err, &retired)
		require.Equal(t, bridge.RetiredError{Through: 1999}, *retired)
		records, err := j.Read(1999, 10)
		require.NoError(t, err)
		require.EqualValues(t, 2000, records[0].Place)
		for _, one := range r.Ranges {
			require.True(t, ed25519.Verify(public, RetiredText(j.Epoch(), one), decode64(t, one.Signature)))
			_, err = j.ReadLane(one.Lane, one.To-1, 10)
			require.ErrorAs(t, err, &retired)
			require.Equal(t, bridge.RetiredError{Lane: one.Lane, Through: one.To}, *retired)
			records, err = j.ReadLane(one.Lane, one.To, 10)
			require.NoError(t, err)
			require.Equal(t, one.Hash, records[0].Event.PrevHash, "the chain goes on after the hole")
			word, ok, err := j.Retired(one.Lane)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, said[one.Lane], word.Place)
		}
		_, ok, err = j.Find("key/1999")
		require.NoError(t, err)
		require.False(t, ok)
		_, ok, err = j.Find("key/2000")
		require.NoError(t, err)
		require.True(t, ok)
		seen, err := j.Verify(t.Context(), 0)
		require.NoError(t, err)
		require.EqualValues(t, 2000, seen.First)
		place, state, err := j.Newest()
		require.NoError(t, err)
		require.EqualValues(t, 5000, place)
		require.Equal(t, "5000", string(state))
	}
	check(j)
	require.NoError(t, j.Close())
	j, err = Open(options)
	require.NoError(t, err)
	check(j)
	appendWait(t, j, draft("new", bridge.Alarm))
	require.NoError(t, j.Close())
}

func decode64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return b
}

// Killed between the mark and the end of the deleting: the next start goes on.
func TestSweepGoesOnAfterKill(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err)
	dated(t, j, 3000)
	require.NoError(t, j.Checkpoint(2000, nil))
	require.NoError(t, j.Checkpoint(3000, nil))
	r, ok, err := j.Retirable(epochStart().Add(time.Hour), Keep{MaxAge: time.Second})
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, j.Retire(r, say(t, j, r)))
	require.NoError(t, j.Close())     // deleting has hardly begun
	require.NoError(t, func() error { // as if it had not: the mark alone is certain
		db, err := openStore(j.Path(), false, j.options.Logger)
		require.NoError(t, err)
		return errors.Join(db.Update(func(txn *badger.Txn) error { return txn.Delete(metaKey(metaSwept)) }), db.Close())
	}())
	again := openTest(t, dir)
	require.Equal(t, r.Through, again.Low())
	swept(t, again)
	_, err = again.Verify(t.Context(), 0)
	require.NoError(t, err)
}

// Deleting never holds up an append for long.
func TestAppendsGoOnWhileSweeping(t *testing.T) {
	j := openTest(t, t.TempDir())
	dated(t, j, 6000)
	require.NoError(t, j.Checkpoint(5000, nil))
	require.NoError(t, j.Checkpoint(6000, nil))
	r, ok, err := j.Retirable(epochStart().Add(24*time.Hour), Keep{MaxAge: time.Second})
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, j.Retire(r, say(t, j, r)))
	slowest, n := time.Duration(0), 0
	for ; n == 0 || !isSwept(j); n++ {
		began := time.Now()
		appendWait(t, j, draft(fmt.Sprint("during", n), bridge.Alarm))
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("%d appends while 5,000 events were deleted; slowest %s", n, slowest)
	require.Less(t, slowest, 20*time.Second) // of a loaded machine with a slow disk
}

func isSwept(j *Journal) bool {
	done := make(chan bool, 1)
	_ = j.do(func(*badger.Txn) error { done <- j.swept == j.Low(); return nil }, func() {})
	return <-done
}

// soakFactor is how many times longer than in `make test` a simulation runs.
func soakFactor(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("WATCHPOST_SOAK"))
	if err != nil {
		return 1
	}
	return max(n, 1)
}

// Years in which as much comes as goes, an event an hour, with checkpoints,
// cursors and retention: the store stays as large as what it keeps.
// WATCHPOST_SOAK=20 runs 20 times as long.
func TestStoreStaysBounded(t *testing.T) {
	t.Parallel()
	const kept, batch = 4000, 500
	j := openTest(t, t.TempDir())
	keep := Keep{MaxAge: kept * time.Hour, Uplinks: []string{"hq"}, Workers: []string{"clips"}}
	total := 16_000 * soakFactor(t)
	largest := map[string]int64{}
	for at := 0; at < total; at += batch {
		records := appendWait(t, j, hourly(at, batch)...)
		for _, lane := range bridge.Lanes() {
			require.NoError(t, j.SaveCursor("hq", lane, j.LastSequence(lane)))
		}
		require.NoError(t, j.SaveCursor("clips", "", j.Last()))
		if at%2000 == 0 {
			require.NoError(t, j.Checkpoint(records[batch-1].Place, make([]byte, 64<<10)))
			now := records[batch-1].Event.RecordedTime.Time
			if r, ok, err := j.Retirable(now, keep); ok || err != nil {
				require.NoError(t, err)
				require.NoError(t, j.Retire(r, say(t, j, r)))
				swept(t, j) // months pass until the next
			}
		}
		if at >= total/2 {
			for of, size := range storeSizes(t, j) {
				largest[of] = max(largest[of], size)
			}
		}
	}
	swept(t, j)
	live := j.Last() - j.Low()
	t.Logf("%.1f years, %d events appended, %d kept; at most, in KiB: %v", float64(total)/24/365, j.Last(), live, kib(largest))
	require.Less(t, live, uint64(kept+10_000))
	// Kept events take 3 MiB before compression; memtables in flight and what
	// compaction has not dropped yet come on top.
	require.Less(t, largest["all"], int64(160<<20))
	require.Less(t, largest[".sst"], int64(64<<20))
	require.Less(t, largest[".vlog"], int64(2*valueLogBytes))
	require.Less(t, largest["MANIFEST"], int64(4<<20))
	require.LessOrEqual(t, largest["checkpoints"], int64(checkpointsKept*80<<10))
	seen, err := j.Verify(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, live, seen.Records)
}

// hourly are n drafts of mixed lanes, an hour apart.
func hourly(at, n int) []bridge.Draft {
	drafts := make([]bridge.Draft, n)
	for i := range drafts {
		drafts[i] = draft(fmt.Sprint(at+i), bridge.Lanes()[i%3])
		drafts[i].Recorded = bridge.At(epochStart().Add(time.Duration(at+i) * time.Hour))
		drafts[i].Key = "key/" + drafts[i].ID
		drafts[i].Data = fmt.Appendf(nil, `{"note":%q,"n":%d}`, strings.Repeat("x", 100), at+i)
	}
	return drafts
}

// storeSizes is what the store's files take on the disk, by what they are.
func storeSizes(t testing.TB, j *Journal) map[string]int64 {
	t.Helper()
	sizes := map[string]int64{}
	add := func(dir, of string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			info, err := os.Stat(filepath.Join(dir, entry.Name()))
			if errors.Is(err, fs.ErrNotExist) {
				continue // badger deleted it meanwhile
			}
			require.NoError(t, err)
			kind := of
			if kind == "" {
				if kind = filepath.Ext(entry.Name()); kind == "" {
					kind = entry.Name()
				}
			}
			sizes[kind] += blocks(info)
			sizes["all"] += blocks(info)
		}
	}
	add(j.Path(), "")
	add(filepath.Join(j.options.Dir, checkpointDir), "checkpoints")
	return sizes
}

func kib(sizes map[string]int64) map[string]int64 {
	k := map[string]int64{}
	for of, size := range sizes {
		k[of] = size >> 10
	}
	return k
}
