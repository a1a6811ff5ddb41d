package wall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

func TestTasks(t *testing.T) {
	b := newBox(t)
	press := b.press(t, "e1")
	operator, lead := b.as(t, "operator"), b.as(t, "lead")
	issue := object{
		"to": "officer", "note": "去步行街核查", "template": "check", "incident": press.Incident, "limit": time.Now().Add(time.Hour).Format(time.RFC3339),
	}
	status, body := operator.do("POST", "/api/v1/tasks", issue, with("Idempotency-Key", "k1"))
	require.Equal(t, 201, status, body)
	matches(t, "TaskAnswer", body)
	task := body["task"].(object)
	require.Equal(t, "P0", task["priority"])
	require.Equal(t, []any{"accept", "hand_back", "cancel"}, body["possible"])
	path := "/api/v1/tasks/" + task["id"].(string)
	status, again := operator.do("POST", "/api/v1/tasks", issue, with("Idempotency-Key", "k1"))
	require.Equal(t, 201, status)
	require.Equal(t, task["id"], again["task"].(object)["id"])

	act := func(c *client, verb string, body any) (int, object) {
		return c.do("POST", path+"/"+verb, body, with("Idempotency-Key", verb))
	}
	officer := b.as(t, "officer")
	require.Equal(t, 200, first(act(officer, "accept", nil)))
	require.Equal(t, 200, first(act(officer, "accept", nil)), "a repeat answers as the first")
	_, early := bring(officer, photo(t, 32), "image/jpeg")
	status, body = officer.do("POST", path+"/arrive", object{"pictures": []any{early["sha256"]}})
	require.Equal(t, []any{422, "pictures"}, []any{status, body["field"]}, "it would be kept of no report")
	require.Equal(t, 200, first(act(officer, "arrive", nil)))
	status, body = act(officer, "report", object{})
	require.Equal(t, 422, status)
	require.Equal(t, "report", body["field"])
	_, brought := bring(officer, photo(t, 64), "image/jpeg")
	status, body = act(officer, "report", object{"report": "抓获一人", "pictures": []any{brought["sha256"]}})
	require.Equal(t, 200, status, body)
	require.Empty(t, body["possible"])
	status, body = act(operator, "arrive", nil)
	require.Equal(t, 409, status)
	require.Equal(t, "transition_illegal", body["code"])
	require.Equal(t, "reported", body["state"])
	require.Equal(t, []any{"confirm", "return"}, body["possible"])
	require.Equal(t, 200, first(act(operator, "return", object{"reason": "照片不清楚", "limit": time.Now().Add(time.Hour).Format(time.RFC3339)})))
	require.Equal(t, 422, first(act(operator, "cancel", nil)), "needs a reason")
	require.Equal(t, 200, first(act(lead, "cancel", object{"reason": "另派"})))

	list := operator.get("/api/v1/tasks?state=cancelled&incident="+press.Incident, "TaskPage")["items"].([]any)
	require.Len(t, list, 1)
	require.Empty(t, operator.get("/api/v1/tasks?state=issued", "TaskPage")["items"])
	require.Equal(t, 400, first(operator.do("GET", "/api/v1/tasks?state=lost", nil)))
	require.Len(t, operator.get("/api/v1/room", "Room")["tasks"], 1)
	one := operator.get("/api/v1/incidents/"+press.Incident, "IncidentAnswer")["incident"].(object)
	require.Equal(t, []any{task["id"]}, one["tasks"])
	require.Equal(t, 404, first(operator.do("GET", "/api/v1/tasks/none", nil)))
	require.Equal(t, 404, first(operator.do("POST", "/api/v1/tasks/none/accept", nil)))
	require.Equal(t, 422, first(operator.do("POST", "/api/v1/tasks", object{"to": "x", "note": "y", "limit": "soon"})))
	require.Equal(t, 422, first(operator.do("POST", "/api/v1/tasks", object{"note": "y"})))
}

// An officer's phone shows and answers his own orders only.
func TestOfficerHasHisOwnTasks(t *testing.T) {
	b := newBox(t)
	result, err := b.desk.Handle(t.Context(), desk.TaskIn{To: "wu", Note: "去", By: desk.Actor{Name: "operator", Role: "operator"}})
	require.NoError(t, err)
	officer := b.as(t, "officer")
	require.Empty(t, officer.get("/api/v1/tasks", "TaskPage")["items"])
	require.Equal(t, 404, first(officer.do("GET", "/api/v1/tasks/"+result.Task, nil)))
	require.Equal(t, 403, first(officer.do("POST", "/api/v1/tasks/"+result.Task+"/accept", nil)))
}

// A task that changes comes over the stream, whole, and so does its incident.
func TestTaskIsStreamed(t *testing.T) {
	b := newBox(t)
	press := b.press(t, "e1")
	c := b.as(t, "operator")
	asOf := c.get("/api/v1/room", "Room")["as_of"].(string)
	result, err := b.desk.Handle(t.Context(), desk.TaskIn{To: "wu", Note: "去", Incident: press.Incident, By: desk.Actor{Name: "operator", Role: "operator"}})
	require.NoError(t, err)
	stream := c.listen("?after=" + asOf)
	kinds := map[string]object{}
	for len(kinds) < 2 {
		one := stream.next(t)
		kinds[one.event] = decode(t, one.data)
	}
	matches(t, "Task", kinds["task"])
	require.Equal(t, result.Task, kinds["task"]["id"])
	require.Equal(t, []any{result.Task}, kinds["incident"]["tasks"])
}

func TestWayDownOverHTTP(t *testing.T) {
	b := newBox(t)
	secret, _, err := b.tokens.Create(access.Token{Label: "hq", Role: access.Uplink, Uplink: "hq", ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	other, _, err := b.tokens.Create(access.Token{Label: "city", Role: access.Uplink, Uplink: "city", ExpiresAt: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	nobody := b.as(t, "")
	send := func(secret, what string, body any) (int, object) {
		status, answer := nobody.do("POST", "/api/v1/uplinks/hq/"+what, body, with("Authorization", "Bearer "+secret))
		if status < 400 {
			matches(t, "DownAnswer", answer)
		}
		return status, answer
	}
	for what, want := range map[string]int{"receipts": 200, "replay": 200, "tasks": 201, "incidents": 201} {
		status, body := send(secret, what, object{"id": "1"})
		require.Equal(t, want, status, what)
		if want == 201 {
			require.Equal(t, "taken", body["answer"].(object)["result"])
		}
		require.Equal(t, 422, first(send(secret, what, object{"x": 1})), what)
		status, body = send(secret, what, object{"id": "full"})
		require.Equal(t, 503, status, what)
		require.Equal(t, "journal_unavailable", body["code"])
		require.Equal(t, 403, first(send(other, what, object{"id": "1"})), "another uplink's token")
		require.Equal(t, 401, first(nobody.do("POST", "/api/v1/uplinks/hq/"+what, object{"id": "1"})))
		require.Equal(t, 403, first(b.as(t, "admin").do("POST", "/api/v1/uplinks/hq/"+what, object{"id": "1"})))
	}
	_, body := send(secret, "tasks", object{"x": 1})
	require.Equal(t, []any{"order_refused", "no id"}, []any{body["code"], body["detail"]})
	require.Equal(t, 429, first(send(secret, "tasks", object{"x": "flood"})))
}
