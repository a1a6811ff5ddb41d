package wall

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// forces are where people on duty are. What it gives may be kept; Roster and
// Newest must not block.
type forces interface {
	// Roster is how teams and people stood within the last second.
	Roster() []desk.Unit
	// Newest is where a person on duty was heard last.
	Newest(person string) (ingest.Fix, bool)
	// Report keeps a position, or says why it is not kept (fixReasons).
	Report(ctx context.Context, fix ingest.Fix) (why string, err error)
	// Track is where a person was while on duty.
	Track(person string, from, to time.Time) ([]ingest.Fix, error)
}

// UnitPosition is where a unit was heard last.
type UnitPosition struct {
	ingest.Fix
	AgeS  int  `json:"age_s"`
	Stale bool `json:"stale"` // too old to be taken for where it is
}

// MarshalJSON writes the fix and its age beside each other.
func (p UnitPosition) MarshalJSON() ([]byte, error) {
	type plain ingest.Fix
	return json.Marshal(struct {
		plain
		At    string `json:"at"`
		AgeS  int    `json:"age_s"`
		Stale bool   `json:"stale"`
	}{plain(p.Fix), ingest.Stamp(p.At), p.AgeS, p.Stale})
}

// Unit is a team or a person with where it stands.
type Unit struct {
	Kind     string        `json:"kind"` // team, person
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	User     string        `json:"user,omitempty"`
	TeamKind string        `json:"team_kind,omitempty"` // patrol, post, person
	Beat     string        `json:"beat,omitempty"`
	Members  []string      `json:"members,omitempty"` // of a team
	Crew     []string      `json:"crew,omitempty"`    // of these, who is on duty
	Duty     desk.Standing `json:"duty"`
	Sendable bool          `json:"sendable"` // there is somebody to send
	Tasks    []string      `json:"tasks"`    // orders that it works on
	Position *UnitPosition `json:"position,omitempty"`
	// Metres are to the incident that was asked about; absent: not known.
	Metres *float64 `json:"metres,omitempty"`
}

type shiftAnswer struct {
	ID    string       `json:"id"`
	Name  string       `json:"name"`
	From  string       `json:"from"` // station time
	To    string       `json:"to"`
	Days  []string     `json:"days"` // on which it begins; none: every day
	On    bool         `json:"on"`
	Until bridge.Stamp `json:"until"`
}

type forcesAnswer struct {
	AsOf        string        `json:"as_of"`
	At          bridge.Stamp  `json:"at"`
	StaleAfterS int           `json:"stale_after_s"`
	Shifts      []shiftAnswer `json:"shifts"`
	Teams       []Unit        `json:"teams"`
	Persons     []Unit        `json:"persons"`
}

type incidentForcesAnswer struct {
	AsOf     string           `json:"as_of"`
	At       bridge.Stamp     `json:"at"`
	Incident string           `json:"incident"`
	Position *ingest.Position `json:"position,omitempty"` // absent: nobody knows where it is
	Items    []Unit           `json:"items"`
}

type unitAnswer struct {
	AsOf string `json:"as_of"`
	Unit Unit   `json:"unit"`
}

type dutyBody struct {
	Person string `json:"person"`
	Team   string `json:"team"`
	On     *bool  `json:"on"`
	Until  string `json:"until"`
	Reason string `json:"reason"`
}

// unit is a unit of the desk with the newest position of who is on duty of it.
func (s *Server) unit(u *desk.Unit, now time.Time) Unit {
	out := Unit{
		Kind: u.Kind, ID: u.ID, Name: u.Name, User: u.User, TeamKind: u.TeamKind, Beat: u.Beat, Members: u.Members, Crew: u.Crew,
		Duty: u.Duty, Sendable: u.Sendable(), Tasks: full(u.Tasks),
	}
	for _, id := range u.People() {
		if fix, known := s.o.Forces.Newest(id); known && (out.Position == nil || fix.At.After(out.Position.At)) {
			age := max(0, now.Sub(fix.At))
			out.Position = &UnitPosition{Fix: fix, AgeS: int(age.Seconds()), Stale: age > s.o.StaleAfter}
		}
	}
	return out
}

// units are those on duty, with their positions: for the live facts.
func (s *Server) units(now time.Time) []Unit {
	list := []Unit{}
	for _, u := range desk.OnDuty(s.o.Forces.Roster()) {
		one := s.unit(&u, now)
		one.Members = nil    // who is on duty of them stands in Crew
		one.Duty.Reason = "" // every screen gets this
		list = append(list, one)
	}
	return list
}

// without takes out where people are: who has not logged in is told who is on
// duty, not where to find them.
func without(units []Unit) []Unit {
	out := make([]Unit, len(units))
	for i, u := range units {
		u.Position, u.Metres = nil, nil
		out[i] = u
	}
	return out
}

// toldTo is what of the units the caller is told. Why somebody is off duty may
// be his illness: that is for who works in the room, and for no screen.
func toldTo(who caller, units []Unit) []Unit {
	if who.role == access.Wall || who.role == access.Kiosk {
		for i := range units {
			units[i].Duty.Reason = ""
		}
	}
	if who.anonymous {
		return without(units)
	}
	return units
}

func (s *Server) forces(c *fiber.Ctx, who caller) error {
	now, rules := time.Now(), s.o.Desk.Rules()
	var units []desk.Unit
	place, err := s.view(func(state *desk.State) { units = rules.Units(state, now) })
	if err != nil {
		return err
	}
	body := forcesAnswer{
		AsOf: s.asOf(place), At: stamp(now), StaleAfterS: int(s.o.StaleAfter.Seconds()), Shifts: []shiftAnswer{}, Teams: []Unit{}, Persons: []Unit{},
	}
	for _, one := range rules.Shifts() {
		body.Shifts = append(body.Shifts, toShift(&one, now, rules.Zone()))
	}
	for _, u := range units {
		if u.Kind == "team" {
			body.Teams = append(body.Teams, s.unit(&u, now))
		} else {
			body.Persons = append(body.Persons, s.unit(&u, now))
		}
	}
	body.Teams, body.Persons = toldTo(who, body.Teams), toldTo(who, body.Persons)
	return s.answer(c, http.StatusOK, place, body)
}

func toShift(one *desk.Shift, now time.Time, zone *time.Location) shiftAnswer {
	clock := func(t time.Duration) string {
		return fmt.Sprintf("%02d:%02d", int(t.Hours()), int(t.Minutes())%60)
	}
	out := shiftAnswer{ID: one.ID, Name: one.Name, From: clock(one.From), To: clock(one.To), Days: []string{}}
	for _, day := range one.Days {
		out.Days = append(out.Days, strings.ToLower(day.String()[:3]))
	}
	_, until, on := one.On(now, zone)
	if out.On = on; on {
		out.Until = stamp(until)
	}
	return out
}

// incidentForces are the units to send to an incident, best first.
func (s *Server) incidentForces(c *fiber.Ctx, who caller) error {
	id, now, rules := c.Params("id"), time.Now(), s.o.Desk.Rules()
	var inc *desk.Incident
	var list []desk.Candidate
	place, err := s.view(func(state *desk.State) {
		if inc = state.Incident(id); inc != nil {
			list = rules.Candidates(state, now, inc, s.whereabouts(now))
		}
	})
	switch {
	case err != nil:
		return err
	case inc == nil:
		return missing("incident_unknown", "incident", id)
	}
	body := incidentForcesAnswer{AsOf: s.asOf(place), At: stamp(now), Incident: id, Position: inc.Position, Items: []Unit{}}
	for _, candidate := range list {
		unit := s.unit(&candidate.Unit, now)
		unit.Metres = candidate.Metres
		body.Items = append(body.Items, unit)
	}
	body.Items = toldTo(who, body.Items)
	return s.answer(c, http.StatusOK, place, body)
}

func (s *Server) whereabouts(now time.Time) func(person string) *desk.Whereabouts {
	return func(person string) *desk.Whereabouts {
		fix, known := s.o.Forces.Newest(person)
		if !known {
			return nil
		}
		return &desk.Whereabouts{Person: person, Position: fix.Position, At: fix.At, Stale: now.Sub(fix.At) > s.o.StaleAfter}
	}
}

// duty puts a person or a team on duty or takes them off, against the shifts.
func (s *Server) duty(c *fiber.Ctx, who caller) error {
	var in dutyBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	if in.On == nil {
		return badField(http.StatusUnprocessableEntity, "field_missing", "on", "", "true or false")
	}
	until, err := parseTime("until", in.Until, time.Time{})
	if err != nil {
		return err
	}
	if _, err := s.handle(desk.DutyIn{
		Person: in.Person, Team: in.Team, On: *in.On, Until: until, Reason: strings.TrimSpace(in.Reason), By: who.actor(), Idempotency: key,
	}); err != nil {
		return err
	}
	now, rules := time.Now(), s.o.Desk.Rules()
	party := rules.Party(in.Person + in.Team)
	var body unitAnswer
	place, err := s.view(func(state *desk.State) {
		units := rules.Units(state, now)
		if i := slices.IndexFunc(units, func(u desk.Unit) bool { return u.Party == party }); i >= 0 {
			body.Unit = s.unit(&units[i], now)
		}
	})
	if err != nil {
		return err
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}
