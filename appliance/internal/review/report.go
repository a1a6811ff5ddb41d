package review

import (
	"slices"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// What a report says of small numbers.
const (
	smallMax  = 10 // below it a difference in percent says nothing
	judgedMin = 5  // below it the share of false alarms says nothing
	repeatMin = 3  // incidents that make a place one of repetition
)

// Groups are what can be counted by.
func Groups() []string {
	return []string{"hour", "weekday", "place", "beat", "kind", "source", "team", "priority"}
}

// Query asks for the days from From to To, both included; with CompareFrom and
// CompareTo those are compared with others. By: of Groups; none means all.
type Query struct {
	From, To               string // dates of the station, 2026-01-31
	CompareFrom, CompareTo string
	By                     []string
	// Team is the row of the receiver of an order: a team or a partner by its
	// id, persons all together, for what one person did stands elsewhere. nil:
	// as it was written.
	Team func(to string) string
}

// Report is the answer.
type Report struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Days     int      `json:"days"`    // of these, that were counted
	Missing  []string `json:"missing"` // dates of which nothing is known: the box was off, or not there yet
	Revised  string   `json:"revised"` // days after this one may still change
	Exact    bool     `json:"exact"`   // the quantiles are exact
	MaxError float64  `json:"relative_error"`

	Totals    desk.DayTotals   `json:"totals"`
	Groups    map[string][]Row `json:"groups"`
	Week      [][]int          `json:"week"` // incidents by weekday (Monday first) and hour
	Trend     []Trend          `json:"trend"`
	Responses []Response       `json:"responses"`
	Repeats   []Row            `json:"repeats"` // places with many incidents, most first
	Sources   []Source         `json:"sources"`
	Cells     []Cell           `json:"cells"`
	Orders    []Orders         `json:"orders"`
	LeftOut   map[string]int   `json:"left_out"` // rows for which a day's event had no room, by list
	Compared  *Comparison      `json:"compared,omitempty"`
}

// Row is one line of a group. Shares and means are absent where there is
// nothing to divide by.
type Row struct {
	Key       string   `json:"key"`
	Name      string   `json:"name"`
	Incidents int      `json:"incidents"`
	False     int      `json:"false_alarms"`
	Alerts    int      `json:"alerts"`
	Limited   int      `json:"limited"`
	InTime    int      `json:"in_time"`
	Share     *float64 `json:"share_in_time,omitempty"`
	AnswerMS  *int64   `json:"answer_mean_ms,omitempty"`
	ArriveMS  *int64   `json:"arrive_mean_ms,omitempty"`
}

// Trend is one day of the period.
type Trend struct {
	Date      string `json:"date"`
	Incidents int    `json:"incidents"`
	False     int    `json:"false_alarms"`
	Alerts    int    `json:"alerts"`
}

// Response is how long incidents of a priority stayed in a state. Priority ""
// is all of them together.
type Response struct {
	Priority string   `json:"priority"`
	State    string   `json:"state"` // open, acknowledged, dispatched, on_scene; arrival, whole: since opened
	N        int      `json:"n"`
	MedianMS int64    `json:"median_ms"`
	P90MS    int64    `json:"p90_ms"`
	LimitMS  int64    `json:"limit_ms"` // most often given on the newest day; 0: none, or all priorities
	Limited  int      `json:"limited"`
	InTime   int      `json:"in_time"`
	Share    *float64 `json:"share_in_time,omitempty"`
}

// Source is one rule, camera, pillar or drone, by how much it cries wolf: the
// share of false alarms times how many.
type Source struct {
	Kind      string   `json:"kind"`
	ID        string   `json:"id"`
	Rule      string   `json:"rule"`
	Alerts    int      `json:"alerts"`
	Incidents int      `json:"incidents"`
	Judged    int      `json:"judged"`
	False     int      `json:"false_alarms"`
	Share     *float64 `json:"share,omitempty"` // absent below few judged incidents
	Weight    float64  `json:"weight"`
}

// Cell is a square of the map, by its middle.
type Cell struct {
	Lat       float64 `json:"lat"`
	Lon       float64 `json:"lon"`
	SizeM     float64 `json:"size_m"`
	Incidents int     `json:"incidents"`
	False     int     `json:"false_alarms"`
}

// Orders are those of one kind.
type Orders struct {
	desk.OrderTally
	Share *float64 `json:"share_overdue,omitempty"`
}

// Comparison sets the period beside another one.
type Comparison struct {
	From    string              `json:"from"`
	To      string              `json:"to"`
	Days    int                 `json:"days"`
	Missing []string            `json:"missing"`
	Equal   bool                `json:"equal"` // both have as many counted days: without that there are no percents
	Totals  desk.DayTotals      `json:"totals"`
	Changes []Change            `json:"changes"`
	Groups  map[string][]Change `json:"groups"`
}

// Change is one number in both periods. Percent is absent where it would say
// nothing: of nothing, of small numbers, of periods that are not alike.
type Change struct {
	Key        string   `json:"key"`
	Name       string   `json:"name"`
	Now        int      `json:"now"`
	Before     int      `json:"before"`
	Difference int      `json:"difference"`
	Percent    *float64 `json:"percent,omitempty"`
	Small      bool     `json:"small"`
}

// Check says what is wrong with a query; nil when nothing is.
func (q Query) Check() error {
	if err := checkSpan("from", q.From, "to", q.To); err != nil {
		return err
	}
	if q.CompareFrom != "" || q.CompareTo != "" {
		if err := checkSpan("compare_from", q.CompareFrom, "compare_to", q.CompareTo); err != nil {
			return err
		}
	}
	for _, group := range q.By {
		if !slices.Contains(Groups(), group) {
			return &desk.InvalidError{Field: "by", Value: group[:min(len(group), 32)], Remedy: "some of hour, weekday, place, beat, kind, source, team, priority"}
		}
	}
	return nil
}

// report is what the projection knows of a query.
func (k *kept) report(q Query) (Report, error) {
	r := Report{From: q.From, To: q.To, Revised: k.Low}
	s, err := k.sum(q.From, q.To, q.Team)
	if err != nil {
		return r, err
	}
	r.Days, r.Missing, r.Exact = s.days, s.missing, s.exact
	if !s.exact {
		r.MaxError = RelativeError
	}
	r.Totals, r.Week, r.Trend, r.LeftOut = s.totals, s.week, s.trend, s.leftOut
	r.Groups = s.groups(q.By)
	r.Responses, r.Sources, r.Cells, r.Orders = s.responses(), s.suspects(), s.heat(), s.orderRows()
	r.Repeats = slices.DeleteFunc(s.rows("place"), func(row Row) bool { return row.Key == "" || row.Incidents-row.False < repeatMin })
	if q.CompareFrom != "" {
		before, err := k.sum(q.CompareFrom, q.CompareTo, q.Team)
		if err != nil {
			return r, err
		}
		r.Compared = s.compare(before, q)
	}
	return r, nil
}
