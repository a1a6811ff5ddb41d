package wall

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Shift handover: one page of how the room stands, signed by who leaves and by
// who comes.

// formerMax bounds how many former handovers are looked up in the journal for
// one page of the list.
const formerMax = 100

type handoverNow struct {
	AsOf    string             `json:"as_of"`
	Now     desk.HandoverPage  `json:"now"`     // what would be signed
	Open    *desk.Handover     `json:"open"`    // waits for whoever comes; null: none does
	Claimed int                `json:"claimed"` // open incidents that the caller has
	Last    *desk.HandoverDone `json:"last"`    // null: there was none
}

type handoverBody struct {
	Note       string `json:"note"`
	PassClaims bool   `json:"pass_claims"`
}

type takeBody struct {
	SHA256 string `json:"sha256"`
}

type handoverOpen struct {
	AsOf     string         `json:"as_of"`
	Handover *desk.Handover `json:"handover"`
}

type handoverPaper struct {
	AsOf     string               `json:"as_of"`
	Handover desk.ShiftHandedOver `json:"handover"`
	Event    string               `json:"event"` // id in the journal
	Sequence string               `json:"sequence"`
	Hash     string               `json:"hash"` // of the event, in the chain of lane notice
}

// wholeRoom refuses who may not see all of it: nobody signs for what he cannot
// see, and a page with holes would be another page.
func wholeRoom(who caller) error {
	if who.scope.All() {
		return nil
	}
	return fault(http.StatusForbidden, "handover_limited", "ask somebody who sees all cameras", "a handover is about the whole room, and %s sees a part of it", who.name)
}

func (s *Server) handoverUplinks() []desk.HandoverUplink {
	lines := []desk.HandoverUplink{}
	for _, u := range s.o.Devices.Uplinks() {
		lines = append(lines, desk.HandoverUplink{
			Name: u.Name, Connected: u.Connected, Since: u.Since, Oldest: u.Oldest,
			Alarm: u.Lag[bridge.Alarm], Notice: u.Lag[bridge.Notice], Clip: u.Lag[bridge.Clip],
		})
	}
	return lines
}

func (s *Server) handover(c *fiber.Ctx, who caller) error {
	if err := wholeRoom(who); err != nil {
		return err
	}
	body, uplinks := handoverNow{}, s.handoverUplinks()
	place, err := s.view(func(state *desk.State) {
		body.Now, body.Open = s.o.Desk.Rules().HandoverPage(state, now(), uplinks), state.Handover()
		for _, inc := range state.OpenIncidents() {
			if inc.ClaimedBy == who.name {
				body.Claimed++
			}
		}
		if former := state.Handovers(); len(former) > 0 {
			body.Last = &former[len(former)-1]
		}
	})
	if err != nil {
		return err
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusOK, place, body)
}

// handOver is the signature of who leaves.
func (s *Server) handOver(c *fiber.Ctx, who caller) error {
	if err := wholeRoom(who); err != nil {
		return err
	}
	var in handoverBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	result, err := s.handle(desk.HandoverIn{Note: in.Note, PassClaims: in.PassClaims, Uplinks: s.handoverUplinks(), By: who.actor(), Idempotency: key})
	if err != nil {
		return err
	}
	body := handoverOpen{}
	place, err := s.view(func(state *desk.State) { body.Handover = state.Handover() })
	if err != nil {
		return err
	}
	if body.Handover == nil || body.Handover.ID != result.Handover { // a repeat, and it was taken or replaced since
		return missing("handover_unknown", "handover", result.Handover)
	}
	body.AsOf = s.asOf(place)
	return s.answer(c, http.StatusCreated, place, body)
}

// takeOver is the signature of who comes: in his own login, or with name and
// password at the desk of who leaves.
func (s *Server) takeOver(c *fiber.Ctx, who caller) error {
	var in takeBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	who, err := s.present(c, who)
	if err != nil {
		return err
	}
	if err := wholeRoom(who); err != nil {
		return err
	}
	if in.SHA256 == "" {
		return badField(http.StatusUnprocessableEntity, "field_missing", "sha256", "", "of the page that was read")
	}
	result, err := s.handle(desk.TakeOverIn{Handover: c.Params("id"), SHA256: in.SHA256, By: who.actor()})
	if err != nil {
		return err
	}
	return s.handedOver(c, result.Handover)
}

type withdrawBody struct {
	Reason string `json:"reason"`
}

// withdrawHandover takes an offer back that nobody has taken.
func (s *Server) withdrawHandover(c *fiber.Ctx, who caller) error {
	if err := wholeRoom(who); err != nil {
		return err
	}
	in, key, err := asked[withdrawBody](c)
	if err != nil {
		return err
	}
	result, err := s.handle(desk.WithdrawHandoverIn{
		Handover: c.Params("id"), Reason: strings.TrimSpace(in.Reason), By: who.actor(), Idempotency: key,
	})
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, result.Place, doneAnswer{AsOf: s.asOf(result.Place)})
}

// formerHandovers lists those that both signed, newest first: the newest from
// the state, older ones from the journal, each of which names the one before.
func (s *Server) formerHandovers(c *fiber.Ctx, who caller) error {
	if err := wholeRoom(who); err != nil {
		return err
	}
	limit, err := pageLimit(c)
	if err != nil {
		return err
	}
	limit = min(limit, formerMax)
	next := c.Query("cursor")
	var recent []desk.HandoverDone
	place, err := s.view(func(state *desk.State) { recent = state.Handovers() })
	if err != nil {
		return err
	}
	if next == "" && len(recent) > 0 {
		next = recent[len(recent)-1].ID
	}
	body := pageAnswer[desk.HandoverDone]{AsOf: s.asOf(place), Items: []desk.HandoverDone{}}
	for next != "" && len(body.Items) < limit {
		i := slices.IndexFunc(recent, func(d desk.HandoverDone) bool { return d.ID == next })
		if i >= 0 {
			body.Items, next = append(body.Items, recent[i]), recent[i].Previous
			continue
		}
		data, _, err := s.paper(next)
		if err != nil {
			return err
		}
		if data == nil { // retired: what is older is not kept either
			next = ""
			break
		}
		body.Items, next = append(body.Items, data.HandoverDone), data.Previous
	}
	body.Cursor = next
	return s.answer(c, http.StatusOK, place, body)
}

// paper is what both signed, from the journal; nil when it is not kept.
func (s *Server) paper(id string) (*desk.ShiftHandedOver, *bridge.Event, error) {
	rec, found, err := s.o.Journal.Find(desk.HandoverKey(id))
	if err != nil {
		return nil, nil, fmt.Errorf("find handover %s: %w", id, err)
	}
	if !found || rec.Event.Type != desk.TypeShiftHandedOver || len(rec.Event.Data) == 0 {
		return nil, nil, nil
	}
	var data desk.ShiftHandedOver
	if err := json.Unmarshal(rec.Event.Data, &data); err != nil {
		return nil, nil, fmt.Errorf("read handover %s: %w", id, err)
	}
	return &data, &rec.Event, nil
}

func (s *Server) formerHandover(c *fiber.Ctx, who caller) error {
	if err := wholeRoom(who); err != nil {
		return err
	}
	return s.handedOver(c, c.Params("id"))
}

func (s *Server) handedOver(c *fiber.Ctx, id string) error {
	place := s.o.Journal.Last()
	data, event, err := s.paper(id)
	if err != nil {
		return err
	}
	if data == nil {
		return missing("handover_unknown", "handover", id)
	}
	return s.answer(c, http.StatusOK, place, handoverPaper{
		AsOf: s.asOf(place), Handover: *data, Event: event.ID, Sequence: event.Sequence, Hash: event.Hash(),
	})
}
