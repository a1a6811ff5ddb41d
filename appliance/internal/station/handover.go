package station

import (
	"context"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
)

func handoverCodes() []health.Code {
	return []health.Code{
		{ID: "handover_waiting", Title: "a shift was handed over and nobody has taken it", Severity: health.Bad},
	}
}

// handoverFindings say that nobody has taken the room over in time, until
// somebody does.
func (s *Station) handoverFindings() []health.Finding {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var open *desk.Handover
	if _, err := s.desk.View(ctx, func(state *desk.State) { open = state.Handover() }); err != nil || open == nil || !open.Overdue {
		return nil // a desk that has failed ends the box by itself
	}
	return []health.Finding{{
		Code: "handover_waiting", Subject: open.Outgoing.Name,
		Text:   "signed at " + open.Outgoing.At.In(s.cfg.Location()).Format(time.TimeOnly) + ": see that somebody takes it, on the page of the handover",
		Params: said("at", open.Outgoing.At),
	}}
}
