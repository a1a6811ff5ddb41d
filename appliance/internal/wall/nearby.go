package wall

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

type nearbyAnswer struct {
	AsOf string `json:"as_of"`
	desk.Nearby
	Forces []Unit `json:"forces"` // the best to send, at most nearbyForces
}

const nearbyForces = 3

// nearby tells what a report would bind, while its place is being written.
func (s *Server) nearby(c *fiber.Ctx, who caller) error {
	at, err := positionOf(c)
	if err != nil {
		return err
	}
	said, kind := c.Query("place"), c.Query("kind")
	if len(said) > placeBytesMax {
		return badField(http.StatusBadRequest, "field_invalid", "place", clip(said, 32), "at most "+strconv.Itoa(placeBytesMax)+" bytes")
	}
	body := nearbyAnswer{Forces: []Unit{}}
	now, rules := time.Now(), s.o.Desk.Rules()
	var best []desk.Candidate
	place, err := s.view(func(state *desk.State) {
		body.Nearby = rules.Nearby(state, bridge.At(now), kind, said, at)
		best = rules.Candidates(state, now, &desk.Incident{Place: body.Place, Position: body.Position}, s.whereabouts(now))
	})
	if err != nil {
		return err
	}
	for _, candidate := range best {
		if len(body.Forces) < nearbyForces && candidate.Sendable() {
			unit := s.unit(&candidate.Unit, now)
			unit.Metres = candidate.Metres
			body.Forces = append(body.Forces, unit)
		}
	}
	body.Cameras = visible(s, who, body.Cameras, func(one desk.NearbyCamera) string { return one.ID })
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}

const placeBytesMax = 512 // as of a report

// positionOf reads lat and lon, of which both or none are there.
func positionOf(c *fiber.Ctx) (*ingest.Position, error) {
	if c.Query("lat") == "" && c.Query("lon") == "" {
		return nil, nil
	}
	var at ingest.Position
	for _, one := range []struct {
		field string
		most  float64
		into  *float64
	}{{"lat", 90, &at.Lat}, {"lon", 180, &at.Lon}} {
		value, err := strconv.ParseFloat(c.Query(one.field), 64)
		if err != nil || !(value >= -one.most && value <= one.most) {
			return nil, badField(http.StatusBadRequest, "field_invalid", one.field, c.Query(one.field), "degrees, lat −90 to 90 and lon −180 to 180")
		}
		*one.into = value
	}
	return &at, nil
}
