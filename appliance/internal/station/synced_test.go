package station

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	tracedEnv = "STATION_TRACED"
	appended  = "appended "
)

// TestTracedBox is the box of TestSyncedBeforePuback, a process of its own: the
// embedded broker, the desk and the journal. Alone it does nothing.
func TestTracedBox(t *testing.T) {
	if os.Getenv(tracedEnv) == "" {
		return
	}
	b := newBench(t)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	// Before, since the journal may have synced by the time that Append returns.
	// No press is on its way but this one: one client is handled in turn.
	b.full.before = func(drafts []bridge.Draft) {
		for _, d := range drafts {
			if d.Key != "" {
				_, _ = null.WriteString(appended + d.Key + " ") // a mark in the trace
			}
		}
	}
	b.cfg.Pillars = []config.Pillar{{ID: "P-1", Password: "secret"}}
	b.cfg.MQTT.Listen = "127.0.0.1:0"
	b.pillars = b.newPillars()
	require.NoError(t, b.pillars.broker.Open())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.pillars.broker.Run(ctx) }()
	fmt.Println("broker", b.pillars.broker.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	stop()
	require.NoError(t, <-ended)
}

// Under strace: between the append of a press and the write of its PUBACK an
// msync or fsync begins and is completed, and nothing of the press is said
// before. (That such a sync holds the event shows journal TestPowerCut.)
func TestSyncedBeforePuback(t *testing.T) {
	const presses = 200
	path, err := exec.LookPath("strace")
	require.NoError(t, err, ".ci/deps installs it")
	trace := filepath.Join(t.TempDir(), "trace")
	child := exec.Command(path, "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "65536", "-e", "trace=msync,fsync,fdatasync,write,writev,sendto", "-o", trace,
		os.Args[0], "-test.run=^TestTracedBox$", "-test.v")
	child.Env = append(os.Environ(), tracedEnv+"=1")
	stdin, err := child.StdinPipe()
	require.NoError(t, err)
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(stdout)
	addr := ""
	for addr == "" && lines.Scan() {
		addr, _ = strings.CutPrefix(lines.Text(), "broker ")
		if addr == lines.Text() {
			addr = ""
		}
	}
	if addr == "" {
		err := child.Wait()
		if strings.Contains(stderr.String(), "ptrace") && strings.Contains(stderr.String(), "not permitted") {
			t.Logf("NOT SHOWN HERE: that each PUBACK follows a sync; the system forbids ptrace: %s", stderr.String())
			return
		}
		require.NoError(t, err, stderr.String())
		t.Fatal("the box did not start")
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	ids := pressMany(t, addr, presses)
	require.NoError(t, stdin.Close())
	require.NoError(t, child.Wait(), stderr.String())

	seen := readTrace(t, trace, addr)
	for press, packet := range ids {
		require.Positive(t, seen.appended[press], press)
		require.Positive(t, seen.acknowledged[packet], "PUBACK of %s", press)
		require.True(t, seen.syncedBetween(seen.appended[press], seen.acknowledged[packet]), "PUBACK of %s at line %d: no sync since line %d", press, seen.acknowledged[packet], seen.appended[press])
		require.True(t, seen.syncedBetween(seen.appended[press], seen.told[press]), "ack of %s at line %d: no sync since line %d", press, seen.told[press], seen.appended[press])
	}
	t.Logf("%d presses, %d syncs", len(ids), len(seen.syncs))
}

// pressMany presses without waiting for the one before, and gives the packets
// by the presses' ids, once all are acknowledged.
func pressMany(t *testing.T, addr string, n int) map[string]uint16 {
	t.Helper()
	const patience = time.Minute
	told := make(chan struct{}, n)
	client := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + addr).SetClientID("P-1").SetUsername("P-1").SetPassword("secret").
		SetDefaultPublishHandler(func(paho.Client, paho.Message) { told <- struct{}{} }))
	for _, token := range []func() paho.Token{client.Connect, func() paho.Token { return client.Subscribe("pillar/P-1/ack", 1, nil) }} {
		token := token()
		require.True(t, token.WaitTimeout(patience))
		require.NoError(t, token.Error())
	}
	ids := map[string]uint16{}
	var tokens []paho.Token
	for i := range n {
		id := fmt.Sprintf("e%d", 1000+i)
		press := fmt.Sprintf(`{"id":%q,"kind":"alarm","at":%q,"seq":%d,"replayed":false}`, id, time.Now().UTC().Format(time.RFC3339), i+1)
		token := client.Publish("pillar/P-1/press", 1, false, press)
		ids[id] = token.(*paho.PublishToken).MessageID()
		tokens = append(tokens, token)
	}
	for _, token := range tokens {
		require.True(t, token.WaitTimeout(patience))
		require.NoError(t, token.Error())
	}
	for range n {
		select {
		case <-told:
		case <-time.After(patience):
			t.Fatal("a press got no ack")
		}
	}
	client.Disconnect(100)
	return ids
}

// traced is what strace saw, by its lines: it prints them as things happen.
type traced struct {
	syncs        [][2]int       // begun, completed
	appended     map[string]int // by press
	acknowledged map[uint16]int // by packet: its PUBACK
	told         map[string]int // by press: the message on its ack topic
}

func (s *traced) syncedBetween(from, to int) bool {
	for _, one := range s.syncs {
		if one[0] > from && one[1] < to {
			return true
		}
	}
	return false
}

var (
	traceLine = regexp.MustCompile(`^(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed)(.*)$`)
	hexText   = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
	ackedID   = regexp.MustCompile(`"id":"(e\d+)"`)
)

func readTrace(t *testing.T, path, addr string) *traced {
	t.Helper()
	s := &traced{appended: map[string]int{}, acknowledged: map[uint16]int{}, told: map[string]int{}}
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	begun := map[string]int{} // by thread
	for i, line := range strings.Split(string(content), "\n") {
		n := i + 1
		part := traceLine.FindStringSubmatch(line)
		if part == nil {
			continue
		}
		thread, call, rest := part[1], part[2], part[4]
		begins, ends := part[3] == "(", !strings.Contains(rest, "<unfinished ...>")
		if strings.HasSuffix(call, "sync") {
			if begins {
				begun[thread] = n
			}
			if ends && strings.HasSuffix(rest, "= 0") {
				s.syncs = append(s.syncs, [2]int{begun[thread], n})
			}
			continue
		}
		if !begins {
			continue // it was written when it began
		}
		s.wrote(t, n, rest, addr)
	}
	return s
}

// wrote takes what a write holds: marks of the test, or packets of the broker.
func (s *traced) wrote(t *testing.T, n int, rest, addr string) {
	t.Helper()
	var b []byte
	for _, text := range hexText.FindAllStringSubmatch(rest, -1) {
		part, err := hex.DecodeString(strings.ReplaceAll(text[1], `\x`, ""))
		require.NoError(t, err)
		b = append(b, part...)
	}
	if key, ok := strings.CutPrefix(string(b), appended+"press/P-1/"); ok {
		s.appended[key[:strings.IndexByte(key, '/')]] = n
	}
	if !strings.Contains(rest, "["+addr+"->") {
		return
	}
	for len(b) > 1 {
		size, used := binary.Uvarint(b[1:])
		require.Positive(t, used)
		end := 1 + used + int(size)
		require.LessOrEqual(t, end, len(b), "a packet in two writes, at line %d", n)
		switch packet := b[1+used : end]; b[0] >> 4 {
		case 4: // PUBACK
			s.acknowledged[binary.BigEndian.Uint16(packet)] = n
		case 3: // PUBLISH
			if id := ackedID.FindSubmatch(packet); id != nil && s.told[string(id[1])] == 0 {
				s.told[string(id[1])] = n
			}
		}
		b = b[end:]
	}
}
