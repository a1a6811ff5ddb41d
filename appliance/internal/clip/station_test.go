package clip_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

// box is a store and a cutter over one directory, as the station wires them.
type box struct {
	t      *testing.T
	store  *media.Store
	cutter *clip.Cutter
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	ready   []clip.Ready
	readyAt []time.Time
	empty   []clip.Empty
	refuse  int // so many announcements are refused
}

// start opens a box; run from within a synctest bubble.
func start(t *testing.T, dir string) *box {
	b := &box{t: t}
	b.store = media.New(media.Options{Dir: dir, MinFree: -1, Held: func() func(media.Item) bool { return b.cutter.Needs }})
	require.NoError(t, b.store.Open())
	b.cutter = clip.New(clip.Options{
		Store: b.store,
		Ready: func(_ context.Context, r clip.Ready) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.refuse > 0 {
				b.refuse--
				return errors.New("journal refuses")
			}
			b.ready, b.readyAt = append(b.ready, r), append(b.readyAt, time.Now())
			return nil
		},
		Empty: func(_ context.Context, e clip.Empty) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.empty = append(b.empty, e)
			return nil
		},
	})
	require.NoError(t, b.cutter.Open())
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	b.done.Go(func() { b.cutter.Run(ctx) })
	return b
}

// hold lets the box hold a camera through a feed.
func (b *box) hold(rec clip.Record) *source {
	f := feed.New[*ingest.Unit]()
	r := f.Subscribe(clip.FeedSize, func(u *ingest.Unit) bool { return u.Key })
	ctx, cancel := context.WithCancel(context.Background())
	s := &source{feed: f, ctx: ctx}
	reader := lossy{r, &s.dropped}
	stop := b.stop
	b.stop = func() { stop(); cancel() }
	b.done.Go(func() {
		require.NoError(b.t, b.cutter.Hold(ctx, clip.Camera{ID: "gate", Record: rec, PreRoll: 30 * time.Second}, reader))
	})
	return s
}

func (b *box) close() {
	b.stop()
	b.done.Wait()
}

func (b *box) got() ([]clip.Ready, []clip.Empty) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]clip.Ready(nil), b.ready...), append([]clip.Empty(nil), b.empty...)
}

// source plays footage as a camera would: a unit is there when it is decoded,
// 80 ms late, so that B-frames are known.
type source struct {
	feed *feed.Feed[*ingest.Unit]
	ctx  context.Context
	run  uint32

	stepAt int           // from this unit on the box's clock is set,
	step   time.Duration // by so much

	dropped atomic.Uint64
}

// lossy is a reader that has lost as many units as the test says.
type lossy struct {
	*feed.Reader[*ingest.Unit]
	dropped *atomic.Uint64
}

func (l lossy) Dropped() uint64 { return l.Reader.Dropped() + l.dropped.Load() }

// sleep tells false when the box stops.
func (s *source) sleep(d time.Duration) bool {
	select {
	case <-s.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

const cameraLag = 80 * time.Millisecond

// play publishes footage units [from, to) in the bubble's time; the first is
// captured now.
func (s *source) play(f footage, from, to int) {
	zero := time.Now().Add(-time.Duration(f.units[from].PTS) * time.Second / ingest.ClockRate)
	for i, u := range f.units[from:to] {
		c := *u
		c.Camera, c.Run = "gate", s.run
		c.Captured = zero.Add(time.Duration(u.PTS) * time.Second / ingest.ClockRate)
		if s.stepAt > 0 && from+i >= s.stepAt {
			c.Captured = c.Captured.Add(s.step)
		}
		due := zero.Add(time.Duration(u.DTS)*time.Second/ingest.ClockRate + cameraLag)
		if !s.sleep(time.Until(due)) {
			return
		}
		c.Received = time.Now()
		c.Uncertainty = 20 * time.Millisecond
		s.feed.Publish(&c)
	}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func want(incident, alert string, at time.Time) clip.Want {
	return clip.Want{Incident: incident, Camera: "gate", Alert: alert, At: at, PreRoll: 30 * time.Second, PostRoll: 10 * time.Second}
}

// copyDir is what a kill -9 leaves: the files as they are now.
func copyDir(t *testing.T, to, from string) {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
}

// now is the bubble's time as it is written to files.
func now() time.Time { return time.Now().UTC().Round(0) }

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }
