package station

import (
	"context"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// settleEvery is how often pictures that wait are looked at: a report settles
// its own at once, this is for those that a crash left.
const settleEvery = time.Minute

// PutPicture implements wall's files.
func (s wallFiles) PutPicture(person string, jpeg []byte) (string, error) {
	return s.store.PutPicture(person, jpeg)
}

// OwnPicture implements wall's files.
func (s wallFiles) OwnPicture(person, hash string) ([]byte, error) {
	return s.store.OwnPicture(person, hash)
}

// Brought implements wall's files.
func (s wallFiles) Brought(hash string) bool { return s.store.Brought(hash) }

// KeepPictures implements wall's files. It knows one report only, and deletes
// nothing.
func (s wallFiles) KeepPictures(hashes []string) error {
	_, _, err := s.store.SettlePictures(func(hash string) bool { return slices.Contains(hashes, hash) }, time.Time{})
	return err
}

// settlePictures keeps the pictures that reports name, and lets those go that
// none has named for long.
func (s *Station) settlePictures(ctx context.Context) error {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		if s.store.PicturesWaiting() > 0 {
			var named map[string]bool
			if _, err := s.desk.View(ctx, func(state *desk.State) { named = state.PicturesNamed() }); err != nil {
				return nil // ctx has ended, or the desk has: its own stage says why
			}
			kept, gone, err := s.store.SettlePictures(func(hash string) bool { return named[hash] }, time.Now())
			s.counts.picturesGone.Add(uint64(gone))
			if err != nil {
				s.log.Error("pictures are not settled", "err", err)
			} else if kept+gone > 0 {
				s.log.Info("pictures settled", "named", kept, "of no report", gone)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
