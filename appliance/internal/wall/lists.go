package wall

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Limits of a page.
const (
	pageDefault = 100
	pageMax     = 500
)

func stamp(t time.Time) bridge.Stamp { return bridge.At(t) }

func pageLimit(c *fiber.Ctx) (int, error) {
	text := c.Query("limit")
	if text == "" {
		return pageDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > pageMax {
		return 0, badField(http.StatusBadRequest, "field_invalid", "limit", text, "1 to 500")
	}
	return n, nil
}

// sendPage sends the part of a list after the cursor: the key of the last
// item that was sent. An item that has gone since ends the walk with a
// problem, and the client begins anew.
func sendPage[T any](s *Server, c *fiber.Ctx, place uint64, items []T, key func(T) string) error {
	limit, err := pageLimit(c)
	if err != nil {
		return err
	}
	if text := c.Query("cursor"); text != "" {
		last, err := base64.RawURLEncoding.DecodeString(text)
		at := slices.IndexFunc(items, func(item T) bool { return key(item) == string(last) })
		if err != nil || at < 0 {
			return badField(http.StatusBadRequest, "cursor_invalid", "cursor", text, "the cursor of the page before; begin anew without one")
		}
		items = items[at+1:]
	}
	body := pageAnswer[T]{AsOf: s.asOf(place), Items: full(items)}
	if len(items) > limit {
		body.Items = items[:limit]
		body.Cursor = base64.RawURLEncoding.EncodeToString([]byte(key(items[limit-1])))
	}
	return s.answer(c, http.StatusOK, place, body)
}

// oneOf reads a comma-separated filter; nil: everything.
func oneOf(c *fiber.Ctx, field string, known ...string) (map[string]bool, error) {
	text := c.Query(field)
	if text == "" {
		return nil, nil
	}
	wanted := make(map[string]bool)
	for part := range strings.SplitSeq(text, ",") {
		if !slices.Contains(known, part) {
			return nil, badField(http.StatusBadRequest, "field_invalid", field, part, "some of "+strings.Join(known, ", "))
		}
		wanted[part] = true
	}
	return wanted, nil
}

func (s *Server) incidents(c *fiber.Ctx, _ caller) error {
	states, err := oneOf(c, "state", string(desk.Open), string(desk.Acknowledged), string(desk.Dispatched), string(desk.OnScene), string(desk.Closed))
	if err != nil {
		return err
	}
	priorities, err := oneOf(c, "priority", "P0", "P1", "P2", "P3")
	if err != nil {
		return err
	}
	camera := c.Query("camera")
	var items []*desk.Incident
	place, err := s.view(func(state *desk.State) {
		for _, one := range state.Incidents() {
			if (states == nil || states[string(one.State)]) && (priorities == nil || priorities[one.Priority]) &&
				(camera == "" || slices.Contains(one.Cameras, camera)) {
				items = append(items, tidyIncident(one))
			}
		}
	})
	if err != nil {
		return err
	}
	return sendPage(s, c, place, items, func(one *desk.Incident) string { return one.ID })
}

func (s *Server) alerts(c *fiber.Ctx, _ caller) error {
	incident := c.Query("incident")
	var items []*desk.Alert
	place, err := s.view(func(state *desk.State) {
		for _, one := range state.Alerts() {
			if incident == "" || one.Incident == incident {
				items = append(items, one)
			}
		}
	})
	if err != nil {
		return err
	}
	return sendPage(s, c, place, items, func(one *desk.Alert) string { return one.ID })
}

func (s *Server) cameras(c *fiber.Ctx, who caller) error {
	return sendPage(s, c, s.o.Journal.Last(), s.visibleCameras(who), func(one Camera) string { return one.ID })
}

func (s *Server) pillars(c *fiber.Ctx, _ caller) error {
	return sendPage(s, c, s.o.Journal.Last(), s.o.Devices.Pillars(), func(one Pillar) string { return one.ID })
}

func (s *Server) drones(c *fiber.Ctx, _ caller) error {
	return sendPage(s, c, s.o.Journal.Last(), s.o.Devices.Drones(), func(one Drone) string { return one.ID })
}

func (s *Server) uplinks(c *fiber.Ctx, _ caller) error {
	var items []uplinkAnswer
	for _, one := range s.o.Devices.Uplinks() {
		items = append(items, uplinkAnswer{Uplink: one, Aside: full(s.o.Receipts.Aside(one.Name))})
	}
	return sendPage(s, c, s.o.Journal.Last(), items, func(one uplinkAnswer) string { return one.Name })
}

// journal is the raw events after a place, for leads. The cursor is a place.
func (s *Server) journal(c *fiber.Ctx, _ caller) error {
	limit, err := pageLimit(c)
	if err != nil {
		return err
	}
	after, err := s.journalPlace(c)
	if err != nil {
		return err
	}
	place := s.o.Journal.Last()
	records, err := s.o.Journal.Read(after, limit)
	var retired *bridge.RetiredError
	if errors.As(err, &retired) {
		records, err = s.o.Journal.Read(retired.Through, limit) // what is kept begins there
	}
	if err != nil {
		return err
	}
	body := pageAnswer[recordAnswer]{AsOf: s.asOf(place), Items: make([]recordAnswer, len(records))}
	for i, r := range records {
		body.Items[i] = recordAnswer{Place: r.Place, Event: r.Event}
	}
	if len(records) == limit {
		body.Cursor = strconv.FormatUint(records[limit-1].Place, 10)
	}
	return s.answer(c, http.StatusOK, place, body)
}

func (s *Server) journalPlace(c *fiber.Ctx) (uint64, error) {
	field, text := "cursor", c.Query("cursor")
	if text == "" {
		field, text = "after", c.Query("after")
	}
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	return s.parsePlace(field, text)
}
