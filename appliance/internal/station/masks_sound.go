package station

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

const (
	soundWaitMax = 1024 // stretches of sound that wait for their picture: 20 s of G.711 in 20 ms
	// soundApart is how far sound and pictures of one stream may seem apart;
	// beyond it they are of different sessions.
	soundApart = time.Second
	// soundDrift is how far the sound of the main stream may run off the
	// pictures of the sub stream before it is laid anew.
	soundDrift = 200 * time.Millisecond
)

// maskedSound is what is held of a masked camera whose sound is recorded: the
// rendition's pictures, and the camera's sound beside them as if it had come
// with them. Pictures take longer, so sound waits for its picture.
type maskedSound struct {
	feed *feed.Feed[*ingest.Unit]
	sub  bool // the rendition may be of another stream, with a clock of its own

	mu    sync.Mutex
	waits []*ingest.Unit
	lost  uint64 // that waited for too long

	// Used by the goroutine of run only.
	runs  [2]uint32 // of picture and sound, for which shift holds
	shift int64     // ticks from the sound's PTS to the pictures'
}

func newMaskedSound(sub bool) *maskedSound {
	return &maskedSound{feed: feed.New[*ingest.Unit](), sub: sub}
}

// hear takes a stretch of sound. It never waits.
func (m *maskedSound) hear(u *ingest.Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.waits = append(m.waits, u); len(m.waits) > soundWaitMax {
		m.lost += uint64(len(m.waits) - soundWaitMax)
		m.waits = append([]*ingest.Unit(nil), m.waits[len(m.waits)-soundWaitMax:]...)
	}
}

// missed is how much sound waited for too long.
func (m *maskedSound) missed() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

// take gives what waits, and put gives back what goes on waiting.
func (m *maskedSound) take() []*ingest.Unit {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.waits
	m.waits = nil
	return list
}

func (m *maskedSound) put(rest []*ingest.Unit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits = append(rest, m.waits...)
}

// picture publishes a picture, and the sound until then.
func (m *maskedSound) picture(p *ingest.Unit) {
	m.feed.Publish(p)
	list := m.take()
	for i, u := range list {
		when := m.lay(u, p)
		if when > p.PTS {
			m.put(list[i:])
			return
		}
		if when < 0 {
			continue // of before the pictures
		}
		own := *u
		own.Run, own.PTS, own.DTS = p.Run, when, when
		m.feed.Publish(&own)
	}
}

// lay is when a stretch of sound is heard on the pictures' scale: behind p it
// waits, below 0 it has no picture.
func (m *maskedSound) lay(u, p *ingest.Unit) int64 {
	apart := u.Captured.Sub(p.Captured)
	seems := p.PTS - u.PTS + int64(apart*ingest.ClockRate/time.Second)
	off := time.Duration(seems-m.shift) * time.Second / ingest.ClockRate
	runs := [2]uint32{p.Run, u.Run}
	switch {
	case !m.sub && off.Abs() > soundApart && apart > 0:
		return p.PTS + 1 // the pictures of its session are still to come
	case !m.sub && off.Abs() > soundApart:
		return -1
	case m.sub && (runs != m.runs || off.Abs() > soundDrift):
		m.runs, m.shift = runs, seems
	}
	return u.PTS + m.shift
}

// run joins the rendition's pictures with the sound as long as the station runs.
func (m *maskedSound) run(ctx context.Context, camera string, pictures *feed.Feed[*ingest.Unit]) error {
	reader := pictures.Subscribe(clip.FeedSize, key)
	defer reader.Close()
	for {
		u, err := reader.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, feed.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read masked pictures of camera %s: %w", camera, err)
		}
		m.picture(u)
	}
}

// joinSound puts the sound of a masked camera beside its masked pictures.
func (c *camera) joinSound(ctx context.Context) error {
	if c.sound == nil {
		<-ctx.Done()
		return nil
	}
	return c.sound.run(ctx, c.cfg.ID, c.masked.Feed())
}

// maskedFeed is what is recorded of a masked camera.
func (c *camera) maskedFeed() *feed.Feed[*ingest.Unit] {
	if c.sound != nil {
		return c.sound.feed
	}
	return c.masked.Feed()
}
