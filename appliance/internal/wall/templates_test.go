package wall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// pieces are the box's templates.
func pieces() []desk.Template {
	return []desk.Template{
		{ID: "check", Name: "核查", Kind: desk.PlainTask, Note: "核查", With: []string{"snapshot"}},
		{
			ID: "arrive", Name: "到场处置", Kind: desk.PlainTask, Note: "到现场核实", Priority: "P1", Limit: 15 * time.Minute, Done: "照片一张", Pictures: 1,
			Steps: []desk.TemplateStep{{Name: "到场", Limit: 10 * time.Minute}, {Name: "拍照"}}, With: []string{"map"},
		},
		{ID: "visit", Name: "回访", Kind: desk.Visit, Note: "回访报警人", Limit: 72 * time.Hour},
	}
}

// An order of a template and a receiver alone; its steps, and what it wants.
func TestOrderFromATemplate(t *testing.T) {
	b := newBox(t)
	operator, officer := b.as(t, "operator"), b.as(t, "officer")
	list := operator.get("/api/v1/templates", "TemplateList")["items"].([]any)
	require.Len(t, list, 3)
	require.Equal(t, "arrive", list[1].(object)["id"])
	require.InDelta(t, 900_000, list[1].(object)["limit_ms"], 0)
	require.Equal(t, 403, first(officer.do("GET", "/api/v1/templates", nil)))

	status, body := operator.do("POST", "/api/v1/tasks", object{"template": "arrive", "to": "officer"}, with("Idempotency-Key", "k"))
	require.Equal(t, 201, status, body)
	matches(t, "TaskAnswer", body)
	task := body["task"].(object)
	require.Equal(t, []any{"task", "到场处置", "P1", "张伟"}, []any{task["kind"], task["title"], task["priority"], task["to_name"]})
	path := "/api/v1/tasks/" + task["id"].(string)
	for _, verb := range []string{"accept", "arrive"} {
		require.Equal(t, 200, first(officer.do("POST", path+"/"+verb, nil, with("Idempotency-Key", verb))))
	}
	status, body = officer.do("POST", path+"/tick", object{"steps": []int{1}}, with("Idempotency-Key", "s1"))
	require.Equal(t, 200, status, body)
	matches(t, "TaskAnswer", body)
	require.NotEmpty(t, body["task"].(object)["steps"].([]any)[0].(object)["done_at"])
	status, body = officer.do("POST", path+"/report", object{"report": "好"})
	require.Equal(t, []any{422, "steps", "拍照"}, []any{status, body["field"], body["value"]})
	status, body = officer.do("POST", path+"/report", object{"report": "好", "steps": []int{2}})
	require.Equal(t, []any{422, "pictures"}, []any{status, body["field"]})
	_, brought := bring(officer, photo(t, 64), "image/jpeg")
	report := object{"report": "好", "steps": []int{2}, "pictures": []any{brought["sha256"]}}
	require.Equal(t, 200, first(officer.do("POST", path+"/report", report)))
	require.Equal(t, 422, first(operator.do("POST", "/api/v1/tasks", object{"template": "none", "to": "officer"})))
}

// Closing says what becomes of open orders; a visit can be demanded then.
func TestCloseAndFollowUp(t *testing.T) {
	b := newBox(t)
	press := b.press(t, "e1")
	operator := b.as(t, "operator")
	path := "/api/v1/incidents/" + press.Incident
	require.Equal(t, 200, first(operator.do("POST", path+"/claim", nil, with("Idempotency-Key", "c"))))
	_, body := operator.do("POST", "/api/v1/tasks", object{"to": "officer", "note": "去", "incident": press.Incident}, with("Idempotency-Key", "t"))
	task := body["task"].(object)["id"].(string)
	status, body := operator.do("POST", path+"/close", object{"result": "resolved", "tasks": "forget"}, with("Idempotency-Key", "x0"))
	require.Equal(t, []any{422, "tasks"}, []any{status, body["field"]})
	require.Equal(t, 409, first(operator.do("POST", path+"/follow_up", object{"to": "officer"}, with("Idempotency-Key", "f0"))))
	require.Equal(t, 200, first(operator.do("POST", path+"/close", object{"result": "resolved", "tasks": "keep"}, with("Idempotency-Key", "x"))))
	kept := operator.get("/api/v1/tasks/"+task, "TaskAnswer")["task"].(object)
	require.Equal(t, []any{"issued", "operator"}, []any{kept["state"], kept["owner"]})
	for range 2 {
		status, body = operator.do("POST", path+"/follow_up", object{"to": "officer"}, with("Idempotency-Key", "f"))
		require.Equal(t, 201, status, body)
		matches(t, "TaskAnswer", body)
	}
	require.Equal(t, "visit", body["task"].(object)["kind"])
	require.Len(t, operator.get("/api/v1/tasks?incident="+press.Incident, "TaskPage")["items"], 2)

	require.Len(t, operator.get("/api/v1/tasks?kind=visit,push&incident="+press.Incident, "TaskPage")["items"], 1)
	require.Equal(t, 400, first(operator.do("GET", "/api/v1/tasks?kind=gossip", nil)))

	status, body = operator.do("POST", "/api/v1/incidents", object{"source": "walk_in", "kind": "theft", "place": "步行街", "reopens": press.Incident}, with("Idempotency-Key", "r"))
	require.Equal(t, 409, status, body)
	status, body = operator.do("POST", "/api/v1/incidents", object{"source": "walk_in", "kind": "theft", "place": "步行街", "reopens": "01JZZZZZZZZZZZZZZZZZZZZZZZ"}, with("Idempotency-Key", "r2"))
	require.Equal(t, 201, status, body)
	require.Equal(t, "01JZZZZZZZZZZZZZZZZZZZZZZZ", body["incident"].(object)["reopens"])
}
