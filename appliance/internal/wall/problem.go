package wall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
)

const problemType = "application/problem+json"

// problem is an error answer (RFC 9457). Code is stable: the front end
// translates by it.
type problem struct {
	Type       string   `json:"type"`
	Code       string   `json:"code"`
	Title      string   `json:"title"`
	Status     int      `json:"status"`
	Detail     string   `json:"detail"`
	Field      string   `json:"field,omitempty"`
	Value      string   `json:"value,omitempty"`
	Remedy     string   `json:"remedy,omitempty"`
	RetryAfter int      `json:"retry_after_s,omitempty"`
	State      string   `json:"state,omitempty"`
	Possible   []string `json:"possible,omitempty"`
	By         string   `json:"by,omitempty"`

	Problems []SheetProblem `json:"problems,omitempty"` // table_invalid: all that is wrong
}

func (p *problem) Error() string { return p.Detail }

func fault(status int, code, remedy, format string, args ...any) *problem {
	return &problem{Type: "about:blank", Code: code, Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

// badField is a value that cannot be taken.
func badField(status int, code, field, value, remedy string) *problem {
	value = clip(value, 64)
	p := fault(status, code, remedy, "%s is %q; want %s", field, value, remedy)
	p.Field, p.Value = field, value
	return p
}

func missing(code, what, id string) *problem {
	p := fault(http.StatusNotFound, code, "look at the list of what there is", "there is no %s %q", what, clip(id, 64))
	p.Field, p.Value = what, clip(id, 64)
	return p
}

func later(p *problem, wait time.Duration) *problem {
	p.RetryAfter = max(1, int(math.Ceil(wait.Seconds())))
	return p
}

// clip cuts a text to n bytes or a little less: no letter in two.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// problemOf maps what the parts say to an answer.
func problemOf(err error) *problem {
	var known *problem
	if errors.As(err, &known) {
		return known
	}
	if p := deskProblem(err); p != nil {
		return p
	}
	var refusal *whep.Refusal
	if errors.As(err, &refusal) {
		p := fault(refusal.Status, refusal.Code, "", "%s", refusal.Detail)
		if refusal.RetryAfter > 0 {
			p = later(p, refusal.RetryAfter)
		}
		return p
	}
	if p := uplinkProblem(err); p != nil {
		return p
	}
	if p := accessProblem(err); p != nil {
		return p
	}
	var httpError *fiber.Error
	if errors.As(err, &httpError) {
		return httpProblem(httpError)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return later(fault(http.StatusServiceUnavailable, "journal_unavailable", "try again", "the box did not answer in time"), time.Second)
	}
	return fault(http.StatusInternalServerError, "internal", "look at the box's log", "%s", err.Error())
}

func deskProblem(err error) *problem {
	var (
		notFound  *desk.NotFoundError
		illegal   *desk.IllegalError
		conflict  *desk.ConflictError
		forbidden *desk.ForbiddenError
		invalid   *desk.InvalidError
	)
	switch {
	case errors.As(err, &notFound):
		return missing(notFound.What+"_unknown", notFound.What, notFound.ID)
	case errors.As(err, &illegal):
		p := fault(http.StatusConflict, "transition_illegal", "load it again and choose one of what is possible", "%s", err.Error())
		p.State, p.Possible = illegal.State, illegal.Possible
		return p
	case errors.As(err, &conflict):
		code := conflictCode(conflict.What)
		p := fault(http.StatusConflict, code, conflict.Remedy, "%s", err.Error())
		p.By = conflict.By
		return p
	case errors.As(err, &forbidden):
		return fault(http.StatusForbidden, "forbidden", "ask somebody who may", "%s", err.Error())
	case errors.As(err, &invalid):
		return badField(http.StatusUnprocessableEntity, "field_invalid", invalid.Field, invalid.Value, invalid.Remedy)
	case errors.Is(err, desk.ErrGone):
		return fault(http.StatusGone, "place_gone", "load /room and follow from its as_of", "%s", err.Error())
	}
	return approvalProblem(err)
}

// conflictCode names what somebody else was first with.
func conflictCode(what string) string {
	switch what {
	case "incident":
		return "claimed_by_other"
	case "round":
		return "round_taken"
	case "drill":
		return "drill_running"
	}
	return "conflict"
}

// accessProblem is what users and tokens say; nil when it is not about them.
func accessProblem(err error) *problem {
	var field *access.FieldError
	switch {
	case errors.As(err, &field):
		return badField(http.StatusUnprocessableEntity, "field_invalid", field.Field, field.Value, field.Want)
	case errors.Is(err, access.ErrUserExists):
		return fault(http.StatusConflict, "user_exists", "choose another name", "%s", err.Error())
	case errors.Is(err, access.ErrLastAdmin):
		return fault(http.StatusConflict, "last_admin", "make another administrator first", "%s", err.Error())
	case errors.Is(err, access.ErrUserUnknown):
		return fault(http.StatusNotFound, "user_unknown", "look at the list of what there is", "%s", err.Error())
	}
	return nil
}

// nowhere reports whether the API has no such path at all: the pages' own route
// answers every path, so the server would say that only the method is wrong.
func (s *Server) nowhere(path string) bool {
	return strings.HasPrefix(path, "/api/") && !slices.ContainsFunc(s.app.GetRoutes(true), func(r fiber.Route) bool {
		return r.Path != pagesPath && fiber.RoutePatternMatch(path, r.Path)
	})
}

func httpProblem(e *fiber.Error) *problem {
	switch e.Code {
	case http.StatusNotFound:
		return fault(e.Code, "not_found", "see /api/openapi.json", "there is no such route")
	case http.StatusMethodNotAllowed:
		return fault(e.Code, "method_not_allowed", "see /api/openapi.json", "the route has no such method")
	}
	return fault(e.Code, "bad_request", "see /api/openapi.json", "%s", e.Message)
}

// absent reports whether the parts say that something is not there.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, media.ErrNotFound)
}

// fail writes an error answer. What the server itself refuses (a body or a
// header that is too large) has passed no route before.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	s.dress(c)
	if errors.Is(err, fiber.ErrMethodNotAllowed) && s.nowhere(c.Path()) {
		c.Response().Header.Del(fiber.HeaderAllow)
		err = fiber.ErrNotFound
	}
	p := problemOf(err)
	if httpError := new(fiber.Error); errors.As(err, &httpError) && httpError.Code == http.StatusRequestEntityTooLarge {
		p = s.tooLarge(&c.Request().Header)
		linger(c.Context().Conn())
	}
	if p.Status >= http.StatusInternalServerError && p.Code == "internal" {
		s.o.Log.Error("request failed", "method", c.Method(), "path", c.Path(), "err", err)
	}
	if p.Status == http.StatusRequestHeaderFieldsTooLarge {
		linger(c.Context().Conn())
	}
	if p.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(p.RetryAfter))
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.Status(p.Status)
	c.Set(fiber.HeaderContentType, problemType)
	return c.Send(body)
}
