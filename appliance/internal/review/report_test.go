package review

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// years is a projection of many days of so many incidents each.
func years(days, incidents int) (*kept, time.Time) {
	r, k := rand.New(rand.NewPCG(1, 1)), newKept("E", "UTC")
	last := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for n := days - 1; n >= 0; n-- {
		date := dateOf(last.AddDate(0, 0, -n), time.UTC)
		k.bound(date, worksMax)
		d := k.open(date)
		d.Alerts = 14_000
		for range incidents {
			i := &incident{
				Date: date, Hour: r.IntN(24), Priority: fmt.Sprintf("P%d", r.IntN(4)), Kind: fmt.Sprint("kind-", r.IntN(12)), Place: fmt.Sprint("place-", r.IntN(60)),
				Name: "地点", Beat: fmt.Sprint("b", r.IntN(8)), Cell: &[2]int{r.IntN(20), r.IntN(20)}, Source: "press", State: "closed", Result: "resolved",
				Origins: []string{fmt.Sprintf("rule/cam-%d/yard", r.IntN(100))}, Teams: []string{fmt.Sprint("team-", r.IntN(8))}, Claimed: fmt.Sprint("op-", r.IntN(12)),
				Answer: r.Int64N(100_000), Arrive: r.Int64N(1_000_000), Whole: r.Int64N(10_000_000),
			}
			for _, state := range []string{"open", "acknowledged", "dispatched", "on_scene"} {
				i.Stages = append(i.Stages, stage{State: "open", MS: r.Int64N(1_000_000), LimitMS: 500_000, Limited: true})
				i.Steps = append(i.Steps, scoredStep{By: i.Claimed, Result: state, Points: 10})
			}
			k.Incidents[fmt.Sprintf("%s-%d", date, len(k.Incidents))] = i
		}
	}
	return k, last
}

// BenchmarkReport asks for the last month beside the one before, and for two
// years.
func BenchmarkReport(b *testing.B) {
	k, last := years(730, 300)
	text, err := json.Marshal(k)
	require.NoError(b, err)
	date := func(n int) string { return dateOf(last.AddDate(0, 0, -n), time.UTC) }
	for name, q := range map[string]Query{
		"month": {From: date(29), To: date(0), CompareFrom: date(59), CompareTo: date(30)},
		"years": {From: date(729), To: date(0)},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r, err := k.report(q)
				require.NoError(b, err)
				require.Equal(b, len(dates(q.From, q.To))*300, r.Totals.Incidents)
			}
			b.ReportMetric(float64(len(text))/1e6, "file-MB")
		})
	}
}

// TestReportOfOldAndNewDays: what is counted for good and what is not make one
// answer.
func TestReportOfOldAndNewDays(t *testing.T) {
	k, last := years(60, 20)
	from, to := dateOf(last.AddDate(0, 0, -59), time.UTC), dateOf(last, time.UTC)
	r, err := k.report(Query{From: from, To: to, Team: func(string) string { return "all" }})
	require.NoError(t, err)
	require.Equal(t, 60*20, r.Totals.Incidents)
	require.Equal(t, 60*14_000, r.Totals.Alerts)
	require.Equal(t, 60, r.Days)
	require.False(t, r.Exact)
	require.Len(t, r.Groups["team"], 1)
	require.Equal(t, 60*20, r.Groups["team"][0].Incidents)
	hours := 0
	for _, day := range r.Week {
		for _, n := range day {
			hours += n
		}
	}
	require.Equal(t, 60*20, hours)
}
