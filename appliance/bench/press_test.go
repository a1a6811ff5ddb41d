package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/station"
)

const (
	stationEnv = "WATCHPOST_BENCH_STATION" // makes this binary a whole box of the configuration there
	perCamera  = 20                        // pillars that see the same camera
	pressEvery = 5 * time.Millisecond      // 200 a second
	fsyncSlow  = 20 * time.Millisecond     // added to each fsync and msync
)

// BenchmarkPress is a press every 5 ms at a whole box, by real MQTT, while it
// records cameras to the same disk: from the publish to the business ack, and
// to the alert on the wall's stream. With slow-sync each fsync and msync of the
// box takes 20 ms longer (strace holds it).
func BenchmarkPress(b *testing.B) {
	film := heavyFilm(b)
	for _, c := range []struct {
		name    string
		cameras int
		sync    time.Duration
	}{{"cameras=8", 8, 0}, {"cameras=8/slow-sync", 8, fsyncSlow}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				got := pressing(b, film, c.cameras, 2000, c.sync)
				b.ReportMetric(ms(percentile(got.acks, 50)), "ack-p50-ms")
				b.ReportMetric(ms(percentile(got.acks, 99)), "ack-p99-ms")
				b.ReportMetric(ms(percentile(got.walls, 50)), "wall-p50-ms")
				b.ReportMetric(ms(percentile(got.walls, 99)), "wall-p99-ms")
				b.ReportMetric(got.rate, "presses/s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// TestPress is its short form.
func TestPress(t *testing.T) {
	film := filepath.Join(t.TempDir(), "film.h264")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x176:rate=25:duration=4", "-pix_fmt", "yuv420p",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-sc_threshold", "0", film)
	got := pressing(t, film, 1, 200, 0)
	require.Len(t, got.acks, 200)
	require.Len(t, got.walls, 200)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	return all[(len(all)-1)*p/100]
}

// pressed is how long presses took to be answered, and to be on the wall.
type pressed struct {
	acks, walls []time.Duration
	rate        float64
}

func pressing(t testing.TB, film string, cameras, presses int, slow time.Duration) pressed {
	dir := t.TempDir()
	at := startStation(t, dir, startCameras(t, cameras, film), slow)
	street := newStreet(t, at, presses)
	recorded(t, filepath.Join(dir, "data", "recordings"), cameras)

	began := time.Now()
	tick := time.NewTicker(pressEvery)
	defer tick.Stop()
	for n := range presses {
		<-tick.C
		street.press(n)
	}
	rate := float64(presses) / time.Since(began).Seconds()
	street.answered.Wait()
	street.drawn.Wait()
	return pressed{street.since(street.acked), street.since(street.shown), rate}
}

// recorded waits until every camera is on the disk.
func recorded(t testing.TB, dir string, cameras int) {
	t.Helper()
	require.Eventually(t, func() bool {
		seen := map[string]bool{}
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				for n := range cameras {
					if name := fmt.Sprint("cam-", n); strings.Contains(path, name) {
						seen[name] = true
					}
				}
			}
			return nil
		})
		return len(seen) == cameras
	}, patience, 50*time.Millisecond, "every camera is recorded")
}

// street is the pillars, and a screen that looks on.
type street struct {
	pillars         []paho.Client
	answered, drawn sync.WaitGroup

	mu                 sync.Mutex
	sent, acked, shown map[string]time.Time
}

func newStreet(t testing.TB, at stationAddresses, presses int) *street {
	t.Helper()
	s := &street{sent: map[string]time.Time{}, acked: map[string]time.Time{}, shown: map[string]time.Time{}}
	s.answered.Add(presses)
	s.drawn.Add(presses)
	for n := range perCamera {
		name := pillar(n)
		c := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + at.MQTT).SetClientID(name).SetUsername(name).SetPassword("secret").SetOrderMatters(false))
		done(t, c.Connect())
		done(t, c.Subscribe("pillar/"+name+"/ack", 1, func(_ paho.Client, m paho.Message) {
			var ack struct{ ID, Result string }
			if json.Unmarshal(m.Payload(), &ack) == nil && ack.Result == "stored" {
				s.note(s.acked, ack.ID, &s.answered)
			}
		}))
		t.Cleanup(func() { c.Disconnect(100) })
		s.pillars = append(s.pillars, c)
	}
	res, err := http.Get("http://" + at.HTTP + "/api/v1/events")
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, http.StatusOK, res.StatusCode)
	go s.watch(res.Body)
	return s
}

// watch is a screen: an alert is drawn when it comes.
func (s *street) watch(stream io.Reader) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 16<<20)
	for alert := false; lines.Scan(); {
		switch line := lines.Bytes(); {
		case bytes.HasPrefix(line, []byte("event:")):
			alert = bytes.HasSuffix(line, []byte("alert"))
		case alert && bytes.HasPrefix(line, []byte("data:")):
			var a struct{ Press string }
			if json.Unmarshal(line[len("data:"):], &a) == nil {
				s.note(s.shown, a.Press, &s.drawn)
			}
		}
	}
}

func (s *street) note(when map[string]time.Time, id string, first *sync.WaitGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ours := s.sent[id]; ours && when[id].IsZero() {
		when[id] = time.Now()
		first.Done()
	}
}

func (s *street) press(n int) {
	id, name := fmt.Sprint("press-", n), pillar(n%perCamera)
	s.mu.Lock()
	s.sent[id] = time.Now()
	s.mu.Unlock()
	s.pillars[n%perCamera].Publish("pillar/"+name+"/press", 1, false, fmt.Sprintf(`{"id":%q,"kind":"alarm","seq":%d,"at":%q}`, id, n, time.Now().UTC().Format(time.RFC3339Nano)))
}

func (s *street) since(when map[string]time.Time) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []time.Duration
	for id, at := range when {
		all = append(all, at.Sub(s.sent[id]))
	}
	return all
}

func pillar(n int) string { return fmt.Sprintf("P-%03d", n) }

type stationAddresses struct{ HTTP, MQTT string }

// startStation starts a whole box, but for what needs a C library.
func startStation(t testing.TB, dir string, cameras []string, slow time.Duration) (at stationAddresses) {
	t.Helper()
	var text strings.Builder
	text.WriteString("station: {id: jingdong}\ndata: {dir: data, journal: {reserve: 64MiB}, min_free: 64MiB}\nhttp: {listen: \"127.0.0.1:0\"}\n" +
		"webrtc: {udp: 0, tcp: 0}\nmqtt: {listen: \"127.0.0.1:0\"}\nauth: {anonymous_wall: true}\ncameras:\n")
	for n, url := range cameras {
		fmt.Fprintf(&text, "  - {id: cam-%d, streams: {main: %q}, transport: tcp, record: continuous, pre_roll: 10s, post_roll: 5s, analyze: {enabled: false}}\n", n, url)
	}
	text.WriteString("pillars:\n")
	for n := range perCamera {
		fmt.Fprintf(&text, "  - {id: %s, cameras: [cam-%d], password_file: secret}\n", pillar(n), n%len(cameras))
	}
	file := filepath.Join(dir, "station.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("secret\n"), 0o600))
	command := []string{os.Args[0]}
	if slow > 0 {
		calls := "fsync,fdatasync,msync"
		command = append([]string{"strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=" + calls, "-e", fmt.Sprintf("inject=%s:delay_exit=%d", calls, slow.Microseconds())}, command...)
	}
	startSelf(t, stationEnv+"="+file, command...)
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "data", "addresses.json"))
		return err == nil && json.Unmarshal(b, &at) == nil
	}, patience, 20*time.Millisecond, "the box is ready")
	return at
}

// startSelf runs this binary as something else, until the test ends.
func startSelf(t testing.TB, env string, command ...string) *exec.Cmd {
	t.Helper()
	p := exec.Command(command[0], command[1:]...)
	p.Env = append(os.Environ(), env)
	p.Stderr = os.Stderr
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) // strace's child too
		_ = p.Wait()
	})
	return p
}

// serveStation is the program without its C leaves: no camera is analysed.
func serveStation(file string) error {
	cfg, err := config.Load(file, config.Supported{Rule: station.CheckRule})
	if err != nil {
		return err
	}
	s := station.New(station.Options{Config: cfg, Version: "bench", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err := s.Open(context.Background()); err != nil {
		return err
	}
	return s.Run(context.Background())
}
