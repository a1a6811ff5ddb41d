package wall

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

const nameMaxBytes = 256 // 64 letters

type loginBody struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (s *Server) login(c *fiber.Ctx, _ caller) error {
	var in loginBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Name == "" || len(in.Name) > nameMaxBytes {
		return badField(http.StatusUnprocessableEntity, "field_invalid", "name", in.Name, "a user name")
	}
	if in.Password == "" {
		return badField(http.StatusUnprocessableEntity, "field_missing", "password", "", "a password")
	}
	remote := remoteOf(c)
	by := desk.Actor{Name: strings.ToValidUTF8(in.Name, "?")}
	if wait := s.limiter.Begin(in.Name, remote); wait > 0 {
		s.looks.refused(caller{name: by.Name}, remote, "login_limited "+by.Name)
		return later(fault(http.StatusTooManyRequests, "login_limited", "wait, then try again", "too many wrong passwords for this account or from this address"), wait)
	}
	user, err := s.o.Users.Verify(in.Name, in.Password)
	if err != nil {
		return s.refuseLogin(by, remote, err)
	}
	s.limiter.Succeeded(in.Name, remote)
	// A session that the browser brought is not taken over: fixation.
	token, made, err := s.o.Sessions.Create(user, remote)
	if err != nil {
		return err
	}
	if old, err := s.o.Sessions.Check(c.Cookies(cookieName), false); err == nil {
		if err := s.o.Sessions.End(old.ID); err != nil {
			return err
		}
	}
	by.Name, by.Role = user.Name, string(user.Role)
	s.o.Access(desk.AccessIn{Kind: "login", By: by, From: time.Now(), Remote: remote})
	absolute, _ := made.Expires()
	s.setCookie(c, token, absolute)
	return s.sessionAnswer(c, caller{name: made.User, role: made.Role, session: made})
}

func (s *Server) refuseLogin(by desk.Actor, remote string, err error) error {
	why := "password"
	switch {
	case errors.Is(err, access.ErrUserUnknown):
		why = "unknown user"
	case errors.Is(err, access.ErrUserDisabled):
		why = "disabled user"
	case !errors.Is(err, access.ErrPassword):
		return err
	}
	s.m.refused.WithLabelValues("login_refused").Inc()
	s.o.Access(desk.AccessIn{Kind: "refused", By: by, From: time.Now(), Remote: remote, Why: why})
	return fault(http.StatusUnauthorized, "login_refused", "check name and password, or ask the administrator", "name and password do not fit")
}

func (s *Server) whoami(c *fiber.Ctx, who caller) error { return s.sessionAnswer(c, who) }

func (s *Server) sessionAnswer(c *fiber.Ctx, who caller) error {
	place := s.o.Journal.Last()
	body := sessionAnswer{AsOf: s.asOf(place), Name: who.name, Role: who.role, Anonymous: who.anonymous}
	if !who.anonymous {
		absolute, idle := who.session.Expires()
		body.Expires, body.Idle = bridge.At(absolute), bridge.At(idle)
	}
	return s.answer(c, http.StatusOK, place, body)
}

func (s *Server) logout(c *fiber.Ctx, who caller) error {
	if err := s.o.Sessions.End(who.session.ID); err != nil {
		return err
	}
	s.setCookie(c, "", time.Unix(1, 0))
	return c.SendStatus(http.StatusNoContent)
}

func (s *Server) setCookie(c *fiber.Ctx, token string, expires time.Time) {
	c.Cookie(&fiber.Cookie{
		Name: cookieName, Value: token, Path: "/", Expires: expires, HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode,
		// A proxy in front that speaks TLS says so.
		Secure: c.Secure() || c.Get(fiber.HeaderXForwardedProto) == "https",
	})
}

// readJSON reads a body. Unknown fields are ignored (contracts.md).
func readJSON(c *fiber.Ctx, into any) error {
	kind, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || kind != fiber.MIMEApplicationJSON {
		return badField(http.StatusUnsupportedMediaType, "header_invalid", "Content-Type", c.Get(fiber.HeaderContentType), "application/json")
	}
	err = json.Unmarshal(c.Body(), into)
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return badField(http.StatusUnprocessableEntity, "field_invalid", wrongType.Field, wrongType.Value, "a "+wrongType.Type.String())
	}
	if err != nil {
		return fault(http.StatusBadRequest, "body_invalid", "send a JSON object", "the body is no JSON: %v", err)
	}
	return nil
}
