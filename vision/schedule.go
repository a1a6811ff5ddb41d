package vision

import (
	"fmt"
	"strings"
	"time"
)

// Schedule is when a rule is in force, as times of day of the station.
type Schedule struct{ spans []span }

type span struct{ from, to time.Duration } // since midnight; to < from runs over midnight

// ParseSchedule reads "22:00-06:00" or several such spans with commas between.
// The end is not included; 24:00 is the end of the day. An empty text is
// always.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	if strings.TrimSpace(text) == "" {
		return s, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(part), "-")
		if !ok {
			return Schedule{}, fmt.Errorf("schedule %q: want HH:MM-HH:MM", text)
		}
		a, err := timeOfDay(from)
		if err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: %w", text, err)
		}
		b, err := timeOfDay(to)
		if err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: %w", text, err)
		}
		if a == b || a == 24*time.Hour {
			return Schedule{}, fmt.Errorf("schedule %q: %s-%s is empty (leave the schedule out for always)", text, from, to)
		}
		s.spans = append(s.spans, span{a, b})
	}
	return s, nil
}

func timeOfDay(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("time %q: want HH:MM", text)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// Covers tells whether the schedule is in force at t, on the clock of loc.
func (s Schedule) Covers(t time.Time, loc *time.Location) bool {
	if len(s.spans) == 0 {
		return true
	}
	if loc == nil {
		loc = time.UTC
	}
	h, m, sec := t.In(loc).Clock()
	day := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second
	for _, p := range s.spans {
		if p.from < p.to && day >= p.from && day < p.to || p.from > p.to && (day >= p.from || day < p.to) {
			return true
		}
	}
	return false
}
