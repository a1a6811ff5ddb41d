package wall

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// unreachableWait is when to ask again for what headquarters could not take.
const unreachableWait = 5 * time.Second

// sendAside sends an event again that headquarters refused. It answers when
// headquarters has it, or says why not.
func (s *Server) sendAside(c *fiber.Ctx, who caller) error {
	var in actionBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	in.Reason = strings.TrimSpace(in.Reason)
	if in.Reason == "" {
		return badField(http.StatusUnprocessableEntity, "field_missing", "reason", "", "why it is sent again")
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	name := c.Params("name")
	if !slices.ContainsFunc(s.o.Devices.Uplinks(), func(one Uplink) bool { return one.Name == name }) {
		return missing("uplink_unknown", "uplink", name)
	}
	ctx, cancel := s.within()
	defer cancel()
	result, err := s.o.Receipts.SendAgain(ctx, desk.ResentIn{
		Uplink: name, ID: c.Params("id"), By: who.actor(), Reason: in.Reason, Idempotency: key,
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return later(fault(http.StatusServiceUnavailable, "uplink_unreachable", "try again: headquarters knows events by their ids",
			"headquarters gave no receipt in time"), unreachableWait)
	}
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, result.Place, doneAnswer{AsOf: s.asOf(result.Place)})
}

// uplinkProblem is what an uplink says; nil when it is not about one.
func uplinkProblem(err error) *problem {
	var refused *bridge.EventError
	switch {
	case errors.As(err, &refused):
		return fault(http.StatusConflict, "uplink_refused", "ask headquarters what is wrong with it", "refused again: %s", refused.Reason)
	case errors.Is(err, bridge.ErrNotReady):
		return later(fault(http.StatusServiceUnavailable, "uplink_unreachable", "try again when the line stands", "%s", err.Error()), unreachableWait)
	case errors.Is(err, bridge.ErrNoUplink):
		return fault(http.StatusConflict, "uplink_refused", "see the lanes of the uplink in the configuration", "%s", err.Error())
	}
	return nil
}
