package station

import (
	"context"
	"path"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// evictionsMax is how many evictions may wait to be told; beyond that they are
// counted.
const evictionsMax = 1024

// noteEviction is called by the store after a file is gone; it must not wait.
func (s *Station) noteEviction(e media.Eviction) {
	select {
	case s.evicted <- e:
	default:
		s.counts.evictionsUntold.Add(1)
	}
}

// tellEvictions makes an event of each clip that went.
func (s *Station) tellEvictions(ctx context.Context) error {
	for {
		var e media.Eviction
		select {
		case <-ctx.Done():
			return nil
		case e = <-s.evicted:
		}
		s.log.Info("evicted", "file", e.Name, "bytes", e.Bytes, "why", e.Why)
		part, is := strings.CutSuffix(path.Base(e.Name), ".mp4")
		if e.Class != media.Clips || !is {
			continue
		}
		if s.persist(ctx, s.log, func() error {
			_, err := s.desk.Handle(ctx, desk.ClipEvictedIn{Clip: e.Owner, Part: part, Why: e.Why})
			return err
		}) != nil {
			return nil
		}
	}
}
