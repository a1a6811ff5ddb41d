package wall

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

type templateAnswer struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Kind     desk.TaskKind  `json:"kind"`
	Note     string         `json:"note"`
	Priority string         `json:"priority"`
	LimitMS  int64          `json:"limit_ms"`
	Steps    []templateStep `json:"steps"`
	Done     string         `json:"done"`
	Pictures int            `json:"pictures"`
	With     []string       `json:"with"`
}

type templateStep struct {
	Name    string `json:"name"`
	LimitMS int64  `json:"limit_ms"`
}

// templates are the standard pieces of work, in the order of the
// configuration.
func (s *Server) templates(c *fiber.Ctx, _ caller) error {
	place := s.o.Journal.Last()
	body := pageAnswer[templateAnswer]{AsOf: s.asOf(place), Items: []templateAnswer{}}
	for _, t := range s.o.Desk.Rules().Templates() {
		one := templateAnswer{
			ID: t.ID, Name: t.Name, Kind: t.Kind, Note: t.Note, Priority: t.Priority, LimitMS: t.Limit.Milliseconds(),
			Steps: []templateStep{}, Done: t.Done, Pictures: t.Pictures, With: full(t.With),
		}
		for _, step := range t.Steps {
			one.Steps = append(one.Steps, templateStep{step.Name, step.Limit.Milliseconds()})
		}
		body.Items = append(body.Items, one)
	}
	return s.answer(c, http.StatusOK, place, body)
}
