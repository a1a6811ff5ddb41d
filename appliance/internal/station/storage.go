package station

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge"
)

// When a forecast is told again.
const (
	forecastEvery   = time.Minute
	forecastAgain   = 6 * time.Hour
	forecastChanged = 0.2 // of how long things are kept
)

// forecasts are what was told, and what is known now.
type forecasts struct {
	mu   sync.Mutex
	now  []media.Forecast
	told map[media.Class]media.Forecast
	at   map[media.Class]time.Time
}

// watchStorage tells the desk when a class of files will be full, whenever that
// changed enough to matter.
func (s *Station) watchStorage(ctx context.Context) error {
	f := &s.forecasts
	f.told, f.at = map[media.Class]media.Forecast{}, map[media.Class]time.Time{}
	tick := time.NewTicker(forecastEvery)
	defer tick.Stop()
	for {
		all := s.store.Forecasts(time.Now())
		f.mu.Lock()
		f.now = all
		f.mu.Unlock()
		for _, one := range all {
			if !changed(f.told[one.Class], one, time.Since(f.at[one.Class])) {
				continue
			}
			if s.persist(ctx, s.log, func() error {
				_, err := s.desk.Handle(ctx, desk.ForecastIn{Forecast: forecastOf(one)})
				return err
			}) != nil {
				return nil
			}
			f.told[one.Class], f.at[one.Class] = one, time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// changed reports whether a forecast is worth telling: the first one, another
// thing that binds, or after a while another length of time.
func changed(told, now media.Forecast, ago time.Duration) bool {
	if told.Why != now.Why {
		return true
	}
	differs := math.Abs(float64(now.Keeps-told.Keeps)) > forecastChanged*float64(told.Keeps)
	return ago >= forecastAgain && differs
}

func forecastOf(f media.Forecast) desk.StorageForecast {
	return desk.StorageForecast{
		Class: string(f.Class), Bytes: f.Bytes, Budget: f.Budget, BytesPerDay: f.BytesPerDay, FullAt: bridge.At(f.FullAt),
		KeepsHours: int64(f.Keeps.Hours()), WantedHours: int64(f.Wanted.Hours()), Why: f.Why,
	}
}

// storageFindings warn when the disk takes no recordings any more, and when
// things will not be kept as long as is wanted.
func (s *Station) storageFindings() []health.Finding {
	var list []health.Finding
	for _, cfg := range s.cfg.Cameras {
		c := s.cameras[cfg.ID]
		c.mu.Lock()
		err := c.recorder
		c.mu.Unlock()
		if why := diskTrouble(err); why != "" {
			list = append(list, health.Finding{Code: "recording_stopped", Text: why, Params: said("why", why)}) // once: it is of all cameras
			break
		}
	}
	s.forecasts.mu.Lock()
	defer s.forecasts.mu.Unlock()
	for _, f := range s.forecasts.now {
		if f.Keeps < f.Wanted {
			list = append(list, health.Finding{Code: "storage_short", Subject: string(f.Class), Text: fmt.Sprintf(
				"%s wanted, %s possible at %d GiB a day: raise data.%s.budget, add disk, or lower max_age", days(f.Wanted), days(f.Keeps), f.BytesPerDay>>30, f.Class),
				Params: said("wanted", dayCount(f.Wanted), "kept", dayCount(f.Keeps), "gib", f.BytesPerDay>>30, "class", f.Class)})
		}
	}
	return list
}

func days(d time.Duration) string { return dayCount(d) + " days" }

func dayCount(d time.Duration) string { return fmt.Sprintf("%.1f", d.Hours()/24) }

// diskTrouble is what is wrong with the disk; "" when it is something else.
func diskTrouble(err error) string {
	switch {
	case errors.Is(err, media.ErrDiskFull), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk is full: " + err.Error() + "; alarms are still recorded; free space, or release legal holds"
	case errors.Is(err, syscall.EROFS):
		return "the disk has turned read-only: " + err.Error() + "; check it, then mount it anew"
	case errors.Is(err, syscall.EIO):
		return "the disk cannot be written: " + err.Error() + "; replace it"
	}
	return ""
}

// releasable finds the hold that is meant.
func (s *Station) releasable(ctx context.Context, id string) error {
	known := false
	if _, err := s.desk.View(ctx, func(state *desk.State) {
		known = slices.ContainsFunc(state.Holds(), func(h desk.Hold) bool { return h.ID == id })
	}); err != nil {
		return err
	}
	if !known {
		return &desk.NotFoundError{What: "hold", ID: id}
	}
	return nil
}

// releaseHold is done when a second lead has approved it.
func (s *Station) releaseHold(ctx context.Context, a desk.Approval) error {
	_, err := s.desk.Handle(ctx, desk.ReleaseIn{
		Hold: a.Subject, Reason: a.Reason, By: desk.Actor{Name: a.By, Role: string(access.Lead)}, Second: a.Second, Idempotency: "release-" + a.ID,
	})
	return err
}
