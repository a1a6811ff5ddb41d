package wall

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// userAnswer is a user without his password's hash.
type userAnswer struct {
	Name     string       `json:"name"`
	Role     access.Role  `json:"role"`
	Disabled bool         `json:"disabled"`
	Cameras  []string     `json:"cameras"`
	Groups   []string     `json:"groups"`
	Created  bridge.Stamp `json:"created_at"`
	Sessions int          `json:"sessions"`
}

type userBody struct {
	Name     string      `json:"name"`
	Password string      `json:"password"`
	Role     access.Role `json:"role"`
	Cameras  []string    `json:"cameras"`
	Groups   []string    `json:"groups"`
}

// userChange is what to change; what is absent stays.
type userChange struct {
	Password *string      `json:"password"`
	Role     *access.Role `json:"role"`
	Disabled *bool        `json:"disabled"`
	Cameras  *[]string    `json:"cameras"`
	Groups   *[]string    `json:"groups"`
}

type passwordBody struct {
	Password string `json:"password"`
	New      string `json:"new_password"`
}

type setupBody struct {
	Secret   string `json:"secret"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

type setupAnswer struct {
	AsOf   string `json:"as_of"`
	Needed bool   `json:"needed"`
}

func toUser(u access.User, sessions int) userAnswer {
	return userAnswer{
		Name: u.Name, Role: u.Role, Disabled: u.Disabled, Cameras: full(u.Scope.Cameras), Groups: full(u.Scope.Groups),
		Created: bridge.At(u.CreatedAt), Sessions: sessions,
	}
}

func (s *Server) users(c *fiber.Ctx, _ caller) error {
	list, err := s.o.Users.List()
	if err != nil {
		return err
	}
	count := s.o.Sessions.Count()
	items := make([]userAnswer, len(list))
	for i, u := range list {
		items[i] = toUser(u, count[u.Name])
	}
	return sendPage(s, c, s.o.Journal.Last(), items, func(u userAnswer) string { return u.Name })
}

func (s *Server) addUser(c *fiber.Ctx, who caller) error {
	var in userBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	asked := in
	asked.Password = ""
	once, err := s.once(c, who, "user", "add", asked)
	if err != nil {
		return err
	}
	if once.done {
		if err := s.samePassword(once.key, in.Name, in.Password); err != nil {
			return err
		}
		return s.userAnswer(c, http.StatusCreated, s.o.Journal.Last(), in.Name)
	}
	if err := s.knownCameras(in.Cameras); err != nil {
		return err
	}
	scope := access.Scope{Cameras: in.Cameras, Groups: in.Groups}
	if err := s.o.Users.AddLimited(in.Name, in.Password, in.Role, scope); err != nil {
		return err
	}
	return s.userDone(c, who, http.StatusCreated, in.Name, once, "made "+in.Name+", role "+string(in.Role)+scopeText(scope))
}

// changeUser changes what is named; all sessions of the user end.
func (s *Server) changeUser(c *fiber.Ctx, who caller) error {
	var in userChange
	if err := readJSON(c, &in); err != nil {
		return err
	}
	name := c.Params("name")
	s.changes.Lock()
	defer s.changes.Unlock()
	asked := in
	if in.Password != nil {
		asked.Password = new(string) // that there is one, not which
	}
	once, err := s.once(c, who, "user", "change", name, asked)
	if err != nil {
		return err
	}
	if once.done {
		if in.Password != nil {
			if err := s.samePassword(once.key, name, *in.Password); err != nil {
				return err
			}
		}
		return s.userAnswer(c, http.StatusOK, s.o.Journal.Last(), name)
	}
	old, err := s.o.Users.Get(name)
	if err != nil {
		return err
	}
	change := access.Change{Role: in.Role, Disabled: in.Disabled, Password: in.Password}
	var did []string
	if in.Role != nil {
		did = append(did, "role "+string(old.Role)+" → "+string(*in.Role))
	}
	if in.Disabled != nil {
		did = append(did, map[bool]string{true: "disabled", false: "enabled"}[*in.Disabled])
	}
	if in.Password != nil {
		did = append(did, "new password")
	}
	if in.Cameras != nil || in.Groups != nil {
		scope := old.Scope
		if in.Cameras != nil {
			scope.Cameras = *in.Cameras
		}
		if in.Groups != nil {
			scope.Groups = *in.Groups
		}
		if err := s.knownCameras(scope.Cameras); err != nil {
			return err
		}
		change.Scope = &scope
		did = append(did, "sees"+scopeText(scope))
	}
	if len(did) == 0 {
		return badField(http.StatusUnprocessableEntity, "field_missing", "role", "", "something to change")
	}
	if err := s.o.Users.Change(name, change); err != nil {
		return err
	}
	return s.userDone(c, who, http.StatusOK, name, once, "changed "+name+": "+strings.Join(did, ", "))
}

// endSessions throws a user out everywhere; he may log in again.
func (s *Server) endSessions(c *fiber.Ctx, who caller) error {
	name := c.Params("name")
	s.changes.Lock()
	defer s.changes.Unlock()
	once, err := s.once(c, who, "user", "end sessions", name)
	if err != nil {
		return err
	}
	if once.done {
		return s.userAnswer(c, http.StatusOK, s.o.Journal.Last(), name)
	}
	if err := s.o.Users.EndSessions(name); err != nil {
		return err
	}
	return s.userDone(c, who, http.StatusOK, name, once, "ended all sessions of "+name)
}

// changePassword is a person's own; it ends all his other sessions, and this
// one is begun anew.
func (s *Server) changePassword(c *fiber.Ctx, who caller) error {
	var in passwordBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if who.session.ID == "" || who.session.Token != "" {
		return fault(http.StatusConflict, "no_desk", "log in with a password", "%s has no password", who.name)
	}
	if _, err := s.verify(who.name, in.Password, who.remote); err != nil {
		return err
	}
	if err := s.o.Users.Change(who.name, access.Change{Password: &in.New}); err != nil {
		return err
	}
	if _, err := s.tellUser(who, who.name, keyed{}, "changed his own password"); err != nil {
		return err
	}
	return s.enter(c, who.name, who.remote)
}

// enter logs in whose password was right.
func (s *Server) enter(c *fiber.Ctx, name, remote string) error {
	user, err := s.o.Users.Get(name)
	if err != nil {
		return err
	}
	token, made, err := s.o.Sessions.Create(user, remote)
	if err != nil {
		return err
	}
	return s.begin(c, token, made)
}

// userDone records the change and answers with the user.
func (s *Server) userDone(c *fiber.Ctx, who caller, status int, name string, once keyed, why string) error {
	place, err := s.tellUser(who, name, once, why)
	if err != nil {
		return err
	}
	return s.userAnswer(c, status, place, name)
}

func (s *Server) userAnswer(c *fiber.Ctx, status int, place uint64, name string) error {
	user, err := s.o.Users.Get(name)
	if err != nil {
		return err
	}
	return s.answer(c, status, place, struct {
		AsOf string     `json:"as_of"`
		User userAnswer `json:"user"`
	}{s.asOf(place), toUser(user, s.o.Sessions.Count()[name])})
}

// tellUser records what was done with a user. What the journal does not take
// now it gets later, without who did it.
func (s *Server) tellUser(who caller, name string, once keyed, why string) (uint64, error) {
	place, err := s.record(desk.AccessIn{
		Kind: "user", By: who.actor(), From: time.Now(), Remote: who.remote, Why: why, Idempotency: once.key, Asked: once.asked,
	})
	s.o.Users.Said(name, err == nil)
	return place, err
}

func scopeText(scope access.Scope) string {
	if scope.All() {
		return " all cameras"
	}
	return fmt.Sprintf(" %d cameras and %d groups only", len(scope.Cameras), len(scope.Groups))
}

func (s *Server) setupNeeded(c *fiber.Ctx, _ caller) error {
	secret, err := s.o.Setup.Needed()
	if err != nil {
		return err
	}
	place := s.o.Journal.Last()
	return s.answer(c, http.StatusOK, place, setupAnswer{AsOf: s.asOf(place), Needed: secret != ""})
}

// setup makes the first administrator, once, for who has the link that the box
// printed, and logs him in.
func (s *Server) setup(c *fiber.Ctx, who caller) error {
	var in setupBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if len(in.Name) > nameMaxBytes {
		return badField(http.StatusUnprocessableEntity, "field_invalid", "name", in.Name, "a user name")
	}
	if wait := s.limiter.Begin("set-up link", who.remote); wait > 0 {
		return later(fault(http.StatusTooManyRequests, "login_limited", "wait, then try again", "too many wrong links from this address"), wait)
	}
	by := caller{name: in.Name, role: access.Admin, remote: who.remote}
	s.changes.Lock()
	defer s.changes.Unlock()
	once, err := s.once(c, by, "user", "setup", in.Name)
	switch {
	case err != nil:
		return err
	case once.done: // the answer was lost: it is a login
		s.limiter.Succeeded("set-up link", who.remote)
		if _, err := s.verify(in.Name, in.Password, who.remote); err != nil {
			return err
		}
		return s.enter(c, in.Name, who.remote)
	}
	err = s.o.Setup.Make(in.Secret, in.Name, in.Password)
	switch {
	case errors.Is(err, access.ErrSetup):
		s.looks.refused(who, who.remote, "setup_refused")
		return fault(http.StatusForbidden, "setup_refused", "take the link that the box printed at its last start", "%s", access.ErrSetup.Error())
	case errors.Is(err, access.ErrUserExists):
		return fault(http.StatusConflict, "setup_done", "log in, or ask the administrator", "the box has users already")
	case err != nil:
		s.limiter.Succeeded("set-up link", who.remote) // the link was right
		return err
	}
	s.limiter.Succeeded("set-up link", who.remote)
	if _, err := s.tellUser(by, in.Name, once, "made "+in.Name+", role admin, with the set-up link"); err != nil {
		return err
	}
	return s.enter(c, in.Name, who.remote)
}
