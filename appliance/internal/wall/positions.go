package wall

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Positions of people: told by their own phones, looked at with a reason.

type positionBody struct {
	Lat        *float64 `json:"lat"`
	Lon        *float64 `json:"lon"`
	At         string   `json:"at"`
	AccuracyM  *float64 `json:"accuracy_m"`
	SpeedMPS   *float64 `json:"speed_mps"`
	HeadingDeg *float64 `json:"heading_deg"`
	BatteryPct *float64 `json:"battery_pct"`
}

type positionAnswer struct {
	AsOf string `json:"as_of"`
	Kept bool   `json:"kept"`
	Why  string `json:"why,omitempty"` // not kept: off_duty, too_old
}

type personTrackAnswer struct {
	AsOf   string       `json:"as_of"`
	Person string       `json:"person"`
	From   bridge.Stamp `json:"from"`
	To     bridge.Stamp `json:"to"`
	Points []ingest.Fix `json:"points"`
}

// me is which person of the configuration the caller is.
func (s *Server) me(who caller) (desk.Party, error) {
	party := s.o.Desk.Rules().PersonOf(who.actor())
	if party.Kind != "person" {
		return party, fault(http.StatusNotFound, "person_unknown", "ask the administrator to add you to persons in the configuration",
			"user %q is no person of this station", clip(who.name, 64))
	}
	return party, nil
}

// reportPosition takes where the caller's own phone is. A repeat does no harm:
// it is the same point of the same track.
func (s *Server) reportPosition(c *fiber.Ctx, who caller) error {
	person, err := s.me(who)
	if err != nil {
		return err
	}
	var in positionBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if _, err := idempotency(c); err != nil {
		return err
	}
	fix, err := in.fix(person.ID, time.Now())
	if err != nil {
		return err
	}
	ctx, cancel := s.within()
	defer cancel()
	why, err := s.o.Forces.Report(ctx, fix)
	switch {
	case err != nil:
		return fmt.Errorf("keep position of %s: %w", person.ID, err)
	case why == "flood":
		return later(fault(http.StatusTooManyRequests, "rate_limited", "send a position every 5 seconds or less often", "too many positions of %s", person.ID), 5*time.Second)
	}
	place := s.o.Journal.Last()
	return s.answer(c, http.StatusOK, place, positionAnswer{AsOf: s.asOf(place), Kept: why == "", Why: why})
}

// aheadMax is how far a phone's clock may be ahead; beyond it the arrival counts.
const aheadMax = 5 * time.Second

func (in *positionBody) fix(person string, now time.Time) (ingest.Fix, error) {
	at, err := parseTime("at", in.At, now)
	if err != nil {
		return ingest.Fix{}, err
	}
	if at.Sub(now) > aheadMax {
		at = now
	}
	for _, f := range []struct {
		name      string
		value     *float64
		low, high float64
		needed    bool
	}{
		{"lat", in.Lat, -90, 90, true}, {"lon", in.Lon, -180, 180, true}, {"accuracy_m", in.AccuracyM, 0, 1e6, false},
		{"speed_mps", in.SpeedMPS, 0, 1e3, false}, {"heading_deg", in.HeadingDeg, 0, 360, false}, {"battery_pct", in.BatteryPct, 0, 100, false},
	} {
		switch {
		case f.value == nil && f.needed:
			return ingest.Fix{}, badField(http.StatusUnprocessableEntity, "field_missing", f.name, "", "degrees, WGS 84")
		case f.value != nil && !(*f.value >= f.low && *f.value <= f.high):
			return ingest.Fix{}, badField(http.StatusUnprocessableEntity, "field_invalid", f.name, fmt.Sprint(*f.value), fmt.Sprintf("%g to %g", f.low, f.high))
		}
	}
	return ingest.Fix{
		Person: person, At: at.UTC(), Position: ingest.Position{Lat: *in.Lat, Lon: *in.Lon},
		AccuracyM: in.AccuracyM, SpeedMPS: in.SpeedMPS, HeadingDeg: in.HeadingDeg, BatteryPct: in.BatteryPct,
	}, nil
}

// personTrack is where a person was while on duty: his own to himself, to a
// lead with a reason, which is in the journal.
func (s *Server) personTrack(c *fiber.Ctx, who caller) error {
	id := c.Params("id")
	party := s.o.Desk.Rules().Party(id)
	own := party.Kind == "person" && s.o.Desk.Rules().PersonOf(who.actor()) == party
	switch {
	case party.Kind != "person" || party.ID != id, who.role == access.Officer && !own:
		return missing("person_unknown", "person", id)
	}
	from, to, err := interval(c, time.Now().Add(-time.Hour), time.Now(), trackMax)
	if err != nil {
		return err
	}
	if reason := strings.TrimSpace(c.Query("reason")); !own {
		if reason == "" || len(reason) > reasonMaxBytes {
			return badField(http.StatusUnprocessableEntity, "field_missing", "reason", reason, "why you look, in at most 300 bytes: it is recorded")
		}
		defer s.looks.begin(who, "", fmt.Sprintf("track of %s %s/%s: %s", id, stamp(from), stamp(to), reason))()
	}
	points, err := s.o.Forces.Track(id, from, to)
	if err != nil {
		return fmt.Errorf("read track of person %s: %w", id, err)
	}
	place := s.o.Journal.Last()
	return s.answer(c, http.StatusOK, place, personTrackAnswer{AsOf: s.asOf(place), Person: id, From: stamp(from), To: stamp(to), Points: full(points)})
}
