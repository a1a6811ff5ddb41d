package station

import (
	"context"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// usersEvery is how soon a change that `watchpost user` made is in the journal.
const usersEvery = time.Second

// tellUsers records changes of users that were made beside the wall, also while
// the box was down.
func (s *Station) tellUsers(ctx context.Context) error {
	tick := time.NewTicker(usersEvery)
	defer tick.Stop()
	said := ""
	for {
		err := s.told.Tell(func(_, what string) error {
			_, err := s.desk.Handle(ctx, desk.AccessIn{Kind: "user", By: desk.Actor{Name: "box", Role: "box"}, From: time.Now(), Why: what})
			return err
		})
		if err != nil && ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			s.log.Error("a change of users is not in the journal yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
