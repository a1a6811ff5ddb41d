package station

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision/render"
)

const (
	plainLooked = 2 * time.Second  // how often it is looked whether anybody still watches
	plainKept   = 15 * time.Second // after the last viewer asked or left
)

// plain is the rendition of a camera that sends what no browser plays over
// WebRTC (H.265, MJPEG, H.264 with B-frames). It is made while somebody looks.
type plain struct {
	wake chan struct{}

	mu    sync.Mutex
	asked time.Time
	now   *render.Rendition // nil: none is made
}

func newPlain() *plain { return &plain{wake: make(chan struct{}, 1)} }

// plays tells whether a browser plays the video as it is.
func plays(v whep.Video) bool {
	reordered := func(u *ingest.Unit) bool { return u.PTS != u.DTS }
	return v.Params != nil && v.Params.Codec == ingest.H264 && !slices.ContainsFunc(v.GOP, reordered)
}

// plainVideo is the rendition, if there is a picture of it already; asking for
// it has it made, and the viewer asks again.
func (c *camera) plainVideo() (whep.Video, bool) {
	p := c.plain
	p.mu.Lock()
	p.asked = time.Now()
	now := p.now
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	if now == nil {
		return whep.Video{}, false
	}
	gop := now.GOP()
	if len(gop) == 0 {
		return whep.Video{}, false
	}
	return whep.Video{Feed: now.Feed(), Params: gop[0].Params, GOP: gop}, true
}

// renderPlain makes the rendition whenever it is asked for.
func (c *camera) renderPlain(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.plain.wake:
		}
		if c.masked != nil || c.station.leaves.Encoder == nil {
			continue
		}
		if err := c.renderOnce(ctx); err != nil {
			c.station.log.Error("no picture for browsers", "camera", c.cfg.ID, "err", err)
		}
	}
}

// renderOnce renders until nobody has looked for a while.
func (c *camera) renderOnce(ctx context.Context) error {
	s := c.station
	r, err := render.New(render.Config{
		Camera: ingest.CameraID(c.cfg.ID), Plain: true, Decoder: s.leaves.Decoder, Encoder: s.leaves.Encoder, Log: s.log,
		Stills: s.renditions.Add(1) > int64(renditionsMax(s.cfg)-s.maskedCameras()),
	})
	defer s.renditions.Add(-1)
	if err != nil {
		return err
	}
	c.plain.set(r)
	defer c.plain.set(nil)
	defer r.Feed().Close()
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { c.plain.until(ctx, r); cancel() })
	defer watching.Wait()
	defer cancel()
	reader := c.smallFeed().Subscribe(renditionUnits, key)
	defer reader.Close()
	return r.Run(ctx, reader)
}

func (p *plain) set(r *render.Rendition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = r
}

// until returns when nobody has looked for a while.
func (p *plain) until(ctx context.Context, r *render.Rendition) {
	tick := time.NewTicker(plainLooked)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		if r.Feed().Readers() > 0 {
			p.asked = time.Now()
		}
		idle := time.Since(p.asked)
		p.mu.Unlock()
		if idle >= plainKept {
			return
		}
	}
}
