package access

import "slices"

const v1 = "/api/v1"

// The groups of roles that rows name.
func viewers() []Role { return []Role{Wall, Kiosk, Operator, Lead, Admin} }
func workers() []Role { return []Role{Operator, Lead, Admin} }
func leads() []Role   { return []Role{Lead, Admin} }
func admins() []Role  { return []Role{Admin} }
func desks() []Role   { return []Role{Operator, Lead, Admin, Officer} }

// rules is the table. Screens read and show; the room works; leads see who
// looked; admins say who may. An uplink's token is held to that uplink, a
// partner's to its replies, and everybody to the cameras of his scope, by the
// guard of the wall.
func rules() []Rule {
	return slices.Concat(
		publicRules(), sessionRules(), adminRules(), leadRules(), incidentRules(), taskRules(), dutyRules(), reviewRules(), deviceRules(),
		uplinkRules(),
	)
}

// publicRules are what nobody needs a login for.
func publicRules() []Rule {
	return []Rule{
		{Method: "GET", Path: "/*", Public: true}, // the front end's files: the login page must load
		{Method: "GET", Path: "/healthz", Public: true},
		{Method: "GET", Path: "/readyz", Public: true},
		{Method: "GET", Path: "/ca.crt", Public: true}, // phones and kiosks begin to trust with it
		{Method: "GET", Path: "/ca.svg", Public: true},
		{Method: "GET", Path: "/api/openapi.json", Public: true},
		{Method: "GET", Path: "/api/asyncapi.json", Public: true},
		{Method: "GET", Path: "/api/schemas/", Public: true},
		{Method: "GET", Path: "/api/schemas/:name", Public: true},
		{Method: "POST", Path: v1 + "/session", Public: true},
		{Method: "GET", Path: v1 + "/setup", Public: true}, // nobody can log in yet
		{Method: "POST", Path: v1 + "/setup", Public: true},
		{Method: "GET", Path: v1 + "/trust", Public: true},
	}
}

// sessionRules are what one does with his own login.
func sessionRules() []Rule {
	return []Rule{
		{Method: "GET", Path: v1 + "/session", Roles: Roles(), Locked: true},
		{Method: "DELETE", Path: v1 + "/session", Roles: Roles(), Locked: true},
		{Method: "POST", Path: v1 + "/session/lock", Roles: desks(), Locked: true},
		{Method: "POST", Path: v1 + "/session/unlock", Roles: desks(), Locked: true},
		{Method: "POST", Path: v1 + "/session/password", Roles: desks()},
	}
}

func adminRules() []Rule {
	return []Rule{
		{Method: "GET", Path: v1 + "/users", Roles: admins()},
		{Method: "POST", Path: v1 + "/users", Roles: admins()},
		{Method: "PATCH", Path: v1 + "/users/:name", Roles: admins()},
		{Method: "DELETE", Path: v1 + "/users/:name/sessions", Roles: admins()},
		{Method: "GET", Path: v1 + "/tokens", Roles: admins()},
		{Method: "POST", Path: v1 + "/tokens", Roles: admins()},
		{Method: "DELETE", Path: v1 + "/tokens/:id", Roles: admins()},
		{Method: "POST", Path: v1 + "/cameras.csv", Roles: admins()},
	}
}

// leadRules are who looked, what is held, what goes out whole.
func leadRules() []Rule {
	return []Rule{
		{Method: "GET", Path: v1 + "/cameras.csv", Roles: leads()},
		{Method: "GET", Path: v1 + "/holds", Roles: leads()},
		{Method: "POST", Path: v1 + "/holds", Roles: leads()},
		{Method: "GET", Path: v1 + "/audit", Roles: leads()},
		{Method: "GET", Path: v1 + "/audit.jsonl", Roles: leads()},
		{Method: "GET", Path: v1 + "/audit.csv", Roles: leads()},
		{Method: "GET", Path: v1 + "/approvals", Roles: leads()},
		{Method: "POST", Path: v1 + "/approvals", Roles: leads()},
		{Method: "POST", Path: v1 + "/approvals/:id/approve", Roles: leads()},
		{Method: "DELETE", Path: v1 + "/approvals/:id", Roles: leads()},
		{Method: "GET", Path: v1 + "/journal", Roles: leads()},
		{Method: "GET", Path: v1 + "/incidents/:id/evidence.zip", Roles: leads()},
		{Method: "POST", Path: v1 + "/uplinks/:name/set-aside/:id/send", Roles: leads()},
	}
}

func incidentRules() []Rule {
	rows := []Rule{
		{Method: "GET", Path: v1 + "/room", Roles: viewers()},
		{Method: "GET", Path: v1 + "/events", Roles: viewers()},
		{Method: "GET", Path: v1 + "/incidents", Roles: viewers()},
		{Method: "GET", Path: v1 + "/incidents/:id", Roles: viewers()},
		{Method: "POST", Path: v1 + "/incidents", Roles: workers()},
		{Method: "GET", Path: v1 + "/nearby", Roles: workers()},
		{Method: "GET", Path: v1 + "/alerts", Roles: viewers()},
		{Method: "POST", Path: v1 + "/alerts/:id/shown", Roles: viewers()},
		{Method: "POST", Path: v1 + "/incidents/:id/score", Roles: leads()},
		{Method: "POST", Path: v1 + "/incidents/:id/route", Roles: workers()},
	}
	for _, verb := range []string{"claim", "acknowledge", "close", "reopen", "note", "dispatch", "arrive", "link", "merge", "split", "follow_up"} {
		rows = append(rows, Rule{Method: "POST", Path: v1 + "/incidents/:id/" + verb, Roles: workers()})
	}
	return rows
}

// taskRules are the orders: an officer sees and answers his own.
func taskRules() []Rule {
	rows := []Rule{
		{Method: "GET", Path: v1 + "/tasks", Roles: append(viewers(), Officer)},
		{Method: "GET", Path: v1 + "/tasks/:id", Roles: append(viewers(), Officer)},
		{Method: "POST", Path: v1 + "/tasks", Roles: workers()},
		{Method: "POST", Path: v1 + "/pictures", Roles: desks()},
		{Method: "GET", Path: v1 + "/snapshots/:sha256.jpg", Roles: append(viewers(), Officer)}, // an officer: those of his orders
		{Method: "GET", Path: v1 + "/templates", Roles: viewers()},
		{Method: "GET", Path: v1 + "/routing", Roles: viewers()},
		{Method: "POST", Path: v1 + "/partners/:id/replies", Roles: append(workers(), Partner)}, // workers: over the telephone
	}
	for _, verb := range []string{"accept", "arrive", "report", "tick", "hand_back"} {
		rows = append(rows, Rule{Method: "POST", Path: v1 + "/tasks/:id/" + verb, Roles: desks()})
	}
	for _, verb := range []string{"confirm", "return", "cancel"} {
		rows = append(rows, Rule{Method: "POST", Path: v1 + "/tasks/:id/" + verb, Roles: workers()})
	}
	return rows
}

// dutyRules are who is on duty, patrols, drills and the shift's handover.
func dutyRules() []Rule {
	return []Rule{
		{Method: "GET", Path: v1 + "/forces", Roles: viewers()},
		{Method: "GET", Path: v1 + "/incidents/:id/forces", Roles: viewers()},
		{Method: "POST", Path: v1 + "/duty", Roles: workers()},
		{Method: "POST", Path: v1 + "/positions", Roles: desks(), Locked: true},               // of the caller's own phone, in his pocket too
		{Method: "GET", Path: v1 + "/persons/:id/track", Roles: []Role{Lead, Admin, Officer}}, // an officer: his own
		{Method: "GET", Path: v1 + "/patrols", Roles: viewers()},
		{Method: "POST", Path: v1 + "/patrols/:plan/begin", Roles: workers()},
		{Method: "POST", Path: v1 + "/rounds/:id/see", Roles: workers()},
		{Method: "POST", Path: v1 + "/rounds/:id/finish", Roles: workers()},
		{Method: "POST", Path: v1 + "/rounds/:id/give_up", Roles: workers()},
		{Method: "GET", Path: v1 + "/drills", Roles: viewers()},
		{Method: "POST", Path: v1 + "/drills/:target/run", Roles: leads()},
		{Method: "POST", Path: v1 + "/drills/:target/:rule/run", Roles: leads()},
		{Method: "GET", Path: v1 + "/handover", Roles: workers()}, // who sees a part of the room is refused
		{Method: "POST", Path: v1 + "/handover", Roles: workers()},
		{Method: "POST", Path: v1 + "/handover/:id/take", Roles: workers()},
		{Method: "POST", Path: v1 + "/handover/:id/withdraw", Roles: workers()}, // who made the offer, and leads
		{Method: "GET", Path: v1 + "/handovers", Roles: workers()},
		{Method: "GET", Path: v1 + "/handovers/:id", Roles: workers()},
	}
}

func reviewRules() []Rule {
	return []Rule{
		{Method: "GET", Path: v1 + "/review", Roles: workers()},
		{Method: "GET", Path: v1 + "/review.csv", Roles: workers()},
		{Method: "GET", Path: v1 + "/review/people", Roles: desks()}, // but for leads: his own
		{Method: "GET", Path: v1 + "/review/people.csv", Roles: desks()},
	}
}

// deviceRules are what is seen of cameras, pillars, drones and the box.
func deviceRules() []Rule {
	rows := []Rule{
		{Method: "GET", Path: "/metrics", Roles: []Role{Wall, Lead, Admin}}, // wall: a subscribing system's token
		{Method: "POST", Path: v1 + "/cameras/:id/whep", Roles: viewers()},
		{Method: "PATCH", Path: v1 + "/cameras/:id/whep/:session", Roles: viewers()},
		{Method: "DELETE", Path: v1 + "/cameras/:id/whep/:session", Roles: viewers()},
	}
	for _, path := range []string{
		"/cameras", "/pillars", "/drones", "/uplinks", "/health", "/blind", "/cameras/:id/snapshot.jpg", "/cameras/:id/clip.mp4",
		"/cameras/:id/clip.json", "/cameras/:id/recordings", "/clips/:id/:part.mp4", "/drones/:id/track",
	} {
		rows = append(rows, Rule{Method: "GET", Path: v1 + path, Roles: viewers()})
	}
	return rows
}

// uplinkRules are what comes from above over a webhook.
func uplinkRules() []Rule {
	var rows []Rule
	for _, what := range []string{"receipts", "tasks", "incidents", "replay"} {
		rows = append(rows, Rule{Method: "POST", Path: v1 + "/uplinks/:name/" + what, Roles: []Role{Uplink}})
	}
	return rows
}
