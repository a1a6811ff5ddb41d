package wall_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// started puts the configured plans in force.
func (b *box) started(t *testing.T) {
	_, err := b.desk.Handle(t.Context(), desk.StartedIn{Version: "1", Boot: "b", Config: "sha256:x"})
	require.NoError(t, err)
}

func TestPatrols(t *testing.T) {
	b := newBox(t)
	b.started(t)
	operator, lead := b.as(t, "operator"), b.as(t, "lead")
	plan := operator.get("/api/v1/patrols", "Patrols")["items"].([]any)[0].(object)
	require.Equal(t, []any{"begin"}, plan["possible"])
	require.Empty(t, b.as(t, "wall").get("/api/v1/patrols", "Patrols")["items"].([]any)[0].(object)["possible"])

	status, body := operator.do("POST", "/api/v1/patrols/street/begin", nil, with("Idempotency-Key", "b1"))
	require.Equal(t, 201, status, body)
	matches(t, "RoundAnswer", body)
	round := body["round"].(object)["id"].(string)
	status, again := operator.do("POST", "/api/v1/patrols/street/begin", nil, with("Idempotency-Key", "b1"))
	require.Equal(t, 201, status)
	require.Equal(t, round, again["round"].(object)["id"])
	status, body = lead.do("POST", "/api/v1/patrols/street/begin", nil)
	require.Equal(t, 409, status)
	require.Equal(t, []any{"round_taken", "operator"}, []any{body["code"], body["by"]})
	require.Equal(t, []any{"take_over"}, lead.get("/api/v1/patrols", "Patrols")["items"].([]any)[0].(object)["possible"])

	path := "/api/v1/rounds/" + round
	status, body = operator.do("POST", path+"/finish", nil)
	require.Equal(t, 422, status)
	require.Equal(t, "east", body["value"])
	status, body = operator.do("POST", path+"/see", object{"camera": "east", "seen": true, "finding": object{"kind": "fire", "priority": "P1"}})
	require.Equal(t, 200, status, body)
	matches(t, "RoundAnswer", body)
	require.NotEmpty(t, body["incident"])
	require.Equal(t, "P1", operator.get("/api/v1/incidents/"+body["incident"].(string), "IncidentAnswer")["incident"].(object)["priority"])
	status, body = operator.do("POST", path+"/finish", object{"note": "ok"})
	require.Equal(t, 200, status, body)
	require.Equal(t, "done", body["round"].(object)["state"])
	require.Equal(t, 404, first(operator.do("POST", path+"/give_up", object{"reason": "x"})))
	require.Equal(t, 404, first(operator.do("POST", "/api/v1/patrols/none/begin", nil)))
}

// TestLimitedWalker: nobody signs for cameras that he may not see, nor drills
// their rules.
func TestLimitedWalker(t *testing.T) {
	b := newBox(t)
	b.started(t)
	require.NoError(t, b.users.AddLimited("few", password, access.Lead, access.Scope{Cameras: []string{"west"}}))
	few := b.as(t, "few")
	require.Empty(t, few.get("/api/v1/patrols", "Patrols")["items"])
	status, body := few.do("POST", "/api/v1/patrols/street/begin", nil)
	require.Equal(t, []any{403, "camera_forbidden"}, []any{status, body["code"]})
	require.Len(t, few.get("/api/v1/drills", "Drills")["items"], 2)
	require.Equal(t, 403, first(few.do("POST", "/api/v1/drills/rule:east/night/run", nil)))
}

func TestDrills(t *testing.T) {
	b := newBox(t)
	b.started(t)
	lead := b.as(t, "lead")
	body := lead.get("/api/v1/drills", "Drills")
	require.Equal(t, object{"all": 3.0, "never_heard": 3.0, "never_drilled": 3.0, "stale": 0.0, "failed": 0.0}, body["counts"])
	require.Equal(t, 30.0, body["after_days"])
	rule := "/api/v1/drills/rule:east/night/run"
	require.Equal(t, 403, first(b.as(t, "operator").do("POST", rule, nil)))
	status, body := lead.do("POST", rule, nil, with("Idempotency-Key", "d1"))
	require.Equal(t, 201, status, body)
	matches(t, "DrillAnswer", body)
	status, again := lead.do("POST", rule, nil, with("Idempotency-Key", "d1"))
	require.Equal(t, 201, status)
	require.Equal(t, body["incident"], again["incident"])
	inc := lead.get("/api/v1/incidents/"+body["incident"].(string), "IncidentAnswer")["incident"].(object)
	require.Equal(t, []any{true, "P1", "intrusion"}, []any{inc["drill"], inc["priority"], inc["kind"]})
	status, body = lead.do("POST", rule, nil)
	require.Equal(t, 409, status)
	require.Equal(t, []any{"drill_running", "lead"}, []any{body["code"], body["by"]})

	status, body = lead.do("POST", "/api/v1/drills/uplink:hq/run", nil)
	require.Equal(t, 201, status, body)
	run := body["drill"].(object)["run"].(object)
	for _, mark := range []string{"stored", "received"} {
		_, err := b.desk.Handle(context.Background(), desk.DrillMarkIn{Target: "uplink:hq", Run: run["id"].(string), Mark: mark, Uplink: "hq"})
		require.NoError(t, err)
	}
	_, err := b.desk.Handle(context.Background(), desk.Tick{})
	require.NoError(t, err)
	for _, one := range lead.get("/api/v1/drills", "Drills")["items"].([]any) {
		if one := one.(object); one["target"] == "uplink:hq" {
			require.Equal(t, "passed", one["last"].(object)["result"])
			require.NotEmpty(t, one["last"].(object)["received"].(object)["hq"])
		}
	}
	b.press(t, "e1")
	status, body = lead.do("POST", "/api/v1/drills/pillar:P-001/run", nil)
	require.Equal(t, 422, status, "a real P0 waits: "+body["detail"].(string))
	require.Equal(t, 404, first(lead.do("POST", "/api/v1/drills/pillar:none/run", nil)))
}

// TestTwoBeginAtOnce: one wins, and the other hears who.
func TestTwoBeginAtOnce(t *testing.T) {
	b := newBox(t)
	b.started(t)
	clients := []*client{b.as(t, "operator"), b.as(t, "lead")}
	type answer struct {
		status int
		body   object
	}
	for range 20 {
		answers := make(chan answer, len(clients))
		for _, c := range clients {
			go func() {
				status, body := c.do("POST", "/api/v1/patrols/street/begin", nil)
				answers <- answer{status, body}
			}()
		}
		won, lost := <-answers, <-answers
		if won.status == 409 {
			won, lost = lost, won
		}
		require.Equal(t, []int{201, 409}, []int{won.status, lost.status})
		round := won.body["round"].(object)
		require.Equal(t, round["by"], lost.body["by"])
		winner := clients[0]
		if round["by"] == "lead" {
			winner = clients[1]
		}
		require.Equal(t, 200, first(winner.do("POST", "/api/v1/rounds/"+round["id"].(string)+"/give_up", object{"reason": "again"})))
	}
}
