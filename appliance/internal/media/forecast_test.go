package media

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForecast(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	const gb = 1 << 30
	for name, c := range map[string]struct {
		budget             Budget
		bytes, rate, share int64
		want               Forecast
	}{
		"budget binds": {Budget{100 * gb, 30 * day}, 20 * gb, 10 * gb, 500 * gb, Forecast{Budget: 100 * gb, FullAt: now.Add(8 * day), Keeps: 10 * day, Why: "budget"}},
		"disk binds":   {Budget{100 * gb, 30 * day}, 20 * gb, 10 * gb, 30 * gb, Forecast{Budget: 50 * gb, FullAt: now.Add(3 * day), Keeps: 5 * day, Why: "disk"}},
		"age binds":    {Budget{400 * gb, 30 * day}, 20 * gb, 10 * gb, 500 * gb, Forecast{Budget: 400 * gb, Keeps: 30 * day, Why: "age"}},
		"full already": {Budget{100 * gb, 30 * day}, 101 * gb, 10 * gb, 500 * gb, Forecast{Budget: 100 * gb, FullAt: now, Keeps: 10 * day, Why: "budget"}},
		"no budget":    {Budget{0, 30 * day}, 1 * gb, 1, 5 * gb, Forecast{Budget: 6 * gb, Keeps: 30 * day, Why: "age"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Class, c.want.Bytes, c.want.BytesPerDay, c.want.Wanted = Clips, c.bytes, c.rate, c.budget.Age
			require.Equal(t, c.want, forecast(Clips, c.budget, c.bytes, c.rate, c.share, true, now))
		})
	}
}

func TestGrowthIsMeasuredOverADay(t *testing.T) {
	s := New(Options{Dir: t.TempDir(), MinFree: -1, Budgets: map[Class]Budget{Clips: {Bytes: 100 << 30, Age: 30 * 24 * time.Hour}}})
	require.NoError(t, s.Open())
	at := time.Now()
	for range 30 * 60 { // minutes
		s.Add(Item{Class: Clips, Name: "clips/" + at.String(), Bytes: 1 << 20, From: at, To: at})
		at = at.Add(time.Minute)
		s.grow(at)
	}
	require.LessOrEqual(t, len(s.growth.points), 24*60+1)
	all := s.Forecasts(at)
	require.Len(t, all, 1)
	require.EqualValues(t, 24*60<<20, all[0].BytesPerDay)
}
