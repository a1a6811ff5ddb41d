package wall

import (
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// Video patrol: plans, rounds, and the cameras that somebody signs off.

// patrolAnswer is a plan with what the caller may do about its next round.
type patrolAnswer struct {
	*desk.Patrolled
	Open     bool     `json:"open"`     // a round that begins now counts for the time that is due
	Possible []string `json:"possible"` // begin, take_over; see, finish, give_up by whoever walks it
}

type patrolsAnswer struct {
	AsOf  string         `json:"as_of"`
	Items []patrolAnswer `json:"items"`
}

// roundAnswer is a round as it stands after what was done to it.
type roundAnswer struct {
	AsOf     string       `json:"as_of"`
	Round    *desk.Round  `json:"round"`
	Patrol   patrolAnswer `json:"patrol"`
	Incident string       `json:"incident,omitempty"` // that a finding opened or joined
}

type beginBody struct {
	Reason string `json:"reason"`
}

type roundBody struct {
	Camera  string       `json:"camera"`
	Seen    bool         `json:"seen"`
	Reason  string       `json:"reason"`
	Note    string       `json:"note"`
	Finding *findingBody `json:"finding"`
}

type findingBody struct {
	Kind     string `json:"kind"`
	Priority string `json:"priority"`
	Note     string `json:"note"`
}

// walks reports whether the caller may see every camera of the plan: nobody
// signs for what he cannot see.
func (s *Server) walks(who caller, p *desk.Patrolled) bool {
	return !slices.ContainsFunc(p.Cameras, func(id string) bool { return !s.sees(who, id) })
}

func (s *Server) patrolOf(who caller, p *desk.Patrolled) patrolAnswer {
	a := patrolAnswer{Patrolled: p, Open: p.Round == nil && p.RoundOpen(now()), Possible: []string{}}
	works := slices.Contains([]access.Role{access.Operator, access.Lead, access.Admin}, who.role)
	switch {
	case !works || !s.walks(who, p):
	case p.Round == nil:
		a.Possible = append(a.Possible, "begin")
	case p.Round.By == who.name:
		a.Possible = append(a.Possible, desk.RoundVerbs()...)
	case who.role != access.Operator:
		a.Possible = append(a.Possible, "take_over")
	}
	return a
}

func (s *Server) patrols(c *fiber.Ctx, who caller) error {
	body := patrolsAnswer{Items: []patrolAnswer{}}
	place, err := s.view(func(state *desk.State) {
		for _, p := range s.o.Desk.Rules().Patrols(state) {
			if s.walks(who, p) {
				body.Items = append(body.Items, s.patrolOf(who, p))
			}
		}
	})
	if err != nil {
		return err
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}

// beginRound gives the plan's round to the caller.
func (s *Server) beginRound(c *fiber.Ctx, who caller) error {
	in, key, err := asked[beginBody](c)
	if err != nil {
		return err
	}
	plan := c.Params("plan")
	if err := s.maySign(who, func(state *desk.State) *desk.Patrolled { return state.Patrol(plan) }); err != nil {
		return err
	}
	result, err := s.handle(desk.BeginRoundIn{Plan: plan, Reason: in.Reason, By: who.actor(), Idempotency: key})
	if err != nil {
		return err
	}
	return s.sendRound(c, who, http.StatusCreated, result)
}

// roundAct is one verb of whoever walks the round.
func (s *Server) roundAct(verb string) handler {
	return func(c *fiber.Ctx, who caller) error {
		in, key, err := asked[roundBody](c)
		if err != nil {
			return err
		}
		id := c.Params("id")
		if err := s.maySign(who, func(state *desk.State) *desk.Patrolled { return state.PatrolOf(id) }); err != nil {
			return err
		}
		act := desk.RoundIn{
			Round: id, Verb: verb, Camera: in.Camera, Seen: in.Seen, Reason: in.Reason, Note: in.Note, By: who.actor(), Idempotency: key,
		}
		if in.Finding != nil {
			act.Finding = &desk.Finding{Kind: in.Finding.Kind, Priority: in.Finding.Priority, Note: in.Finding.Note}
		}
		result, err := s.handle(act)
		if err != nil {
			return err
		}
		return s.sendRound(c, who, http.StatusOK, result)
	}
}

// maySign refuses who may not see every camera of the plan.
func (s *Server) maySign(who caller, of func(*desk.State) *desk.Patrolled) error {
	if who.scope.All() {
		return nil
	}
	var hidden string
	if _, err := s.view(func(state *desk.State) {
		if p := of(state); p != nil {
			i := slices.IndexFunc(p.Cameras, func(id string) bool { return !s.sees(who, id) })
			if i >= 0 {
				hidden = p.Cameras[i]
			}
		}
	}); err != nil {
		return err
	}
	if hidden != "" {
		return cameraForbidden(hidden)
	}
	return nil
}

func (s *Server) sendRound(c *fiber.Ctx, who caller, status int, result desk.Result) error {
	body := roundAnswer{Incident: result.Incident}
	place, err := s.view(func(state *desk.State) {
		for _, p := range s.o.Desk.Rules().Patrols(state) {
			rounds := p.Last
			if p.Round != nil {
				rounds = append([]*desk.Round{p.Round}, rounds...)
			}
			for _, r := range rounds {
				if r.ID == result.Round && body.Round == nil {
					body.Round, body.Patrol = r, s.patrolOf(who, p)
				}
			}
		}
	})
	if err != nil {
		return err
	}
	if body.Round == nil {
		return missing("round_unknown", "round", result.Round)
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, status, place, body)
}
