package access

import "slices"

// Rule is one row of the table role × route.
type Rule struct {
	Method string // GET stands for HEAD too
	Path   string // as registered: parameters begin with a colon
	Public bool   // nobody has to be logged in
	Locked bool   // may be called from a locked desk, besides what a screen may: a P0 rings there too
	Roles  []Role
}

// Table answers who may call a route. What has no row is nobody's.
type Table struct{ rows map[string]Rule }

// DefaultTable is the table of the box.
func DefaultTable() *Table {
	t := &Table{rows: make(map[string]Rule)}
	for _, r := range rules() {
		t.rows[r.Method+" "+r.Path] = r
	}
	return t
}

// Rules lists the rows.
func (t *Table) Rules() []Rule {
	var all []Rule
	for _, r := range t.rows {
		all = append(all, r)
	}
	return all
}

// Rule returns the row of a route; false when there is none.
func (t *Table) Rule(method, path string) (Rule, bool) {
	if method == "HEAD" {
		method = "GET"
	}
	r, ok := t.rows[method+" "+path]
	return r, ok
}

// Allows reports whether the role may call the route.
func (r Rule) Allows(role Role) bool { return r.Public || slices.Contains(r.Roles, role) }
