package vision_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/vision"
)

// eyes is a decoder, motion detector, object detector and snapshotter in one:
// what they see is a function of the unit's place.
type eyes struct {
	mu        sync.Mutex
	people    func(n int) []vision.Detection // by picture
	moving    func(n int) bool
	region    func(n int) []vision.Box // where it moves; nil is everywhere
	takes     time.Duration            // of one detection
	decodeErr func(n int) error
	detectErr func(n int) error

	resets, closed, detected, stills int
	masks                            [][]vision.Point
}

func (e *eyes) Decode(u *ingest.Unit, each func(*vision.Frame) error) error {
	n := int(u.PTS / tick)
	if e.decodeErr != nil {
		if err := e.decodeErr(n); err != nil {
			return err
		}
	}
	return each(&vision.Frame{Camera: u.Camera, Run: u.Run, PTS: u.PTS, Received: u.Received, Captured: u.Captured, Key: u.Key})
}
func (e *eyes) Reset() { e.resets++ }
func (e *eyes) Close() { e.closed++ }

func (e *eyes) Look(f *vision.Frame) (vision.Motion, error) {
	if e.moving != nil && !e.moving(int(f.PTS/tick)) {
		return vision.Motion{}, nil
	}
	if e.region != nil {
		return vision.Motion{Regions: e.region(int(f.PTS / tick)), Changed: 0.01}, nil
	}
	return vision.Motion{Regions: everywhere(), Changed: 0.01}, nil
}

func (e *eyes) Settle() {}

func (e *eyes) Detect(ctx context.Context, f *vision.Frame, look vision.Look) ([]vision.Detection, error) {
	n := int(f.PTS / tick)
	if e.detectErr != nil {
		if err := e.detectErr(n); err != nil {
			return nil, err
		}
	}
	<-time.After(e.takes) // virtual
	e.mu.Lock()
	defer e.mu.Unlock()
	e.detected++
	e.masks = look.Masks
	return e.people(n), nil
}
func (e *eyes) Classes() []vision.Class { return []vision.Class{vision.Person} }

func (e *eyes) Snapshot(_ *vision.Frame, s vision.Still) ([]byte, error) {
	e.stills++
	if s.Box == nil {
		return nil, errors.New("no box to draw")
	}
	return []byte("jpeg"), nil
}

const tick = ingest.ClockRate / 25 // of PTS, one picture

// told is what the sink heard, and when.
type told struct {
	mu  sync.Mutex
	all []vision.Sighting
	lag []time.Duration // from the frame's arrival, of raised ones
}

func (w *told) take(_ context.Context, s vision.Sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, s)
	if s.Phase == vision.Raised {
		w.lag = append(w.lag, time.Since(s.ReceivedAt))
	}
}

func (w *told) phases() map[vision.Phase]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[vision.Phase]int{}
	for _, s := range w.all {
		out[s.Phase]++
	}
	return out
}

func (w *told) of(p vision.Phase) []vision.Sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []vision.Sighting
	for _, s := range w.all {
		if s.Phase == p {
			out = append(out, s)
		}
	}
	return out
}

func config() vision.Config {
	return vision.Config{
		Camera: "gate",
		Zones:  map[string][]vision.Point{"yard": {{X: 0.5, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0.5, Y: 1}}},
		Lines:  map[string]vision.Line{"up": {From: vision.Point{X: 0.5, Y: 0.95}, To: vision.Point{X: 0.5, Y: 0.05}}},
		Rules:  []vision.Rule{{Name: "yard", Kind: vision.Intrusion, Zone: "yard", Priority: "P1"}},
	}
}

// play runs an analyzer over pictures at 25 a second in virtual time; gap says
// before which picture how long nothing comes.
func play(t *testing.T, cfg vision.Config, e *eyes, pictures int, gaps map[int]time.Duration) (*told, vision.Stats) {
	t.Helper()
	var sink told
	var stats vision.Stats
	synctest.Test(t, func(t *testing.T) {
		a, err := vision.NewAnalyzer(cfg, vision.Parts{
			Decoder: func() vision.Decoder { return e },
			Motion:  func([][]vision.Point) vision.MotionDetector { return e },
			Objects: e, Stills: e, Sink: sink.take, Log: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		units := feed.New[*ingest.Unit]()
		reader := units.Subscribe(64, func(u *ingest.Unit) bool { return u.Key })
		done := make(chan error, 1)
		go func() { done <- a.Run(t.Context(), reader) }()
		params := &ingest.Params{Codec: ingest.H264}
		for n := range pictures {
			<-time.After(gaps[n])
			units.Publish(&ingest.Unit{Camera: "gate", Params: params, Run: 1, PTS: int64(n) * tick, DTS: int64(n) * tick, Key: n%50 == 0,
				Received: time.Now(), Captured: time.Now()})
			<-time.After(time.Second / 25)
		}
		synctest.Wait()
		stats = a.Stats()
		units.Close()
		require.NoError(t, <-done)
	})
	require.Equal(t, 2, e.closed, "decoder and motion detector")
	return &sink, stats
}

// walker walks from x=0.1 to the right at 0.08 of the picture a second, and is
// seen in the pictures that seen names.
func walker(seen func(n int) bool) func(int) []vision.Detection {
	return func(n int) []vision.Detection {
		if !seen(n) {
			return nil
		}
		return []vision.Detection{person(0.1+0.08*float64(n)/25-0.02, 0.4, 0.7)}
	}
}

func always(int) bool { return true }

func TestOneStayIsOneSighting(t *testing.T) {
	// At 0.5 of the picture after 5 s, out of the picture (gone) after 10 s.
	e := &eyes{people: walker(func(n int) bool { return n < 250 })}
	sink, stats := play(t, config(), e, 400, nil)
	raised := sink.of(vision.Raised)
	require.Len(t, raised, 1)
	require.Len(t, sink.of(vision.Ended), 1)
	require.InDelta(t, 5, sink.phases()[vision.Updated], 1, "one a second")
	require.Equal(t, 1, e.stills)
	r, end := raised[0], sink.of(vision.Ended)[0]
	require.Equal(t, []byte("jpeg"), r.Snapshot)
	require.Equal(t, "P1", r.Priority)
	require.Equal(t, vision.Person, r.Class)
	require.Equal(t, "yard", r.Zone)
	require.InDelta(t, 0.5, r.Box.Foot().X, 0.03)
	require.Equal(t, r.From, r.FrameAt)
	require.Equal(t, r.ID, end.ID)
	require.InDelta(t, 5, end.To.Sub(end.From).Seconds(), 0.5)
	for _, s := range sink.all {
		require.Equal(t, r.ID, s.ID)
	}
	require.Equal(t, uint64(400), stats.Decoded)
	require.Equal(t, uint64(1), stats.Raised)
	require.Zero(t, stats.Open)
}

func TestASightingIsRaisedWithin300ms(t *testing.T) {
	e := &eyes{people: walker(always), takes: 30 * time.Millisecond}
	sink, _ := play(t, config(), e, 200, nil)
	require.Len(t, sink.lag, 1)
	require.Less(t, sink.lag[0], 300*time.Millisecond)
}

func TestAFlickeringBoxIsNotRaisedAgain(t *testing.T) {
	e := &eyes{people: walker(func(n int) bool { return n < 140 || n/25%3 == 0 })} // seen one second in three
	sink, _ := play(t, config(), e, 260, nil)
	require.Len(t, sink.of(vision.Raised), 1)
}

func TestALostTrackThatReturnsCloseByContinuesItsStay(t *testing.T) {
	// Standing in the zone, hidden for 3.4 s: longer than a track lives.
	e := &eyes{people: func(n int) []vision.Detection {
		if n >= 100 && n < 185 {
			return nil
		}
		return []vision.Detection{person(0.7, 0.4, 0.7)}
	}}
	sink, _ := play(t, config(), e, 300, nil)
	require.Len(t, sink.of(vision.Raised), 1)
	require.Len(t, sink.of(vision.Ended), 1, "at the end of the footage")
}

func TestWhoLeavesAndComesBackLaterIsRaisedAgain(t *testing.T) {
	e := &eyes{people: func(n int) []vision.Detection {
		x := 0.7
		if n >= 75 && n < 250 {
			x = 0.7 - 0.02*min(float64(n-75)/5, 15) // walks out to 0.4
		}
		if n >= 250 {
			x = 0.4 + 0.02*min(float64(n-250)/5, 15)
		}
		return []vision.Detection{person(x, 0.4, 0.7)}
	}}
	sink, _ := play(t, config(), e, 400, nil)
	require.Equal(t, 2, sink.phases()[vision.Raised])
	require.Equal(t, 2, sink.phases()[vision.Ended])
}

func TestAStayEndsWhenTheCameraIsGone(t *testing.T) {
	e := &eyes{people: func(int) []vision.Detection { return []vision.Detection{person(0.7, 0.4, 0.7)} }}
	sink, stats := play(t, config(), e, 101, map[int]time.Duration{100: 10 * time.Second})
	require.Equal(t, 1, sink.phases()[vision.Ended], "while nothing comes, not at the end")
	require.Zero(t, stats.Open)
}

func TestACameraWithoutPicturesIsVideoLossUntilOneComes(t *testing.T) {
	cfg := config()
	cfg.Rules = []vision.Rule{{Name: "dark", Kind: vision.VideoLoss, Priority: "P1"}}
	nobody := func(int) []vision.Detection { return nil }
	// A pause of 4 s is none; 12 s are one, from the last picture on, and it is
	// over with the next; time stamps that go on as if nothing had been do not
	// keep it open.
	sink, stats := play(t, cfg, &eyes{people: nobody}, 300, map[int]time.Duration{50: 4 * time.Second, 100: 12 * time.Second})
	require.Equal(t, 1, sink.phases()[vision.Raised])
	raised, ended := sink.of(vision.Raised)[0], sink.of(vision.Ended)
	require.Equal(t, vision.VideoLoss, raised.Kind)
	require.Equal(t, "P1", raised.Priority)
	require.InDelta(t, 5, raised.FrameAt.Sub(raised.From).Seconds(), 1.1)
	require.Len(t, ended, 1)
	require.InDelta(t, 12, ended[0].To.Sub(raised.From).Seconds(), 1.1)
	require.Zero(t, stats.Open)

	// One that never gave a picture, and then does.
	sink, stats = play(t, cfg, &eyes{people: nobody}, 100, map[int]time.Duration{0: 20 * time.Second})
	require.Equal(t, 1, sink.phases()[vision.Raised])
	require.Equal(t, 1, sink.phases()[vision.Ended])
	require.Zero(t, stats.Open)

	// Pictures that come and are not decoded are no loss.
	broken := &eyes{people: nobody, decodeErr: func(n int) error {
		if n > 20 {
			return errors.New("damaged")
		}
		return nil
	}}
	sink, _ = play(t, cfg, broken, 300, map[int]time.Duration{250: 2 * time.Second})
	require.Empty(t, sink.all)
}

func TestWhoseFeetAreCutOffStandsAtTheEdge(t *testing.T) {
	e := &eyes{people: func(int) []vision.Detection { return []vision.Detection{person(0.7, 0.85, 0.7)} }} // down to 1.0
	sink, _ := play(t, config(), e, 50, nil)
	require.Len(t, sink.of(vision.Raised), 1)
}

func TestOutsideItsScheduleARuleIsSilent(t *testing.T) {
	cfg := config()
	cfg.Rules[0].Schedule = "00:00-00:00:01"
	_, err := vision.NewAnalyzer(cfg, vision.Parts{})
	require.Error(t, err)
	// Virtual time begins at midnight UTC; the person stands there from 23:59:50
	// of a station that is 10 s behind.
	cfg.Rules[0].Schedule = "00:00-06:00"
	cfg.Location = time.FixedZone("station", -10)
	e := &eyes{people: func(int) []vision.Detection { return []vision.Detection{person(0.7, 0.4, 0.7)} }}
	sink, _ := play(t, cfg, e, 400, nil)
	raised := sink.of(vision.Raised)
	require.Len(t, raised, 1)
	require.Zero(t, raised[0].FrameAt.In(cfg.Location).Hour())
	require.InDelta(t, 10, raised[0].FrameAt.Sub(raised[0].From).Seconds(), 1)
}

func TestLoiteringNeedsTime(t *testing.T) {
	cfg := config()
	cfg.Rules = []vision.Rule{{Name: "stay", Kind: vision.Loitering, Zone: "yard", Dwell: 5 * time.Second}}
	e := &eyes{people: func(n int) []vision.Detection { return []vision.Detection{person(0.7, 0.4, 0.7)} }}
	sink, _ := play(t, cfg, e, 100, nil)
	require.Empty(t, sink.of(vision.Raised))
	e = &eyes{people: e.people}
	sink, _ = play(t, cfg, e, 250, nil)
	require.Len(t, sink.of(vision.Raised), 1)
}

func TestTripwireKnowsTheDirection(t *testing.T) {
	for direction, want := range map[string]int{"": 1, vision.LeftToRight: 1, vision.RightToLeft: 0} {
		cfg := config()
		cfg.Rules = []vision.Rule{{Name: "wire", Kind: vision.Tripwire, Line: "up", Direction: direction}}
		sink, _ := play(t, cfg, &eyes{people: walker(always)}, 200, nil)
		require.Len(t, sink.of(vision.Raised), want, direction)
		require.Len(t, sink.of(vision.Ended), want, direction)
		for _, s := range sink.of(vision.Raised) {
			require.Equal(t, vision.LeftToRight, s.Direction)
			require.Equal(t, "up", s.Line)
		}
	}
}

func TestTheDetectorRunsOnlyWhenSomethingMoved(t *testing.T) {
	nobody := func(int) []vision.Detection { return nil }
	e := &eyes{people: nobody, moving: func(int) bool { return false }}
	_, stats := play(t, config(), e, 250, nil)
	require.Zero(t, e.detected)
	require.Equal(t, vision.Quiet, stats.Mode)
	require.InDelta(t, 50, stats.Analysed, 1)

	// Motion for one second: the detector runs until 2 s after it.
	e = &eyes{people: nobody, moving: func(n int) bool { return n >= 50 && n < 75 }}
	_, stats = play(t, config(), e, 250, nil)
	require.InDelta(t, 15, e.detected, 2)
	require.Equal(t, vision.Quiet, stats.Mode)

	// Somebody stands still: looked at once a second, and never given up.
	e = &eyes{people: func(int) []vision.Detection { return []vision.Detection{person(0.7, 0.4, 0.7)} }, moving: func(n int) bool { return n < 25 }}
	sink, stats := play(t, config(), e, 500, nil)
	require.InDelta(t, 16+17, e.detected, 4)
	require.Equal(t, 1, stats.Open)
	require.Len(t, sink.of(vision.Raised), 1)
}

func TestASlowDetectorIsAskedLessOftenAndNothingQueues(t *testing.T) {
	e := &eyes{people: walker(always), takes: 400 * time.Millisecond}
	_, stats := play(t, config(), e, 500, nil)
	require.LessOrEqual(t, e.detected, 20, "a third of the time at most: 20 s")
	require.Greater(t, e.detected, 10)
	require.Zero(t, stats.Dropped)
	require.InDelta(t, 400, stats.DetectorMS, 1)
}

func TestABusyDetectorIsSkippedAndCounted(t *testing.T) {
	e := &eyes{people: walker(always), detectErr: func(n int) error {
		if n < 50 {
			return vision.ErrBusy
		}
		return nil
	}}
	sink, stats := play(t, config(), e, 250, nil)
	require.InDelta(t, 10, stats.Skipped, 1)
	require.Zero(t, stats.DetectErrors)
	require.Len(t, sink.of(vision.Raised), 1)
}

func TestFailuresAreCountedAndOvercome(t *testing.T) {
	e := &eyes{people: walker(always),
		decodeErr: func(n int) error {
			if n >= 10 && n < 20 {
				return errors.New("damaged")
			}
			return nil
		},
		detectErr: func(n int) error {
			if n >= 50 && n < 60 {
				return errors.New("out of memory")
			}
			return nil
		}}
	sink, stats := play(t, config(), e, 250, nil)
	require.Equal(t, uint64(10), stats.DecodeErrors)
	require.InDelta(t, 2, stats.DetectErrors, 1)
	require.Len(t, sink.of(vision.Raised), 1)
}

func TestMasksReachTheDetector(t *testing.T) {
	cfg := config()
	cfg.Masks = [][]vision.Point{{{}, {X: 0.1}, {X: 0.1, Y: 0.1}}}
	e := &eyes{people: walker(always)}
	play(t, cfg, e, 25, nil)
	require.Equal(t, cfg.Masks, e.masks)
}

func TestWithoutADetectorTheRulesSaySo(t *testing.T) {
	e := &eyes{}
	a, err := vision.NewAnalyzer(config(), vision.Parts{
		Decoder: func() vision.Decoder { return e }, Motion: func([][]vision.Point) vision.MotionDetector { return e },
		Stills: e, Sink: func(context.Context, vision.Sighting) {}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.Equal(t, []string{"rule yard: the detector does not find person"}, a.Stats().Warnings)
}
