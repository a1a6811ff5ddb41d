package wall

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

func reviewHead() []string {
	return []string{
		"list", "key", "name", "incidents", "false_alarms", "alerts", "share_false", "limited", "in_time", "share_in_time",
		"answer_mean_s", "arrive_mean_s", "n", "median_s", "p90_s", "limit_s", "before", "difference", "percent",
		"confirmed", "handed_back", "cancelled", "overdue", "share_overdue", "lat", "lon",
	}
}

// table is rows by the names of their columns.
type table [][]string

func (t *table) add(cells map[string]string) {
	row := make([]string, len(reviewHead()))
	for i, column := range reviewHead() {
		row[i] = cells[column]
	}
	*t = append(*t, row)
}

// reviewTable has the columns of reviewHead, and every list of the report.
func reviewTable(r review.Report, words tongue) [][]string {
	t := table{reviewHead()}
	t.totals(r)
	for _, group := range review.Groups() {
		for _, row := range r.Groups[group] {
			t.row(group, row)
		}
	}
	for day, hours := range r.Week {
		for hour, n := range hours {
			if n > 0 {
				t.add(map[string]string{"list": "week", "key": fmt.Sprintf("%d/%02d", day+1, hour), "incidents": strconv.Itoa(n)})
			}
		}
	}
	for _, w := range r.Responses {
		t.add(map[string]string{
			"list": "response", "key": w.State, "name": w.Priority, "n": strconv.Itoa(w.N), "median_s": secondsOf(&w.MedianMS), "p90_s": secondsOf(&w.P90MS),
			"limit_s": secondsOf(&w.LimitMS), "limited": strconv.Itoa(w.Limited), "in_time": strconv.Itoa(w.InTime), "share_in_time": ratio(w.Share),
		})
	}
	for _, row := range r.Repeats {
		t.row("repeat", row)
	}
	t.sources(r)
	t.orders(r)
	t.changes(r.Compared)
	for _, row := range t[1:] {
		words.reviewRow(row)
	}
	t[0] = words.head(t[0])
	return t
}

// reviewRow puts the codes of a row into words: list, key and name come first.
func (t tongue) reviewRow(row []string) {
	list := row[0]
	row[0], row[1] = t.list(list), t.key(list, row[1])
	if list == "response" && row[2] == "" && t.language != "" {
		row[2] = t.page("allPriorities", "review")
	}
}

func (t *table) totals(r review.Report) {
	total := r.Totals
	t.add(map[string]string{
		"list": "total", "key": r.From + "/" + r.To, "incidents": strconv.Itoa(total.Incidents),
		"false_alarms": strconv.Itoa(total.False), "alerts": strconv.Itoa(total.Alerts),
	})
	for _, one := range []struct {
		key string
		n   int
	}{
		{"folded", total.Folded}, {"open", total.Open}, {"resolved", total.Resolved}, {"transferred", total.Transferred},
		{"merged", total.Merged}, {"reopened", total.Reopened}, {"escalated", total.Escalated}, {"unshown", total.Unshown},
	} {
		t.add(map[string]string{"list": "count", "key": one.key, "n": strconv.Itoa(one.n)})
	}
	for _, list := range slices.Sorted(maps.Keys(r.LeftOut)) {
		t.add(map[string]string{"list": "left_out", "key": list, "n": strconv.Itoa(r.LeftOut[list])})
	}
	for _, d := range r.Missing {
		t.add(map[string]string{"list": "missing", "key": d})
	}
	for _, d := range r.Trend {
		t.add(map[string]string{
			"list": "day", "key": d.Date, "incidents": strconv.Itoa(d.Incidents), "false_alarms": strconv.Itoa(d.False), "alerts": strconv.Itoa(d.Alerts),
		})
	}
}

func (t *table) row(list string, row review.Row) {
	t.add(map[string]string{
		"list": list, "key": row.Key, "name": row.Name, "incidents": strconv.Itoa(row.Incidents), "false_alarms": strconv.Itoa(row.False),
		"alerts": strconv.Itoa(row.Alerts), "limited": strconv.Itoa(row.Limited), "in_time": strconv.Itoa(row.InTime),
		"share_in_time": ratio(row.Share), "answer_mean_s": secondsOf(row.AnswerMS), "arrive_mean_s": secondsOf(row.ArriveMS),
	})
}

// sources are what told false alarms, and where it happened.
func (t *table) sources(r review.Report) {
	for _, one := range r.Sources {
		t.add(map[string]string{
			"list": one.Kind, "key": one.ID, "name": one.Rule, "incidents": strconv.Itoa(one.Incidents), "false_alarms": strconv.Itoa(one.False),
			"alerts": strconv.Itoa(one.Alerts), "share_false": ratio(one.Share), "n": strconv.Itoa(one.Judged),
		})
	}
	for _, one := range r.Cells {
		t.add(map[string]string{
			"list": "cell", "lat": degrees(one.Lat), "lon": degrees(one.Lon), "incidents": strconv.Itoa(one.Incidents), "false_alarms": strconv.Itoa(one.False),
		})
	}
}

func (t *table) orders(r review.Report) {
	for _, one := range r.Orders {
		t.add(map[string]string{
			"list": "order", "key": one.Kind, "n": strconv.Itoa(one.Issued), "confirmed": strconv.Itoa(one.Confirmed), "handed_back": strconv.Itoa(one.HandedBack),
			"cancelled": strconv.Itoa(one.Cancelled), "overdue": strconv.Itoa(one.Overdue), "share_overdue": ratio(one.Share),
		})
	}
}

// changes are the differences from the period that it is compared with: of the
// totals, and of each group's rows.
func (t *table) changes(c *review.Comparison) {
	if c == nil {
		return
	}
	add := func(list string, changes []review.Change) {
		for _, one := range changes {
			t.add(map[string]string{
				"list": list, "key": one.Key, "name": one.Name, "n": strconv.Itoa(one.Now), "before": strconv.Itoa(one.Before),
				"difference": strconv.Itoa(one.Difference), "percent": ratio(one.Percent),
			})
		}
	}
	add("change", c.Changes)
	for _, group := range review.Groups() {
		add("change_"+group, c.Groups[group])
	}
}

func degrees(x float64) string { return strconv.FormatFloat(x, 'f', 5, 64) }
