package wall

import (
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Drills: what was exercised when, and the exercise itself.

// drillAnswer is one target: what it is, what is known of it, what may be done.
type drillAnswer struct {
	Target string `json:"target"`
	Kind   string `json:"kind"` // pillar, rule, uplink
	Name   string `json:"name"`
	Device string `json:"device"`
	// Heard: its pillar, camera or uplink ever spoke. Stale: its newest drill
	// is older than drill_after.
	Heard bool `json:"heard"`
	Stale bool `json:"stale"`

	Drill   string       `json:"drill,omitempty"` // of the scheduled one
	At      string       `json:"at,omitempty"`
	EveryMS int64        `json:"every_ms,omitempty"`
	Next    bridge.Stamp `json:"next"`
	Reason  string       `json:"reason,omitempty"` // why it was put off

	Run      *desk.DrillRun `json:"run,omitempty"`
	Last     *desk.DrillRun `json:"last,omitempty"`
	PassedAt bridge.Stamp   `json:"passed_at"`
	Possible []string       `json:"possible"` // run
}

// drillCounts are the three questions, answered.
type drillCounts struct {
	All          int `json:"all"`
	NeverHeard   int `json:"never_heard"`
	NeverDrilled int `json:"never_drilled"`
	Stale        int `json:"stale"`
	Failed       int `json:"failed"` // whose newest drill did not pass
}

type drillsAnswer struct {
	AsOf      string        `json:"as_of"`
	AfterDays int           `json:"after_days"` // drill_after
	Counts    drillCounts   `json:"counts"`
	Items     []drillAnswer `json:"items"`
}

type drillRunAnswer struct {
	AsOf     string      `json:"as_of"`
	Drill    drillAnswer `json:"drill"`
	Incident string      `json:"incident,omitempty"`
}

// exercises reports whether the caller may see what the target is about.
func (s *Server) exercises(who caller, t desk.DrillTarget) bool {
	return t.Kind != "rule" || s.sees(who, t.Device)
}

func (s *Server) drillOf(who caller, state *desk.State, t desk.DrillTarget) drillAnswer {
	a := drillAnswer{Target: t.Target, Kind: t.Kind, Name: t.Name, Device: t.Device, Heard: state.Heard(t), Possible: []string{}}
	if d := state.Drilled(t.Target); d != nil {
		a.Drill, a.At, a.EveryMS, a.Next, a.Reason = d.Drill, d.At, d.EveryMS, d.Next, d.Reason
		a.Run, a.Last, a.PassedAt = d.Run, d.Last, d.PassedAt
	}
	after := s.o.Desk.Rules().DrillAfter()
	a.Stale = a.Last != nil && after > 0 && now().Sub(a.Last.EndedAt.Time) > after
	if a.Run == nil && slices.Contains([]access.Role{access.Lead, access.Admin}, who.role) {
		a.Possible = append(a.Possible, "run")
	}
	return a
}

func (s *Server) drills(c *fiber.Ctx, who caller) error {
	body := drillsAnswer{AfterDays: int(s.o.Desk.Rules().DrillAfter() / (24 * time.Hour)), Items: []drillAnswer{}}
	place, err := s.view(func(state *desk.State) {
		for _, t := range s.o.Desk.Rules().DrillTargets() {
			if s.exercises(who, t) {
				body.Items = append(body.Items, s.drillOf(who, state, t))
			}
		}
	})
	if err != nil {
		return err
	}
	n := &body.Counts
	n.All = len(body.Items)
	for i := range body.Items {
		one := &body.Items[i]
		n.NeverHeard += count(!one.Heard)
		n.NeverDrilled += count(one.Last == nil)
		n.Stale += count(one.Stale)
		n.Failed += count(one.Last != nil && one.Last.Result != desk.DrillPassed)
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// runDrill begins a drill. A rule's name is the second part of its target.
func (s *Server) runDrill(c *fiber.Ctx, who caller) error {
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	name := c.Params("target")
	if rule := c.Params("rule"); rule != "" {
		name += "/" + rule
	}
	target, known := s.o.Desk.Rules().DrillTarget(name)
	if !known {
		return missing("drill_target_unknown", "drill target", name)
	}
	if !s.exercises(who, target) {
		return cameraForbidden(target.Device)
	}
	result, err := s.handle(desk.DrillIn{Target: target.Target, By: who.actor(), Idempotency: key})
	if err != nil {
		return err
	}
	body := drillRunAnswer{Incident: result.Incident}
	place, err := s.view(func(state *desk.State) { body.Drill = s.drillOf(who, state, target) })
	if err != nil {
		return err
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusCreated, place, body)
}
