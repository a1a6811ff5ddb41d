package wall

import (
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// present is who gives his word in this request. Whoever stands at the desk of
// somebody else says who he is with name and password, for this one word: the
// login stays whose it was. He must have the right to the route himself.
func (s *Server) present(c *fiber.Ctx, who caller) (caller, error) {
	if len(c.Body()) == 0 {
		return who, nil
	}
	var in loginBody
	if err := readJSON(c, &in); err != nil {
		return who, err
	}
	if in.Name == "" || in.Name == who.name {
		return who, nil
	}
	if len(in.Name) > nameMaxBytes {
		return who, badField(http.StatusUnprocessableEntity, "field_invalid", "name", in.Name, "a user name")
	}
	if in.Password == "" {
		return who, badField(http.StatusUnprocessableEntity, "field_missing", "password", "", "the password of "+in.Name)
	}
	user, err := s.verify(in.Name, in.Password, who.remote)
	if err != nil {
		return who, err
	}
	rule, _ := s.table.Rule(c.Method(), c.Route().Path)
	if !slices.Contains(rule.Roles, user.Role) {
		return who, s.refuse(c, caller{name: user.Name, role: user.Role, remote: who.remote},
			fault(http.StatusForbidden, "forbidden", "ask somebody who may", "role %s may not %s %s", user.Role, c.Method(), rule.Path))
	}
	s.o.Access(desk.AccessIn{Kind: "login", By: desk.Actor{Name: user.Name, Role: string(user.Role)}, From: time.Now(), Remote: who.remote, Why: "for one word, at the desk of " + who.name})
	return caller{name: user.Name, role: user.Role, scope: user.Scope, remote: who.remote}, nil
}
