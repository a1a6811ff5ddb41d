package review

import (
	"slices"
	"sort"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// How a day ends. For exactDays it is counted from its incidents, and what
// comes late changes it; then it is counted for good, and what it was counted
// from is let go. The journal's retirement ends a day sooner: what is left of
// its incidents would tell less than its counts. A projection that is made
// again begins in the middle of a day and ends that day likewise, so that both
// come to the same.

// bound ends days that are too old, or too much, when a day begins.
func (k *kept) bound(today string, worksMax int) {
	k.count(daysBefore(today, exactDays))
	for len(k.Incidents) > worksMax || len(k.Orders) > worksMax {
		oldest := k.oldest()
		if oldest == "" || oldest >= daysBefore(today, 1) {
			break
		}
		k.count(oldest)
	}
	keys := k.keys()
	for _, key := range keys[:max(0, len(keys)-daysMax)] {
		delete(k.Days, key)
	}
}

// keys are the days that are counted, oldest first.
func (k *kept) keys() []string {
	keys := make([]string, 0, len(k.Days))
	for key := range k.Days {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// oldest is the first day that is not counted for good.
func (k *kept) oldest() string {
	oldest := ""
	for date := range k.Open {
		if oldest == "" || date < oldest {
			oldest = date
		}
	}
	return oldest
}

// count ends all days up to the date with what they come to now.
func (k *kept) count(through string) {
	works := k.works()
	for _, date := range k.openDates() {
		if date > through {
			break
		}
		counts, people := k.counted(date, works[date])
		k.keep(date, pack(counts), pack(people))
	}
	k.seal(through)
}

// keep makes counts those of a day; they are unsaid unless its event has them.
func (k *kept) keep(key string, counts, people packed) {
	d := k.day(key)
	if d.Revision == 0 || !d.same(counts, people) {
		d.Counts, d.People, d.Unsaid = counts, people, true
	}
}

// day is what is known of a day, something new when that is nothing.
func (k *kept) day(key string) *day {
	if k.Days[key] == nil {
		k.Days[key] = &day{}
	}
	return k.Days[key]
}

// openDates are the days that are not counted for good, oldest first.
func (k *kept) openDates() []string {
	all := make([]string, 0, len(k.Open))
	for date := range k.Open {
		all = append(all, date)
	}
	slices.Sort(all)
	return all
}

// seal lets go what the days up to the date were counted from.
func (k *kept) seal(through string) {
	if through <= k.Low {
		return
	}
	k.Low = through
	for date := range k.Open {
		if date <= through {
			delete(k.Open, date)
		}
	}
	for id, i := range k.Incidents {
		if i.Date <= through {
			delete(k.Incidents, id)
		}
	}
	for id, o := range k.Orders {
		if o.Date <= through {
			delete(k.Orders, id)
		}
	}
	k.Firsts = slices.DeleteFunc(k.Firsts, func(f first) bool { return f.Date <= through })
}

// retired ends the days that the journal has lost, and the one that it has lost
// a part of, as their events say.
func (k *kept) retired(_ bridge.Record, data *desk.JournalRetired) {
	if date := k.dateAt(data.Through + 1); date != "" {
		k.seal(date)
	}
}

// dateAt is the day on which the event at a place was recorded; empty when that
// day is counted for good.
func (k *kept) dateAt(place uint64) string {
	n := sort.Search(len(k.Firsts), func(n int) bool { return k.Firsts[n].Place > place })
	if n == 0 {
		return ""
	}
	return k.Firsts[n-1].Date
}

// dayKey is the name of a day: of another journal, with its epoch.
func dayKey(date, epoch string) string {
	if epoch == "" {
		return date
	}
	return date + "/" + epoch
}

func (k *kept) reviewDay(r bridge.Record, data *desk.ReviewDay) {
	d := k.day(dayKey(data.Date, data.Epoch))
	if data.Revision < d.Revision {
		return
	}
	d.Revision, d.Place = data.Revision, r.Place
	counts := pack(data.Counts)
	if d.Unsaid && d.Counts.Sum != counts.Sum {
		return // counted for good since the event was made: that is told next
	}
	d.Counts, d.Unsaid = counts, false
}

func (k *kept) reviewPeople(_ bridge.Record, data *desk.ReviewPeople) {
	if d := k.Days[dayKey(data.Date, data.Epoch)]; d != nil && data.Revision >= d.Revision && !d.Unsaid {
		d.People = pack(data.People)
	}
}

// moveOn begins with another journal: what was counted from the old one stays,
// under its epoch, and is to be written here as well.
func (k *kept) moveOn(epoch string) {
	if dates := k.openDates(); len(dates) > 0 {
		k.count(dates[len(dates)-1])
	}
	days := map[string]*day{}
	for key, d := range k.Days {
		if len(key) == len("2026-01-31") {
			key = dayKey(key, k.Epoch)
		}
		d.Place, d.Unsaid = 0, true
		days[key] = d
	}
	skipped, row := k.Skipped, k.row
	*k = *newKept(epoch, k.Zone)
	k.Days, k.Skipped, k.row = days, skipped, row
}
