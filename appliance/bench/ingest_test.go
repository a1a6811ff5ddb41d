package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/firmware-sim/camera"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// camerasEnv makes this binary that many cameras, camerasFilmEnv says of what.
const (
	camerasEnv     = "WATCHPOST_BENCH_CAMERAS"
	camerasFilmEnv = "WATCHPOST_BENCH_FILM"
)

const (
	preRoll = 30 * time.Second
	look    = 10 * time.Second // at the processor, once the rings are full
)

// serveCameras plays a film on n cameras, says where, and ends with its input.
func serveCameras(n, film string) error {
	count, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	footage, err := camera.LoadFootage(film)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for i := range count {
		c := camera.New(camera.Config{ID: strconv.Itoa(i), Listen: "127.0.0.1:0", Path: "main", Footage: footage},
			fault.NewInjector(1, strconv.Itoa(i)), slog.New(slog.DiscardHandler))
		if err := c.Open(); err != nil {
			cancel()
			return err
		}
		running.Go(func() { _ = c.Run(ctx) })
		fmt.Println(c.URL())
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	cancel()
	running.Wait()
	return err
}

// heavyFilm is 10 s of 1080p25 at 4 Mbit/s with a key frame every 2 s: noise,
// so that all of it is picture and none of it filler.
func heavyFilm(b testing.TB) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "heavy.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25:duration=10", "-vf", "noise=alls=12:allf=t",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "50", "-sc_threshold", "0",
		"-b:v", "4M", "-maxrate", "4M", "-bufsize", "4M", file).CombinedOutput()
	require.NoError(b, err, string(out))
	return file
}

// BenchmarkIngest is what holding cameras costs: RTSP over TCP on loopback, a
// ring of 30 s, no reader. The cameras are another process.
func BenchmarkIngest(b *testing.B) {
	film := heavyFilm(b)
	for _, n := range []int{1, 8, 32, 64} {
		b.Run(fmt.Sprintf("cameras=%d", n), func(b *testing.B) {
			for range b.N {
				holdMany(b, n, film)
			}
		})
	}
}

func holdMany(b *testing.B, n int, film string) {
	urls := startCameras(b, n, film)
	debug.FreeOSMemory()
	empty := resident(b)
	ctx, cancel := context.WithCancel(context.Background())
	var held sync.WaitGroup
	log := slog.New(slog.NewTextHandler(b.Output(), nil))
	sources, rings := make([]*rtsp.Source, n), make([]*clip.Ring, n)
	for i, url := range urls {
		units := feed.New[*ingest.Unit]()
		rings[i] = clip.NewRing(1, preRoll, 64<<20)
		reader := units.Subscribe(clip.FeedSize, func(u *ingest.Unit) bool { return u.Key })
		held.Go(func() {
			for u, err := reader.Next(ctx); err == nil; u, err = reader.Next(ctx) {
				rings[i].Push(u, false)
			}
		})
		sources[i] = rtsp.New(rtsp.Config{Camera: "gate", URL: url, Transport: rtsp.TCP, Deliver: units.Publish})
		held.Go(func() { ingest.Keep(ctx, log.With("camera", i), ingest.DefaultPace(), sources[i].Run) })
	}
	require.Eventually(b, func() bool {
		for _, r := range rings {
			if h := r.Held(); h.To.Sub(h.From) < preRoll {
				return false
			}
		}
		return true
	}, 2*preRoll, 100*time.Millisecond)
	before, began, bytes := processor(b), time.Now(), received(sources)
	timer := time.NewTimer(look)
	<-timer.C
	took := time.Since(began).Seconds()
	b.ReportMetric((processor(b)-before).Seconds()/took/float64(n), "core/camera")
	b.ReportMetric(float64(received(sources)-bytes)*8/1e6/took/float64(n), "Mbit/s/camera")
	b.ReportMetric((resident(b)-empty)/float64(n), "MB/camera")
	b.ReportMetric(0, "ns/op")
	cancel()
	held.Wait()
	for _, s := range sources {
		require.Zero(b, s.Stats().PacketsLost)
	}
}

func startCameras(b testing.TB, n int, film string) (urls []string) {
	b.Helper()
	self, err := os.Executable()
	require.NoError(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), camerasEnv+"="+strconv.Itoa(n), camerasFilmEnv+"="+film)
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	cmd.Stderr = os.Stderr
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for len(urls) < n && lines.Scan() {
		urls = append(urls, lines.Text())
	}
	require.Len(b, urls, n)
	return urls
}

func received(sources []*rtsp.Source) (bytes uint64) {
	for _, s := range sources {
		bytes += s.Stats().Bytes
	}
	return bytes
}

// processor is the time this process has used of it.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// resident is this process's memory in MB.
func resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for line := range strings.Lines(string(text)) {
		if kb, is := strings.CutPrefix(line, "VmRSS:"); is {
			n, err := strconv.Atoi(strings.Fields(kb)[0])
			require.NoError(b, err)
			return float64(n) / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
