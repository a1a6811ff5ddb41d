package wall

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// downlink takes what a headquarters posts for its uplink, as if it had come
// over a line.
type downlink interface {
	// Down returns when it is stored; an order or an incident has an answer
	// then, which is in lane alarm too, or nil when a flood of nonsense is no
	// longer answered. *bridge.MessageError says that it can never be taken;
	// after another error it has to come again.
	Down(ctx context.Context, uplink string, kind bridge.MessageKind, payload []byte) (*desk.OrderAnswered, error)
}

type downAnswer struct {
	AsOf   string              `json:"as_of"`
	Answer *desk.OrderAnswered `json:"answer,omitempty"`
}

// down is one way down of a headquarters that calls by itself (webhook); the
// guard has seen to it that the token is that uplink's. What the room refuses
// is told here and, once for the same bytes, in lane alarm.
func (s *Server) down(kind bridge.MessageKind) handler {
	return func(c *fiber.Ctx, _ caller) error {
		name := c.Params("name")
		if !slices.ContainsFunc(s.o.Devices.Uplinks(), func(one Uplink) bool { return one.Name == name }) {
			return missing("uplink_unknown", "uplink", name)
		}
		ctx, cancel := s.within()
		defer cancel()
		said, err := s.o.Downlink.Down(ctx, name, kind, slices.Clone(c.Body()))
		var unread *bridge.MessageError
		switch {
		case errors.As(err, &unread):
			return fault(http.StatusUnprocessableEntity, "body_invalid", "send it mended; /api/asyncapi.json has each field", "%s", unread.Error())
		case err != nil && deskProblem(err) == nil && ctx.Err() == nil:
			s.o.Log.Error("message from above not stored", "uplink", name, "kind", kind, "err", err)
			return errors.Join(later(fault(http.StatusServiceUnavailable, "journal_unavailable", "send it again", "it was not stored: %s", err.Error()), time.Second), err)
		case err != nil:
			return err
		}
		status := http.StatusOK
		isOrder := kind == bridge.KindTask || kind == bridge.KindIncident
		switch {
		case isOrder && said == nil:
			return later(fault(http.StatusTooManyRequests, "refusals_limited", "send what can be taken", "too many orders were refused lately: this one is not answered"), time.Minute)
		case isOrder && said.Result == desk.OrderRefused:
			return fault(http.StatusUnprocessableEntity, "order_refused", "send it mended, under a new id", "%s", said.Reason)
		case isOrder:
			status = http.StatusCreated
		}
		place := s.o.Journal.Last()
		return s.answer(c, status, place, downAnswer{AsOf: s.asOf(place), Answer: said})
	}
}
