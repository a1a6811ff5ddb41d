package wall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Act is something that one lead asks for and another one approves.
type Act struct {
	// Check refuses a subject that is none, before anybody is asked.
	Check func(ctx context.Context, subject string) error
	// Do does it, once, as soon as it is approved. nil: the approval is a
	// grant, which who asked takes with one request (Server.granted).
	Do func(ctx context.Context, a access.Approval) error
}

// Names of the acts.
const (
	ActUnmask      = "unmask"       // a grant; subject clips/{id}/{part}
	ActReleaseHold = "release_hold" // subject: the hold's
	ActErase       = "erase"        // subject {lane}/{sequence}: the data of one event, as law demands
)

type approvalBody struct {
	Act     string `json:"act"`
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
}

type approvalAnswer struct {
	ID      string       `json:"id"`
	Act     string       `json:"act"`
	Subject string       `json:"subject"`
	Reason  string       `json:"reason"`
	By      string       `json:"by"`
	Second  string       `json:"second"` // empty while it waits
	At      bridge.Stamp `json:"at"`
	Expires bridge.Stamp `json:"expires_at"`
}

type approvalResult struct {
	AsOf     string         `json:"as_of"`
	Approval approvalAnswer `json:"approval"`
}

func toApproval(a access.Approval) approvalAnswer {
	return approvalAnswer{
		ID: a.ID, Act: a.Act, Subject: a.Subject, Reason: a.Reason, By: a.By, Second: a.Second, At: bridge.At(a.At), Expires: bridge.At(a.Expires),
	}
}

// about is how an approval reads in lane local.
func about(a access.Approval) string {
	text := a.Act + " " + a.Subject + ": " + a.Reason + " (" + a.ID + ")"
	if a.Second != "" {
		text = "asked by " + a.By + ", approved by " + a.Second + ": " + text
	}
	return text
}

func (s *Server) approvalList(c *fiber.Ctx, _ caller) error {
	list := s.approvals.List()
	items := make([]approvalAnswer, len(list))
	for i, a := range list {
		items[i] = toApproval(a)
	}
	return sendPage(s, c, s.o.Journal.Last(), items, func(a approvalAnswer) string { return a.ID })
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
	ctx, cancel := s.within()
	defer cancel()
	if err := act.Check(ctx, in.Subject); err != nil {
		return badSubject(in.Subject, err)
	}
	a, made, err := s.approvals.Request(in.Act, in.Subject, in.Reason, who.name)
	if err != nil {
		return err
	}
	place := s.o.Journal.Last()
	if made {
		place, err = s.record(desk.AccessIn{Kind: "requested", By: who.actor(), From: time.Now(), Remote: who.remote, Why: about(a)})
		if err != nil {
			_, withdrawn := s.approvals.Withdraw(a.ID)
			return errors.Join(err, withdrawn)
		}
	}
	return s.answer(c, http.StatusCreated, place, approvalResult{AsOf: s.asOf(place), Approval: toApproval(a)})
}

// approve is the second person's word: what was asked is done now, once.
func (s *Server) approve(c *fiber.Ctx, who caller) error {
	if err := s.lapse(c.Params("id"), who); err != nil {
		return err
	}
	a, err := s.approvals.Approve(c.Params("id"), who.name)
	if err != nil {
		return err
	}
	place, err := s.record(desk.AccessIn{Kind: "approved", By: who.actor(), From: time.Now(), Remote: who.remote, Why: about(a)})
	if err != nil {
		return err // and what was asked is neither done nor can it be taken
	}
	if do := s.o.Acts[a.Act].Do; do != nil {
		if _, err := s.approvals.Take(a.ID, a.Act, a.Subject, a.By); err != nil {
			return err
		}
		ctx, cancel := s.within()
		defer cancel()
		if err := do(ctx, a); err != nil {
			_, recorded := s.record(desk.AccessIn{Kind: "withdrawn", By: who.actor(), From: time.Now(), Remote: who.remote, Why: clip("could not be done: "+err.Error(), 200) + ": " + about(a)})
			return errors.Join(fmt.Errorf("%s %s: %w", a.Act, a.Subject, err), recorded)
		}
		place = s.o.Journal.Last()
	}
	return s.answer(c, http.StatusOK, place, approvalResult{AsOf: s.asOf(place), Approval: toApproval(a)})
}

// lapse ends a request whose maker may not ask any more: nothing is done in the
// name of somebody who was let go since.
func (s *Server) lapse(id string, who caller) error {
	all := s.approvals.List()
	at := slices.IndexFunc(all, func(a access.Approval) bool { return a.ID == id && a.Second == "" })
	if at < 0 {
		return nil // Approve says so
	}
	maker, err := s.o.Users.Get(all[at].By)
	rule, _ := s.table.Rule(fiber.MethodPost, "/api/v1/approvals")
	switch {
	case err == nil && !maker.Disabled && rule.Allows(maker.Role):
		return nil
	case err != nil && !errors.Is(err, access.ErrUserUnknown):
		return err
	}
	a, err := s.approvals.Withdraw(id)
	if err != nil {
		return err
	}
	_, err = s.record(desk.AccessIn{Kind: "withdrawn", By: who.actor(), From: time.Now(), Remote: who.remote, Why: "could not be done: " + a.By + " may not ask any more: " + about(a)})
	return errors.Join(access.ErrApproval, err)
}

// withdraw ends a request: who asked takes it back, or another lead refuses.
func (s *Server) withdraw(c *fiber.Ctx, who caller) error {
	a, err := s.approvals.Withdraw(c.Params("id"))
	if err != nil {
		return err
	}
	place, err := s.record(desk.AccessIn{Kind: "withdrawn", By: who.actor(), From: time.Now(), Remote: who.remote, Why: about(a)})
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, place, doneAnswer{AsOf: s.asOf(place)})
}

// granted takes the grant that a request names (?approval=ID), once, for what
// the request is about. kind is how it is told in lane local, before anything
// of it leaves.
func (s *Server) granted(c *fiber.Ctx, who caller, act, subject, kind, camera string) error {
	if who.session.Locked { // a locked desk may show what a screen may, and no more
		return fault(http.StatusLocked, "session_locked", "unlock it with your password", "the desk of %s is locked", who.name)
	}
	a, err := s.approvals.Take(c.Query("approval"), act, subject, who.name)
	if err != nil {
		return err
	}
	_, err = s.record(desk.AccessIn{Kind: kind, By: who.actor(), Camera: camera, From: time.Now(), Remote: who.remote, Why: about(a)})
	return err
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
	case errors.Is(err, access.ErrApproval):
		return fault(http.StatusNotFound, "approval_unknown", "ask again", "%s", access.ErrApproval.Error())
	case errors.Is(err, access.ErrSamePerson):
		return fault(http.StatusForbidden, "second_person", "ask another lead", "%s", access.ErrSamePerson.Error())
	case errors.Is(err, access.ErrApprovalsMax):
		return fault(http.StatusServiceUnavailable, "approvals_exhausted", "decide about those that wait", "%s", access.ErrApprovalsMax.Error())
	}
	return nil
}

// unmaskAct grants one look at the original of a clip that was masked.
func (s *Server) unmaskAct() Act {
	return Act{Check: func(_ context.Context, subject string) error {
		var known *desk.Clip
		path, whole := strings.CutPrefix(subject, "clips/")
		if !whole { // it would be approved and could never be taken
			return &desk.InvalidError{Field: "subject", Value: subject, Remedy: "clips/{id}/{part}"}
		}
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
