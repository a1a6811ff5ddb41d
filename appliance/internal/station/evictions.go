package station

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
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
	if err := s.missedEvictions(ctx); err != nil {
		return nil // ctx has ended, or the desk has: its own stage says why
	}
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

// missedEvictions makes events of the clips that went without a word, since the
// box was killed in between or too many went at once. Part 1 goes by itself
// when the whole is there.
func (s *Station) missedEvictions(ctx context.Context) error {
	var known []*desk.Clip
	if _, err := s.desk.View(ctx, func(state *desk.State) {
		for _, incident := range state.Incidents() {
			for _, c := range state.ClipsOf(incident.ID) {
				if c.Evicted == "" && (c.Part == clip.PartWhole || state.Clip(c.ID, clip.PartWhole) == nil) {
					known = append(known, c)
				}
			}
		}
	}); err != nil {
		return err
	}
	for _, c := range known {
		if _, err := s.cutter.Part(c.ID, c.Part); !errors.Is(err, media.ErrNotFound) {
			continue
		}
		if err := s.persist(ctx, s.log, func() error {
			_, err := s.desk.Handle(ctx, desk.ClipEvictedIn{Clip: c.ID, Part: c.Part, Why: "its file is not kept any more"})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
