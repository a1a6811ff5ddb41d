package station

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// small is a camera's smaller picture, for analysis and small tiles: the sub
// stream while it comes, the main stream where it does not. Every change from
// one to the other begins a new Run with a key unit.
type small struct {
	feed *feed.Feed[*ingest.Unit]
	sub  *rtsp.Source // nil: the camera has none, and feed is its main one

	mu    sync.Mutex
	bySub bool      // what is in the feed
	last  time.Time // Received of the newest unit of the sub stream
	run   uint32    // of the feed
	from  uint32    // the same Run at its source
	gop   []*ingest.Unit
}

func newSmall() *small { return &small{feed: feed.New[*ingest.Unit]()} }

// takeSub passes on what comes of the sub stream.
func (s *small) takeSub(u *ingest.Unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = u.Received
	if !s.bySub && !u.Key {
		return // the main stream goes on until then
	}
	s.pass(u, true)
}

// takeMain passes on what comes of the main stream while there is no sub.
func (s *small) takeMain(u *ingest.Unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bySub && (!u.Key || u.Received.Sub(s.last) < staleAfter) {
		return
	}
	if s.run == 0 && !u.Key {
		return
	}
	s.pass(u, false)
}

// pass publishes u as part of the feed's own Runs; the caller holds the lock.
func (s *small) pass(u *ingest.Unit, bySub bool) {
	if s.run == 0 || bySub != s.bySub || u.Run != s.from {
		s.run++
		s.bySub, s.from = bySub, u.Run
	}
	own := *u
	own.Run = s.run
	s.gop = gather(s.gop, &own)
	s.feed.Publish(&own)
}

// gather keeps the newest key unit and what followed.
func gather(gop []*ingest.Unit, u *ingest.Unit) []*ingest.Unit {
	switch {
	case u.Key:
		return append(make([]*ingest.Unit, 0, max(64, cap(gop))), u)
	case len(gop) > 0 && len(gop) < gopUnitsMax:
		return append(gop, u)
	default:
		return nil // a GOP without a key, or one too long to be a first picture
	}
}

// streamConfig is how one of a camera's streams is asked for.
func (s *Station) streamConfig(cfg *config.Camera, url string) rtsp.Config {
	c := rtsp.Config{
		Camera: ingest.CameraID(cfg.ID), URL: url, Username: cfg.Username, Password: cfg.Password, Transport: cfg.Transport, Logger: s.log,
		TLS: rtsp.TLS{CAFile: cfg.TLS.CAFile, Fingerprint: cfg.TLS.Fingerprint, Insecure: cfg.TLS.Insecure},
	}
	if cfg.Row > 0 { // somebody at the wall wrote its address
		c.Dial = outbound(s.cfg).DialContext
	}
	return c
}

// pullSub holds the sub stream; the camera has one. The main stream goes first.
func (c *camera) pullSub(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for main := c.source.Stats(); main.State == rtsp.Connecting && main.LastError == ""; main = c.source.Stats() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	ingest.Keep(ctx, c.station.log.With("camera", c.cfg.ID, "stream", "sub"), ingest.DefaultPace(), c.trySub)
	return nil
}

var errRefused = errors.New("the camera has refused the password to the main stream")

// trySub makes one attempt on the sub stream. Two streams must not ask with a
// password that one of them knows to be wrong: cameras lock accounts.
func (c *camera) trySub(ctx context.Context) error {
	if c.source.Stats().Refused {
		return errRefused
	}
	return c.small.sub.Run(ctx)
}

// smallFeed is what analysis and small tiles follow.
func (c *camera) smallFeed() *feed.Feed[*ingest.Unit] {
	if c.small == nil {
		return c.feed
	}
	return c.small.feed
}

// heard puts sound beside the pictures that are recorded.
func (c *camera) heard(u *ingest.Unit) {
	c.recorded.Publish(u)
	if c.sound != nil {
		c.sound.hear(u)
	}
}

// streamFindings are what health says about a camera's streams beside that it
// gives no picture.
func (c *camera) streamFindings() []health.Finding {
	var list []health.Finding
	main := c.source.Stats()
	if main.Refused {
		list = append(list, health.Finding{Code: "camera_refused", Subject: c.cfg.ID, Text: main.LastError, Params: said("why", main.LastError)})
	}
	if main.SoundWhy != "" && main.State == rtsp.Live {
		list = append(list, health.Finding{Code: "camera_silent", Subject: c.cfg.ID, Text: main.SoundWhy, Params: said("why", main.SoundWhy)})
	}
	if c.small == nil {
		return list
	}
	if sub := c.small.sub.Stats(); sub.State != rtsp.Live {
		why := sub.LastError
		if why == "" {
			why = "it sends no picture"
		}
		list = append(list, health.Finding{Code: "camera_sub_lost", Subject: c.cfg.ID, Text: why, Params: said("why", why)})
	}
	return list
}

// wallClock is a camera's clock as people see it: how far ahead it is.
func wallClock(c rtsp.Clock) *wall.CameraClock {
	out := &wall.CameraClock{Known: c.Known, OffsetMS: -c.Offset.Seconds() * 1000, UncertaintyMS: c.Uncertainty.Seconds() * 1000}
	if c.DriftKnown {
		out.DriftPPM = &c.DriftPPM
	}
	return out
}

// Live gives a camera's video to a viewer (whep's source).
func (s *Station) Live(id string, small bool) (whep.Video, bool) {
	c := s.cameras[id]
	if c == nil {
		return whep.Video{}, false
	}
	if c.masked != nil {
		return c.maskedVideo()
	}
	var smaller whep.Video
	if c.small != nil {
		smaller, _ = c.small.video()
	}
	if small && plays(smaller) {
		return smaller, true
	}
	own := own(c)
	switch {
	case own.Params == nil:
		return whep.Video{}, false
	case plays(own), c.station.leaves.Encoder == nil && !plays(smaller):
		return own, true
	case plays(smaller):
		return smaller, true
	}
	return c.plainVideo()
}

// own is what the camera's main stream sends; without Params while it is not
// live.
func own(c *camera) whep.Video {
	params := c.source.Stats().Params
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live {
		params = nil
	}
	return whep.Video{Feed: c.feed, Params: params, GOP: c.gop}
}

// video is what is in the feed now, whichever stream it is of.
func (s *small) video() (whep.Video, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gop) == 0 || time.Since(s.gop[len(s.gop)-1].Received) >= staleAfter {
		return whep.Video{}, false
	}
	return whep.Video{Feed: s.feed, Params: s.gop[0].Params, GOP: s.gop}, true
}
