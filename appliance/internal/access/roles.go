package access

import (
	"slices"
	"strings"
)

// Role is what a user may do.
type Role string

// Roles (contracts.md).
const (
	Wall     Role = "wall"     // the display: reads, its own live video, says what it has shown
	Operator Role = "operator" // works on incidents
	Lead     Role = "lead"     // and reads the journal and lane local
	Admin    Role = "admin"    // and the box itself
	Officer  Role = "officer"  // a phone: its own orders only
	Uplink   Role = "uplink"   // one uplink's way down
	Partner  Role = "partner"  // one partner: says what became of its own orders
	Kiosk    Role = "kiosk"    // a screen without a keyboard: as wall
)

// Roles lists all roles.
func Roles() []Role { return []Role{Wall, Operator, Lead, Admin, Officer, Uplink, Partner, Kiosk} }

// ParseRole reads a role's name.
func ParseRole(text string) (Role, error) {
	if r := Role(text); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", &FieldError{"role", text, "one of " + joinRoles(Roles())}
}

func joinRoles(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// screen reports whether the role is a display that nobody types at: being
// connected is its presence.
func (r Role) screen() bool { return r == Wall || r == Kiosk }

// Desk reports whether the role works at a desk that locks when nobody is
// there. A screen must never go dark, and a machine has no desk.
func (r Role) Desk() bool { return r == Operator || r == Lead || r == Admin || r == Officer }
