package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/blind"
	"github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// faultsEnv makes the whole table; what it says is not read.
const faultsEnv = "WATCHPOST_FAULTS"

// kind is one way for a camera to be.
type kind struct {
	name, film, other, sound string
	transport                string
	requests                 bool
}

func kinds() []kind {
	return []kind{
		{name: "H.264 TCP", film: "a.h264", other: "b.h264", transport: rtsp.TCP},
		{name: "H.264 UDP", film: "a.h264", other: "b.h264", transport: rtsp.UDP},
		{name: "H.264 TCP, takes requests", film: "a.h264", other: "b.h264", transport: rtsp.TCP, requests: true},
		{name: "H.264 + AAC TCP", film: "a.h264", other: "b.h264", sound: "a.aac", transport: rtsp.TCP},
		{name: "H.265 TCP", film: "a.h265", other: "b.h265", transport: rtsp.TCP},
		{name: "H.265 UDP", film: "a.h265", other: "b.h265", transport: rtsp.UDP},
		{name: "MJPEG + G.711 TCP", film: "a.mjpeg", other: "b.mjpeg", sound: "pcma", transport: rtsp.TCP},
		{name: "MJPEG UDP", film: "a.mjpeg", other: "b.mjpeg", transport: rtsp.UDP},
	}
}

// films makes 4 s of each film, with a key frame every 2 s, in two sizes.
func films(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, size := range map[string]string{"a": "320x176", "b": "160x96"} {
		for ext, codec := range map[string][]string{
			"h264":  {"libx264", "-preset", "ultrafast", "-bf", "0", "-g", "50", "-sc_threshold", "0"},
			"h265":  {"libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=0:keyint=50:min-keyint=50:scenecut=0:open-gop=0"},
			"mjpeg": {"mjpeg", "-q:v", "8", "-huffman", "default", "-pix_fmt", "yuvj420p", "-f", "mjpeg"},
		} {
			args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=25:duration=4", "-pix_fmt", "yuv420p", "-c:v"}
			run(t, "ffmpeg", append(append(args, codec...), filepath.Join(dir, name+"."+ext))...)
		}
	}
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=frequency=880:sample_rate=44100:duration=2", "-c:a", "aac", filepath.Join(dir, "a.aac"))
	return dir
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

// rig is one camera and what the box makes of it: the source as the station
// runs it, and the account of blind intervals as the station keeps it.
type rig struct {
	*camera.Camera
	faults          *fault.Injector
	source          *rtsp.Source
	switchOff, stop func()

	mu     sync.Mutex
	track  *blind.Track
	blinds []blind.Interval
	times  []arrival
	sounds int
}

type arrival struct {
	at  time.Time
	key bool
}

const staleAfter = 2 * time.Second // as the station has it

func newRig(t *testing.T, dir string, k kind, seed uint64) *rig {
	t.Helper()
	conf := camera.Config{ID: k.name, Listen: "127.0.0.1:0", Path: "main", Username: "viewer", Password: "secret", Requests: k.requests}
	var err error
	conf.Footage, err = camera.LoadFootage(filepath.Join(dir, k.film))
	require.NoError(t, err)
	conf.Other, err = camera.LoadFootage(filepath.Join(dir, k.other))
	require.NoError(t, err)
	require.NoError(t, conf.Footage.SameFilm(conf.Other))
	if k.sound != "" {
		sound := k.sound
		if strings.Contains(sound, ".") {
			sound = filepath.Join(dir, sound)
		}
		conf.Sound, err = camera.LoadSound(sound)
		require.NoError(t, err)
	}
	r := &rig{faults: fault.NewInjector(seed, k.name), track: blind.NewTrack(staleAfter, staleAfter)}
	r.Camera = camera.New(conf, r.faults, slog.New(slog.DiscardHandler))
	r.switchOn(t)
	cfg := rtsp.Config{Camera: "gate", URL: r.URL(), Username: "viewer", Password: "secret", Transport: k.transport, Deliver: r.deliver}
	if k.sound != "" {
		cfg.Sound = func(*ingest.Unit) { r.mu.Lock(); r.sounds++; r.mu.Unlock() }
	}
	r.source = rtsp.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var held sync.WaitGroup
	held.Go(func() { ingest.Keep(ctx, slog.New(slog.DiscardHandler), ingest.DefaultPace(), r.source.Run) })
	r.stop = sync.OnceFunc(func() { cancel(); held.Wait(); r.switchOff() })
	t.Cleanup(r.stop)
	return r
}

func (r *rig) switchOn(t *testing.T) {
	t.Helper()
	require.NoError(t, r.Open())
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.Run(ctx) }()
	r.switchOff = func() { cancel(fault.ErrKilled); <-ended }
}

func (r *rig) deliver(u *ingest.Unit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = append(r.times, arrival{u.Received, u.Key})
	r.track.Cover(u.Received, u.Received, blind.Camera, "")
	r.take()
}

// take collects what the account tells; the caller holds the lock.
func (r *rig) take() {
	for len(r.track.Pending()) > 0 {
		if i := r.track.Pending()[0]; !i.To.IsZero() {
			r.blinds = append(r.blinds, i)
		}
		r.track.Told()
	}
}

// since is what came after a time.
func (r *rig) since(at time.Time) (units int, key time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.times {
		if a.at.Before(at) {
			continue
		}
		units++
		if a.key && key.IsZero() {
			key = a.at
		}
	}
	return units, key
}

// cell is what one fault did to one kind of camera.
type cell struct {
	kind, fault string
	recovered   time.Duration
	lost        int
	blinds      int
	blindFor    time.Duration
}

const off = "switched off"

// suffer puts a fault on the camera for a while and looks at what it cost.
func (r *rig) suffer(t *testing.T, name string, lasts time.Duration) cell {
	t.Helper()
	frames := func() int { return r.State().Made }
	require.Eventually(t, func() bool { n, _ := r.since(time.Time{}); return n > 30 }, patience, 10*time.Millisecond, name)
	began, made := time.Now(), frames()
	if name == off {
		r.switchOff()
		made = 0
		wait(t, began.Add(lasts))
		r.switchOn(t)
	} else {
		f, err := fault.Named(name)
		require.NoError(t, err)
		r.faults.Set(f, 0)
		wait(t, began.Add(lasts))
		r.faults.Set(fault.Fault{}, 0)
	}
	over := time.Now()
	var key time.Time
	require.Eventually(t, func() bool { _, key = r.since(over); return !key.IsZero() }, patience, 5*time.Millisecond, "%s: %+v", name, r.source.Stats())
	wait(t, key.Add(300*time.Millisecond))
	c := cell{fault: name, recovered: key.Sub(over)}
	units, _ := r.since(began)
	if name == off {
		c.lost = int(time.Since(began).Seconds()*25) - units
	} else {
		c.lost = frames() - made - units
	}
	if c.lost = max(0, c.lost); c.lost <= 2 { // one on its way, one being made
		c.lost, c.recovered = 0, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	for _, i := range r.blinds {
		c.blinds++
		c.blindFor += i.To.Sub(i.From)
	}
	return c
}

func wait(t *testing.T, until time.Time) {
	t.Helper()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	<-timer.C
}

// TestCameraFaults makes the table of ingest's README: camera kind × fault.
func TestCameraFaults(t *testing.T) {
	whole := os.Getenv(faultsEnv) != ""
	var names []string
	for _, n := range fault.Names() {
		if n != fault.None && (whole || slices.Contains([]string{"losing", "corrupting", "jumping", "wrapping", "resizing", "in_band", "closing"}, n)) {
			names = append(names, n)
		}
	}
	names = append(names, off)
	dir, seed := films(t), uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	var table []cell
	t.Run("cells", func(t *testing.T) {
		for i, k := range kinds() {
			for j, name := range names {
				if !whole && (i+j)%4 != 0 {
					continue // each kind and each fault, not every pair
				}
				t.Run(k.name+"/"+name, func(t *testing.T) {
					t.Parallel()
					c := newRig(t, dir, k, seed).suffer(t, name, lasting(name, whole))
					c.kind = k.name
					mu.Lock()
					table = append(table, c)
					mu.Unlock()
				})
			}
		}
	})
	t.Log("\n" + asTable(table, names))
}

// lasting is how long a fault is on.
func lasting(name string, whole bool) time.Duration {
	switch {
	case !whole:
		return 2500 * time.Millisecond
	case name == "keyless" || name == "expiring":
		return 65 * time.Second
	default:
		return 10 * time.Second
	}
}

// asTable has a row for each fault and a column for each kind.
func asTable(cells []cell, names []string) string {
	var b strings.Builder
	b.WriteString("recovered in · units lost · blind intervals and their sum; 0: nothing was lost\n| fault |")
	for _, k := range kinds() {
		b.WriteString(" " + k.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(kinds())+1) + "\n")
	for _, name := range names {
		b.WriteString("| " + name + " |")
		for _, k := range kinds() {
			at := slices.IndexFunc(cells, func(c cell) bool { return c.fault == name && c.kind == k.name })
			if at < 0 {
				b.WriteString(" |")
				continue
			}
			b.WriteString(" " + cells[at].String() + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (c cell) String() string {
	if c.lost == 0 && c.blinds == 0 {
		return "0"
	}
	text := fmt.Sprintf("%.1f s · %d", c.recovered.Seconds(), c.lost)
	if c.blinds > 0 {
		text += fmt.Sprintf(" · %d, %.1f s", c.blinds, c.blindFor.Seconds())
	}
	return text
}
