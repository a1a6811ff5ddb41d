package review

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// sum is a period: its days added up.
type sum struct {
	days    int
	missing []string
	exact   bool
	totals  desk.DayTotals
	by      map[string]map[string]*desk.Tally
	week    [][]int
	trend   []Trend
	waits   map[[2]string]*spread
	sources map[desk.SourceTally]*desk.SourceTally // by kind, id and rule
	cells   map[[2]int]*desk.CellTally
	orders  map[string]*desk.OrderTally
	leftOut map[string]int
	team    func(to string) string
}

// spread are the times of one priority and state: exact as far as they are
// kept, and in a histogram.
type spread struct {
	n, limited, inTime int
	limit              int64 // of the newest day that had one
	hist               histogram
	exact              []time.Duration
}

func newSum() *sum {
	s := &sum{
		missing: []string{}, exact: true, by: map[string]map[string]*desk.Tally{}, trend: []Trend{}, waits: map[[2]string]*spread{},
		sources: map[desk.SourceTally]*desk.SourceTally{}, cells: map[[2]int]*desk.CellTally{}, orders: map[string]*desk.OrderTally{}, leftOut: map[string]int{},
	}
	for range 7 {
		s.week = append(s.week, make([]int, 24))
	}
	return s
}

// sum adds the days up. A day has several parts when its journal was set aside.
func (k *kept) sum(from, to string, team func(to string) string) (*sum, error) {
	s, parts, works := newSum(), k.parts(from, to), k.works()
	s.team = team
	for _, date := range dates(from, to) {
		known := k.Open[date] != nil
		t := Trend{Date: date}
		for _, key := range parts[date] {
			known, s.exact = true, false
			var counts desk.DayCounts
			if err := k.Days[key].Counts.unpack(&counts); err != nil {
				return nil, fmt.Errorf("day %s: %w", key, err)
			}
			s.add(date, counts, &t)
		}
		if k.Open[date] != nil {
			counts, _ := k.counted(date, works[date])
			s.add(date, counts, &t)
		}
		if !known {
			s.missing = append(s.missing, date)
			continue
		}
		s.days++
		s.trend = append(s.trend, t)
	}
	for _, i := range k.Incidents {
		if s.exact && i.Date >= from && i.Date <= to && !i.merged() {
			i.waits(func(state string, took time.Duration, _ stage) { s.took(i.Priority, state, took) })
		}
	}
	return s, nil
}

// parts are the keys of the days that are counted for good, by date.
func (k *kept) parts(from, to string) map[string][]string {
	parts := map[string][]string{}
	for key := range k.Days {
		if date, epoch, _ := strings.Cut(key, "/"); date >= from && date <= to && (epoch != "" || date <= k.Low) {
			parts[date] = append(parts[date], key)
		}
	}
	return parts
}

func (s *sum) add(date string, c desk.DayCounts, t *Trend) {
	addTotals(&s.totals, c.Totals)
	t.Incidents, t.False, t.Alerts = t.Incidents+c.Totals.Incidents, t.False+c.Totals.False, t.Alerts+c.Totals.Alerts
	day := weekday(date)
	for group, rows := range c.By {
		for _, row := range rows {
			if group == "team" && s.team != nil {
				row.Key = s.team(row.Key)
			}
			s.row(group, row)
		}
	}
	for _, row := range c.By["hour"] {
		if hour, err := strconv.Atoi(row.Key); err == nil && hour >= 0 && hour < 24 && day > 0 {
			s.week[day-1][hour] += row.Incidents
		}
		row.Key = strconv.Itoa(day)
		s.row("weekday", row)
	}
	for _, w := range c.Waits {
		for _, priority := range []string{w.Priority, ""} {
			s.spread(priority, w.State).add(w)
		}
	}
	for _, one := range c.Sources {
		key := desk.SourceTally{Kind: one.Kind, ID: one.ID, Rule: one.Rule}
		if s.sources[key] == nil {
			s.sources[key] = &desk.SourceTally{Kind: one.Kind, ID: one.ID, Rule: one.Rule}
		}
		to := s.sources[key]
		to.Alerts, to.Incidents, to.Judged, to.False = to.Alerts+one.Alerts, to.Incidents+one.Incidents, to.Judged+one.Judged, to.False+one.False
	}
	for _, one := range c.Cells {
		key := [2]int{one.Y, one.X}
		if s.cells[key] == nil {
			s.cells[key] = &desk.CellTally{Y: one.Y, X: one.X}
		}
		s.cells[key].Incidents += one.Incidents
		s.cells[key].False += one.False
	}
	for _, one := range c.Orders {
		if s.orders[one.Kind] == nil {
			s.orders[one.Kind] = &desk.OrderTally{Kind: one.Kind}
		}
		to := s.orders[one.Kind]
		to.Issued, to.Confirmed, to.HandedBack = to.Issued+one.Issued, to.Confirmed+one.Confirmed, to.HandedBack+one.HandedBack
		to.Cancelled, to.Overdue = to.Cancelled+one.Cancelled, to.Overdue+one.Overdue
	}
	for list, n := range c.LeftOut {
		s.leftOut[list] += n
	}
}

func addTotals(to *desk.DayTotals, t desk.DayTotals) {
	to.Incidents += t.Incidents
	to.Alerts += t.Alerts
	to.Folded += t.Folded
	to.Open += t.Open
	to.Resolved += t.Resolved
	to.False += t.False
	to.Transferred += t.Transferred
	to.Merged += t.Merged
	to.Reopened += t.Reopened
	to.Escalated += t.Escalated
	to.Unshown += t.Unshown
}

func (s *sum) row(group string, row desk.Tally) {
	if s.by[group] == nil {
		s.by[group] = map[string]*desk.Tally{}
	}
	to := s.by[group][row.Key]
	if to == nil {
		to = &desk.Tally{Key: row.Key}
		s.by[group][row.Key] = to
	}
	to.Name = max(to.Name, row.Name)
	to.Incidents += row.Incidents
	to.False += row.False
	to.Alerts += row.Alerts
	to.Limited += row.Limited
	to.InTime += row.InTime
	to.Answered += row.Answered
	to.AnswerMS += row.AnswerMS
	to.Arrived += row.Arrived
	to.ArriveMS += row.ArriveMS
}

func (s *sum) spread(priority, state string) *spread {
	key := [2]string{priority, state}
	if s.waits[key] == nil {
		s.waits[key] = &spread{hist: histogram{}}
	}
	return s.waits[key]
}

func (w *spread) add(one desk.Waiting) {
	w.n, w.limited, w.inTime = w.n+one.N, w.limited+one.Limited, w.inTime+one.InTime
	w.hist.merge(one.Buckets)
	if one.LimitMS > 0 {
		w.limit = one.LimitMS
	}
}

func (s *sum) took(priority, state string, took time.Duration) {
	for _, p := range []string{priority, ""} {
		w := s.spread(p, state)
		w.exact = append(w.exact, took)
	}
}

// quantiles are the median and the 90th percentile.
func (w *spread) quantiles(exact bool) (median, p90 time.Duration) {
	if !exact {
		return w.hist.quantile(0.5), w.hist.quantile(0.9)
	}
	slices.Sort(w.exact)
	return exactQuantile(w.exact, 0.5), exactQuantile(w.exact, 0.9)
}

func share(part, whole int) *float64 {
	if whole == 0 {
		return nil
	}
	x := float64(part) / float64(whole)
	return &x
}

func mean(total int64, n int) *int64 {
	if n == 0 {
		return nil
	}
	x := total / int64(n)
	return &x
}

// groups are the rows of the groups that were asked for.
func (s *sum) groups(by []string) map[string][]Row {
	if len(by) == 0 {
		by = Groups()
	}
	out := map[string][]Row{}
	for _, group := range by {
		out[group] = s.rows(group)
	}
	return out
}

// rows are those of a group: hours, weekdays and priorities in their order,
// everything else by how much there was.
func (s *sum) rows(group string) []Row {
	rows := []Row{}
	for _, t := range s.by[group] {
		rows = append(rows, Row{
			Key: t.Key, Name: t.Name, Incidents: t.Incidents, False: t.False, Alerts: t.Alerts, Limited: t.Limited, InTime: t.InTime,
			Share: share(t.InTime, t.Limited), AnswerMS: mean(t.AnswerMS, t.Answered), ArriveMS: mean(t.ArriveMS, t.Arrived),
		})
	}
	ordered := group == "hour" || group == "weekday" || group == "priority"
	slices.SortFunc(rows, func(a, b Row) int {
		if ordered {
			return strings.Compare(a.Key, b.Key)
		}
		return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), cmp.Compare(b.Alerts, a.Alerts), strings.Compare(a.Key, b.Key))
	})
	return rows
}
