package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/blind"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

const (
	blindFile      = "blind.json"     // how far the account goes, in data.dir
	blindKept      = 5 * time.Second  // how often that is written
	recordedWithin = 5 * time.Second  // for a picture to be on the disk, before it is missed there
	analysedWithin = 15 * time.Second // between two pictures that are looked at: key frames may be 10 s apart
	blindTellLast  = 5 * time.Second  // for the last words before a stop
	clockStepMin   = 500 * time.Millisecond
)

// blindness keeps the account of what each camera did not see, and tells the
// desk. How far the account goes is on disk, so that a stop of any kind is an
// interval from the last picture before it.
type blindness struct {
	station *Station
	clock   desk.Clock
	wake    chan struct{}

	mu      sync.Mutex
	cameras map[string]*blindCamera
	order   []string
	wall    time.Time // when the clock was last looked at
	elapsed time.Duration
}

// blindCamera are the tracks of one camera, by kind.
type blindCamera struct {
	camera *camera
	tracks map[string]*blind.Track

	seen, analysed time.Time // the newest that was covered
}

func blindKinds() []string { return []string{blind.Unseen, blind.Unrecorded, blind.Unanalysed} }

func (s *Station) newBlindness(clock desk.Clock) *blindness {
	return &blindness{station: s, clock: clock, wake: make(chan struct{}, 1), cameras: map[string]*blindCamera{}}
}

// blindAccount is the file: until when all is covered or told, by camera and
// kind.
type blindAccount struct {
	At    time.Time                       `json:"at"`
	Until map[string]map[string]time.Time `json:"until"`
}

// open takes the account up where the last run of the box left it; the desk,
// the store and the cameras are there.
func (b *blindness) open(ctx context.Context) error {
	var kept blindAccount
	text, err := os.ReadFile(b.path())
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.station.log.Warn("the account of blind intervals begins at the newest recordings", "err", err)
		kept = blindAccount{}
	}
	now := b.clock.Wall()
	b.wall, b.elapsed = now, b.clock.Elapsed()
	_, err = b.station.desk.View(ctx, func(state *desk.State) {
		for _, cfg := range b.station.cfg.Cameras {
			one := &blindCamera{camera: b.station.cameras[cfg.ID], tracks: map[string]*blind.Track{}}
			for _, kind := range blindKinds() {
				one.tracks[kind] = b.resume(state, cfg, kind, kept.Until[cfg.ID][kind], now)
			}
			b.cameras[cfg.ID] = one
			b.order = append(b.order, cfg.ID)
		}
	})
	if err != nil {
		return fmt.Errorf("open account of blind intervals: %w", err)
	}
	return nil
}

func (b *blindness) path() string { return filepath.Join(b.station.cfg.Data.Dir, blindFile) }

// resume is one track as it goes on now. What is recorded was seen.
func (b *blindness) resume(state *desk.State, cfg config.Camera, kind string, until, now time.Time) *blind.Track {
	var track *blind.Track
	var covered []blind.Span
	switch kind {
	case blind.Unseen:
		track = blind.NewTrack(staleAfter, staleAfter)
	case blind.Unrecorded:
		track = blind.NewTrack(media.Joined, recordedWithin)
	default:
		track = blind.NewTrack(analysedWithin, analysedWithin)
	}
	if last := state.Blinded(cfg.ID, kind).To.Time; last.After(until) && !last.After(now) {
		until = last // told after the account was written
	}
	if kind != blind.Unanalysed {
		for _, s := range b.station.store.Recorded(cfg.ID, until, now.Add(media.Joined)) {
			covered = append(covered, blind.Span(s))
		}
	}
	if n := len(covered); until.IsZero() && n > 0 {
		until, covered = covered[n-1].To, nil // no account was kept: what lies before is not ours to judge
	}
	var open *blind.Interval
	if d := state.Device(cfg.ID); d != nil {
		for _, o := range d.Blinds {
			if o.Kind == kind {
				open = &blind.Interval{From: o.From.Time, Cause: blind.Cause(o.Cause), Why: o.Why}
			}
		}
	}
	track.Resume(until, open, covered, now)
	return track
}

// recorded is the store's word on what is on the disk.
func (b *blindness) recorded(camera string, from, to time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.cameras[camera]; one != nil {
		cause, why := one.camera.whyGap(from)
		one.tracks[blind.Unrecorded].Cover(from, to, cause, why)
	}
}

// run looks at the cameras, tells the desk and keeps how far the account goes.
func (b *blindness) run(ctx context.Context) error {
	var telling sync.WaitGroup
	telling.Go(func() { b.tellAll(ctx) })
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var kept time.Duration
	for ctx.Err() == nil {
		b.look()
		if e := b.clock.Elapsed(); e-kept >= blindKept {
			kept = e
			b.keep()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	telling.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), blindTellLast)
	defer cancel()
	b.look()
	for b.tellOne(last) {
	}
	b.keep()
	return nil
}

// look brings every track up to now.
func (b *blindness) look() {
	now, elapsed := b.clock.Wall(), b.clock.Elapsed()
	b.mu.Lock()
	defer b.mu.Unlock()
	expected := b.wall.Add(elapsed - b.elapsed)
	stepped := now.Sub(expected).Abs() > clockStepMin
	b.wall, b.elapsed = now, elapsed
	pending := false
	for _, one := range b.cameras {
		for _, t := range one.tracks {
			if stepped {
				t.Step(expected, now)
			}
		}
		one.look(now)
		for _, t := range one.tracks {
			pending = pending || len(t.Pending()) > 0
		}
	}
	if pending {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

func (c *blindCamera) look(now time.Time) {
	began, last, live, why := c.camera.covered()
	if !last.Equal(c.seen) {
		c.seen = last
		c.tracks[blind.Unseen].Cover(began, last, blind.Camera, why)
	}
	if !live {
		c.tracks[blind.Unseen].Miss(now, blind.Camera, why)
	}
	cause, reason := c.camera.whyUnrecorded()
	c.tracks[blind.Unrecorded].Miss(now, cause, reason)
	cause, reason = c.camera.whyUnanalysed()
	if a := c.camera.analyzer; a != nil {
		if at := a.Stats().LastFrame; !at.Equal(c.analysed) {
			c.analysed = at
			c.tracks[blind.Unanalysed].Cover(at, at, cause, reason)
		}
	}
	c.tracks[blind.Unanalysed].Miss(now, cause, reason)
}

// covered is the stretch of pictures that was received last, and whether it
// goes on.
func (c *camera) covered() (began, last time.Time, live bool, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	live = !c.last.IsZero() && time.Since(c.last) < staleAfter
	if !live {
		why = c.why()
	}
	return c.began, c.last, live, why
}

// whyUnrecorded is why nothing of the camera would be on the disk now.
func (c *camera) whyUnrecorded() (blind.Cause, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cfg.Record == "incidents":
		return blind.Plan, "recorded with incidents only"
	case c.cfg.Record != "continuous":
		return blind.Plan, "recording is off"
	case c.last.IsZero() || time.Since(c.last) >= staleAfter:
		return blind.Camera, c.why()
	case c.recorder != nil:
		return blind.Disk, c.recorder.Error()
	}
	return blind.Load, "the recorder is behind"
}

// whyGap is why nothing was recorded right before a time: the pictures began
// there, or they came and did not reach the disk.
func (c *camera) whyGap(until time.Time) (blind.Cause, string) {
	c.mu.Lock()
	began, failing := c.began, c.recorder != nil
	c.mu.Unlock()
	if cause, why := c.whyUnrecorded(); cause == blind.Plan || failing {
		return cause, why
	}
	if until.Sub(began).Abs() < recordedWithin {
		return blind.Camera, "the camera sent no picture"
	}
	return blind.Load, "pictures were lost on the box"
}

// whyUnanalysed is why no picture of the camera would be looked at now.
func (c *camera) whyUnanalysed() (blind.Cause, string) {
	if c.analyzer == nil {
		return blind.Plan, "analysis is off"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.IsZero() || time.Since(c.last) >= staleAfter {
		return blind.Camera, c.why()
	}
	return blind.Load, "no picture gets through the analysis"
}

// tellAll tells the desk what is pending until ctx ends.
func (b *blindness) tellAll(ctx context.Context) {
	for {
		for b.tellOne(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
	}
}

// tellOne tells the oldest word of some track; false when there is none, or
// when ctx has ended.
func (b *blindness) tellOne(ctx context.Context) bool {
	for _, id := range b.order {
		for _, kind := range blindKinds() {
			track := b.cameras[id].tracks[kind]
			b.mu.Lock()
			pending := len(track.Pending()) > 0
			var i blind.Interval
			if pending {
				i = track.Pending()[0]
			}
			b.mu.Unlock()
			if !pending {
				continue
			}
			in := desk.BlindIn{Camera: id, Kind: kind, From: i.From, To: i.To, Cause: string(i.Cause), Why: i.Why, Whole: !i.Opened}
			if b.station.persist(ctx, b.station.log.With("camera", id), func() error {
				_, err := b.station.desk.Handle(ctx, in)
				return err
			}) != nil {
				return false
			}
			b.mu.Lock()
			track.Told()
			b.mu.Unlock()
			return true
		}
	}
	return false
}

// keep writes how far the account goes.
func (b *blindness) keep() {
	account := blindAccount{At: b.clock.Wall().UTC(), Until: map[string]map[string]time.Time{}}
	b.mu.Lock()
	for id, one := range b.cameras {
		account.Until[id] = map[string]time.Time{}
		for kind, t := range one.tracks {
			account.Until[id][kind] = t.Until()
		}
	}
	b.mu.Unlock()
	err := media.WriteFile(b.path(), func(w io.Writer) error { return json.NewEncoder(w).Encode(account) })
	if err != nil {
		b.station.log.Warn("the account of blind intervals is not kept: a power cut now tells too much", "err", err)
	}
}

// seconds is how long a camera was blind since the box started, by kind.
func (b *blindness) seconds(camera string) map[string]float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]float64{}
	if one := b.cameras[camera]; one != nil {
		for kind, t := range one.tracks {
			out[kind] = t.Blind(b.wall).Seconds()
		}
	}
	return out
}
