package vision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

// Config is what is watched on one camera.
type Config struct {
	Camera   ingest.CameraID
	FPS      float64 // pictures analysed a second; 0 is 5
	Objects  []Class // what rules mean that name none; empty is person
	Zones    map[string][]Point
	Lines    map[string]Line
	Masks    [][]Point // black before anything looks
	Rules    []Rule
	Location *time.Location // of the station, for schedules; nil is UTC
	// MaxLag is how old a frame may be when its turn comes; older ones are
	// decoded but not analysed, until the camera has caught up. 0 is 500 ms,
	// negative is any age: for footage that is not live.
	MaxLag time.Duration
	// Every has the detector look at every picture, moved or not: tuning and
	// back-testing. FPS does not count then.
	Every bool
	// DecodeAll decodes every unit, whatever the gate would say.
	DecodeAll bool
}

const (
	defaultFPS    = 5
	defaultMaxLag = 500 * time.Millisecond
	idleAfter     = time.Second // without a unit: time goes on all the same
)

// Parts are the leaves an analyzer works with, and where its sightings go.
type Parts struct {
	Decoder func() Decoder
	Keys    *Keys   // shared by the cameras of a box; nil: none is shared
	Budget  *Budget // of the box; nil: all there is
	Motion  func(masks [][]Point) MotionDetector
	Objects ObjectDetector // nil: rules are not met, and Stats say so
	Stills  Snapshotter
	// Sink takes sightings one after another, on the analyzer's goroutine:
	// while it blocks, frames are dropped and counted. It is also called while
	// Run ends, with a context that has not ended.
	Sink func(context.Context, Sighting)
	// Blind, if any, is told when a fault of the picture begins and when it is
	// over, on the analyzer's goroutine.
	Blind func(context.Context, Blindness)
	// Observe, if any, is shown every decoded picture with all tracks that
	// count, after what was seen on it was told.
	Observe func(*Frame, []Track)
	Log     *slog.Logger
}

// Units is where an analyzer reads: a *feed.Reader[*ingest.Unit] that resumes
// at key units.
type Units interface {
	Next(ctx context.Context) (*ingest.Unit, error)
	Dropped() uint64
}

// Analyzer watches one camera.
type Analyzer struct {
	cfg   Config
	parts Parts
	log   *slog.Logger

	// Used by the goroutine of Run only.
	dec      Decoder
	motion   MotionDetector
	pace     pace
	gate     gate
	clock    clock
	tracker  Tracker
	watch    *watch
	decoding spell
	seeing   spell
	wanted   []Class       // what some rule, or the camera, is about
	urgency  string        // the highest priority of its rules
	patient  time.Time     // until then it may lag: it looks back
	back     bool          // it looks back now
	turn     func()        // gives back the turn at a processor; nil: it has none
	heard    time.Time     // when the newest unit came, decoded or not; at first, when Run began
	heldTo   time.Duration // media time up to which nothing is open that should not be
	detected time.Duration // media time of the newest picture that the detector looked at

	mu     sync.Mutex
	stats  Stats
	tracks []Track
}

// NewAnalyzer checks the rules and makes an analyzer that has not started.
func NewAnalyzer(cfg Config, parts Parts) (*Analyzer, error) {
	if cfg.FPS == 0 {
		cfg.FPS = defaultFPS
	}
	if cfg.FPS < 0 {
		return nil, fmt.Errorf("make analyzer %s: fps %g: want above 0", cfg.Camera, cfg.FPS)
	}
	if len(cfg.Objects) == 0 {
		cfg.Objects = []Class{Person}
	}
	if cfg.MaxLag == 0 {
		cfg.MaxLag = defaultMaxLag
	}
	if parts.Decoder == nil || parts.Motion == nil || parts.Stills == nil || parts.Sink == nil || parts.Log == nil {
		return nil, fmt.Errorf("make analyzer %s: decoder, motion, stills, sink and log are needed", cfg.Camera)
	}
	w, err := newWatch(cfg)
	if err != nil {
		return nil, fmt.Errorf("make analyzer %s: %w", cfg.Camera, err)
	}
	a := &Analyzer{cfg: cfg, parts: parts, log: parts.Log.With("camera", cfg.Camera), watch: w, pace: newPace(cfg), gate: newCameraGate(), urgency: urgency(cfg.Rules)}
	a.stats.Mode = Quiet
	a.wanted = slices.Clone(cfg.Objects)
	for _, r := range cfg.Rules {
		a.wanted = append(a.wanted, r.Objects...)
	}
	var finds []Class
	if parts.Objects != nil {
		finds = parts.Objects.Classes()
	}
	a.stats.Warnings = Unseen(cfg.Rules, cfg.Objects, finds)
	return a, nil
}

// Run watches until ctx ends or the feed is closed, and then ends the
// sightings that are open. It is called once. All its memory is freed when it
// returns.
func (a *Analyzer) Run(ctx context.Context, units Units) error {
	ended := make(chan error, 1)
	go func() {
		// The thread is this goroutine's own, and ends with it: processor time is
		// counted by thread, and a live camera's comes after all others.
		runtime.LockOSThread()
		if a.cfg.MaxLag > 0 {
			yield()
		}
		ended <- a.run(ctx, units)
	}()
	return <-ended
}

func (a *Analyzer) run(ctx context.Context, units Units) error {
	for _, w := range a.stats.Warnings {
		a.log.Warn("rule cannot be met in full", "why", w)
	}
	defer func() { a.release() }()
	a.motion = a.parts.Motion(a.cfg.Masks)
	defer a.motion.Close()
	defer func() { a.tell(context.WithoutCancel(ctx), nil, a.watch.finish()) }()
	dropped := units.Dropped()
	a.heard = time.Now()
	if a.cfg.MaxLag > 0 {
		a.clock.begun = a.heard
	}
	for {
		u, err := a.next(ctx, units)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, feed.ErrClosed):
			a.drain(ctx)
			return nil
		case errors.Is(err, context.DeadlineExceeded):
			a.idle(ctx)
			continue
		case err != nil:
			return fmt.Errorf("read units of camera %s: %w", a.cfg.Camera, err)
		}
		if n := units.Dropped(); n != dropped {
			a.note(func(s *Stats) { s.Dropped += n - dropped })
			dropped = n
			if u.Key && a.dec != nil {
				a.dec.Reset()
			}
		}
		a.heard = time.Now()
		a.take(ctx, u)
	}
}

func (a *Analyzer) next(ctx context.Context, units Units) (*ingest.Unit, error) {
	ctx, cancel := context.WithTimeout(ctx, idleAfter)
	defer cancel()
	return units.Next(ctx)
}

// idle lets media time go on while no pictures come, so that stays end.
func (a *Analyzer) idle(ctx context.Context) {
	now := time.Now()
	at := a.clock.idle(now)
	if now.Sub(a.heard) >= lossAfter {
		a.tell(ctx, nil, a.watch.lose(moment{at: at, captured: now, received: now}, a.heard))
	}
	if at-a.clock.at > lostMax {
		a.publish(nil)
	}
	a.tell(ctx, nil, a.watch.expire(at))
}

// picture takes one decoded frame through motion, objects, tracks and rules.
func (a *Analyzer) picture(ctx context.Context, f *Frame) {
	if a.back && a.clock.past(f) {
		a.note(func(s *Stats) { s.Decoded++ })
		return
	}
	m := a.clock.tick(f)
	a.note(func(s *Stats) { s.Decoded++; s.LastFrame = f.Received })
	a.look(ctx, f, m)
	if a.parts.Observe != nil {
		a.parts.Observe(f, a.Tracks())
	}
}

func (a *Analyzer) look(ctx context.Context, f *Frame, m moment) {
	if !a.pace.look(m.at) {
		return
	}
	if a.late(f.Received) {
		a.note(func(s *Stats) { s.Skipped++ })
		return
	}
	if motion, ok := a.compare(f); ok {
		a.compared(ctx, f, m, motion)
	}
}

// compare looks at what moved.
func (a *Analyzer) compare(f *Frame) (Motion, bool) {
	began := cpuTime()
	motion, err := a.motion.Look(f)
	if err != nil {
		a.trouble("motion failed", err)
		return Motion{}, false
	}
	a.note(func(s *Stats) { s.MotionTime += cpuTime() - began })
	return motion, true
}

// compared takes a frame that was compared through objects, tracks and rules.
func (a *Analyzer) compared(ctx context.Context, f *Frame, m moment, motion Motion) {
	a.pace.moving(m.at, motion)
	a.gate.saw(motion)
	a.note(func(s *Stats) { s.Analysed++; s.Mode = a.pace.mode(m.at); s.Moving = motion.Changed })
	a.tell(ctx, f, a.watch.compare(m, motion))
	a.blinds(ctx)
	if len(a.cfg.Rules) == 0 && !a.cfg.Every || a.parts.Objects == nil || !a.pace.detect(m.at, a.tracker.Live()) {
		a.tell(ctx, f, a.watch.expire(m.at))
		return
	}
	if dets, took, ok := a.objects(ctx, f, a.regions(m.at, motion)); ok {
		tracks := a.tracker.Update(m.at, dets, motion.Regions)
		a.detected = m.at
		a.pace.detected(m.at, took, a.tracker.Tentative() > 0, a.parts.Budget.Share())
		a.publish(tracks)
		a.tell(ctx, f, a.watch.observe(m, tracks))
	}
}

// regions is where something moves, and where tracked objects should be now.
func (a *Analyzer) regions(at time.Duration, m Motion) []Box {
	out := slices.Clone(m.Regions)
	for _, t := range a.tracker.tracks {
		out = append(out, t.predict(at).Clip())
	}
	return out
}

// objects asks the detector, and keeps what the camera's rules are about. It
// also returns how long that took on this box, as far as it matters.
func (a *Analyzer) objects(ctx context.Context, f *Frame, regions []Box) ([]Detection, time.Duration, bool) {
	began, spent := time.Now(), cpuTime()
	a.leave() // the detector has turns of its own
	dets, err := a.parts.Objects.Detect(ctx, f, Look{Masks: a.cfg.Masks, MinScore: scoreMaybe, Regions: regions, Priority: a.urgency})
	took := time.Since(began)
	spent = cpuTime() - spent
	a.parts.Budget.Spend(spent)
	switch {
	case errors.Is(err, ErrBusy):
		a.note(func(s *Stats) { s.Skipped++ })
		return nil, 0, false
	case ctx.Err() != nil:
		return nil, 0, false
	case err != nil:
		a.trouble("object detector failed", err)
		return nil, 0, false
	}
	if n, over := a.seeing.fine(); over {
		a.log.Info("analysing again", "errors", n)
	}
	ms := float64(took) / float64(time.Millisecond)
	a.note(func(s *Stats) {
		s.Detected++
		s.DetectTime += spent
		if s.DetectorMS == 0 {
			s.DetectorMS = ms
		}
		s.DetectorMS += (ms - s.DetectorMS) / 10
	})
	dets = slices.DeleteFunc(dets, func(d Detection) bool { return !slices.Contains(a.wanted, d.Class) })
	if a.cfg.MaxLag < 0 { // footage that is not live takes as long as it takes
		took = 0
	}
	return dets, took, true
}

func (a *Analyzer) trouble(what string, err error) {
	a.note(func(s *Stats) { s.DetectErrors++ })
	if a.seeing.failed() {
		a.log.Warn(what, "err", err)
	}
}

func (a *Analyzer) publish(tracks []*Track) {
	now := make([]Track, len(tracks))
	for i, t := range tracks {
		now[i] = *t
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tracks, a.stats.Tracks = now, len(now)
}

// tell draws the snapshots and hands the sightings on.
func (a *Analyzer) tell(ctx context.Context, f *Frame, sightings []Sighting) {
	for _, s := range sightings {
		if s.draw && f != nil {
			jpeg, err := a.parts.Stills.Snapshot(f, Still{Masks: a.cfg.Masks, Box: &s.Box})
			if err != nil {
				a.trouble("snapshot failed", err)
			}
			s.Snapshot = jpeg
		}
		if s.Phase == Raised {
			a.note(func(st *Stats) { st.Raised++ })
		}
		a.hand(ctx, s)
	}
	if len(sightings) > 0 {
		open := a.watch.open()
		a.note(func(st *Stats) { st.Open = open })
	}
}

// hand gives a sighting to the sink, on a thread that does not step back behind
// others: it may hold what a press needs.
func (a *Analyzer) hand(ctx context.Context, s Sighting) {
	a.leave() // a sink that waits for a disk needs no processor
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.parts.Sink(ctx, s)
	}()
	<-done
}
