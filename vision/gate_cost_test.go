package vision_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/avcodec"
	"github.com/watchpost-edge/watchpost/vision/detect"
	"github.com/watchpost-edge/watchpost/vision/internal/footage"
)

const (
	warmUp  = 40 * time.Second // the gate learns what quiet costs, and proves itself once
	proving = 2 * time.Minute  // more, on a box that has no leisure for a proof
	measure = 20 * time.Second
)

// film is one of the 1080p25 streams that the targets speak of.
func film(b *testing.B, name string) string {
	quiet := footage.Scene{Width: 1920, Height: 1080, Seconds: 12, Noise: 3}
	return footage.Cached(b, name+".mp4", func(out string) {
		switch name {
		case "quiet-variable":
			quiet.Encoder = footage.VBR("libx264", 50)
			quiet.Encode(b, out)
		case "quiet-constant":
			quiet.Encoder = footage.CBR("4M", 50)
			quiet.Encode(b, out)
		case "quiet-h265":
			quiet.Encoder = footage.VBR("libx265", 50)
			quiet.Encode(b, out)
		case "busy":
			footage.Crowd(b, 20, footage.CBR("4M", 50), out)
		case "busy-h265":
			footage.Crowd(b, 20, footage.VBR("libx265", 50), out)
		}
	})
}

// reelOf is a stream in memory, cut at its key units.
type reelOf [][]*ingest.Unit

func gops(units []*ingest.Unit) reelOf {
	var out reelOf
	for _, u := range units {
		if u.Key {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], u)
	}
	return out
}

// loop is a stream to be shown again and again. An encoder begins with a GOP
// unlike all others; without it a loop has none that a camera would not send.
func loop(units []*ingest.Unit) reelOf { return gops(units)[1:] }

// broadcast publishes GOP after GOP of what is showing, at 25 pictures a second, as
// one run.
func broadcast(ctx context.Context, showing func() reelOf, out *feed.Feed[*ingest.Unit], camera ingest.CameraID, offset time.Duration) {
	start := time.Now().Add(offset)
	for n, g := 0, 0; ; g++ {
		r := showing()
		for _, u := range r[g%len(r)] {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(start.Add(time.Duration(n) * time.Second / 25))):
			}
			c := *u
			c.Camera, c.Received, c.Captured = camera, time.Now(), time.Now()
			c.PTS = int64(n) * ingest.ClockRate / 25
			c.DTS = c.PTS
			out.Publish(&c)
			n++
		}
	}
}

// box is many analysed cameras in one process, as the station has them.
type box struct {
	tb        testing.TB
	parts     vision.Parts
	analyzers []*vision.Analyzer
	feeds     []*feed.Feed[*ingest.Unit]
	wg        sync.WaitGroup
}

func newBox(b *testing.B, objects vision.ObjectDetector) *box {
	vision.MakeWay()
	decoder := func() vision.Decoder { return avcodec.New(avcodec.Options{}) }
	keys := vision.NewKeys(decoder)
	b.Cleanup(keys.Close)
	return &box{tb: b, parts: vision.Parts{
		Decoder: decoder, Keys: keys, Budget: vision.NewBudget(0.75 * float64(runtime.NumCPU())),
		Motion:  func(masks [][]vision.Point) vision.MotionDetector { return detect.NewMotion(masks) },
		Objects: objects, Stills: detect.Stills{}, Sink: func(context.Context, vision.Sighting) {}, Log: slog.New(slog.DiscardHandler),
	}}
}

func (x *box) add(ctx context.Context, showing func() reelOf) {
	n := len(x.analyzers)
	cfg := street()
	cfg.MaxLag, cfg.Camera = 0, ingest.CameraID(fmt.Sprint("c", n))
	a, err := vision.NewAnalyzer(cfg, x.parts)
	require.NoError(x.tb, err)
	f := feed.New[*ingest.Unit]()
	reader := f.Subscribe(75, func(u *ingest.Unit) bool { return u.Key })
	x.analyzers, x.feeds = append(x.analyzers, a), append(x.feeds, f)
	x.wg.Go(func() { _ = a.Run(ctx, reader) })
	x.wg.Go(func() { broadcast(ctx, showing, f, cfg.Camera, time.Duration(n)*170*time.Millisecond) })
}

// sum adds up a count of all cameras.
func (x *box) sum(of func(vision.Stats) float64) float64 {
	total := 0.0
	for _, a := range x.analyzers {
		total += of(a.Stats())
	}
	return total
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentMiB is the process's memory now.
func residentMiB() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}

// BenchmarkCost is the core fraction of cameras with analysis on, without the
// ingest, after the gate has learnt.
func BenchmarkCost(b *testing.B) {
	objects := detector(b)
	cases := []struct {
		name        string
		film        string
		crowd       string // the film of the busy ones
		quiet, busy int
	}{
		{"1 quiet, variable bit rate", "quiet-variable", "busy", 1, 0},
		{"1 quiet, H.265", "quiet-h265", "busy", 1, 0},
		{"1 quiet, constant bit rate", "quiet-constant", "busy", 1, 0},
		{"1 busy, H.264 4 Mbit a second", "quiet-variable", "busy", 0, 1},
		{"1 busy, H.265", "quiet-variable", "busy-h265", 0, 1},
		{"8 quiet", "quiet-variable", "busy", 8, 0},
		{"16 quiet", "quiet-variable", "busy", 16, 0},
		{"32 quiet", "quiet-variable", "busy", 32, 0},
		{"7 quiet and 1 busy", "quiet-variable", "busy", 7, 1},
		{"14 quiet and 2 busy", "quiet-variable", "busy", 14, 2},
		{"29 quiet and 3 busy", "quiet-variable", "busy", 29, 3},
	}
	for _, c := range cases {
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			quiet, busy := loop(cut(b, film(b, c.film), time.Unix(0, 0))), loop(cut(b, film(b, c.crowd), time.Unix(0, 0)))
			for range b.N {
				cost(b, objects, quiet, busy, c.quiet, c.busy)
			}
		})
	}
}

func cost(b *testing.B, objects vision.ObjectDetector, quiet, busy reelOf, nQuiet, nBusy int) {
	ctx, cancel := context.WithCancel(context.Background())
	runtime.GC()
	before := residentMiB()
	x := newBox(b, objects)
	for range nQuiet {
		x.add(ctx, func() reelOf { return quiet })
	}
	for range nBusy {
		x.add(ctx, func() reelOf { return busy })
	}
	<-time.After(warmUp)
	for late := time.Now().Add(proving); x.sum(unproven) > 0 && time.Now().Before(late); {
		<-time.After(100 * time.Millisecond)
	}
	began, spent := time.Now(), cpu()
	decoded, looked, detected := x.pictures()
	d0, m0, o0 := x.stages()
	<-time.After(measure)
	wall := time.Since(began).Seconds()
	n := float64(nQuiet + nBusy)
	b.ReportMetric((cpu()-spent).Seconds()/wall/n, "core/camera")
	nDecoded, nLooked, nDetected := x.pictures()
	b.ReportMetric((nDecoded-decoded)/wall/n, "decoded/s")
	b.ReportMetric((nDetected-detected)/wall/n, "detected/s")
	d1, m1, o1 := x.stages()
	b.ReportMetric((d1-d0).Seconds()*1000/max(1, nDecoded-decoded), "ms-decode")
	b.ReportMetric((m1-m0).Seconds()*1000/max(1, nLooked-looked), "ms-motion")
	b.ReportMetric((o1-o0).Seconds()*1000/max(1, nDetected-detected), "ms-objects")
	b.ReportMetric((d1-d0).Seconds()/wall/n, "decode-core")
	b.ReportMetric((m1-m0).Seconds()/wall/n, "motion-core")
	b.ReportMetric((o1-o0).Seconds()/wall/n, "objects-core")
	b.ReportMetric(x.sum(func(s vision.Stats) float64 { return float64(s.Gate.Shed + s.Skipped + s.Dropped) }), "left-out")
	b.ReportMetric((residentMiB()-before)/n, "MiB/camera")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(x.sum(unproven), "unproven")
	x.states(b, warmUp+measure)
	cancel()
	x.wg.Wait()
}

// pictures is how many were decoded, compared and shown to the detector.
func (x *box) pictures() (decoded, looked, detected float64) {
	for _, a := range x.analyzers {
		s := a.Stats()
		decoded, looked, detected = decoded+float64(s.Decoded), looked+float64(s.Analysed), detected+float64(s.Detected)
	}
	return decoded, looked, detected
}

func (x *box) stages() (decode, motion, objects time.Duration) {
	for _, a := range x.analyzers {
		s := a.Stats()
		decode, motion, objects = decode+s.DecodeTime, motion+s.MotionTime, objects+s.DetectTime
	}
	return decode, motion, objects
}

// BenchmarkStorm turns 32 quiet cameras busy in the same second, for 8 s, and
// then quiet again. Meanwhile somebody presses every 10 ms: how late that
// goroutine gets the processor is what analysis costs a press.
func BenchmarkStorm(b *testing.B) {
	objects := detector(b)
	quiet, busy := loop(cut(b, film(b, "quiet-variable"), time.Unix(0, 0))), loop(cut(b, film(b, "busy"), time.Unix(0, 0)))
	for range b.N {
		storm(b, objects, quiet, busy)
	}
}

func storm(b *testing.B, objects vision.ObjectDetector, calm, busy reelOf) {
	const cameras, lasts = 32, 8 * time.Second
	ctx, cancel := context.WithCancel(context.Background())
	x := newBox(b, objects)
	var stormy atomic.Bool
	for range cameras {
		x.add(ctx, func() reelOf {
			if stormy.Load() {
				return busy
			}
			return calm
		})
	}
	<-time.After(warmUp)
	left := func() float64 { return x.sum(func(s vision.Stats) float64 { return float64(s.Dropped) }) }
	calmLate := lateness(5 * time.Second)
	dropped, spent, began := left(), cpu(), time.Now()
	stormy.Store(true)
	busyLate := lateness(lasts)
	b.ReportMetric((cpu()-spent).Seconds()/time.Since(began).Seconds(), "cores-in-storm")
	open := x.sum(func(s vision.Stats) float64 {
		return map[vision.GateState]float64{vision.GateBusy: 1, vision.GateShed: 1}[s.Gate.State]
	})
	stormy.Store(false)
	<-time.After(2 * time.Second) // the films end with their GOPs
	ended := time.Now()
	atRest := 0.0 // a camera that proves itself counted as quiet
	for x.sum(quiet) < cameras && time.Since(ended) < time.Minute {
		<-time.After(100 * time.Millisecond)
		if atRest == 0 && x.sum(quietOrProof) == cameras {
			atRest = time.Since(ended).Seconds()
		}
		if testing.Verbose() {
			x.states(b, time.Since(ended))
		}
	}
	b.ReportMetric(time.Since(ended).Seconds(), "s-to-quiet")
	b.ReportMetric(atRest, "s-to-quiet-or-proof")
	b.ReportMetric(open, "cameras-open")
	b.ReportMetric(calmLate.Seconds()*1000, "ms-late-p99-calm")
	b.ReportMetric(busyLate.Seconds()*1000, "ms-late-p99-storm")
	b.ReportMetric(left()-dropped, "dropped")
	b.ReportMetric(x.sum(func(s vision.Stats) float64 { return float64(s.Gate.Shed) }), "shed")
	b.ReportMetric(0, "ns/op")
	cancel()
	x.wg.Wait()
}

// quiet is 1 of a camera whose gate is; quietOrProof also of one that has so
// little to do that it proves itself.
func quiet(s vision.Stats) float64 {
	if s.Gate.State == vision.GateQuiet {
		return 1
	}
	return 0
}

func quietOrProof(s vision.Stats) float64 {
	if s.Gate.Reason == "proof" {
		return 1
	}
	return quiet(s)
}

// unproven is 1 of a camera that is quiet and was not proven to be, or is at it.
func unproven(s vision.Stats) float64 {
	if s.Gate.State == vision.GateQuiet && s.Gate.Proven == 0 || s.Gate.Reason == "proof" {
		return 1
	}
	return 0
}

// states logs how many gates are in which state, and why.
func (x *box) states(b testing.TB, after time.Duration) {
	n := map[string]int{}
	for _, a := range x.analyzers {
		s := a.Stats()
		n[string(s.Gate.State)+" "+s.Gate.Reason]++
	}
	b.Logf("%.1f s: share %.2f, %v", after.Seconds(), x.parts.Budget.Share(), n)
}

// lateness is by how much a goroutine that wakes every 10 ms does so late, in
// the worst of a hundred cases.
func lateness(during time.Duration) time.Duration {
	var late []time.Duration
	for end := time.Now().Add(during); time.Now().Before(end); {
		want := time.Now().Add(10 * time.Millisecond)
		<-time.After(10 * time.Millisecond)
		late = append(late, time.Since(want))
	}
	slices.Sort(late)
	return late[len(late)*99/100]
}

// BenchmarkPeers is what others take for the same streams: ffmpeg decoding to
// 720p at 5 pictures a second, and motion.
func BenchmarkPeers(b *testing.B) {
	for _, name := range []string{"quiet-variable", "quiet-constant", "quiet-h265", "busy", "busy-h265"} {
		path := film(b, name)
		b.Run("ffmpeg/"+name, func(b *testing.B) {
			seconds := float64(len(cut(b, path, time.Unix(0, 0)))) / 25
			for range b.N {
				cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", path, "-vf", "fps=5,scale=1280:720", "-f", "rawvideo", "-y", "/dev/null")
				require.NoError(b, cmd.Run())
				b.ReportMetric((cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Seconds()/seconds, "core/camera")
				b.ReportMetric(0, "ns/op")
			}
		})
		b.Run("motion/"+name, func(b *testing.B) {
			for range b.N {
				motionCost(b, path)
			}
		})
	}
}

func motionCost(b *testing.B, path string) {
	if _, err := exec.LookPath("motion"); err != nil {
		b.Log("motion is not installed")
		return
	}
	dir := b.TempDir()
	conf := filepath.Join(dir, "motion.conf")
	require.NoError(b, os.WriteFile(conf, []byte(strings.Join([]string{
		"daemon off", "log_level 3", "netcam_url file://" + path, "width 1920", "height 1080", "framerate 25", "picture_output off",
		"movie_output off", "webcontrol_port 0", "stream_port 0", "target_dir " + dir,
	}, "\n")), 0o600))
	cmd := exec.Command("motion", "-n", "-c", conf)
	out, err := cmd.StderrPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
		}
	}()
	<-time.After(4 * time.Second)
	began, before := time.Now(), cpuOf(cmd.Process.Pid)
	<-time.After(6 * time.Second)
	b.ReportMetric((cpuOf(cmd.Process.Pid)-before).Seconds()/time.Since(began).Seconds(), "core/camera")
	b.ReportMetric(0, "ns/op")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// cpuOf is what another process has spent (fields 14 and 15 of proc's stat, in
// hundredths of a second).
func cpuOf(pid int) time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	var user, system int
	_, _ = fmt.Sscan(f[11], &user)
	_, _ = fmt.Sscan(f[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}
