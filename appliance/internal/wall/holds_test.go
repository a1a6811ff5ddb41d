package wall_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Settle is the station's: no sweep is under way.
func (s *station) Settle() {}

func TestHoldsArePlacedByLeads(t *testing.T) {
	b := newBox(t)
	pressed := b.press(t, "1")
	ask := object{"incident": pressed.Incident, "reason": "case 17"}
	require.Equal(t, 403, first(b.as(t, "operator").do("POST", "/api/v1/holds", ask)))
	c := b.as(t, "lead")
	status, answer := c.do("POST", "/api/v1/holds", ask)
	require.Equal(t, 201, status)
	matches(t, "HoldAnswer", answer)
	held := c.get("/api/v1/holds", "HoldPage")["items"].([]any)
	require.Len(t, held, 1)
	require.Equal(t, pressed.Incident, held[0].(object)["incident"])
	now := time.Now()
	for want, bad := range map[int]object{
		404: {"device": "nobody", "from": now.Add(-time.Hour).Format(time.RFC3339), "to": now.Format(time.RFC3339), "reason": "x"},
		422: {"device": "east", "reason": "x"},
	} {
		require.Equal(t, want, first(c.do("POST", "/api/v1/holds", bad)), bad)
	}
}
