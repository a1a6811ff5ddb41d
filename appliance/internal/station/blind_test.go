package station

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/blind"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// handClock is a clock that a test sets.
type handClock struct {
	wall    time.Time
	elapsed time.Duration
}

func (c *handClock) Wall() time.Time        { return c.wall }
func (c *handClock) Elapsed() time.Duration { return c.elapsed }

func (c *handClock) pass(d time.Duration) { c.wall, c.elapsed = c.wall.Add(d), c.elapsed+d }

// A box that is killed and started again tells that a camera was blind from
// the last that was kept, and not from the start; the list has it all, in the
// order of time, also when it is read anew.
func TestBlindOverAPowerCut(t *testing.T) {
	b := newBench(t)
	b.cfg.Data.Dir = b.dir
	b.cfg.Cameras = []config.Camera{{ID: "gate", Record: "continuous", Streams: config.Streams{Main: "rtsp://127.0.0.1:1/"}}}
	begins := func(clock desk.Clock) (*blindness, *camera) { // the box
		c, err := b.newCamera(b.cfg.Cameras[0])
		require.NoError(t, err)
		b.cameras = map[string]*camera{"gate": c}
		account := b.newBlindness(clock)
		require.NoError(t, account.open(t.Context()))
		return account, c
	}
	begin := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	clock := &handClock{wall: begin}

	first, c := begins(clock)
	c.deliver(&ingest.Unit{Key: true, Received: begin.Add(time.Second)})
	first.recorded("gate", begin.Add(time.Second), begin.Add(10*time.Second))
	clock.pass(10 * time.Second)
	first.look()
	for first.tellOne(t.Context()) {
	}
	first.keep()

	clock.pass(10 * time.Minute) // without power
	second, _ := begins(clock)
	clock.pass(20 * time.Second)
	second.look()
	second.recorded("gate", clock.wall, clock.wall.Add(time.Second))
	for second.tellOne(t.Context()) {
	}
	list := newBlindLog(b.journal, b.dir, slog.New(slog.DiscardHandler))
	require.NoError(t, list.open())
	got := follow(t, list, b.journal.Last(), begin)
	down := wall.BlindInterval{
		Camera: "gate", Kind: blind.Unrecorded, From: bridge.At(begin.Add(10 * time.Second)), To: bridge.At(begin.Add(10*time.Minute + 10*time.Second)),
		Cause: "box", Why: "the box was not running",
	}
	require.Contains(t, got, down)
	var after time.Duration
	for _, i := range got {
		if i.Kind == blind.Unrecorded && i.From == down.To {
			require.Equal(t, "camera", i.Cause)
			after = i.To.Sub(i.From.Time)
		}
	}
	require.Equal(t, 20*time.Second, after, "from the start on the camera was to blame")
	_, err := b.desk.View(t.Context(), func(s *desk.State) {
		kinds := map[string]string{}
		for _, open := range s.Device("gate").Blinds {
			kinds[open.Kind] = open.Cause
		}
		require.Equal(t, map[string]string{blind.Unseen: "camera", blind.Unanalysed: "plan"}, kinds)
		require.Equal(t, blind.Unseen, s.Device("gate").Blind.Why, "what is planned is no alarm")
	})
	require.NoError(t, err)

	again := newBlindLog(b.journal, b.dir, slog.New(slog.DiscardHandler))
	require.NoError(t, again.open())
	require.NotZero(t, again.kept.Sequence, "the file spares reading it all")
	require.Equal(t, got, follow(t, again, b.journal.Last(), begin))

	third, _ := begins(clock) // killed before it kept anything: nothing is told twice
	clock.pass(time.Second)
	third.look()
	for _, one := range third.cameras["gate"].tracks {
		for _, i := range one.Pending() {
			require.False(t, i.From.Before(down.To.Time), "%v", i)
		}
	}
}

// follow runs a list up to a place, and stops it.
func follow(t *testing.T, l *blindLog, place uint64, from time.Time) []wall.BlindInterval {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	got, err := l.Blind(t.Context(), place, "", from, from.Add(24*time.Hour))
	require.NoError(t, err)
	stop()
	require.NoError(t, <-ended)
	return got
}
