package wall

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// reviewCSV is the report as a table: one line a row, the list that it is of in
// the first column; what a list does not have stays empty.
func (s *Server) reviewCSV(c *fiber.Ctx, who caller) error {
	report, place, err := s.reviewOf(c, who)
	if err != nil {
		return err
	}
	if c.Method() != fiber.MethodHead {
		if _, err := s.record(desk.AccessIn{
			Kind: "exported", By: who.actor(), Remote: who.remote, Why: "review", Note: report.From + " to " + report.To,
		}); err != nil {
			return err
		}
	}
	return s.sendTable(c, place, "review-"+report.From+"-"+report.To, reviewTable(report))
}

// peopleCSV is the tally as a table: an export.
func (s *Server) peopleCSV(c *fiber.Ctx, who caller) error {
	body, place, err := s.peopleOf(c, who, "exported")
	if err != nil {
		return err
	}
	rows := [][]string{{
		"person", "name", "week", "steps", "in_time", "late", "missing", "points", "corrected", "incidents", "orders", "orders_done", "orders_overdue",
	}}
	for _, w := range body.Items {
		row := []string{w.Person, w.Name, w.Week.Week}
		for _, n := range []int{w.Steps, w.InTime, w.Late, w.Missing, w.Points, w.Corrected, w.Incidents, w.Orders, w.Done, w.Overdue} {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, row)
	}
	return s.sendTable(c, place, "people-"+body.From+"-"+body.To, rows)
}

// sendTable sends rows as spreadsheets read them: UTF-8 with a byte order mark,
// CRLF, and nothing in it calculates.
func (s *Server) sendTable(c *fiber.Ctx, place uint64, name string, rows [][]string) error {
	var text strings.Builder
	text.WriteString("\ufeff")
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	for _, row := range rows {
		for i, cell := range row {
			if _, err := strconv.ParseFloat(cell, 64); err != nil {
				row[i] = plainCell(cell)
			}
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	c.Set("As-Of", s.asOf(place))
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`.csv"`)
	return c.Status(http.StatusOK).SendString(text.String())
}

func reviewHead() []string {
	return []string{
		"list", "key", "name", "incidents", "false_alarms", "alerts", "share_false", "limited", "in_time", "share_in_time",
		"answer_mean_s", "arrive_mean_s", "n", "median_s", "p90_s", "limit_s", "before", "difference", "percent",
	}
}

// reviewTable has the columns of reviewHead.
func reviewTable(r review.Report) [][]string {
	rows := [][]string{reviewHead()}
	add := func(cells map[string]string) {
		row := make([]string, len(reviewHead()))
		for i, column := range reviewHead() {
			row[i] = cells[column]
		}
		rows = append(rows, row)
	}
	add(map[string]string{
		"list": "total", "key": r.From + "/" + r.To, "incidents": strconv.Itoa(r.Totals.Incidents),
		"false_alarms": strconv.Itoa(r.Totals.False), "alerts": strconv.Itoa(r.Totals.Alerts),
	})
	for _, t := range r.Trend {
		add(map[string]string{
			"list": "day", "key": t.Date, "incidents": strconv.Itoa(t.Incidents), "false_alarms": strconv.Itoa(t.False), "alerts": strconv.Itoa(t.Alerts),
		})
	}
	for _, group := range review.Groups() {
		for _, row := range r.Groups[group] {
			add(map[string]string{
				"list": group, "key": row.Key, "name": row.Name, "incidents": strconv.Itoa(row.Incidents), "false_alarms": strconv.Itoa(row.False),
				"alerts": strconv.Itoa(row.Alerts), "limited": strconv.Itoa(row.Limited), "in_time": strconv.Itoa(row.InTime),
				"share_in_time": ratio(row.Share), "answer_mean_s": secondsOf(row.AnswerMS), "arrive_mean_s": secondsOf(row.ArriveMS),
			})
		}
	}
	for _, w := range r.Responses {
		add(map[string]string{
			"list": "response", "key": w.State, "name": w.Priority, "n": strconv.Itoa(w.N), "median_s": secondsOf(&w.MedianMS), "p90_s": secondsOf(&w.P90MS),
			"limit_s": secondsOf(&w.LimitMS), "limited": strconv.Itoa(w.Limited), "in_time": strconv.Itoa(w.InTime), "share_in_time": ratio(w.Share),
		})
	}
	for _, one := range r.Sources {
		add(map[string]string{
			"list": one.Kind, "key": one.ID, "name": one.Rule, "incidents": strconv.Itoa(one.Incidents), "false_alarms": strconv.Itoa(one.False),
			"alerts": strconv.Itoa(one.Alerts), "share_false": ratio(one.Share), "n": strconv.Itoa(one.Judged),
		})
	}
	if r.Compared != nil {
		for _, one := range r.Compared.Changes {
			add(map[string]string{
				"list": "change", "key": one.Key, "n": strconv.Itoa(one.Now), "before": strconv.Itoa(one.Before),
				"difference": strconv.Itoa(one.Difference), "percent": ratio(one.Percent),
			})
		}
	}
	return rows
}

func ratio(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', 4, 64)
}

func secondsOf(ms *int64) string {
	if ms == nil {
		return ""
	}
	return strconv.FormatFloat(float64(*ms)/1000, 'f', 3, 64)
}
