package wall

import (
	"cmp"
	"encoding/csv"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// reviewCSV is the report as a table: one line a row, the list that it is of in
// the first column; what a list does not have stays empty.
func (s *Server) reviewCSV(c *fiber.Ctx, who caller) error {
	words, err := tongueOf(c)
	if err != nil {
		return err
	}
	report, place, err := s.reviewOf(c, who)
	if err != nil {
		return err
	}
	if words.language != "" {
		s.nameSources(report.Sources)
	}
	if c.Method() != fiber.MethodHead {
		if _, err := s.record(desk.AccessIn{
			Kind: "exported", By: who.actor(), Remote: who.remote, Why: "review", Note: report.From + " to " + report.To,
		}); err != nil {
			return err
		}
	}
	return s.sendTable(c, place, "review-"+report.From+"-"+report.To, reviewTable(report, words))
}

// nameSources puts what people call a device and its rule where the table has
// the rule's id.
func (s *Server) nameSources(list []review.Source) {
	names := map[string]string{}
	for _, one := range s.o.Devices.Pillars() {
		names["pillar/"+one.ID] = one.Name
	}
	for _, one := range s.o.Devices.Drones() {
		names["drone/"+one.ID] = one.Name
	}
	for _, one := range s.o.Devices.Cameras() {
		names["camera/"+one.ID] = one.Name
		for _, rule := range one.Rules {
			names["rule/"+one.ID+"/"+rule.Name] = one.Name + " · " + cmp.Or(rule.Label, rule.Name)
		}
	}
	for i, one := range list {
		id := one.Kind + "/" + one.ID
		if one.Rule != "" {
			id += "/" + one.Rule
		}
		list[i].Rule = cmp.Or(names[id], one.Rule)
	}
}

func peopleHead() []string {
	return []string{
		"person", "name", "week", "steps", "in_time", "late", "missing", "points", "corrected", "incidents", "orders", "orders_done", "orders_overdue",
	}
}

// peopleCSV is the tally as a table: an export.
func (s *Server) peopleCSV(c *fiber.Ctx, who caller) error {
	words, err := tongueOf(c)
	if err != nil {
		return err
	}
	body, place, err := s.peopleOf(c, who, "exported")
	if err != nil {
		return err
	}
	rows := [][]string{words.head(peopleHead())}
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
	number := regexp.MustCompile(`^-?\d+(\.\d+)?$`) // no -Inf: to a spreadsheet that is a formula
	var text strings.Builder
	text.WriteString("\ufeff")
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	for _, row := range rows {
		for i, cell := range row {
			if !number.MatchString(cell) {
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
