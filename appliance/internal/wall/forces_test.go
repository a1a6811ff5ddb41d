package wall_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// roster is where people are, as a test says.
type roster struct {
	desk *desk.Desk

	mu    sync.Mutex
	fixes map[string]ingest.Fix
	why   string // of the next reports
}

func (r *roster) Roster() (units []desk.Unit) {
	if _, err := r.desk.View(context.Background(), func(s *desk.State) { units = r.desk.Rules().Units(s, time.Now()) }); err != nil {
		return nil
	}
	return units
}

func (r *roster) Newest(person string) (ingest.Fix, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fix, known := r.fixes[person]
	return fix, known
}

func (r *roster) Report(_ context.Context, fix ingest.Fix) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why == "" {
		r.fixes[fix.Person] = fix
	}
	return r.why, nil
}

func (r *roster) Track(person string, _, _ time.Time) ([]ingest.Fix, error) {
	fix, known := r.Newest(person)
	if !known {
		return nil, nil
	}
	return []ingest.Fix{fix}, nil
}

func withRoster(r **roster) settings {
	return func(o *wall.Options) { *r = o.Forces.(*roster) }
}

func TestForces(t *testing.T) {
	var where *roster
	b := newBox(t, withRoster(&where))
	c := b.as(t, "operator")
	phone := b.as(t, "officer")
	status, body := phone.do("POST", "/api/v1/positions", object{"lat": 28.691, "lon": 115.99, "accuracy_m": 5})
	require.Equal(t, 200, status)
	matches(t, "PositionAnswer", body)
	require.Equal(t, true, body["kept"])

	all := c.get("/api/v1/forces", "Forces")
	team := all["teams"].([]any)[0].(object)
	require.Equal(t, []any{"officer", "li"}, team["crew"])
	require.Equal(t, true, team["sendable"])
	require.Equal(t, "officer", team["position"].(object)["person"])
	require.Equal(t, false, team["position"].(object)["stale"])
	require.Len(t, all["persons"], 2)
	require.Equal(t, true, all["shifts"].([]any)[0].(object)["on"])

	pressed := b.press(t, "1")
	near := c.get("/api/v1/incidents/"+pressed.Incident+"/forces", "IncidentForces")
	unit := near["items"].([]any)[0].(object)
	require.Equal(t, "t1", unit["id"])
	require.InDelta(t, 111, unit["metres"], 1)
	require.Len(t, near["items"], 1, "people go with their team")
	require.Equal(t, 404, first(c.do("GET", "/api/v1/incidents/x/forces", nil)))

	where.mu.Lock()
	fix := where.fixes["officer"]
	fix.At = time.Now().Add(-time.Hour)
	where.fixes["officer"] = fix
	where.mu.Unlock()
	team = c.get("/api/v1/forces", "Forces")["teams"].([]any)[0].(object)
	require.Equal(t, true, team["position"].(object)["stale"])
	require.InDelta(t, 3600, team["position"].(object)["age_s"], 60)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, team["position"].(object)["at"])
}

func TestDutyOverTheAPI(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "lead")
	status, body := c.do("POST", "/api/v1/duty", object{"person": "li", "on": false, "reason": "生病"}, with("Idempotency-Key", "d1"))
	require.Equal(t, 200, status)
	matches(t, "UnitAnswer", body)
	require.Equal(t, false, body["unit"].(object)["duty"].(object)["on"])
	require.Equal(t, 200, first(c.do("POST", "/api/v1/duty", object{"person": "li", "on": false, "reason": "生病"}, with("Idempotency-Key", "d1"))))
	told := b.events(t, desk.TypeDutyChanged)
	require.Len(t, told, 1)
	require.Equal(t, bridge.Local, told[0].Lane)
	for role, reason := range map[string]any{"operator": "生病", "wall": nil} {
		persons := b.as(t, role).get("/api/v1/forces", "Forces")["persons"].([]any)
		for _, one := range persons {
			if person := one.(object); person["id"] == "li" {
				require.Equal(t, reason, person["duty"].(object)["reason"], role)
			}
		}
	}
	team := c.get("/api/v1/forces", "Forces")["teams"].([]any)[0].(object)
	require.Equal(t, []any{"officer"}, team["crew"])
	for field, bad := range map[string]object{
		"on": {"person": "li", "reason": "r"}, "person": {"on": true, "reason": "r"}, "reason": {"team": "t1", "on": true},
		"until": {"team": "t1", "on": true, "reason": "r", "until": "yesterday"},
	} {
		status, problem := c.do("POST", "/api/v1/duty", bad)
		require.Equal(t, 422, status, field)
		require.Equal(t, field, problem["field"])
	}
	require.Equal(t, 404, first(c.do("POST", "/api/v1/duty", object{"team": "x", "on": true, "reason": "r"})))
	require.Equal(t, 403, first(b.as(t, "officer").do("POST", "/api/v1/duty", object{"team": "t1", "on": true, "reason": "r"})))
}

func TestPositionsThatAreNotTaken(t *testing.T) {
	var where *roster
	b := newBox(t, withRoster(&where))
	phone := b.as(t, "officer")
	for field, bad := range map[string]object{
		"lat": {"lon": 1}, "lon": {"lat": 1, "lon": 181}, "battery_pct": {"lat": 1, "lon": 1, "battery_pct": 101}, "at": {"lat": 1, "lon": 1, "at": "now"},
	} {
		status, problem := phone.do("POST", "/api/v1/positions", bad)
		require.Equal(t, 422, status, field)
		require.Equal(t, field, problem["field"])
	}
	status, problem := b.as(t, "operator").do("POST", "/api/v1/positions", object{"lat": 1, "lon": 1})
	require.Equal(t, 404, status)
	require.Equal(t, "person_unknown", problem["code"])
	where.why = "off_duty"
	_, body := phone.do("POST", "/api/v1/positions", object{"lat": 1, "lon": 1})
	require.Equal(t, object{"kept": false, "why": "off_duty", "as_of": body["as_of"]}, body)
	where.why = "flood"
	status, problem = phone.do("POST", "/api/v1/positions", object{"lat": 1, "lon": 1})
	require.Equal(t, 429, status)
	require.Equal(t, "rate_limited", problem["code"])
}

// TestWhoLooksAtATrack: a lead says why, and it is in the journal; an officer
// sees his own.
func TestWhoLooksAtATrack(t *testing.T) {
	b := newBox(t)
	phone, chief := b.as(t, "officer"), b.as(t, "lead")
	require.Equal(t, 200, first(phone.do("POST", "/api/v1/positions", object{"lat": 28.691, "lon": 115.99})))
	require.Len(t, phone.get("/api/v1/persons/officer/track", "PersonTrack")["points"], 1)
	require.Equal(t, 404, first(phone.do("GET", "/api/v1/persons/li/track", nil)))
	status, problem := chief.do("GET", "/api/v1/persons/officer/track", nil)
	require.Equal(t, 422, status)
	require.Equal(t, "reason", problem["field"])
	require.Len(t, chief.get("/api/v1/persons/officer/track?reason=complaint", "PersonTrack")["points"], 1)
	looks := b.seen("look_opened")
	require.Len(t, looks, 1)
	require.Contains(t, looks[0].Why, "track of officer ")
	require.Contains(t, looks[0].Why, ": complaint")
	require.Equal(t, 404, first(chief.do("GET", "/api/v1/persons/x/track?reason=r", nil)))
	require.Equal(t, 403, first(b.as(t, "operator").do("GET", "/api/v1/persons/li/track?reason=r", nil)))
}

// TestAPasserByFollowsNobody: without a login a wall shows who is on duty, not
// where he is.
func TestAPasserByFollowsNobody(t *testing.T) {
	b := newBox(t, func(o *wall.Options) { o.AnonymousWall = true })
	pressed := b.press(t, "1")
	require.Equal(t, 200, first(b.as(t, "officer").do("POST", "/api/v1/positions", object{"lat": 28.691, "lon": 115.99})))
	nobody, screen := b.as(t, ""), b.as(t, "wall")
	for _, path := range []string{"/api/v1/forces", "/api/v1/incidents/" + pressed.Incident + "/forces"} {
		for c, shown := range map[*client]bool{nobody: false, screen: true} {
			answer := c.raw("GET", path, nil)
			text, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			require.NoError(t, err)
			require.Contains(t, string(text), `"crew"`)
			require.Equal(t, shown, strings.Contains(string(text), `"age_s"`) && strings.Contains(string(text), "28.691"), path)
		}
	}
	until := func(l *listener, sub string) string {
		for {
			if state := l.any(t); strings.Contains(state.data, sub) {
				return state.data
			}
		}
	}
	until(screen.listen(""), "28.691")
	require.NotContains(t, until(nobody.listen(""), `"units":[{`), "28.691")
}

// TestAnOfficersOwnOrders are those for his user, his person and his team.
func TestAnOfficersOwnOrders(t *testing.T) {
	b := newBox(t)
	c, phone := b.as(t, "operator"), b.as(t, "officer")
	for _, to := range []string{"t1", "officer", "li", "somebody"} {
		require.Equal(t, 201, first(c.do("POST", "/api/v1/tasks", object{"to": to, "note": "到南口"})))
	}
	var mine []any
	for _, one := range phone.get("/api/v1/tasks", "TaskPage")["items"].([]any) {
		mine = append(mine, one.(object)["to"])
		id := one.(object)["id"].(string)
		require.Equal(t, 200, first(phone.do("POST", "/api/v1/tasks/"+id+"/accept", nil)))
	}
	require.Equal(t, []any{"officer", "t1"}, mine, "newest first")
}
