package wall

import (
	"cmp"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

const nameMaxBytes = 256 // 64 letters

// loginBody has a name and a password, or the token of a screen.
type loginBody struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Token    string `json:"token"`
}

func (s *Server) login(c *fiber.Ctx, who caller) error {
	var in loginBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.Token != "" {
		return s.exchange(c, who, in.Token)
	}
	if in.Name == "" || len(in.Name) > nameMaxBytes {
		return badField(http.StatusUnprocessableEntity, "field_invalid", "name", in.Name, "a user name")
	}
	if in.Password == "" {
		return badField(http.StatusUnprocessableEntity, "field_missing", "password", "", "a password")
	}
	user, err := s.verify(in.Name, in.Password, who.remote)
	if err != nil {
		return err
	}
	token, made, err := s.o.Sessions.Create(user, who.remote)
	if err != nil {
		return err
	}
	return s.begin(c, token, made)
}

// exchange gives a screen a cookie for its token: the cookie ends with the
// token, and scripts cannot read it.
func (s *Server) exchange(c *fiber.Ctx, who caller, secret string) error {
	token, err := s.o.Tokens.Check(secret)
	if errors.Is(err, access.ErrToken) || err == nil && token.Machine() {
		s.looks.refused(who, who.remote, "token_refused")
		return fault(http.StatusUnauthorized, "token_refused", "ask the administrator for another token", "the token is unknown, expired, revoked, or no screen's")
	}
	if err != nil {
		return err
	}
	cookie, made, err := s.o.Sessions.Exchange(token, who.remote)
	if err != nil {
		return err
	}
	return s.begin(c, cookie, made)
}

// begin answers a login. A session that the browser brought is not taken over:
// fixation; it ends.
func (s *Server) begin(c *fiber.Ctx, token string, made access.Session) error {
	if old, err := s.o.Sessions.Check(c.Cookies(cookieName), false); err == nil {
		if err := s.o.Sessions.End(old.ID); err != nil {
			return err
		}
	}
	who := caller{name: made.User, role: made.Role, session: made, scope: made.Scope, remote: made.Remote}
	s.o.Access(desk.AccessIn{Kind: "login", By: who.actor(), From: time.Now(), Remote: made.Remote})
	absolute, _ := made.Expires()
	s.setCookie(c, token, absolute)
	return s.sessionAnswer(c, who)
}

// verify checks a password, within the limits on guessing.
func (s *Server) verify(name, password, remote string) (access.User, error) {
	by := desk.Actor{Name: strings.ToValidUTF8(name, "?")}
	if wait := s.limiter.Begin(name, remote); wait > 0 {
		s.looks.refused(caller{name: by.Name}, remote, "login_limited "+by.Name)
		return access.User{}, later(fault(http.StatusTooManyRequests, "login_limited", "wait, then try again", "too many wrong passwords for this account or from this address"), wait)
	}
	user, err := s.o.Users.Verify(name, password)
	if err != nil {
		return access.User{}, s.refuseLogin(by, remote, err)
	}
	s.limiter.Succeeded(name, remote)
	return user, nil
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
	body := sessionAnswer{
		AsOf: s.asOf(place), Name: who.name, Role: who.role, Anonymous: who.anonymous, Locked: who.session.Locked,
		Limited: !who.scope.All(), Desk: who.role.Desk(), IdleLock: int(s.o.IdleLock.Seconds()),
	}
	if who.session.ID != "" {
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

// lock locks the desk; nothing of it is lost.
func (s *Server) lock(c *fiber.Ctx, who caller) error { return s.setLock(c, who, true) }

// unlock takes the password of who is logged in: it is a login's limit that
// holds.
func (s *Server) unlock(c *fiber.Ctx, who caller) error {
	var in loginBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if _, err := s.verify(who.name, in.Password, who.remote); err != nil {
		return err
	}
	return s.setLock(c, who, false)
}

func (s *Server) setLock(c *fiber.Ctx, who caller, locked bool) error {
	if who.session.ID == "" || who.session.Token != "" {
		return fault(http.StatusConflict, "no_desk", "log in with a password", "%s has no desk that could be locked", who.name)
	}
	if err := s.o.Sessions.Lock(who.session.ID, locked); err != nil {
		return err
	}
	who.session.Locked = locked
	return s.sessionAnswer(c, who)
}

// saysJSON refuses a body of another kind, which a form of another site could
// send.
func saysJSON(c *fiber.Ctx) error {
	kind, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || kind != fiber.MIMEApplicationJSON {
		return badField(http.StatusUnsupportedMediaType, "header_invalid", "Content-Type", c.Get(fiber.HeaderContentType), "application/json")
	}
	return nil
}

// inJSON names what a field of that type is in JSON: who asks knows no Go.
func inJSON(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return inJSON(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a whole number"
}

// readJSON reads a body. Unknown fields are ignored (contracts.md).
func readJSON(c *fiber.Ctx, into any) error {
	if err := saysJSON(c); err != nil {
		return err
	}
	err := json.Unmarshal(c.Body(), into)
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return badField(http.StatusUnprocessableEntity, "field_invalid", cmp.Or(wrongType.Field, "body"), wrongType.Value, inJSON(wrongType.Type))
	}
	if err != nil {
		return fault(http.StatusBadRequest, "body_invalid", "send a JSON object", "the body is no JSON: %v", err)
	}
	return nil
}
