package wall_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// The other desk hears that a handover waits, and that it no longer does; a
// screen does not.
func TestHandoverIsStreamed(t *testing.T) {
	b := newBox(t)
	li := b.as(t, "operator")
	asOf := li.get("/api/v1/room", "Room")["as_of"].(string)
	other, screen := b.as(t, "lead").listen("?after="+asOf), b.as(t, "wall").listen("?after="+asOf)
	heard := func() object { return other.news(t, "handover") }
	require.Equal(t, object{"handover": "", "overdue": false}, heard(), "how it stands is told to who comes back")
	status, made := li.do("POST", "/api/v1/handover", object{"note": "东门坏了"})
	require.Equal(t, 201, status, made)
	id := made["handover"].(object)["id"].(string)
	require.Equal(t, object{"handover": id, "overdue": false}, heard())
	require.Equal(t, 200, first(li.do("POST", "/api/v1/handover/"+id+"/withdraw", object{"reason": "接班人未到"})))
	require.Equal(t, object{"handover": "", "overdue": false}, heard())

	task, err := b.desk.Handle(t.Context(), desk.TaskIn{To: "wu", Note: "去", By: desk.Actor{Name: "operator", Role: "operator"}})
	require.NoError(t, err)
	one := screen.next(t)
	require.Equal(t, []any{"task", task.Task}, []any{one.event, decode(t, one.data)["id"]})
}
