package journal

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

const crashDirEnv = "JOURNAL_CRASH_DIR"

// TestMain runs the appender of the crash test when the test binary executed
// itself.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirEnv); dir != "" {
		crashChild(dir)
		return
	}
	if dir := os.Getenv(retireDirEnv); dir != "" {
		retireChild(dir)
		return
	}
	if dir := os.Getenv(slowDirEnv); dir != "" {
		slowChild(dir)
		return
	}
	if dir := os.Getenv(fullDirEnv); dir != "" {
		fullChild(dir)
		return
	}
	os.Exit(m.Run())
}

// crashChild appends steps from several callers and prints each key after its
// ticket: what is printed is acknowledged. It dies at its point.
func crashChild(dir string) {
	at := newKiller()
	at.begins("open")
	j, err := Open(Options{Dir: dir, Source: testSource, Reserve: 16 << 20})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	var out sync.Mutex
	start := j.Last()
	for caller := range 8 {
		go func() {
			for i := 0; ; i++ {
				step := make([]bridge.Draft, i%3+1)
				for n := range step {
					step[n] = bridge.Draft{ID: fmt.Sprintf("%d-%d-%d-%d", start, caller, i, n), Type: "watchpost.test", Lane: bridge.Lanes()[n], Severity: "P0",
						Data: fmt.Appendf(nil, `{"note":%q}`, strings.Repeat("x", i%600))}
					step[n].Key = "key/" + step[n].ID
				}
				at.begins("append")
				records, ticket, err := j.Append(step)
				if err == nil {
					at.begins("wait")
					err = ticket.Wait(context.Background())
				}
				if err == nil && caller == 0 {
					at.begins("cursor")
					err = j.SaveCursor("hq", "", records[0].Place)
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(4)
				}
				out.Lock()
				for n := range step {
					fmt.Println(step[n].Key)
				}
				out.Unlock()
				if i%10 == 5 && caller == 0 {
					at.begins("checkpoint")
					if err := j.Checkpoint(records[0].Place, []byte(fmt.Sprint(records[0].Place))); err != nil {
						fmt.Fprintln(os.Stderr, err)
						os.Exit(5)
					}
				}
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent kills us or is gone
}

// killsADir is how often one journal is killed before a new one begins.
const killsADir = 10

// The appender is killed at seeded points: every acknowledged event is there
// once, in order, no step is torn, the chain is whole, cursors and checkpoints
// are within it.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	total := 0
	for range 3 * soakFactor(t) {
		dir := t.TempDir()
		var acknowledged []string
		for range killsADir {
			at := drawPoint(random, 40, "open", "append", "wait", "cursor", "checkpoint")
			if at.kind == "checkpoint" {
				at.nth = (at.nth + 9) / 10
			}
			acknowledged = append(acknowledged, runUntilKilled(t, crashDirEnv+"="+dir, at)...)
			checkAfterKill(t, dir, at, acknowledged)
		}
		total += len(acknowledged)
	}
	t.Log("acknowledged", total)
	require.Positive(t, total)
}

func TestReadOnlyAfterKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := runUntilKilled(t, crashDirEnv+"="+dir, point{"wait", 200, 100 * time.Microsecond})
	j, err := OpenReadOnly(dir, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	seen, err := j.Verify(t.Context(), 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, seen.Records, uint64(len(acknowledged)))
}

func checkAfterKill(t *testing.T, dir string, at point, acknowledged []string) {
	t.Helper()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err, at)
	defer func() { require.NoError(t, j.Close()) }()
	seen, err := j.Verify(t.Context(), 0)
	require.NoError(t, err, at)
	require.Equal(t, j.Last(), seen.Records, at)

	records, err := j.Read(0, int(j.Last()))
	require.NoError(t, err)
	count := map[string]int{}
	for _, record := range records {
		count[record.Key]++
	}
	for _, key := range acknowledged {
		require.Equal(t, 1, count[key], "%s after %s", key, at)
	}
	requireWholeSteps(t, records)
	position, err := j.Cursor("hq", "")
	require.NoError(t, err)
	require.LessOrEqual(t, position, j.Last())
	place, state, err := j.Newest()
	require.NoError(t, err)
	if place > 0 {
		require.Equal(t, fmt.Sprint(place), string(state))
	}
}

// requireWholeSteps: the i-th step of a caller has i%3+1 events, side by side,
// and stands behind those before it.
func requireWholeSteps(t *testing.T, records []bridge.Record) {
	t.Helper()
	next := map[string]int{}
	for at := 0; at < len(records); {
		var start, caller, i, n int
		_, err := fmt.Sscanf(records[at].Event.ID, "%d-%d-%d-%d", &start, &caller, &i, &n)
		require.NoError(t, err)
		require.Zero(t, n, "a step begins in its middle")
		for n := range i%3 + 1 {
			require.Less(t, at+n, len(records), "the last step is torn")
			require.Equal(t, fmt.Sprintf("%d-%d-%d-%d", start, caller, i, n), records[at+n].Event.ID)
		}
		from := fmt.Sprint(start, caller)
		require.Equal(t, next[from], i, "caller %s", from)
		next[from]++
		at += i%3 + 1
	}
}
