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

// rules is the table. Screens read and show; the room works; leads see who
// looked; admins say who may. An uplink's token is held to that uplink, a
// partner's to that partner, and everybody to the cameras of his scope, by the guard of the wall.
func rules() []Rule {
	const v = "/api/v1"
	everyone := Roles()
	viewers := []Role{Wall, Kiosk, Operator, Lead, Admin}
	workers := []Role{Operator, Lead, Admin}
	leads := []Role{Lead, Admin}
	admins := []Role{Admin}
	desks := []Role{Operator, Lead, Admin, Officer}

	rows := []Rule{
		{Method: "GET", Path: "/*", Public: true}, // the front end's files: the login page must load
		{Method: "GET", Path: "/healthz", Public: true},
		{Method: "GET", Path: "/readyz", Public: true},
		{Method: "GET", Path: "/metrics", Roles: []Role{Wall, Lead, Admin}}, // wall: a subscribing system's token
		{Method: "GET", Path: "/ca.crt", Public: true},                      // phones and kiosks begin to trust with it
		{Method: "GET", Path: "/ca.svg", Public: true},
		{Method: "GET", Path: "/api/openapi.json", Public: true},
		{Method: "POST", Path: v + "/session", Public: true},
		{Method: "GET", Path: v + "/session", Roles: everyone, Locked: true},
		{Method: "DELETE", Path: v + "/session", Roles: everyone, Locked: true},
		{Method: "POST", Path: v + "/session/lock", Roles: desks, Locked: true},
		{Method: "POST", Path: v + "/session/unlock", Roles: desks, Locked: true},
		{Method: "POST", Path: v + "/session/password", Roles: desks},
		{Method: "GET", Path: v + "/setup", Public: true}, // nobody can log in yet
		{Method: "POST", Path: v + "/setup", Public: true},
		{Method: "GET", Path: v + "/trust", Public: true},
		{Method: "GET", Path: v + "/users", Roles: admins},
		{Method: "POST", Path: v + "/users", Roles: admins},
		{Method: "PATCH", Path: v + "/users/:name", Roles: admins},
		{Method: "DELETE", Path: v + "/users/:name/sessions", Roles: admins},
		{Method: "GET", Path: v + "/tokens", Roles: admins},
		{Method: "POST", Path: v + "/tokens", Roles: admins},
		{Method: "DELETE", Path: v + "/tokens/:id", Roles: admins},
		{Method: "GET", Path: v + "/cameras.csv", Roles: leads},
		{Method: "POST", Path: v + "/cameras.csv", Roles: []Role{Admin}},
		{Method: "GET", Path: v + "/holds", Roles: leads},
		{Method: "POST", Path: v + "/holds", Roles: leads},
		{Method: "GET", Path: v + "/patrols", Roles: viewers},
		{Method: "POST", Path: v + "/patrols/:plan/begin", Roles: workers},
		{Method: "POST", Path: v + "/rounds/:id/see", Roles: workers},
		{Method: "POST", Path: v + "/rounds/:id/finish", Roles: workers},
		{Method: "POST", Path: v + "/rounds/:id/give_up", Roles: workers},
		{Method: "GET", Path: v + "/drills", Roles: viewers},
		{Method: "POST", Path: v + "/drills/:target/run", Roles: leads},
		{Method: "POST", Path: v + "/drills/:target/:rule/run", Roles: leads},
		{Method: "GET", Path: v + "/handover", Roles: workers}, // who sees a part of the room is refused
		{Method: "POST", Path: v + "/handover", Roles: workers},
		{Method: "POST", Path: v + "/handover/:id/take", Roles: workers},
		{Method: "POST", Path: v + "/handover/:id/withdraw", Roles: workers}, // who made the offer, and leads
		{Method: "GET", Path: v + "/handovers", Roles: workers},
		{Method: "GET", Path: v + "/handovers/:id", Roles: workers},
		{Method: "GET", Path: v + "/audit", Roles: leads},
		{Method: "GET", Path: v + "/audit.jsonl", Roles: leads},
		{Method: "GET", Path: v + "/audit.csv", Roles: leads},
		{Method: "GET", Path: v + "/approvals", Roles: leads},
		{Method: "POST", Path: v + "/approvals", Roles: leads},
		{Method: "POST", Path: v + "/approvals/:id/approve", Roles: leads},
		{Method: "DELETE", Path: v + "/approvals/:id", Roles: leads},
		{Method: "GET", Path: v + "/journal", Roles: leads},
		{Method: "GET", Path: v + "/review", Roles: workers},
		{Method: "GET", Path: v + "/review.csv", Roles: workers},
		{Method: "GET", Path: v + "/review/people", Roles: desks}, // but for leads: his own
		{Method: "GET", Path: v + "/review/people.csv", Roles: desks},
		{Method: "POST", Path: v + "/uplinks/:name/set-aside/:id/send", Roles: leads},
		{Method: "POST", Path: v + "/incidents", Roles: workers},
		{Method: "GET", Path: v + "/nearby", Roles: workers},
		{Method: "GET", Path: v + "/incidents/:id/evidence.zip", Roles: leads},
		{Method: "POST", Path: v + "/alerts/:id/shown", Roles: viewers},
		{Method: "POST", Path: v + "/cameras/:id/whep", Roles: viewers},
		{Method: "PATCH", Path: v + "/cameras/:id/whep/:session", Roles: viewers},
		{Method: "DELETE", Path: v + "/cameras/:id/whep/:session", Roles: viewers},
	}
	rows = append(rows, Rule{Method: "POST", Path: v + "/incidents/:id/score", Roles: leads})
	rows = append(rows,
		Rule{Method: "GET", Path: v + "/forces", Roles: viewers},
		Rule{Method: "GET", Path: v + "/incidents/:id/forces", Roles: viewers},
		Rule{Method: "POST", Path: v + "/duty", Roles: workers},
		Rule{Method: "POST", Path: v + "/positions", Roles: desks, Locked: true},                 // of the caller's own phone, in his pocket too
		Rule{Method: "GET", Path: v + "/persons/:id/track", Roles: []Role{Lead, Admin, Officer}}, // an officer: his own
	)
	for _, verb := range []string{"claim", "acknowledge", "close", "reopen", "note", "dispatch", "arrive", "link", "merge", "split", "follow_up"} {
		rows = append(rows, Rule{Method: "POST", Path: v + "/incidents/:id/" + verb, Roles: workers})
	}
	rows = append(rows,
		Rule{Method: "GET", Path: v + "/tasks", Roles: append([]Role{Officer}, viewers...)}, // an officer: his own
		Rule{Method: "GET", Path: v + "/tasks/:id", Roles: append([]Role{Officer}, viewers...)},
		Rule{Method: "POST", Path: v + "/tasks", Roles: workers},
		Rule{Method: "GET", Path: v + "/templates", Roles: viewers},
	)
	for verb, roles := range map[string][]Role{
		"accept": {Officer}, "arrive": {Officer}, "report": {Officer}, "tick": {Officer}, "hand_back": {Officer}, "confirm": nil, "return": nil, "cancel": nil,
	} {
		rows = append(rows, Rule{Method: "POST", Path: v + "/tasks/:id/" + verb, Roles: append(roles, workers...)})
	}
	rows = append(rows,
		Rule{Method: "GET", Path: v + "/routing", Roles: viewers},
		Rule{Method: "POST", Path: v + "/incidents/:id/route", Roles: workers},
		Rule{Method: "POST", Path: v + "/partners/:id/replies", Roles: append([]Role{Partner}, workers...)}, // workers: over the telephone
	)
	for _, what := range []string{"receipts", "tasks", "incidents", "replay"} {
		rows = append(rows, Rule{Method: "POST", Path: v + "/uplinks/:name/" + what, Roles: []Role{Uplink}})
	}
	for _, path := range []string{
		"/room", "/events", "/incidents", "/incidents/:id", "/alerts", "/cameras", "/pillars", "/drones", "/uplinks", "/health", "/blind",
		"/cameras/:id/snapshot.jpg", "/cameras/:id/clip.mp4", "/cameras/:id/clip.json", "/cameras/:id/recordings", "/snapshots/:sha256.jpg", "/clips/:id/:part.mp4", "/drones/:id/track",
	} {
		rows = append(rows, Rule{Method: "GET", Path: v + path, Roles: viewers})
	}
	return rows
}
