package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal/internal/forgetful"
)

const (
	slowDirEnv  = "JOURNAL_SLOW_DIR"
	slowRounds  = "JOURNAL_SLOW_ROUNDS"
	slowSync    = 20 * time.Millisecond
	slowCallers = 64
	slowEvery   = 5 * time.Millisecond // 200 a second
)

// slowChild appends on a disk whose syncs are slow: so many rounds of 64
// callers, then for as many seconds 200 a second. It prints what was
// acknowledged, how long that took and how many commits it needed.
func slowChild(dir string) {
	rounds := 1
	_, err := fmt.Sscan(os.Getenv(slowRounds), &rounds)
	j, openErr := Open(Options{Dir: dir, Source: testSource, Reserve: 16 << 20})
	if err := errors.Join(err, openErr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	s := &slow{j: j, commits: map[bridge.Ticket]bool{}}
	for caller := range slowCallers {
		s.group.Go(func() {
			for i := range rounds * 10 {
				s.append(fmt.Sprintf("many-%d-%d", caller, i))
			}
		})
	}
	s.print("many")
	tick := time.NewTicker(slowEvery)
	for i := range rounds * int(time.Second/slowEvery) {
		<-tick.C
		s.group.Go(func() { s.append(fmt.Sprintf("steady-%d", i)) })
	}
	s.print("steady")
	if err := j.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
}

type slow struct {
	j       *Journal
	group   sync.WaitGroup
	mu      sync.Mutex
	waits   []time.Duration
	commits map[bridge.Ticket]bool // who shares a commit has its ticket
}

func (s *slow) append(id string) {
	d := draft(id, bridge.Alarm)
	d.Key = "key/" + id
	began := time.Now()
	_, ticket, err := s.j.Append([]bridge.Draft{d})
	if err == nil {
		err = ticket.Wait(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(5)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Println(d.Key)
	s.waits = append(s.waits, time.Since(began))
	s.commits[ticket] = true
}

func (s *slow) print(what string) {
	s.group.Wait()
	slices.Sort(s.waits)
	fmt.Println("p99", what, int64(s.waits[len(s.waits)*99/100]), len(s.waits), len(s.commits))
	s.waits = nil
	clear(s.commits)
}

// wait is what appends waited for.
type wait struct {
	p99              time.Duration
	appends, commits int
}

// onSlowDisk runs the child and checks what it acknowledged; it gives how that
// was waited for.
func onSlowDisk(t testing.TB, rounds int) map[string]wait {
	t.Helper()
	disk, mount := mountForgetful(t, forgetful.Options{SyncFor: slowSync})
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), slowDirEnv+"="+filepath.Join(mount, "journal"), fmt.Sprintf("%s=%d", slowRounds, rounds))
	out, err := child.Output()
	require.NoError(t, err)
	disk.Cut()
	waits := map[string]wait{}
	var acknowledged []string
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		var what string
		var w wait
		if n, _ := fmt.Sscanf(lines.Text(), "p99 %s %d %d %d", &what, &w.p99, &w.appends, &w.commits); n == 4 {
			waits[what] = w
		} else {
			acknowledged = append(acknowledged, lines.Text())
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	require.NoError(t, disk.Image(image, rand.New(rand.NewPCG(1, 1)), 0))
	j := openTest(t, filepath.Join(image, "journal"))
	_, err = j.Verify(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, len(acknowledged), j.Last())
	for _, key := range acknowledged {
		_, ok, err := j.Find(key)
		require.NoError(t, err)
		require.True(t, ok, key)
	}
	return waits
}

// Each sync takes 20 ms longer: all is there once, and 64 callers share their
// commits: with one each they would wait for seconds. (How long they do wait
// is the machine's to say: BenchmarkSlowSyncs.)
func TestSlowSyncs(t *testing.T) {
	if !withFuse(t) {
		return
	}
	waits := onSlowDisk(t, 1)
	t.Logf("%+v", waits)
	for what, w := range waits {
		require.GreaterOrEqual(t, w.p99, slowSync, what)
	}
	many := waits["many"]
	require.Equal(t, slowCallers*10, many.appends)
	require.Less(t, many.commits, many.appends/4)
}

// BenchmarkSlowSyncs: the target of a press is 100 ms.
func BenchmarkSlowSyncs(b *testing.B) {
	if !withFuse(b) {
		return
	}
	for b.Loop() {
		for what, w := range onSlowDisk(b, 10) {
			b.ReportMetric(float64(w.p99.Microseconds())/1000, "p99-ms-"+what)
		}
	}
	b.ReportMetric(0, "ns/op")
}
