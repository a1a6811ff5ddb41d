package wall

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	cutMax    = time.Hour
	cutWithin = time.Minute
)

// cutAnswer is what is to be known of a piece of a recording.
type cutAnswer struct {
	AsOf          string          `json:"as_of"`
	Camera        string          `json:"camera"`
	From          bridge.Stamp    `json:"from"` // presented
	To            bridge.Stamp    `json:"to"`
	Gaps          []desk.Interval `json:"gaps"`
	OffsetMS      float64         `json:"offset_ms"`
	UncertaintyMS float64         `json:"uncertainty_ms"`
	Bytes         int64           `json:"bytes"`
}

// cut is a piece of a camera's recording.
func (s *Server) cut(c *fiber.Ctx, who caller) error {
	id, cut, err := s.makeCut(c)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	return sendFile(c, cut.File, s.looks.begin(who, id, "recording "+bridge.At(cut.From).String()+"/"+bridge.At(cut.To).String()))
}

// cutFacts tells of the same piece without its pictures.
func (s *Server) cutFacts(c *fiber.Ctx, _ caller) error {
	id, cut, err := s.makeCut(c)
	if err != nil {
		return err
	}
	place := s.o.Journal.Last()
	return errors.Join(cut.Body.Close(), s.answer(c, http.StatusOK, place, cutAnswer{
		AsOf: s.asOf(place), Camera: id, From: bridge.At(cut.From), To: bridge.At(cut.To), Gaps: full(cut.Gaps),
		OffsetMS: cut.OffsetMS, UncertaintyMS: cut.UncertaintyMS, Bytes: cut.Size,
	}))
}

func (s *Server) makeCut(c *fiber.Ctx) (string, Cut, error) {
	id, err := s.cameraOf(c)
	if err != nil {
		return "", Cut{}, err
	}
	from, to, err := interval(c, time.Time{}, time.Time{}, cutMax)
	if err != nil {
		return "", Cut{}, err
	}
	if to.After(time.Now()) {
		return "", Cut{}, badField(http.StatusUnprocessableEntity, "field_invalid", "to", c.Query("to"), "a time that is past: it has not happened yet")
	}
	ctx, cancel := contextWithin(s.ctx, cutWithin)
	defer cancel()
	cut, err := s.o.Files.Cut(ctx, id, from, to)
	if absent(err) {
		return "", Cut{}, fault(http.StatusNotFound, "recording_missing", "choose another time; blind intervals say why",
			"camera %s has no recording from %s to %s", id, bridge.At(from), bridge.At(to))
	}
	if err != nil {
		return "", Cut{}, fmt.Errorf("cut recording of camera %s: %w", id, err)
	}
	return id, cut, nil
}
