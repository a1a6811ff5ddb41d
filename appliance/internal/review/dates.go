package review

import (
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// lateMax is how long after the fact a record still counts on the day of the
// fact: what the desk believes of a device's clock (desk, pressAgeMax).
const lateMax = 7 * 24 * time.Hour

// dateOf is a day of the station, 2026-01-31.
func dateOf(at time.Time, zone *time.Location) string { return at.In(zone).Format(time.DateOnly) }

// when is the day and hour on which an event counts: when it occurred, unless
// that is too long ago to be told among the days that are still counted.
func when(e *bridge.Event, zone *time.Location) (date string, hour int) {
	at := e.Time.Time
	if at.IsZero() || at.After(e.RecordedTime.Time) || e.RecordedTime.Sub(at) > lateMax {
		at = e.RecordedTime.Time
	}
	return dateOf(at, zone), at.In(zone).Hour()
}

// daysBefore is the date n days before; empty, before all days, of no date.
func daysBefore(date string, n int) string {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return ""
	}
	return at.AddDate(0, 0, -n).Format(time.DateOnly)
}

// dates are all from one to the other, both included; none when to is before
// from.
func dates(from, to string) []string {
	var all []string
	for date := from; date != "" && date <= to && len(all) < spanMax; date = daysBefore(date, -1) {
		all = append(all, date)
	}
	return all
}

// weekday counts from 1, Monday.
func weekday(date string) int {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return 0
	}
	return (int(at.Weekday())+6)%7 + 1
}

// weekOf is the Monday of the date's week.
func weekOf(date string) string { return daysBefore(date, weekday(date)-1) }
