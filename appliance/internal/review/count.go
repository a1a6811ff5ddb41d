package review

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// Bounds of an event (64 KiB, journal.md): lists are shortened until it fits.
const (
	countsMaxBytes = 56 << 10
	rowsMax        = 500
	rowsMin        = 8
)

// work is what began on one day.
type work struct {
	incidents []*incident
	orders    []*order
}

// works are those of all days that are not counted for good.
func (k *kept) works() map[string]*work {
	all := map[string]*work{}
	of := func(date string) *work {
		if all[date] == nil {
			all[date] = &work{}
		}
		return all[date]
	}
	for _, i := range k.Incidents {
		w := of(i.Date)
		w.incidents = append(w.incidents, i)
	}
	for _, o := range k.Orders {
		w := of(o.Date)
		w.orders = append(w.orders, o)
	}
	return all
}

// counted is what a day comes to now: a function of what is kept.
func (k *kept) counted(date string, w *work) (desk.DayCounts, []desk.PersonTally) {
	c := newCounter()
	c.row = k.row
	c.alerts(k.Open[date])
	people := map[string]*desk.PersonTally{}
	if w == nil {
		w = &work{}
	}
	for _, i := range w.incidents {
		c.incident(i)
		i.people(people)
	}
	for _, o := range w.orders {
		c.order(o)
		o.people(people)
	}
	return fit(c.counts), tallies(people)
}

// counter sums one day.
type counter struct {
	by      map[string]map[string]*desk.Tally
	waits   map[[2]string]*waiting
	sources map[string]*desk.SourceTally
	cells   map[[2]int]*desk.CellTally
	orders  map[string]*desk.OrderTally
	totals  desk.DayTotals
	row     func(to string) string
}

type waiting struct {
	desk.Waiting
	hist   histogram
	limits map[int64]int // how often each was given
}

func newCounter() *counter {
	return &counter{
		by: map[string]map[string]*desk.Tally{}, waits: map[[2]string]*waiting{}, sources: map[string]*desk.SourceTally{},
		cells: map[[2]int]*desk.CellTally{}, orders: map[string]*desk.OrderTally{},
	}
}

func (c *counter) tally(group, key, name string) *desk.Tally {
	if c.by[group] == nil {
		c.by[group] = map[string]*desk.Tally{}
	}
	one := c.by[group][key]
	if one == nil {
		one = &desk.Tally{Key: key}
		c.by[group][key] = one
	}
	one.Name = max(one.Name, name)
	return one
}

func (c *counter) alerts(d *openDay) {
	if d == nil {
		return
	}
	c.totals.Alerts, c.totals.Folded = d.Alerts, d.Folded
	for group, keys := range d.By {
		for key, n := range keys {
			name := ""
			if group == "place" {
				name = d.Names[key]
			}
			c.tally(group, key, name).Alerts += n
		}
	}
	for origin, n := range d.Sources {
		for _, s := range c.sourcesOf([]string{origin}) {
			s.Alerts += n
		}
	}
}

// sourcesOf are the rules, cameras, pillars and drones that origins mean, each
// once.
func (c *counter) sourcesOf(origins []string) []*desk.SourceTally {
	var list []*desk.SourceTally
	add := func(kind, id, rule string) {
		key := kind + "/" + id + "/" + rule
		if c.sources[key] == nil {
			c.sources[key] = &desk.SourceTally{Kind: kind, ID: id, Rule: rule}
		}
		if !slices.Contains(list, c.sources[key]) {
			list = append(list, c.sources[key])
		}
	}
	for _, origin := range origins {
		kind, device, rule := splitOrigin(origin)
		add(kind, device, rule)
		if kind == "rule" {
			add("camera", device, "")
		}
	}
	return list
}

func (c *counter) incident(i *incident) {
	t := &c.totals
	if i.merged() {
		t.Merged++
		return
	}
	t.Incidents++
	for counter, is := range map[*int]bool{
		&t.Open: i.Result == "", &t.Resolved: i.Result == "resolved", &t.False: i.false(), &t.Transferred: i.Result == "transferred",
		&t.Reopened: i.Reopened, &t.Escalated: i.Escalated, &t.Unshown: i.Unshown,
	} {
		if is {
			*counter++
		}
	}
	for group, key := range map[string]string{
		"hour": hourKey(i.Hour), "place": i.Place, "beat": i.Beat, "kind": i.Kind, "source": i.Source, "priority": i.Priority,
	} {
		name := ""
		if group == "place" {
			name = i.Name
		}
		i.add(c.tally(group, key, name))
	}
	for _, row := range c.rows(i.Teams) {
		i.add(c.tally("team", row, ""))
	}
	for _, s := range c.sourcesOf(i.Origins) {
		s.Incidents++
		if i.judged() {
			s.Judged++
		}
		if i.false() {
			s.False++
		}
	}
	if i.Cell != nil {
		if c.cells[*i.Cell] == nil {
			c.cells[*i.Cell] = &desk.CellTally{Y: i.Cell[0], X: i.Cell[1]}
		}
		cell := c.cells[*i.Cell]
		cell.Incidents++
		if i.false() {
			cell.False++
		}
	}
	i.waits(func(state string, took time.Duration, s stage) { c.wait(i, state, took, s) })
	if i.Late {
		c.waiting(i.Priority, string(i.State)).limited(stage{LimitMS: i.Given})
	}
}

// rows are those of the receivers of orders, each once. A day's counts leave the
// box: a person's own row would be a tally of him.
func (c *counter) rows(receivers []string) []string {
	var rows []string
	for _, to := range receivers {
		if c.row != nil {
			to = c.row(to)
		}
		if !slices.Contains(rows, to) {
			rows = append(rows, to)
		}
	}
	return rows
}

// PersonsRow is the row of all orders that went to persons and to no team.
const PersonsRow = "persons"

// TeamRow is the row of a receiver of orders: what one person did stands in his
// own tally only.
func TeamRow(p desk.Party) string {
	if p.Kind == "team" || p.Kind == "partner" {
		return p.ID
	}
	return PersonsRow
}

// add counts the incident into a group's row. One that waits past its limit
// counts as late at once: whom nobody ever answers must not be missing.
func (i *incident) add(t *desk.Tally) {
	t.Incidents++
	if i.false() {
		t.False++
	}
	if i.Late {
		t.Limited++
	}
	for _, s := range i.Stages {
		if s.Limited {
			t.Limited++
			if s.InTime {
				t.InTime++
			}
		}
	}
	if i.Answer >= 0 {
		t.Answered++
		t.AnswerMS += i.Answer
	}
	if i.Arrive >= 0 {
		t.Arrived++
		t.ArriveMS += i.Arrive
	}
}

func (c *counter) waiting(priority, state string) *waiting {
	key := [2]string{priority, state}
	if c.waits[key] == nil {
		c.waits[key] = &waiting{Waiting: desk.Waiting{Priority: priority, State: state}, hist: histogram{}, limits: map[int64]int{}}
	}
	return c.waits[key]
}

func (c *counter) wait(i *incident, state string, took time.Duration, s stage) {
	w := c.waiting(i.Priority, state)
	w.N++
	w.hist.add(took)
	if s.Limited {
		w.limited(s)
	}
}

// limited counts a wait that had a limit.
func (w *waiting) limited(s stage) {
	w.Limited++
	if s.InTime {
		w.InTime++
	}
	if s.LimitMS == 0 {
		return // it had none when it began
	}
	w.limits[s.LimitMS]++
	if n, most := w.limits[s.LimitMS], w.limits[w.LimitMS]; n > most || n == most && s.LimitMS < w.LimitMS {
		w.LimitMS = s.LimitMS
	}
}

func (c *counter) order(o *order) {
	t := c.orders[o.Kind]
	if t == nil {
		t = &desk.OrderTally{Kind: o.Kind}
		c.orders[o.Kind] = t
	}
	t.Issued++
	for counter, is := range map[*int]bool{
		&t.Confirmed: o.State == desk.Confirmed, &t.HandedBack: o.State == desk.HandedBack, &t.Cancelled: o.State == desk.Cancelled, &t.Overdue: o.Overdue,
	} {
		if is {
			*counter++
		}
	}
}

// counts are the day's lists, the largest rows first, at most rows of each.
func (c *counter) counts(rows int) desk.DayCounts {
	out := desk.DayCounts{Totals: c.totals, By: map[string][]desk.Tally{}, Waits: []desk.Waiting{}, LeftOut: map[string]int{}}
	for group, keys := range c.by {
		out.By[group] = shorten(keys, rows, out.LeftOut, group, func(a, b desk.Tally) int {
			return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), cmp.Compare(b.Alerts, a.Alerts), strings.Compare(a.Key, b.Key))
		})
	}
	out.Sources = shorten(c.sources, rows, out.LeftOut, "sources", func(a, b desk.SourceTally) int {
		return cmp.Or(cmp.Compare(b.False, a.False), cmp.Compare(b.Alerts, a.Alerts), strings.Compare(a.Kind, b.Kind), strings.Compare(a.ID, b.ID), strings.Compare(a.Rule, b.Rule))
	})
	out.Cells = shorten(c.cells, rows, out.LeftOut, "cells", func(a, b desk.CellTally) int {
		return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X))
	})
	out.Orders = shorten(c.orders, rows, out.LeftOut, "orders", func(a, b desk.OrderTally) int {
		return cmp.Or(cmp.Compare(b.Issued, a.Issued), strings.Compare(a.Kind, b.Kind))
	})
	for _, w := range c.waits {
		w.Buckets = w.hist.buckets()
		out.Waits = append(out.Waits, w.Waiting)
	}
	slices.SortFunc(out.Waits, func(a, b desk.Waiting) int {
		return cmp.Or(strings.Compare(a.Priority, b.Priority), strings.Compare(a.State, b.State))
	})
	if len(out.LeftOut) == 0 {
		out.LeftOut = nil
	}
	return out
}

// shorten sorts rows and says how many it left out.
func shorten[K comparable, T any](from map[K]*T, rows int, leftOut map[string]int, name string, order func(a, b T) int) []T {
	list := make([]T, 0, len(from))
	for _, one := range from {
		list = append(list, *one)
	}
	slices.SortFunc(list, order)
	if len(list) > rows {
		leftOut[name] = len(list) - rows
		list = list[:rows]
	}
	return list
}

// fit shortens the lists until the counts have room in an event.
func fit(counts func(rows int) desk.DayCounts) desk.DayCounts {
	for rows := rowsMax; ; rows /= 2 {
		out := counts(rows)
		b, err := json.Marshal(out)
		if err == nil && len(b) <= countsMaxBytes || rows <= rowsMin {
			return out
		}
	}
}
