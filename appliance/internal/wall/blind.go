package wall

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// How far back is looked at, and at most.
const (
	blindBack     = 24 * time.Hour
	blindMax      = 92 * 24 * time.Hour
	recordingsMax = 31 * 24 * time.Hour
)

// BlindInterval is a stretch in which a camera was blind.
type BlindInterval struct {
	Camera string       `json:"camera"`
	Name   string       `json:"name"`
	Kind   string       `json:"kind"`
	From   bridge.Stamp `json:"from"`
	To     bridge.Stamp `json:"to"` // empty while it is open
	Cause  string       `json:"cause,omitempty"`
	Why    string       `json:"why,omitempty"`
}

type recordingsAnswer struct {
	AsOf   string       `json:"as_of"`
	Camera string       `json:"camera"`
	From   bridge.Stamp `json:"from"`
	To     bridge.Stamp `json:"to"`
	// Recorded and Unrecorded are cut to the time that was asked for. Where
	// neither is the camera was not there yet, what was recorded is no longer
	// kept, or it has not happened yet.
	Recorded     []timeSpan      `json:"recorded"`
	Blind        []BlindInterval `json:"blind"`
	RecordedMS   int64           `json:"recorded_ms"`
	UnrecordedMS int64           `json:"unrecorded_ms"`
}

type timeSpan struct {
	From bridge.Stamp `json:"from"`
	To   bridge.Stamp `json:"to"`
}

// blind are the blind intervals that touch a time, open ones too.
func (s *Server) blind(c *fiber.Ctx, who caller) error {
	now := time.Now()
	from, to, err := interval(c, now.Add(-blindBack), now, blindMax)
	if err != nil {
		return err
	}
	camera := c.Query("camera")
	if camera != "" && !slices.ContainsFunc(s.o.Devices.Cameras(), func(one Camera) bool { return one.ID == camera }) {
		return missing("camera_unknown", "camera", camera)
	}
	kinds, err := oneOf(c, "kind", "unseen", "unrecorded", "unanalysed", "covered", "defocused", "moved", "frozen")
	if err != nil {
		return err
	}
	items, place, err := s.blindOf(camera, from, to)
	if err != nil {
		return err
	}
	items = visible(s, who, items, func(i BlindInterval) string { return i.Camera })
	items = slices.DeleteFunc(items, func(i BlindInterval) bool { return kinds != nil && !kinds[i.Kind] })
	return sendPage(s, c, place, items, func(i BlindInterval) string {
		return i.Camera + "/" + i.Kind + "/" + i.From.String() + "/" + i.To.String()
	})
}

// blindOf are the intervals, closed ones and open ones, by when they began.
func (s *Server) blindOf(camera string, from, to time.Time) ([]BlindInterval, uint64, error) {
	var open []BlindInterval
	names := map[string]string{}
	place, err := s.view(func(state *desk.State) {
		for _, d := range s.o.Desk.Rules().Devices(state) {
			if d.Type != "camera" || camera != "" && d.ID != camera {
				continue
			}
			names[d.ID] = d.Name
			for _, one := range d.Blinds {
				if one.From.Before(to) {
					open = append(open, BlindInterval{Camera: d.ID, Kind: one.Kind, From: one.From, Cause: one.Cause, Why: one.Why})
				}
			}
		}
	})
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := s.within()
	defer cancel()
	items, err := s.o.Blind.Blind(ctx, place, camera, from, to)
	if err != nil {
		return nil, 0, err
	}
	items = append(items, open...)
	for i := range items {
		items[i].Name = cmp.Or(names[items[i].Camera], items[i].Camera)
	}
	slices.SortStableFunc(items, func(a, b BlindInterval) int {
		return cmp.Or(a.From.Compare(b.From.Time), cmp.Compare(a.Camera, b.Camera), cmp.Compare(a.Kind, b.Kind))
	})
	return items, place, nil
}

// recordings is what there is of a camera in a time, and what is not, and why.
func (s *Server) recordings(c *fiber.Ctx, _ caller) error {
	id, err := s.cameraOf(c)
	if err != nil {
		return err
	}
	from, to, err := interval(c, time.Time{}, time.Time{}, recordingsMax)
	if err != nil {
		return err
	}
	body := recordingsAnswer{Camera: id, From: bridge.At(from), To: bridge.At(to), Recorded: []timeSpan{}}
	blind, place, err := s.blindOf(id, from, to)
	if err != nil {
		return err
	}
	body.AsOf, body.Blind = s.asOf(place), full(blind)
	for _, span := range s.o.Files.Recorded(id, from, to) {
		span.From, span.To = clamp(span.From, from, to), clamp(span.To, from, to)
		body.Recorded = append(body.Recorded, timeSpan{bridge.At(span.From), bridge.At(span.To)})
		body.RecordedMS += span.To.Sub(span.From).Milliseconds()
	}
	now := time.Now()
	for _, i := range blind {
		if i.Kind != "unrecorded" {
			continue
		}
		end := i.To.Time
		if i.To.IsZero() {
			end = now
		}
		body.UnrecordedMS += max(0, clamp(end, from, to).Sub(clamp(i.From.Time, from, to)).Milliseconds())
	}
	return s.answer(c, http.StatusOK, place, body)
}

// clamp is the time, or the end of the interval that it is beyond.
func clamp(t, from, to time.Time) time.Time {
	switch {
	case t.Before(from):
		return from
	case t.After(to):
		return to
	}
	return t
}
