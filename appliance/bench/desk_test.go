package bench_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

const (
	deskEvents     = 100_000
	atOnce         = 10   // posts, each with a pillar and two cameras
	stateGrowthMax = 1.25 // from half of the events to all of them
)

// BenchmarkDesk is months of a busy room through the desk and the real journal:
// its state holds what is open and a week of what was closed, however long it
// goes on.
func BenchmarkDesk(b *testing.B) {
	for b.Loop() {
		began := time.Now()
		sizes := months(b, 50, deskEvents, deskEvents/10, deskEvents/2)
		b.ReportMetric(deskEvents/time.Since(began).Seconds(), "events/s")
		b.ReportMetric(0, "ns/op")
		for _, s := range sizes {
			b.ReportMetric(float64(s.state>>10), fmt.Sprintf("state-KB@%dk", s.events/1000))
			b.Logf("after %d events, %d days: state %d KB as a checkpoint, heap %d MB, the journal's tables among it", s.events, s.days, s.state>>10, s.heap>>20)
		}
	}
}

// TestDeskStateIsBounded is its short form.
func TestDeskStateIsBounded(t *testing.T) { months(t, 10, 3200, 1600) }

// size is how much the desk holds.
type size struct {
	events, days int
	state        int   // bytes of a checkpoint
	heap         int64 // bytes that the desk and its journal keep alive
}

// months plays days of so many incidents until so many events are in the journal, and measures at
// the first day that reaches each of the marks, and at the end.
func months(t testing.TB, daily, events int, marks ...int) []size {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	clock := &hands{wall: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	d, err := desk.New(room(), j, clock, slog.New(slog.DiscardHandler), rand.Reader)
	require.NoError(t, err)
	require.NoError(t, d.Open(t.Context()))
	before := live()
	var sizes []size
	for day := 0; ; day++ {
		playDay(t, d, clock, day, daily)
		n := int(j.Last())
		if len(marks) > 0 && n >= marks[0] || n >= events {
			marks = marks[min(1, len(marks)):]
			sizes = append(sizes, measure(t, d, n, day+1, before))
		}
		if n >= events {
			break
		}
	}
	half, all := sizes[len(sizes)-2], sizes[len(sizes)-1]
	require.Less(t, float64(all.state), stateGrowthMax*float64(half.state), "%+v", sizes)
	return sizes
}

// room has so many posts, each a pillar with two cameras.
func room() desk.Setup {
	setup := desk.Setup{Station: "test", Box: "a", Window: 2 * time.Minute}
	for n := range atOnce {
		setup.Cameras = append(setup.Cameras, desk.Camera{ID: fmt.Sprint("gate-", n)}, desk.Camera{ID: fmt.Sprint("shop-", n)})
		setup.Pillars = append(setup.Pillars, desk.Pillar{ID: fmt.Sprint("P-", n), Cameras: []string{fmt.Sprint("gate-", n), fmt.Sprint("shop-", n)}})
	}
	return setup
}

func measure(t testing.TB, d *desk.Desk, events, days int, before int64) size {
	s := size{events: events, days: days}
	_, err := d.View(t.Context(), func(state *desk.State) {
		b, err := state.Bytes()
		require.NoError(t, err)
		s.state = len(b)
	})
	require.NoError(t, err)
	require.NoError(t, d.Checkpoint(t.Context()))
	s.heap = live() - before
	return s
}

// live is what the heap holds once all that can go has gone.
func live() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// playDay is a day of presses and sightings, a few at once, each taken, worked
// on and closed.
func playDay(t testing.TB, d *desk.Desk, clock *hands, day, daily int) {
	for turn := range daily / atOnce {
		clock.pass(24 * time.Hour * atOnce / time.Duration(daily))
		var work sync.WaitGroup
		for n := range atOnce {
			work.Go(func() {
				p := &play{t: t, d: d, now: clock.Wall(), post: n}
				if err := p.incident(fmt.Sprintf("%d-%d-%d", day, turn, n)); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
	}
	if t.Failed() {
		t.FailNow()
	}
}

// play is one incident at one of the posts, from its first alert to its end.
type play struct {
	t    testing.TB
	d    *desk.Desk
	now  time.Time
	post int
	id   string
}

func (p *play) incident(name string) error {
	inputs := p.presses(name)
	if p.post%2 == 0 {
		inputs = p.stay(name)
	}
	for _, in := range inputs {
		result, err := p.d.Handle(p.t.Context(), in)
		if err != nil {
			return err
		}
		p.id = result.Incident
		if _, err := p.d.Handle(p.t.Context(), desk.ShownIn{Alert: result.Alert, Screen: "tv", At: p.now}); err != nil {
			return err
		}
	}
	by := desk.Actor{Name: "wang", Role: "lead"}
	work := []desk.Input{desk.ActionIn{Incident: p.id, Verb: "claim", By: by}}
	for _, camera := range []string{"gate-", "shop-"} {
		camera += fmt.Sprint(p.post)
		work = append(work, desk.ClipIn{Clip: desk.Clip{ID: p.id + "-" + camera + "-1", Part: "whole", Incident: p.id, Camera: camera, SHA256: "aa"}})
	}
	work = append(work, desk.ActionIn{Incident: p.id, Verb: "note", Note: "电动车被盗", By: by},
		desk.ActionIn{Incident: p.id, Verb: "close", Result: "resolved", By: by})
	for _, in := range work {
		if _, err := p.d.Handle(p.t.Context(), in); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) presses(name string) (in []desk.Input) {
	for i := range 3 {
		in = append(in, desk.PressIn{Press: ingest.Press{Pillar: fmt.Sprint("P-", p.post), ID: fmt.Sprint(name, "-", i), Kind: ingest.PressAlarm, At: p.now}})
	}
	return in
}

// stay is somebody in the yard for a while, with a better still now and then.
func (p *play) stay(name string) (in []desk.Input) {
	const looks = 8
	for i := range looks {
		phase := vision.Updated
		switch i {
		case 0:
			phase = vision.Raised
		case looks - 1:
			phase = vision.Ended
		}
		in = append(in, desk.SightingIn{Snapshot: fmt.Sprint("still", name, i), Sighting: vision.Sighting{
			ID: name, Phase: phase, Camera: ingest.CameraID(fmt.Sprint("gate-", p.post)), Rule: "yard", Kind: "intrusion", Zone: "yard",
			Class: vision.Person, Priority: "P1", From: p.now, To: p.now.Add(time.Duration(i) * 10 * time.Second), Confidence: 0.5, ReceivedAt: p.now,
		}})
	}
	return in
}

// hands are a clock that the test moves.
type hands struct {
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
}

func (h *hands) Wall() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wall
}

func (h *hands) Elapsed() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.elapsed
}

func (h *hands) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wall, h.elapsed = h.wall.Add(d), h.elapsed+d
}
