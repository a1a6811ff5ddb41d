package wall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// Act is something that one lead asks for and another one approves.
type Act struct {
	// Check refuses a subject that is none, before anybody is asked.
	Check func(ctx context.Context, subject string) error
	// Do does it, once, as soon as it is approved. nil: the approval is a
	// grant, which who asked takes with one request (Server.granted).
	Do func(ctx context.Context, a desk.Approval) error
}

// Names of the acts.
const (
	ActUnmask      = "unmask"       // a grant; subject clips/{id}/{part}, or incidents/{id}: its evidence with all originals
	ActReleaseHold = "release_hold" // subject: the hold's
	ActErase       = "erase"        // subject {lane}/{sequence}: the data of one event, as law demands
)

type approvalBody struct {
	Act     string `json:"act"`
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
}

type approvalResult struct {
	AsOf     string        `json:"as_of"`
	Approval desk.Approval `json:"approval"`
}

// approvalList are those that wait or are granted; with ended=true also what
// became of the others lately.
func (s *Server) approvalList(c *fiber.Ctx, _ caller) error {
	ended := c.Query("ended") == "true"
	var items []desk.Approval
	place, err := s.view(func(state *desk.State) {
		for _, a := range state.Approvals() {
			if ended || a.State == desk.ApprovalWaits || a.State == desk.ApprovalGranted {
				items = append(items, a)
			}
		}
	})
	if err != nil {
		return err
	}
	return sendPage(s, c, place, items, func(a desk.Approval) string { return a.ID })
}

// decideOnce is decide under the call's own key, if it has one.
func (s *Server) decideOnce(c *fiber.Ctx, who caller, in desk.ApprovalIn) (result desk.Result, err error) {
	if in.Idempotency, err = idempotency(c); err != nil {
		return desk.Result{}, err
	}
	return s.decide(who, in)
}

// decide gives one person's word to the desk.
func (s *Server) decide(who caller, in desk.ApprovalIn) (desk.Result, error) {
	in.By, in.Remote = who.actor(), who.remote
	return s.handle(in)
}

// requestApproval is the first person's word.
func (s *Server) requestApproval(c *fiber.Ctx, who caller) error {
	var in approvalBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	in.Reason = strings.TrimSpace(in.Reason)
	act, known := s.o.Acts[in.Act]
	switch {
	case !known:
		return badField(http.StatusUnprocessableEntity, "field_invalid", "act", in.Act, "one of "+strings.Join(slices.Sorted(maps.Keys(s.o.Acts)), ", "))
	case in.Reason == "" || len(in.Reason) > reasonMaxBytes:
		return badField(http.StatusUnprocessableEntity, "field_invalid", "reason", in.Reason, "why, in at most 300 bytes")
	case in.Subject == "" || len(in.Subject) > nameMaxBytes:
		return badField(http.StatusUnprocessableEntity, "field_invalid", "subject", in.Subject, "what it is about")
	}
	key, err := idempotency(c)
	if err != nil {
		return err
	}
	asked := desk.ApprovalIn{Verb: desk.ApprovalRequest, Act: in.Act, Subject: in.Subject, Reason: in.Reason, By: who.actor(), Idempotency: key}
	_, before, err := s.before(asked)
	if err != nil {
		return err
	}
	if !before { // else the desk answers as it did then, whatever became of the subject
		ctx, cancel := s.within()
		defer cancel()
		if err := act.Check(ctx, in.Subject); err != nil {
			return badSubject(in.Subject, err)
		}
		if err := s.mayDecide(who, in.Act, in.Subject); err != nil {
			return err
		}
	}
	result, err := s.decide(who, asked)
	if err != nil {
		return err
	}
	return s.approvalAnswer(c, http.StatusCreated, result.Place, result.Approval)
}

func (s *Server) approvalAnswer(c *fiber.Ctx, status int, place uint64, a *desk.Approval) error {
	return s.answer(c, status, place, approvalResult{AsOf: s.asOf(place), Approval: *a})
}

// approve is the second person's word: what was asked is done now, once. He
// may say it with name and password at the desk of who asked.
func (s *Server) approve(c *fiber.Ctx, who caller) error {
	who, err := s.present(c, who)
	if err != nil {
		return err
	}
	id := c.Params("id")
	if err := s.lapse(id, who); err != nil {
		return err
	}
	a, _, err := s.waiting(id)
	if err != nil {
		return err
	}
	if err := s.mayDecide(who, a.Act, a.Subject); err != nil {
		return err
	}
	do := s.o.Acts[a.Act].Do // nil: a grant
	result, err := s.decideOnce(c, who, desk.ApprovalIn{Verb: desk.ApprovalApprove, Approval: id, Grant: do == nil})
	if err != nil {
		return err // and what was asked is neither done nor can it be taken
	}
	done, place := result.Approval, result.Place
	switch {
	case result.Duplicate && done.State == desk.ApprovalFailed:
		return desk.ErrApproval // as it said the first time, it could not be done
	case do != nil && !result.Duplicate:
		ctx, cancel := s.within()
		defer cancel()
		if err := do(ctx, *done); err != nil {
			_, recorded := s.decide(who, desk.ApprovalIn{Verb: desk.ApprovalWithdraw, Approval: id, Failed: err.Error()})
			return errors.Join(fmt.Errorf("%s %s: %w", a.Act, a.Subject, err), recorded)
		}
		place = s.o.Journal.Last()
	}
	return s.approvalAnswer(c, http.StatusOK, place, done)
}

// waiting is a request that nobody has decided about yet.
func (s *Server) waiting(id string) (a desk.Approval, waits bool, err error) {
	_, err = s.view(func(state *desk.State) {
		for _, one := range state.Approvals() {
			if one.ID == id && one.State == desk.ApprovalWaits {
				a, waits = one, true
			}
		}
	})
	return a, waits, err
}

// lapse ends a request whose maker may not ask any more: nothing is done in the
// name of somebody who was let go since.
func (s *Server) lapse(id string, who caller) error {
	a, waits, err := s.waiting(id)
	if err != nil || !waits {
		return err // the desk says that none waits
	}
	maker, err := s.o.Users.Get(a.By)
	rule, _ := s.table.Rule(fiber.MethodPost, apiV1+"/approvals")
	switch {
	case err == nil && !maker.Disabled && rule.Allows(maker.Role):
		return nil
	case err != nil && !errors.Is(err, access.ErrUserUnknown):
		return err
	}
	_, err = s.decide(who, desk.ApprovalIn{Verb: desk.ApprovalWithdraw, Approval: id, Failed: a.By + " may not ask any more"})
	return errors.Join(desk.ErrApproval, err)
}

// withdraw ends a request: who asked takes it back, or another lead refuses.
func (s *Server) withdraw(c *fiber.Ctx, who caller) error {
	result, err := s.decideOnce(c, who, desk.ApprovalIn{Verb: desk.ApprovalWithdraw, Approval: c.Params("id")})
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, result.Place, doneAnswer{AsOf: s.asOf(result.Place)})
}

// granted takes the grant that a request names (?approval=ID), once, for what
// the request is about: told in lane local before anything of it leaves.
func (s *Server) granted(c *fiber.Ctx, who caller, subject, camera string) (desk.Result, error) {
	if who.session.Locked { // a locked desk may show what a screen may, and no more
		return desk.Result{}, fault(http.StatusLocked, "session_locked", "unlock it with your password", "the desk of %s is locked", who.name)
	}
	return s.decide(who, desk.ApprovalIn{Verb: desk.ApprovalTake, Approval: c.Query("approval"), Act: ActUnmask, Subject: subject, Camera: camera})
}

// mayDecide refuses who may not see what would be unmasked: neither asks nor
// approves anybody whose own eyes it is kept from.
func (s *Server) mayDecide(who caller, act, subject string) error {
	if act != ActUnmask || who.scope.All() {
		return nil
	}
	var cameras []string
	if _, err := s.view(func(state *desk.State) {
		if id, is := strings.CutPrefix(subject, "incidents/"); is {
			cameras = camerasOf(state, id)
			return
		}
		id, part, _ := strings.Cut(strings.TrimPrefix(subject, "clips/"), "/")
		if clip := state.Clip(id, part); clip != nil {
			cameras = append(cameras, clip.Camera)
		}
	}); err != nil {
		return err
	}
	for _, camera := range cameras {
		if !s.sees(who, camera) {
			return cameraForbidden(camera)
		}
	}
	return nil
}

// camerasOf are those whose pictures belong to an incident.
func camerasOf(state *desk.State, id string) []string {
	var cameras []string
	if incident := state.Incident(id); incident != nil {
		cameras = slices.Clone(incident.Cameras)
	}
	for _, clip := range state.ClipsOf(id) {
		if !slices.Contains(cameras, clip.Camera) {
			cameras = append(cameras, clip.Camera)
		}
	}
	return cameras
}

// badSubject says why a subject is none; what is the box's own trouble stays so.
func badSubject(subject string, err error) error {
	var invalid *desk.InvalidError
	var unknown *desk.NotFoundError
	if errors.As(err, &invalid) || errors.As(err, &unknown) {
		return badField(http.StatusUnprocessableEntity, "field_invalid", "subject", subject, err.Error())
	}
	return err
}

// approvalProblem is what approvals say; nil when it is not about one.
func approvalProblem(err error) *problem {
	switch {
	case errors.Is(err, desk.ErrApproval):
		return fault(http.StatusNotFound, "approval_unknown", "ask again", "%s", desk.ErrApproval.Error())
	case errors.Is(err, desk.ErrSamePerson):
		return fault(http.StatusForbidden, "second_person", "ask somebody else", "%s", desk.ErrSamePerson.Error())
	case errors.Is(err, desk.ErrApprovalsMax):
		return fault(http.StatusServiceUnavailable, "approvals_exhausted", "decide about those that wait", "%s", desk.ErrApprovalsMax.Error())
	}
	return nil
}

// unmaskAct grants one look at the original of a clip that was masked, or one
// bundle of an incident with all of them.
func (s *Server) unmaskAct() Act {
	return Act{Check: func(_ context.Context, subject string) error {
		path, whole := strings.CutPrefix(subject, "clips/")
		if !whole {
			return s.unmaskable(subject)
		}
		var known *desk.Clip
		id, part, _ := strings.Cut(path, "/")
		if _, err := s.view(func(state *desk.State) { known = state.Clip(id, part) }); err != nil {
			return err
		}
		switch {
		case known == nil:
			return &desk.NotFoundError{What: "clip", ID: subject}
		case !known.Masked:
			return &desk.InvalidError{Field: "subject", Value: subject, Remedy: "a clip that was masked: of this one you see all"}
		}
		return nil
	}}
}

// unmaskable wants incidents/{id} with a masked clip.
func (s *Server) unmaskable(subject string) error {
	id, is := strings.CutPrefix(subject, "incidents/")
	if !is { // it would be approved and could never be taken
		return &desk.InvalidError{Field: "subject", Value: subject, Remedy: "clips/{id}/{part}, or incidents/{id}"}
	}
	var known *desk.Incident
	masked := false
	_, err := s.view(func(state *desk.State) {
		known = state.Incident(id)
		masked = slices.ContainsFunc(state.ClipsOf(id), func(c *desk.Clip) bool { return c.Masked && c.Original != "" })
	})
	switch {
	case err != nil:
		return err
	case known == nil:
		return &desk.NotFoundError{What: "incident", ID: subject}
	case !masked:
		return &desk.InvalidError{Field: "subject", Value: subject, Remedy: "an incident with a clip that was masked: of this one you see all"}
	}
	return nil
}
