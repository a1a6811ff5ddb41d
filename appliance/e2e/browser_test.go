package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser is a headless Chromium at the wall, driven by the front end's own
// tile.mjs over JSON lines.
type browser struct {
	t     *testing.T
	in    io.WriteCloser
	mu    sync.Mutex
	next  int
	wait  map[int]chan answer
	saw   []sight
	ready chan struct{}
}

type answer struct {
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// sight is something that the wall painted, with the time of the paint.
type sight struct {
	Event  string  `json:"event"`
	ID     string  `json:"id"`
	Camera string  `json:"camera"`
	Phase  string  `json:"phase"`
	Veil   string  `json:"veil"`
	AtMS   float64 `json:"at_ms"`
}

func (s sight) at() time.Time { return time.UnixMicro(int64(s.AtMS * 1000)) }

func (r *rig) newBrowser() *browser { return r.browserAt(r.url(""), user) }

// browserAt is a browser of a user's who knows the box under that address.
func (r *rig) browserAt(base, name string) *browser {
	script := filepath.Join(r.root, "appliance/internal/wall/web/test/e2e/tile.mjs")
	cmd := exec.Command("node", script, base, name, password)
	cmd.Dir = filepath.Dir(script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	in, err := cmd.StdinPipe()
	require.NoError(r.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(r.t, err)
	log := &lockedBuffer{}
	cmd.Stderr = log
	require.NoError(r.t, cmd.Start())
	b := &browser{t: r.t, in: in, wait: map[int]chan answer{}, ready: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.read(out)
		_ = cmd.Wait()
	}()
	t := r.t
	t.Cleanup(func() {
		_ = in.Close()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("---- browser ----\n%s", log.tail(20))
		}
	})
	select {
	case <-b.ready:
	case <-ended:
		t.Fatalf("the browser ended: %s", log.tail(20))
	case <-time.After(patience):
		t.Fatalf("the browser is not ready within %v", patience)
	}
	return b
}

func (b *browser) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line struct {
			answer
			sight
			Ready bool `json:"ready"`
			ID    any  `json:"id"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		b.mu.Lock()
		switch id, isNumber := line.ID.(float64); {
		case line.Ready:
			close(b.ready)
		case line.Event != "":
			if text, is := line.ID.(string); is {
				line.sight.ID = text
			}
			b.saw = append(b.saw, line.sight)
		case isNumber && b.wait[int(id)] != nil:
			b.wait[int(id)] <- line.answer
			delete(b.wait, int(id))
		}
		b.mu.Unlock()
	}
}

// do runs one command and decodes its result.
func (b *browser) do(t *testing.T, into any, command string, args ...any) {
	t.Helper()
	got := b.begin(t, command, args...)
	select {
	case a := <-got:
		require.Empty(t, a.Error, "%s %v", command, args)
		if into != nil {
			require.NoError(t, json.Unmarshal(a.Result, into), string(a.Result))
		}
	case <-time.After(patience):
		t.Fatalf("browser: %s %v took longer than %v", command, args, patience)
	}
}

func (b *browser) begin(t *testing.T, command string, args ...any) <-chan answer {
	if args == nil {
		args = []any{}
	}
	got := make(chan answer, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.wait[id] = got
	b.mu.Unlock()
	line, err := json.Marshal(map[string]any{"id": id, "command": command, "args": args})
	require.NoError(t, err)
	_, err = fmt.Fprintf(b.in, "%s\n", line)
	require.NoError(t, err)
	return got
}

// rate is how many pictures a second the camera's tile decodes. The best of
// three looks counts: the machine that runs this test does other work too, and
// a tile of polled stills has no good moment.
func (b *browser) rate(t *testing.T, camera string) float64 {
	t.Helper()
	best := 0.0
	for look := 0; look < 3 && best < tileRate; look++ {
		var got struct {
			Rate float64 `json:"rate"`
		}
		b.do(t, &got, "frames", camera, 3)
		best = max(best, got.Rate)
	}
	return best
}

// first waits for a sight that fits, painted at or after a time.
func (b *browser) first(t *testing.T, what string, fits func(sight) bool) sight {
	t.Helper()
	var found sight
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, s := range b.saw {
			if fits(s) {
				found = s
				return true
			}
		}
		return false
	}, patience, 20*time.Millisecond, what)
	return found
}
