package wall

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// Legal holds: one lead places one, and two release it (ActReleaseHold).

type holdBody struct {
	Incident string `json:"incident"`
	Clip     string `json:"clip"`
	Device   string `json:"device"`
	From     string `json:"from"`
	To       string `json:"to"`
	Reason   string `json:"reason"`
}

type holdAnswer struct {
	AsOf string    `json:"as_of"`
	Hold desk.Hold `json:"hold"`
}

func (s *Server) holds(c *fiber.Ctx, _ caller) error {
	var items []desk.Hold
	place, err := s.view(func(state *desk.State) { items = state.Holds() })
	if err != nil {
		return err
	}
	return sendPage(s, c, place, items, func(h desk.Hold) string { return h.ID })
}

// placeHold answers when nothing that is held can go any more.
func (s *Server) placeHold(c *fiber.Ctx, who caller) error {
	var in holdBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	from, err := parseTime("from", in.From, time.Time{})
	if err != nil {
		return err
	}
	to, err := parseTime("to", in.To, time.Time{})
	if err != nil {
		return err
	}
	result, err := s.handle(desk.HoldIn{
		Incident: in.Incident, Clip: in.Clip, Device: in.Device, From: from, To: to, Reason: in.Reason, By: who.actor(), Idempotency: key,
	})
	if err != nil {
		return err
	}
	s.o.Files.Settle()
	body := holdAnswer{}
	place, err := s.view(func(state *desk.State) {
		for _, h := range state.Holds() {
			if h.ID == result.Hold {
				body.Hold = h
			}
		}
	})
	if err != nil {
		return err
	}
	if body.Hold.ID == "" { // a repeat, and it was released since
		return missing("hold_unknown", "hold", result.Hold)
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusCreated, place, body)
}
