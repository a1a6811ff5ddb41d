package station

import (
	"context"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/render"
)

const (
	staleAfter    = 2 * time.Second        // without a picture: then the tile says so
	watchEvery    = 250 * time.Millisecond // how often that is looked at
	analysisUnits = 75                     // 3 s at 25 fps: an analyzer that is further behind drops
	gopUnitsMax   = 600                    // kept for a first picture at once

	sightingWithin = 10 * time.Second // for the journal to take a sighting
)

// camera is one camera: source → feed → clip holder, analyzer and viewers.
type camera struct {
	station  *Station
	cfg      config.Camera
	pinyin   string                   // of its name, for search
	feed     *feed.Feed[*ingest.Unit] // pictures of the main stream
	recorded *feed.Feed[*ingest.Unit] // and its sound, where that is wanted
	source   *rtsp.Source
	small    *small           // nil: the camera has no sub stream
	analyzer *vision.Analyzer // nil: not analysed
	faults   *faults
	masked   *render.Rendition // nil: no masks
	sound    *maskedSound      // nil: no masks, or no sound
	stills   bool              // the rendition is one picture a second
	plain    *plain            // for browsers that cannot play what the camera sends

	mu       sync.Mutex
	gop      []*ingest.Unit // newest key unit and what followed
	last     time.Time      // Received of the newest unit
	began    time.Time      // Received of the first unit since the last pause
	rate     rate
	live     bool
	since    time.Time // of live, or of the silence
	recorder error     // why recording fails
	still    still
	behind   lagging // asked by health only, one at a time
}

func (s *Station) newCamera(cfg config.Camera) (*camera, error) {
	c := &camera{station: s, cfg: cfg, pinyin: pinyinOf(cfg.Name), feed: feed.New[*ingest.Unit](), faults: newFaults(), plain: newPlain()}
	c.recorded = c.feed
	main := s.streamConfig(&cfg, cfg.Streams.Main)
	main.Deliver = c.deliver
	if cfg.Audio {
		c.recorded = feed.New[*ingest.Unit]()
		main.Sound = c.heard
	}
	c.source = rtsp.New(main)
	if cfg.Streams.Sub != "" {
		c.small = newSmall()
		sub := s.streamConfig(&cfg, cfg.Streams.Sub)
		sub.Deliver = c.small.takeSub
		c.small.sub = rtsp.New(sub)
	}
	if cfg.Analyze.Enabled {
		a, err := vision.NewAnalyzer(VisionConfig(s.cfg, &cfg), vision.Parts{
			Decoder: s.leaves.Decoder, Keys: s.leaves.Keys, Budget: s.leaves.Budget, Motion: s.leaves.Motion, Objects: s.leaves.Objects, Stills: s.leaves.Stills,
			Sink: c.sighting, Blind: c.blinded, Log: s.log,
		})
		if err != nil {
			return nil, err
		}
		c.analyzer = a
	}
	return c, c.mask(s.maskedCameras())
}

// deliver runs under the reader's lock of the RTSP client: it never waits.
func (c *camera) deliver(u *ingest.Unit) {
	c.mu.Lock()
	if c.last.IsZero() || u.Received.Sub(c.last) > media.Joined {
		c.began = u.Received
	}
	c.last = u.Received
	c.rate.tick(u.Received)
	c.gop = gather(c.gop, u)
	c.mu.Unlock()
	c.feed.Publish(u)
	if c.recorded != c.feed {
		c.recorded.Publish(u)
	}
	if c.small != nil {
		c.small.takeMain(u)
	}
}

func key(u *ingest.Unit) bool { return u.Key }

// hold keeps the pre-roll and records.
func (c *camera) hold(ctx context.Context) error {
	reader := c.recorded.Subscribe(clip.FeedSize, key)
	defer reader.Close()
	id := c.cfg.ID
	if c.masked != nil {
		id = sealed(id)
	}
	return c.station.cutter.Hold(ctx, clip.Camera{
		ID: id, Record: clip.Record(c.cfg.Record), PreRoll: time.Duration(c.cfg.PreRoll),
	}, reader)
}

func (c *camera) analyze(ctx context.Context) error {
	if c.analyzer == nil {
		<-ctx.Done()
		return nil
	}
	reader := c.smallFeed().Subscribe(analysisUnits, key)
	defer reader.Close()
	return c.analyzer.Run(ctx, reader)
}

func (c *camera) pull(ctx context.Context) error {
	ingest.Keep(ctx, c.station.log.With("camera", c.cfg.ID), ingest.DefaultPace(), c.source.Run)
	return nil
}

// sighting keeps the still and tells the desk. The analyzer waits meanwhile,
// dropping frames and counting them.
func (c *camera) sighting(ctx context.Context, seen vision.Sighting) {
	s := c.station
	hash := ""
	if len(seen.Snapshot) > 0 {
		var err error
		if hash, err = s.store.PutSnapshot(seen.Snapshot); err != nil {
			s.log.Error("snapshot not kept", "camera", c.cfg.ID, "sighting", seen.ID, "err", err)
		}
	}
	seen.Snapshot = nil
	// A stop must not lose what was seen before it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sightingWithin)
	defer cancel()
	if _, err := s.desk.Handle(ctx, desk.SightingIn{Sighting: seen, Snapshot: hash}); err != nil {
		s.counts.sightingsLost.Add(1)
		s.log.Error("sighting not recorded", "camera", c.cfg.ID, "sighting", seen.ID, "phase", seen.Phase, "err", err)
	}
}

// view is what a camera is, since when and why.
type view struct {
	state string
	since time.Time
	why   string
}

// watch sees when the camera is live and when it is not, and tells the desk of
// it. Seeing does not wait for a journal that refuses; only the newest view is
// told then. Blind intervals have an account of their own (blindness).
func (c *camera) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	newest := make(chan view, 1)
	var telling sync.WaitGroup
	defer telling.Wait()
	telling.Go(func() { c.tellAll(ctx, newest) })
	started := time.Now()
	seen := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, since, why := c.look(started)
		if now == seen {
			continue
		}
		seen = now
		select {
		case <-newest:
		default:
		}
		newest <- view{now, since, why}
	}
}

// tellAll tells the desk of every view that it gets.
func (c *camera) tellAll(ctx context.Context, newest <-chan view) {
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-newest:
			log := c.station.log.With("camera", c.cfg.ID)
			if c.station.persist(ctx, log, func() error { return c.tell(ctx, v.state, v.since, v.why) }) != nil {
				return
			}
		}
	}
}

// look is what the camera is now, since when and why; "" while it has not had
// the time to be anything.
func (c *camera) look(started time.Time) (state string, since time.Time, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch fresh := !c.last.IsZero() && now.Sub(c.last) < staleAfter; {
	case fresh && !c.live:
		c.live, c.since = true, c.last
	case !fresh && c.live:
		c.live, c.since = false, c.last
	case !fresh && c.since.IsZero():
		if now.Sub(started) < staleAfter {
			return "", time.Time{}, ""
		}
		c.since = started
	}
	if c.live {
		return "online", c.since, ""
	}
	return "offline", c.since, c.why()
}

// why is the reason that no picture comes, in words.
func (c *camera) why() string {
	st := c.source.Stats()
	if st.LastError != "" {
		return st.LastError
	}
	return "the camera sends no picture"
}

func (c *camera) tell(ctx context.Context, state string, since time.Time, why string) error {
	_, err := c.station.desk.Handle(ctx, desk.DeviceIn{Device: c.cfg.ID, Type: "camera", State: state, Since: since, Why: why})
	return err
}

// rate is pictures per second over the last whole seconds.
type rate struct {
	from time.Time
	n    int
	fps  float64
}

func (r *rate) tick(at time.Time) {
	r.n++
	if d := at.Sub(r.from); d >= time.Second {
		if d < 3*time.Second {
			r.fps = float64(r.n) / d.Seconds()
		}
		r.from, r.n = at, 0
	}
}
