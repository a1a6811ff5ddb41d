package journal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
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
	if dir := os.Getenv(fullDirEnv); dir != "" {
		fullChild(dir)
		return
	}
	os.Exit(m.Run())
}

// crashChild appends steps from several callers for ever and prints each key
// after its ticket: what is printed is acknowledged.
func crashChild(dir string) {
	j, err := Open(Options{Dir: dir, Source: testSource})
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
				records, ticket, err := j.Append(step)
				if err == nil {
					err = ticket.Wait(context.Background())
				}
				if err == nil && caller == 0 {
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
				if i%100 == 50 && caller == 0 {
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

// The appender is killed at random moments: every acknowledged event is there
// once, no step is torn, the chain is whole, cursors and checkpoints are
// within it.
func TestKilledAtAnyMoment(t *testing.T) {
	const kills = 6
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	var acknowledged []string
	for range kills {
		keys := runAndKill(t, dir, time.Duration(50+random.IntN(150))*time.Millisecond)
		acknowledged = append(acknowledged, keys...)
		checkAfterKill(t, dir, acknowledged)
	}
	require.Greater(t, len(acknowledged), kills*50)
	t.Log("acknowledged", len(acknowledged))
}

func TestReadOnlyAfterKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := runAndKill(t, dir, 50*time.Millisecond)
	j, err := OpenReadOnly(dir, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	seen, err := j.Verify(t.Context(), 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, seen.Records, uint64(len(acknowledged)))
}

func runAndKill(t *testing.T, dir string, after time.Duration) []string {
	t.Helper()
	return runChildAndKill(t, crashDirEnv+"="+dir, after)
}

func runChildAndKill(t *testing.T, env string, after time.Duration) []string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), env)
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	require.NoError(t, child.Start())
	var keys []string
	lines := bufio.NewReader(stdout)
	var kill *time.Timer
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line without its end was not acknowledged
		}
		if kill == nil { // counts from the first acknowledged event
			kill = time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
		keys = append(keys, strings.TrimSpace(line))
	}
	require.ErrorContains(t, child.Wait(), "killed", stderr.String())
	return keys
}

func checkAfterKill(t *testing.T, dir string, acknowledged []string) {
	t.Helper()
	j, err := Open(Options{Dir: dir, Source: testSource})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	seen, err := j.Verify(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, j.Last(), seen.Records)

	records, err := j.Read(0, int(j.Last()))
	require.NoError(t, err)
	count := map[string]int{}
	for _, record := range records {
		count[record.Key]++
	}
	for _, key := range acknowledged {
		require.Equal(t, 1, count[key], key)
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

// requireWholeSteps: the i-th step of a caller has i%3+1 events, side by side.
func requireWholeSteps(t *testing.T, records []bridge.Record) {
	t.Helper()
	for at := 0; at < len(records); {
		var start, caller, i, n int
		_, err := fmt.Sscanf(records[at].Event.ID, "%d-%d-%d-%d", &start, &caller, &i, &n)
		require.NoError(t, err)
		require.Zero(t, n, "a step begins in its middle")
		for n := range i%3 + 1 {
			require.Less(t, at+n, len(records), "the last step is torn")
			require.Equal(t, fmt.Sprintf("%d-%d-%d-%d", start, caller, i, n), records[at+n].Event.ID)
		}
		at += i%3 + 1
	}
}
