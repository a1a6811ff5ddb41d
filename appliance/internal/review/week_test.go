package review_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// monday is when the simulated days begin.
func monday(t testing.TB) time.Time {
	zone, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	return time.Date(2026, 3, 2, 0, 0, 0, 0, zone)
}

// TestSimulatedDay: 14,000 alerts of a day, floods included, through the real
// desk and journal; the report says what the day was.
func TestSimulatedDay(t *testing.T) {
	s := newSim(t, 1, monday(t))
	s.plan(1, 14_000, 150)
	s.run()
	s.rebuilds()
	s.compare(1)
}

// TestSimulatedWeek is the whole week: 100,000 alerts, 2,000 incidents, 12
// operators, handovers, outages, restarts (WATCHPOST_WEEK=1, make soak).
func TestSimulatedWeek(t *testing.T) {
	if os.Getenv("WATCHPOST_WEEK") == "" {
		t.Log("WATCHPOST_WEEK=1 simulates a week; TestSimulatedDay is a day of it")
		return
	}
	s := newSim(t, 2, monday(t))
	s.plan(7, 14_300, 170)
	s.restarts(7)
	s.run()
	s.rebuilds()
	s.compare(7)
	s.figures()
}

// BenchmarkWeek measures the week of TestSimulatedWeek.
func BenchmarkWeek(b *testing.B) {
	for b.Loop() {
		s := newSim(b, 2, monday(b))
		s.plan(7, 14_300, 170)
		s.restarts(7)
		s.run()
		s.compare(7)
		for name, value := range s.figures() {
			b.ReportMetric(value, name)
		}
		b.ReportMetric(0, "ns/op")
		require.NoError(b, s.journal.Close())
	}
}

// compare sets the report beside what the simulation knows: counts are equal,
// quantiles too as long as they are exact.
func (s *sim) compare(days int) {
	t := s.t
	s.catchUp()
	require.Zero(t, s.book.Skipped())
	from, to := monday(t).Format(time.DateOnly), monday(t).AddDate(0, 0, days-1).Format(time.DateOnly)
	report, err := s.book.Review(t.Context(), s.journal.Last(), review.Query{From: from, To: to})
	require.NoError(t, err)
	require.True(t, report.Exact)
	require.Empty(t, report.Missing)
	require.Empty(t, report.LeftOut)
	s.compareTotals(report)
	s.compareGroups(report)
	s.compareSources(report)
	s.compareWaits(report, 0)
	s.comparePeople(from, to)

	s.book.CountForGood(to)
	again, err := s.book.Review(t.Context(), s.journal.Last(), review.Query{From: from, To: to})
	require.NoError(t, err)
	require.False(t, again.Exact)
	s.compareTotals(again)
	s.compareGroups(again)
	s.compareSources(again)
	s.compareWaits(again, review.RelativeError)
	s.comparePeople(from, to)
}

func (s *sim) compareTotals(r review.Report) {
	want := desk.DayTotals{Alerts: len(s.truth.alerts), Folded: s.truth.folded}
	for id, i := range s.truth.incidents {
		if i.result == "merged" {
			want.Merged++
			continue
		}
		want.Incidents++
		for n, is := range map[*int]bool{
			&want.Open: i.result == "", &want.Resolved: i.result == "resolved", &want.False: i.result == "false_alarm",
			&want.Transferred: i.result == "transferred", &want.Reopened: i.again, &want.Escalated: s.truth.escalated[id], &want.Unshown: s.truth.unshown[id],
		} {
			if is {
				*n++
			}
		}
	}
	require.Equal(s.t, want, r.Totals)
	require.Zero(s.t, want.Open)
	perDay := map[string]int{}
	for _, d := range r.Trend {
		perDay[d.Date] = d.Alerts
	}
	require.Equal(s.t, s.truth.days, perDay)
	issued := map[string]desk.OrderTally{}
	for _, o := range s.truth.orders {
		if o.date > r.To {
			continue
		}
		one := issued[o.kind]
		one.Issued++
		if o.overdue {
			one.Overdue++
		}
		if o.state == "confirmed" {
			one.Confirmed++
		}
		issued[o.kind] = one
	}
	for _, o := range r.Orders {
		require.Equal(s.t, issued[o.Kind].Issued, o.Issued, o.Kind)
		if o.Kind == "task" {
			require.Equal(s.t, issued[o.Kind].Overdue, o.Overdue)
			require.Equal(s.t, issued[o.Kind].Confirmed, o.Confirmed)
		}
	}
}

// compareGroups compares every row of every group.
func (s *sim) compareGroups(r review.Report) {
	type row struct{ incidents, wrong, alerts, limited, inTime int }
	want := map[string]map[string]row{}
	for _, group := range review.Groups() {
		want[group] = map[string]row{}
	}
	add := func(group, key string, more row) {
		one := want[group][key]
		want[group][key] = row{one.incidents + more.incidents, one.wrong + more.wrong, one.alerts + more.alerts, one.limited + more.limited, one.inTime + more.inTime}
	}
	week := make([][]int, 7)
	for n := range week {
		week[n] = make([]int, 24)
	}
	for _, i := range s.truth.real() {
		one := row{incidents: 1}
		if i.result == "false_alarm" {
			one.wrong = 1
		}
		for _, step := range i.score.Steps {
			if step.Press != "" {
				continue // the answer to a further press is no state of the incident
			}
			if step.LimitMS > 0 && !(i.split && step.State == desk.Open) {
				one.limited++
				if step.Result == "in_time" {
					one.inTime++
				}
			}
		}
		day := (int(i.weekday) + 6) % 7
		week[day][i.hour]++
		for group, key := range map[string]string{
			"hour": twoDigits(i.hour), "weekday": strconv.Itoa(day + 1), "place": i.place, "beat": beatOf(i.place), "kind": i.kind,
			"source": i.source, "priority": i.priority,
		} {
			add(group, key, one)
		}
		for _, to := range slices.Compact(slices.Sorted(slices.Values(i.teams))) {
			add("team", to, one)
		}
	}
	for _, a := range s.truth.alerts {
		one := row{alerts: 1}
		for group, key := range map[string]string{
			"hour": twoDigits(a.at.Hour()), "weekday": strconv.Itoa((int(a.at.Weekday())+6)%7 + 1), "place": a.place, "beat": beatOf(a.place),
			"kind": a.kind, "source": a.source, "priority": a.priority,
		} {
			add(group, key, one)
		}
	}
	require.Equal(s.t, week, r.Week)
	for _, group := range review.Groups() {
		got := map[string]row{}
		for _, one := range r.Groups[group] {
			got[one.Key] = row{one.Incidents, one.False, one.Alerts, one.Limited, one.InTime}
		}
		require.Equal(s.t, want[group], got, group)
	}
	repeats := 0
	for _, one := range want["place"] {
		if one.incidents-one.wrong >= 3 {
			repeats++
		}
	}
	require.Len(s.t, r.Repeats, repeats)
	cells := 0
	for _, one := range r.Cells {
		cells += one.Incidents
	}
	require.Equal(s.t, len(s.truth.real()), cells)
}

func twoDigits(n int) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }

func beatOf(place string) string {
	n, err := strconv.Atoi(place[len("place-"):])
	if err != nil {
		return ""
	}
	return beat(n)
}

// compareSources: the rule that fires at leaves is found, and stands first.
func (s *sim) compareSources(r review.Report) {
	type row struct{ incidents, wrong, alerts int }
	want := map[string]row{}
	for _, a := range s.truth.alerts {
		one := want[a.origin]
		one.alerts++
		want[a.origin] = one
	}
	for _, i := range s.truth.real() {
		for _, origin := range i.origins {
			one := want[origin]
			one.incidents++
			if i.result == "false_alarm" {
				one.wrong++
			}
			want[origin] = one
		}
	}
	delete(want, "") // people
	got := map[string]row{}
	for _, one := range r.Sources {
		switch one.Kind {
		case "rule":
			got["rule/"+one.ID+"/"+one.Rule] = row{one.Incidents, one.False, one.Alerts}
		case "pillar":
			got["pillar/"+one.ID] = row{one.Incidents, one.False, one.Alerts}
		}
	}
	require.Equal(s.t, want, got)
	rules := slices.DeleteFunc(slices.Clone(r.Sources), func(one review.Source) bool { return one.Kind != "rule" })
	require.Equal(s.t, "leaves", rules[0].Rule)
	require.True(s.t, slices.IsSortedFunc(r.Sources, func(a, b review.Source) int { return cmp.Compare(b.Weight, a.Weight) }))
}

// compareWaits compares how long incidents waited; within is how far a quantile
// may be off.
func (s *sim) compareWaits(r review.Report, within float64) {
	want := map[[2]string][]time.Duration{}
	for _, i := range s.truth.real() {
		for state, waits := range i.waits {
			for _, priority := range []string{i.priority, ""} {
				key := [2]string{priority, state}
				want[key] = append(want[key], waits...)
			}
		}
	}
	require.Len(s.t, r.Responses, len(want))
	for _, one := range r.Responses {
		waits := want[[2]string{one.Priority, one.State}]
		slices.Sort(waits)
		require.Len(s.t, waits, one.N, "%+v", one)
		require.Equal(s.t, desk.DefaultLimits()[one.Priority][desk.IncidentState(one.State)].Milliseconds(), one.LimitMS, "%+v", one)
		for q, got := range map[float64]int64{0.5: one.MedianMS, 0.9: one.P90MS} {
			exact := waits[max(0, ceil(q*float64(len(waits)))-1)].Milliseconds()
			require.InDelta(s.t, exact, got, within*float64(exact)+2*within, "%v of %+v", q, one)
		}
	}
}

func ceil(x float64) int {
	n := int(x)
	if float64(n) < x {
		n++
	}
	return n
}

func (s *sim) comparePeople(from, to string) {
	want := map[string]desk.PersonTally{}
	add := func(name string, change func(*desk.PersonTally)) {
		one := want[name]
		one.Person = name
		change(&one)
		want[name] = one
	}
	for _, i := range s.truth.real() {
		for _, step := range i.score.Steps {
			add(step.By, func(p *desk.PersonTally) {
				p.Steps++
				p.Points += step.Points
				p.InTime += one(step.Result == "in_time")
				p.Late += one(step.Result == "late")
				p.Missing += one(step.Result == "missing")
			})
		}
		if i.claimed != "" {
			add(i.claimed, func(p *desk.PersonTally) {
				p.Incidents++
				p.Corrected += i.word
			})
		}
	}
	for _, o := range s.truth.orders {
		if name := cmp.Or(o.by, o.to); name != "" && o.date <= to {
			add(name, func(p *desk.PersonTally) {
				p.Orders++
				p.Done += one(o.state == "confirmed")
				p.Overdue += one(o.overdue)
			})
		}
	}
	delete(want, "")
	delete(want, "box")
	weeks, err := s.book.People(s.t.Context(), s.journal.Last(), from, to, func(name string) string { return name })
	require.NoError(s.t, err)
	got := map[string]desk.PersonTally{}
	for _, w := range weeks {
		require.Equal(s.t, from, w.Week)
		got[w.Person] = w.PersonTally
	}
	require.Equal(s.t, want, got)
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// rebuilds: without its file the projection is made again from the journal,
// byte for byte.
func (s *sim) rebuilds() {
	s.catchUp()
	kept, err := s.book.Bytes()
	require.NoError(s.t, err)
	s.book.Save()
	require.NoError(s.t, os.Remove(filepath.Join(s.dir, "review.json")))
	fresh := s.newBook()
	began := time.Now()
	require.NoError(s.t, fresh.Open())
	require.NoError(s.t, fresh.CatchUp())
	s.t.Logf("the review is made again from %d events in %s", s.journal.Last(), time.Since(began).Round(time.Millisecond))
	made, err := fresh.Bytes()
	require.NoError(s.t, err)
	require.Equal(s.t, string(kept), string(made))
	s.book = fresh
}
