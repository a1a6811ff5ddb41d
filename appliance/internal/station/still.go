package station

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// stillFor is how long a still is good for everybody who asks.
const stillFor = time.Second

// errNotLive says that the camera gives no picture now: there is none to find.
var errNotLive = fmt.Errorf("camera is not live: %w", media.ErrNotFound)

// still is a camera's newest picture, made when somebody asks.
type still struct {
	mu   sync.Mutex
	jpeg []byte
	at   time.Time // when it was received
}

// Still is the camera's newest picture as a JPEG and when it was received: the
// newest GOP is decoded, at most once a second, only when somebody asks.
func (c *camera) Still(_ context.Context) ([]byte, time.Time, error) {
	c.still.mu.Lock()
	defer c.still.mu.Unlock()
	if time.Since(c.still.at) < stillFor {
		return c.still.jpeg, c.still.at, nil
	}
	c.mu.Lock()
	gop, live := c.gop, c.live
	c.mu.Unlock()
	if !live || len(gop) == 0 {
		return nil, time.Time{}, fmt.Errorf("snapshot of %s: %w", c.cfg.ID, errNotLive)
	}
	jpeg, err := c.draw(gop)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("snapshot of %s: %w", c.cfg.ID, err)
	}
	c.still.jpeg, c.still.at = jpeg, gop[len(gop)-1].Received
	return jpeg, c.still.at, nil
}

func (c *camera) draw(gop []*ingest.Unit) (jpeg []byte, err error) {
	decoder := c.station.leaves.Decoder()
	defer decoder.Close()
	for i, u := range gop {
		newest := i == len(gop)-1
		if err := decoder.Decode(u, func(f *vision.Frame) error {
			if newest {
				jpeg, err = c.station.leaves.Stills.Snapshot(f, vision.Still{Masks: maskPolygons(&c.cfg)})
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	if jpeg == nil {
		return nil, errors.New("the decoder gave no picture")
	}
	return jpeg, nil
}
