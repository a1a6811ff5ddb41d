package wall

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Partner is a configured partner and how its line stands.
type Partner struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Kind    string `json:"kind"` // none: it is called; webhook, mqtt
	Contact string `json:"contact,omitempty"`
	partner.Status
}

// partnerAnswer is a partner with what it has to do with us.
type partnerAnswer struct {
	Partner
	Waiting      int          `json:"waiting"`       // orders of which it has not got all
	WaitingSince bridge.Stamp `json:"waiting_since"` // of the oldest of these
	Open         int          `json:"open"`          // orders that it has to answer
	Overdue      int          `json:"overdue"`       // of these
	SetAside     int          `json:"set_aside"`     // of these: its line never took them
	Reported     int          `json:"reported"`      // done, waiting for the room's word
	RepliedAt    bridge.Stamp `json:"replied_at"`    // the newest reply that the room still holds
	Reply        string       `json:"reply,omitempty"`
	Orders       []*desk.Task `json:"orders"` // that have not ended, newest first
}

// routeClass and routeKind are the configuration's, for people and pages.
type routeClass struct {
	ID    string      `json:"id"`
	Name  string      `json:"name"`
	Kinds []routeKind `json:"kinds"`
}

type routeKind struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Reports  []string `json:"reports"`
	Partners []string `json:"partners"`
	LimitMS  int64    `json:"limit_ms"`
}

type routingAnswer struct {
	AsOf     string          `json:"as_of"`
	Partners []partnerAnswer `json:"partners"`
	Classes  []routeClass    `json:"classes"`
}

type routeBody struct {
	Kind  string `json:"kind"`
	Note  string `json:"note"`
	Close bool   `json:"close"`
}

type replyAnswer struct {
	AsOf      string         `json:"as_of"`
	Order     string         `json:"order"`
	State     desk.TaskState `json:"state"`
	Duplicate bool           `json:"duplicate"` // it was so already
}

// routing is who takes what, and how it goes with each.
func (s *Server) routing(c *fiber.Ctx, _ caller) error {
	body := routingAnswer{Partners: []partnerAnswer{}, Classes: s.routeClasses()}
	var lines []Partner
	if s.o.Partners != nil {
		lines = s.o.Partners()
	}
	place, err := s.view(func(state *desk.State) {
		orders := state.Orders()
		for _, line := range lines {
			body.Partners = append(body.Partners, aboutPartner(state, line, orders[line.ID]))
		}
	})
	if err != nil {
		return err
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}

func (s *Server) routeClasses() []routeClass {
	classes := []routeClass{}
	for _, class := range s.o.Desk.Rules().Classes() {
		one := routeClass{ID: class.ID, Name: class.Name, Kinds: []routeKind{}}
		for _, k := range class.Kinds {
			one.Kinds = append(one.Kinds, routeKind{
				ID: k.ID, Name: k.Name, Reports: full(k.Reports), Partners: full(k.Partners), LimitMS: k.Limit.Milliseconds(),
			})
		}
		classes = append(classes, one)
	}
	return classes
}

func aboutPartner(state *desk.State, line Partner, orders []*desk.Task) partnerAnswer {
	p := partnerAnswer{Partner: line, Orders: []*desk.Task{}}
	var oldest desk.OrderNews
	_, oldest, p.Waiting = state.News(line.ID)
	p.WaitingSince = oldest.At
	for _, task := range orders {
		if task.Order.RepliedAt.After(p.RepliedAt.Time) {
			p.RepliedAt, p.Reply = task.Order.RepliedAt, task.Order.Reply
		}
		switch task.State {
		case desk.Confirmed, desk.HandedBack, desk.Cancelled:
			continue
		case desk.Reported:
			p.Reported++
		default:
			p.Open++
			if !task.OverdueAt.IsZero() {
				p.Overdue++
			}
			if task.Order.SetAside != "" {
				p.SetAside++
			}
		}
		p.Orders = append(p.Orders, task)
	}
	return p
}

// routeIncident gives an incident to the partners of a kind.
func (s *Server) routeIncident(c *fiber.Ctx, who caller) error {
	var in routeBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	id := c.Params("id")
	if _, err := s.handle(desk.RouteIn{Incident: id, Kind: in.Kind, Note: in.Note, Close: in.Close, By: who.actor(), Idempotency: key}); err != nil {
		return err
	}
	return s.sendIncident(c, http.StatusOK, id)
}

// partnerReply takes what a partner says of its order: from itself, or from
// somebody of the room who heard it on the telephone. The guard holds a
// partner's token to that partner.
func (s *Server) partnerReply(c *fiber.Ctx, who caller) error {
	id := c.Params("id")
	if s.o.Desk.Rules().Party(id).Kind != "partner" {
		return missing("partner_unknown", "partner", id)
	}
	if err := saysJSON(c); err != nil {
		return err
	}
	reply, err := partner.ReadReply(c.Body())
	if err != nil {
		return err
	}
	in := reply.Input(id)
	if who.role != access.Partner { // a partner's pictures lie with the partner
		in.By = who.actor()
		if err := s.mayName(who, in.Pictures); err != nil {
			return err
		}
	}
	if in.Idempotency, err = idempotency(c); err != nil {
		return err
	}
	result, err := s.handle(in)
	if err != nil {
		return err
	}
	s.keepNamed(in.Pictures)
	body := replyAnswer{Order: reply.Order, Duplicate: result.Duplicate}
	place, err := s.view(func(state *desk.State) {
		if task := state.Task(reply.Order); task != nil {
			body.State = task.State
		}
	})
	if err != nil {
		return err
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}
