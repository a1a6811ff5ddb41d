package review

import (
	"cmp"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// responses are all priorities, and all of them together, in the order of an
// incident's life.
func (s *sum) responses() []Response {
	life := []string{string(desk.Open), string(desk.Acknowledged), string(desk.Dispatched), string(desk.OnScene), "arrival", "whole"}
	list := []Response{}
	for key, w := range s.waits {
		median, p90 := w.quantiles(s.exact)
		if key[0] == "" {
			w.limit = 0 // each priority has its own
		}
		list = append(list, Response{
			Priority: key[0], State: key[1], N: w.n, MedianMS: median.Milliseconds(), P90MS: p90.Milliseconds(),
			LimitMS: w.limit, Limited: w.limited, InTime: w.inTime, Share: share(w.inTime, w.limited),
		})
	}
	slices.SortFunc(list, func(a, b Response) int {
		return cmp.Or(strings.Compare(a.Priority, b.Priority), cmp.Compare(slices.Index(life, a.State), slices.Index(life, b.State)))
	})
	return list
}

// suspects are the rules and devices that told most false alarms, relative to
// what they told, first; those of which too few were judged come last.
func (s *sum) suspects() []Source {
	list := []Source{}
	for _, t := range s.sources {
		one := Source{Kind: t.Kind, ID: t.ID, Rule: t.Rule, Alerts: t.Alerts, Incidents: t.Incidents, Judged: t.Judged, False: t.False}
		if t.Judged >= judgedMin {
			one.Share = share(t.False, t.Judged)
			one.Weight = *one.Share * float64(t.False)
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Source) int {
		return cmp.Or(
			cmp.Compare(b.Weight, a.Weight), cmp.Compare(b.False, a.False), cmp.Compare(b.Alerts, a.Alerts),
			strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID), strings.Compare(a.Rule, b.Rule),
		)
	})
	return list
}

// heat are the cells, hottest first.
func (s *sum) heat() []Cell {
	list := []Cell{}
	for _, t := range s.cells {
		lat, lon := cellCentre(t.Y, t.X)
		list = append(list, Cell{Lat: lat, Lon: lon, SizeM: cellM, Incidents: t.Incidents, False: t.False})
	}
	slices.SortFunc(list, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(b.Incidents-b.False, a.Incidents-a.False), cmp.Compare(a.Lat, b.Lat), cmp.Compare(a.Lon, b.Lon))
	})
	return list
}

func (s *sum) orderRows() []Orders {
	list := []Orders{}
	for _, t := range s.orders {
		list = append(list, Orders{OrderTally: *t, Share: share(t.Overdue, t.Issued)})
	}
	slices.SortFunc(list, func(a, b Orders) int {
		return cmp.Or(cmp.Compare(b.Issued, a.Issued), strings.Compare(a.Kind, b.Kind))
	})
	return list
}

// compare sets the period beside the one before.
func (s *sum) compare(before *sum, q Query) *Comparison {
	c := &Comparison{
		From: q.CompareFrom, To: q.CompareTo, Days: before.days, Missing: before.missing, Equal: s.days == before.days, Totals: before.totals,
		Changes: []Change{}, Groups: map[string][]Change{},
	}
	was := before.totals
	for _, one := range []struct {
		key string
		now int
		was int
	}{
		{"incidents", s.totals.Incidents, was.Incidents}, {"alerts", s.totals.Alerts, was.Alerts}, {"false_alarms", s.totals.False, was.False},
		{"resolved", s.totals.Resolved, was.Resolved}, {"transferred", s.totals.Transferred, was.Transferred},
		{"escalated", s.totals.Escalated, was.Escalated}, {"unshown", s.totals.Unshown, was.Unshown}, {"reopened", s.totals.Reopened, was.Reopened},
	} {
		c.Changes = append(c.Changes, c.change(one.key, "", one.now, one.was))
	}
	for group, rows := range s.groups(q.By) {
		c.Groups[group] = []Change{}
		old := before.by[group]
		for _, row := range rows {
			now := 0
			if t := old[row.Key]; t != nil {
				now = t.Incidents
			}
			c.Groups[group] = append(c.Groups[group], c.change(row.Key, row.Name, row.Incidents, now))
		}
		for _, row := range before.rows(group) {
			if s.by[group][row.Key] == nil {
				c.Groups[group] = append(c.Groups[group], c.change(row.Key, row.Name, 0, row.Incidents))
			}
		}
	}
	return c
}

// change compares two counts; no percent of nothing, of few, or of periods that
// are not alike.
func (c *Comparison) change(key, name string, now, before int) Change {
	one := Change{Key: key, Name: name, Now: now, Before: before, Difference: now - before, Small: now < smallMax || before < smallMax}
	if c.Equal && before > 0 && !(one.Small && before < smallMax) {
		percent := 100 * float64(now-before) / float64(before)
		one.Percent = &percent
	}
	return one
}
