package wall

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

const idempotencyMax = 128 // characters

type reportBody struct {
	Source   string           `json:"source"`
	Kind     string           `json:"kind"`
	Priority string           `json:"priority"`
	Place    string           `json:"place"`
	Position *ingest.Position `json:"position"`
	Note     string           `json:"note"`
	At       string           `json:"at"`
	Reopens  string           `json:"reopens"`
	Separate bool             `json:"separate"`
}

type actionBody struct {
	Reason string   `json:"reason"`
	Result string   `json:"result"`
	Note   string   `json:"note"`
	Other  string   `json:"other"`
	Alerts []string `json:"alerts"`
	Points *int     `json:"points"`
	// Tasks is with close; To, Template and Limit are with follow_up.
	Tasks    string `json:"tasks"`
	To       string `json:"to"`
	Template string `json:"template"`
	Limit    string `json:"limit"`
}

type shownBody struct {
	Screen string `json:"screen"`
	At     string `json:"at"`
}

// incident shows one incident with its alerts and clips.
func (s *Server) incident(c *fiber.Ctx, _ caller) error {
	return s.sendIncident(c, http.StatusOK, c.Params("id"))
}

func (s *Server) sendIncident(c *fiber.Ctx, status int, id string) error {
	body := incidentAnswer{}
	place, err := s.view(func(state *desk.State) {
		if one := state.Incident(id); one != nil {
			body.Incident, body.Actions = tidyIncident(one), one.Actions(callerOf(c).actor())
			body.Alerts, body.Clips = full(state.AlertsOf(id)), tidyAll(s.visibleClips(callerOf(c), state.ClipsOf(id)), tidyClip)
		}
	})
	if err != nil {
		return err
	}
	if body.Incident == nil {
		return missing("incident_unknown", "incident", id)
	}
	if body.Deliveries, err = s.o.Receipts.Of(body.Incident); err != nil {
		return fmt.Errorf("read deliveries of incident %s: %w", id, err)
	}
	body.Deliveries = full(body.Deliveries)
	body.AsOf = s.asOf(place)
	return s.answer(c, status, place, body)
}

func (s *Server) report(c *fiber.Ctx, who caller) error {
	var in reportBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	at, err := parseTime("at", in.At, time.Time{})
	if err != nil {
		return err
	}
	result, err := s.handle(desk.ReportIn{
		Source: in.Source, Kind: in.Kind, Priority: in.Priority, Place: in.Place, Position: in.Position, Note: in.Note, At: at,
		By: who.actor(), Reopens: in.Reopens, Separate: in.Separate, Idempotency: key,
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, "/api/v1/incidents/"+result.Incident)
	return s.sendIncident(c, http.StatusCreated, result.Incident)
}

// act is one verb on an incident.
func (s *Server) act(verb string) handler {
	return func(c *fiber.Ctx, who caller) error {
		in, key, err := asked[actionBody](c)
		if err != nil {
			return err
		}
		limit, err := parseTime("limit", in.Limit, time.Time{})
		if err != nil {
			return err
		}
		id := c.Params("id")
		result, err := s.handle(desk.ActionIn{
			Incident: id, Verb: verb, By: who.actor(), Reason: in.Reason, Result: in.Result, Note: in.Note,
			Other: in.Other, Alerts: in.Alerts, Points: in.Points, Tasks: in.Tasks, To: in.To, Template: in.Template, Limit: limit, Idempotency: key,
		})
		if err != nil {
			return err
		}
		if verb == "follow_up" {
			c.Set(fiber.HeaderLocation, "/api/v1/tasks/"+result.Task)
			return s.sendTask(c, who, http.StatusCreated, result.Task)
		}
		return s.sendIncident(c, http.StatusOK, id)
	}
}

// shown records that a screen drew an alert.
func (s *Server) shown(c *fiber.Ctx, _ caller) error {
	var in shownBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	at, err := parseTime("at", in.At, time.Now())
	if err != nil {
		return err
	}
	result, err := s.handle(desk.ShownIn{Alert: c.Params("id"), Screen: in.Screen, At: at})
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, result.Place, doneAnswer{AsOf: s.asOf(result.Place)})
}

// handle gives an input to the desk. An error that is not about the input is
// the journal's: full, closed, or the desk has stopped.
func (s *Server) handle(in desk.Input) (desk.Result, error) {
	ctx, cancel := s.within()
	defer cancel()
	result, err := s.o.Desk.Handle(ctx, in)
	if err != nil && deskProblem(err) == nil && ctx.Err() == nil {
		s.o.Log.Error("desk refused an input", "err", err)
		return result, errors.Join(later(fault(http.StatusServiceUnavailable, "journal_unavailable",
			"try again; look at health if it stays so", "it was not stored: %s", err.Error()), time.Second), err)
	}
	return result, err
}

// asked reads what a verb was told, if anything, and the key of the call.
func asked[T any](c *fiber.Ctx) (in T, key string, err error) {
	if len(c.Body()) > 0 {
		if err := readJSON(c, &in); err != nil {
			return in, "", err
		}
	}
	key, err = idempotency(c)
	return in, key, err
}

// idempotency reads the key under which a repeated call does nothing.
func idempotency(c *fiber.Ctx) (string, error) {
	key := c.Get("Idempotency-Key")
	if len(key) > idempotencyMax {
		return "", badField(http.StatusBadRequest, "header_invalid", "Idempotency-Key", key, "1 to 128 printable ASCII characters")
	}
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return "", badField(http.StatusBadRequest, "header_invalid", "Idempotency-Key", key, "1 to 128 printable ASCII characters")
		}
	}
	return key, nil
}

func parseTime(field, text string, absent time.Time) (time.Time, error) {
	if text == "" {
		return absent, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, badField(http.StatusUnprocessableEntity, "field_invalid", field, text, "a time as RFC 3339, like 2026-01-02T03:04:05.678Z")
	}
	return t, nil
}
