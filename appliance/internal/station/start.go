package station

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// recordStart writes that the box started, and ends the looks that it went
// down with.
func (s *Station) recordStart(ctx context.Context) error {
	var open []desk.OpenLook
	var heard time.Time // of the box, before this start
	if _, err := s.desk.View(ctx, func(state *desk.State) {
		open, heard = slices.Clone(state.OpenLooks()), state.Now().Time
	}); err != nil {
		return fmt.Errorf("look for open looks: %w", err)
	}
	_, err := s.desk.Handle(ctx, desk.StartedIn{Version: s.version, Boot: rand.Text(), Config: s.cfg.Digest()})
	if err == nil {
		err = s.closeLooks(ctx, open, heard)
	}
	switch {
	case noSpace(err):
		s.log.Error("the start is not in the journal: alarms come first", "err", err) // and health says so
	case err != nil:
		return fmt.Errorf("record start: %w", err)
	}
	return nil
}

// closeLooks ends looks. When their last byte left, nobody knows: their end is
// when the box was last heard.
func (s *Station) closeLooks(ctx context.Context, open []desk.OpenLook, heard time.Time) error {
	for _, one := range open {
		end := heard
		if end.Before(one.From.Time) {
			end = one.From.Time
		}
		if _, err := s.desk.Handle(ctx, desk.AccessIn{
			Kind: "looked", By: desk.Actor{Name: one.By, Role: one.Role}, Camera: one.Camera, From: one.From.Time, To: end,
			Remote: one.Remote, Why: one.Why, Note: "the box ended first; until then it was heard",
		}); err != nil {
			return err
		}
	}
	return nil
}
