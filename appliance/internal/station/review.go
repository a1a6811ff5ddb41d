package station

import (
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// openReview makes the projection that counts what the journal tells.
func (s *Station) openReview() error {
	s.review = review.New(review.Options{
		Journal: s.journal, Desk: s.desk, Dir: s.cfg.Data.Dir, Zone: s.desk.Rules().Zone(), Write: media.WriteFile, Log: s.log,
		Team: func(to string) string { return review.TeamRow(s.desk.Rules().Party(to)) },
	})
	return s.review.Open()
}
