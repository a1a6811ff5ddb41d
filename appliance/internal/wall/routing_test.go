package wall_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/partner"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// The partners of every test: one with a line, one that is called.
func routedTo() []desk.Partner {
	return []desk.Partner{{ID: "east", Name: "市政设施管护中心", Line: "webhook"}, {ID: "council", Name: "街道综治中心"}}
}

func routedAs() []desk.RouteClass {
	return []desk.RouteClass{{ID: "municipal", Name: "市政设施", Kinds: []desk.RouteKind{
		{ID: "road", Name: "路面塌陷", Reports: []string{"road_damage"}, Partners: []string{"east", "council"}, Limit: 4 * time.Hour},
	}}}
}

func partnerLines() []wall.Partner {
	return []wall.Partner{
		{ID: "east", Name: "市政设施管护中心", Kind: "webhook", Status: partner.Status{Why: "connect http://x: refused"}},
		{ID: "council", Name: "街道综治中心", Kind: "none", Contact: "0791-1"},
	}
}

func TestRouting(t *testing.T) {
	b := newBox(t)
	operator := b.as(t, "operator")
	status, body := operator.do("POST", "/api/v1/incidents", object{"source": "call_110", "kind": "road_damage", "place": "步行街", "priority": "P2"})
	require.Equal(t, 201, status, body)
	incident := body["incident"].(object)["id"].(string)
	route := "/api/v1/incidents/" + incident + "/route"
	status, body = operator.do("POST", route, object{"kind": "manhole"})
	require.Equal(t, 422, status)
	require.Equal(t, "kind", body["field"])
	require.Equal(t, 404, first(operator.do("POST", "/api/v1/incidents/none/route", object{"kind": "road"})))
	for range 2 { // a repeat under its key answers as the first
		status, body = operator.do("POST", route, object{"kind": "road", "note": "塌陷两米", "close": true}, with("Idempotency-Key", "k"))
		require.Equal(t, 200, status, body)
		matches(t, "IncidentAnswer", body)
		require.Equal(t, "transferred", body["incident"].(object)["result"])
		require.Len(t, body["incident"].(object)["tasks"], 2)
	}
	order := body["incident"].(object)["tasks"].([]any)[0].(string)
	other := body["incident"].(object)["tasks"].([]any)[1].(string)

	list := operator.get("/api/v1/routing", "Routing")
	require.Len(t, list["classes"], 1)
	east := list["partners"].([]any)[0].(object)
	require.Equal(t, []any{"east", false, 1.0, 1.0, 0.0}, []any{east["id"], east["connected"], east["waiting"], east["open"], east["overdue"]})
	require.Equal(t, order, east["orders"].([]any)[0].(object)["id"])
	require.Equal(t, 0.0, list["partners"].([]any)[1].(object)["waiting"], "it is called")

	// With the partner's own token: its own orders, and nothing else.
	east1 := b.machine(t, access.Token{Label: "works", Role: access.Partner, Partner: "east"})
	replies := "/api/v1/partners/east/replies"
	for path, body := range map[string]any{"/api/v1/partners/council/replies": object{"order": other, "result": "done", "report": "r"}, replies: object{"order": other, "result": "done", "report": "r"}} {
		require.Equal(t, 403, first(east1.do("POST", path, body)), path)
	}
	for _, path := range []string{"/api/v1/room", "/api/v1/tasks/" + order, "/api/v1/routing", "/api/v1/events"} {
		require.Equal(t, 403, first(east1.do("GET", path, nil)), path)
	}
	require.Equal(t, 404, first(east1.do("POST", replies, object{"order": "none", "result": "accepted"})))
	status, body = east1.do("POST", replies, object{"order": order, "result": "perhaps"})
	require.Equal(t, 422, status)
	require.Equal(t, "result", body["field"])
	require.Equal(t, 422, first(east1.do("POST", replies, object{"order": 7})))
	status, body = operator.do("POST", "/api/v1/partners/council/replies", []byte(`{"order":"`+other+`","result":"accepted"}`), with("Content-Type", "text/plain"))
	require.Equal(t, []any{415, "Content-Type"}, []any{status, body["field"]}, "what a form of another site could send")
	for i := range 2 {
		status, body = east1.do("POST", replies, object{"order": order, "id": "r1", "result": "done", "report": "已修复"})
		require.Equal(t, 200, status, body)
		matches(t, "ReplyAnswer", body)
		require.Equal(t, []any{"reported", i == 1}, []any{body["state"], body["duplicate"]})
	}
	status, body = east1.do("POST", replies, object{"order": order, "id": "r2", "result": "refused", "reason": "x"})
	require.Equal(t, 409, status)
	require.Equal(t, "reported", body["state"])

	// Over the telephone, written down by somebody of the room.
	status, body = operator.do("POST", "/api/v1/partners/council/replies", object{"order": other, "result": "accepted", "pictures": []any{strings.Repeat("cd", 32)}})
	require.Equal(t, []any{422, "pictures"}, []any{status, body["field"]}, "a picture that nobody brought")
	status, body = operator.do("POST", "/api/v1/partners/council/replies", object{"order": other, "result": "refused", "reason": "不属于我单位"})
	require.Equal(t, 200, status, body)
	require.Equal(t, "handed_back", body["state"])
	require.Equal(t, 404, first(operator.do("POST", "/api/v1/partners/none/replies", object{"order": other, "result": "accepted"})))
	east = operator.get("/api/v1/routing", "Routing")["partners"].([]any)[0].(object)
	require.Equal(t, []any{0.0, 1.0, "done"}, []any{east["open"], east["reported"], east["reply"]})
}

func TestPartnerTokens(t *testing.T) {
	b := newBox(t)
	admin := b.as(t, "admin")
	until := time.Now().Add(time.Hour).Format(time.RFC3339)
	for name, in := range map[string]object{
		"nobody":     {"label": "a", "role": "partner", "expires_at": until},
		"no partner": {"label": "a", "role": "partner", "partner": "none", "expires_at": until},
		"a screen":   {"label": "a", "role": "kiosk", "partner": "east", "expires_at": until},
		"pictures":   {"label": "a", "role": "partner", "partner": "east", "cameras": []string{"east"}, "expires_at": until},
	} {
		status, body := admin.do("POST", "/api/v1/tokens", in)
		require.Contains(t, []int{404, 422}, status, "%s %v", name, body)
	}
	status, body := admin.do("POST", "/api/v1/tokens", object{"label": "works", "role": "partner", "partner": "east", "expires_at": until})
	require.Equal(t, 201, status, body)
	require.Equal(t, "east", body["token"].(object)["partner"])
	status, _ = b.as(t, "").do("POST", "/api/v1/session", object{"token": body["secret"]})
	require.Equal(t, 401, status, "it is no screen's")
}
