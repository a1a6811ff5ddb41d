package wall_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

// An incident tells how far its events have come, and the stream when that
// changes.
func TestDeliveries(t *testing.T) {
	b := newBox(t)
	pressed := b.press(t, "1")
	c := b.as(t, "wall")
	one := c.get("/api/v1/incidents/"+pressed.Incident, "IncidentAnswer")["deliveries"].([]any)[0].(object)
	way := one["uplinks"].([]any)[0].(object)
	require.Equal(t, "accepted", way["mark"])
	require.Equal(t, "zhou", way["by"])
	require.Equal(t, "", way["sent"], "not known")

	stream := c.listen("")
	b.station.set(func(s *station) {
		s.open = []wall.IncidentDelivery{{Incident: pressed.Incident, Uplinks: []wall.UplinkDelivery{{Uplink: "hq", Mark: bridge.MarkSent, Events: 2, Received: 1, Oldest: bridge.At(time.Now())}}}}
	})
	for {
		one := stream.any(t)
		if one.event != "state" {
			continue
		}
		state := object{}
		require.NoError(t, json.Unmarshal([]byte(one.data), &state))
		matches(t, "State", state)
		if list := state["deliveries"].([]any); len(list) == 1 {
			require.Equal(t, "sent", list[0].(object)["uplinks"].([]any)[0].(object)["mark"])
			return
		}
	}
}

// What headquarters refused is listed, and sent again by a lead with a reason.
func TestSetAsideIsSentAgain(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "lead")
	uplink := c.get("/api/v1/uplinks", "UplinkPage")["items"].([]any)[0].(object)
	require.Equal(t, "e1", uplink["aside"].([]any)[0].(object)["id"])

	const path = "/api/v1/uplinks/hq/set-aside/e1/send"
	status, done := c.do("POST", path, object{"reason": " they mended it "}, with("Idempotency-Key", "k"))
	require.Equal(t, 200, status, "%v", done)
	matches(t, "Done", done)
	in := b.station.resent[0]
	require.Equal(t, []string{"hq", "e1", "they mended it", "lead", "lead", "k"}, []string{in.Uplink, in.ID, in.Reason, in.By.Name, in.By.Role, in.Idempotency})

	status, problem := c.do("POST", path, object{"reason": " "})
	require.Equal(t, 422, status)
	require.Equal(t, "reason", problem["field"])
	status, problem = c.do("POST", "/api/v1/uplinks/none/set-aside/e1/send", object{"reason": "x"})
	require.Equal(t, []any{404, "uplink_unknown"}, []any{status, problem["code"]})
	b.station.set(func(s *station) { s.refuse = fmt.Errorf("send: %w", bridge.ErrNotReady) })
	status, problem = c.do("POST", path, object{"reason": "x"})
	require.Equal(t, []any{503, "uplink_unreachable", 5.0}, []any{status, problem["code"], problem["retry_after_s"]})
	b.station.set(func(s *station) { s.refuse = fmt.Errorf("send: %w", &bridge.EventError{Reason: "no such place"}) })
	status, problem = c.do("POST", path, object{"reason": "x"})
	require.Equal(t, []any{409, "uplink_refused"}, []any{status, problem["code"]})
	require.Contains(t, problem["detail"], "no such place")
}
