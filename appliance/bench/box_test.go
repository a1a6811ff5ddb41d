package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	boxDirEnv    = "WATCHPOST_BENCH_BOX"    // makes this binary a box with its journal there
	boxBrokerEnv = "WATCHPOST_BENCH_BROKER" // host:port of its headquarters' broker; empty: no uplink
)

// TestMain is a part of a show when this binary has executed itself.
func TestMain(m *testing.M) {
	if dir := os.Getenv(boxDirEnv); dir != "" {
		if err := serveBox(dir, os.Getenv(boxBrokerEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if file := os.Getenv(stationEnv); file != "" {
		if err := serveStation(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if n := os.Getenv(camerasEnv); n != "" {
		if err := serveCameras(n, os.Getenv(camerasFilmEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil { // only tests that wait for cameras run side by side
		panic(err)
	}
	os.Exit(m.Run())
}

// serveBox is journal, forwarder and MQTT uplink as the program wires them. It
// takes commands a line each and answers each with a line once it is done.
func serveBox(dir, broker string) error {
	j, err := journal.Open(journal.Options{Dir: dir, Source: "/stations/" + uplinktest.Station + "/boxes/" + uplinktest.BoxName})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var forwarding errgroup.Group
	if broker != "" {
		forwarding.Go(func() error { return forward(ctx, j, broker) })
	}
	err = obeyAll(j)
	cancel()
	return errors.Join(err, forwarding.Wait(), j.Close())
}

func obeyAll(j *journal.Journal) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := obey(j, strings.Fields(lines.Text()))
		if err != nil {
			return err
		}
		fmt.Println(answer)
	}
	return lines.Err()
}

func forward(ctx context.Context, j *journal.Journal, broker string) error {
	uplink, err := mqtt.New(mqtt.Options{URL: "mqtt://" + broker, Station: uplinktest.Station, Box: uplinktest.BoxName})
	if err != nil {
		return err
	}
	f, err := bridge.NewForwarder(bridge.Options{
		Journal: j, Version: "bench", Down: func(context.Context, bridge.Message) error { return nil },
		Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: uplink, Lanes: []bridge.Lane{bridge.Alarm, bridge.Notice, bridge.Clip}}},
	})
	if err != nil {
		return err
	}
	return f.Run(ctx)
}

// obey carries out one command:
//
//	alarm ID PRIORITY   store it, unless it is there; answer when it is synced
//	fill COUNT          store so many alarms of about 600 bytes, by the thousand
//	usage               answer with the process's usage
func obey(j *journal.Journal, command []string) (string, error) {
	switch {
	case len(command) == 3 && command[0] == "alarm":
		key := "press/" + command[1]
		if _, found, err := j.Find(key); err != nil || found {
			return "duplicate", err
		}
		return "stored", store(j, draft(command[1], command[2], key))
	case len(command) == 2 && command[0] == "fill":
		var left int
		if _, err := fmt.Sscan(command[1], &left); err != nil {
			return "", err
		}
		return "filled", fill(j, left)
	case len(command) == 1 && command[0] == "usage":
		u, err := usageOf(j)
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(u)
		return string(text), err
	}
	return "", fmt.Errorf("unknown command %q", command)
}

func store(j *journal.Journal, drafts ...bridge.Draft) error {
	_, ticket, err := j.Append(drafts)
	if err != nil {
		return err
	}
	return ticket.Wait(context.Background())
}

const fillBatch = 1000

func fill(j *journal.Journal, left int) error {
	from := j.Last()
	for n := 0; n < left; n += fillBatch {
		drafts := make([]bridge.Draft, min(fillBatch, left-n))
		for i := range drafts {
			drafts[i] = draft(fmt.Sprintf("01JD%022d", from+uint64(n+i)), "P2", "")
		}
		if err := store(j, drafts...); err != nil {
			return err
		}
	}
	return nil
}

// draft becomes an event of about 600 bytes on the wire.
func draft(id, priority, key string) bridge.Draft {
	now := bridge.At(time.Now())
	return bridge.Draft{
		ID: id, Key: key, Type: "watchpost.alert.raised", Subject: "incidents/01JD0000000000000000000000", Lane: bridge.Alarm,
		Severity: priority, Time: now, Recorded: now, Data: json.RawMessage(`{"alert":"` + id + `","schema":1}`),
	}
}

// usage is what a box has used so far.
type usage struct {
	CPU     time.Duration
	Private int64 // bytes of memory now, but for mapped files
	Disk    int64 // bytes of the journal
}

func usageOf(j *journal.Journal) (usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, err
	}
	u := usage{CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano())}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return usage{}, err
	}
	for line := range strings.Lines(string(status)) {
		if n, err := fmt.Sscanf(line, "RssAnon: %d kB", &u.Private); n == 1 && err == nil {
			u.Private <<= 10
		}
	}
	return u, filepath.WalkDir(j.Path(), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // compaction takes files away meanwhile
		}
		if info, err := d.Info(); err == nil {
			if s, ok := info.Sys().(*syscall.Stat_t); ok {
				u.Disk += s.Blocks * 512
			}
		}
		return nil
	})
}

// box is a serveBox in a process of its own.
type box struct {
	t       testing.TB
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func startBox(t testing.TB, dir, broker string) *box {
	t.Helper()
	b := &box{t: t, process: exec.Command(os.Args[0], "-test.run=^$")}
	b.process.Env = append(os.Environ(), boxDirEnv+"="+dir, boxBrokerEnv+"="+broker)
	b.process.Stderr = os.Stderr
	b.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	b.in, err = b.process.StdinPipe()
	require.NoError(t, err)
	out, err := b.process.StdoutPipe()
	require.NoError(t, err)
	b.out = bufio.NewReader(out)
	require.NoError(t, b.process.Start())
	t.Cleanup(b.kill)
	return b
}

// ask gives a command and waits for its answer.
func (b *box) ask(command string) string {
	b.t.Helper()
	b.tell(command)
	answer, err := b.out.ReadString('\n')
	require.NoError(b.t, err, command)
	return strings.TrimSpace(answer)
}

// tell gives a command and does not wait.
func (b *box) tell(command string) {
	b.t.Helper()
	_, err := fmt.Fprintln(b.in, command)
	require.NoError(b.t, err)
}

func (b *box) usage() usage {
	b.t.Helper()
	var u usage
	require.NoError(b.t, json.Unmarshal([]byte(b.ask("usage")), &u))
	return u
}

// kill is SIGKILL: no handler runs.
func (b *box) kill() {
	_ = b.process.Process.Kill()
	_ = b.process.Wait()
}
