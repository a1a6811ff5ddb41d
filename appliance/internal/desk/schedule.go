package desk

import (
	"fmt"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Times of day, in station time, at which something is due: rounds of patrols
// and drills. They follow the calendar: a day at which the clock is put forward
// or back has each of them once.

// scheduleBack is how far rounds are counted back one by one after a long down
// time; of those before it only the first is told.
const scheduleBack = 92 * 24 * time.Hour

// shiftMax is more minutes than any clock is put forward or back by.
const shiftMax = 180

// weekdays are the names of days in a configuration, Sunday first as in time.
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// clockTime reads a time of day, HH:MM, as minutes after midnight.
func clockTime(text string) (int, error) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return 0, fmt.Errorf("%q: want a time of day like 08:00", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// onDay is the moment at which the day's clocks show so many minutes after
// midnight: the first of two where the hour comes twice, and as much later as
// the clock was put forward where it never comes.
func onDay(year int, month time.Month, day, minutes int, zone *time.Location) time.Time {
	hour, minute := minutes/60, minutes%60
	at := time.Date(year, month, day, hour, minute, 0, 0, zone)
	want := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	shows := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	if shows.Before(want) {
		return at.Add(want.Sub(shows))
	}
	for _, shift := range []time.Duration{time.Hour, 30 * time.Minute} {
		if early := at.Add(-shift); early.Hour() == hour && early.Minute() == minute {
			return early
		}
	}
	return at
}

// nextAt is the first of the times, on one of the days (none: every day), after
// a moment; zero when there are no times.
func (r *Rules) nextAt(after bridge.Stamp, times, days []string) bridge.Stamp {
	zone := r.setup.Zone
	local := after.In(zone)
	year, month, day := local.Date()
	passed := local.Hour()*60 + local.Minute() - shiftMax // of the first day: what cannot come any more
	for i := -1; i <= 8; i++ {                            // from the day before: its last time may lie behind midnight
		date := time.Date(year, month, day+i, 12, 0, 0, 0, time.UTC)
		if len(days) > 0 && !slices.Contains(days, weekdays()[date.Weekday()]) {
			continue
		}
		var first time.Time
		latest := 48 * 60 // nothing after it comes before the first
		for _, text := range times {
			minutes, err := clockTime(text)
			if err != nil || minutes+24*60*i < passed || minutes > latest {
				continue // the first was checked before it was written
			}
			at := onDay(date.Year(), date.Month(), date.Day(), minutes, zone)
			if at.After(after.Time) && (first.IsZero() || at.Before(first)) {
				first, latest = at, minutes+shiftMax
			}
		}
		if !first.IsZero() {
			return bridge.At(first)
		}
	}
	return bridge.Stamp{}
}
