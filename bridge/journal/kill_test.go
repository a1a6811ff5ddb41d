package journal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const killEnv = "JOURNAL_KILL"

// deathFor is how long a child may take to come to the point where it dies.
const deathFor = 2 * time.Minute

// point is where a child kills itself: so long after the nth time that it
// begins to do something.
type point struct {
	kind  string
	nth   int64
	delay time.Duration
}

// drawPoint draws one of the kinds; each of them is begun at least nthMax times.
func drawPoint(random *rand.Rand, nthMax int64, kinds ...string) point {
	p := point{kind: kinds[random.IntN(len(kinds))], nth: 1 + random.Int64N(nthMax)}
	// In what is begun, in the sync that it waits for, in what follows behind it.
	within := []time.Duration{0, 50 * time.Microsecond, time.Millisecond, 20 * time.Millisecond}[random.IntN(4)]
	if within > 0 {
		p.delay = time.Duration(random.Int64N(int64(within)))
	}
	if p.kind == "open" {
		p.nth = 1
	}
	return p
}

func (p point) String() string { return fmt.Sprintf("%s %d %d", p.kind, p.nth, p.delay) }

// killer is the child's side of a point.
type killer struct {
	point
	seen atomic.Int64
}

func newKiller() *killer {
	k := &killer{}
	if _, err := fmt.Sscanf(os.Getenv(killEnv), "%s %d %d", &k.kind, &k.nth, &k.delay); err != nil {
		fmt.Fprintln(os.Stderr, killEnv, err)
		os.Exit(3)
	}
	return k
}

// begins is called before each thing that the child does.
func (k *killer) begins(kind string) {
	if kind != k.kind || k.seen.Add(1) != k.nth {
		return
	}
	die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	if k.delay == 0 {
		die()
	}
	time.AfterFunc(k.delay, die)
}

// runUntilKilled runs the child until it dies at the point, and gives the lines
// that it wrote: a line without its end was not acknowledged.
func runUntilKilled(t *testing.T, env string, at point) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deathFor)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), env, killEnv+"="+at.String())
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	require.NoError(t, child.Start())
	var written []string
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		written = append(written, strings.TrimSpace(line))
	}
	require.ErrorContains(t, child.Wait(), "killed", "%s: %s", at, stderr.String())
	require.NoError(t, ctx.Err(), "it never came to %s", at)
	return written
}
