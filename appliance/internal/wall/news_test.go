package wall_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// Who shows forces hears who of them stands otherwise, and where people are,
// without asking; who has not logged in is not told where.
func TestForcesAreStreamed(t *testing.T) {
	b := newBox(t, func(o *wall.Options) { o.AnonymousWall = true })
	c, phone := b.as(t, "operator"), b.as(t, "officer")
	l, nobody := c.listen(""), b.as(t, "").listen("")
	all := []any{"person/officer", "person/li", "team/t1"}
	begun := l.news(t, "forces")
	matches(t, "ForcesNews", begun)
	require.ElementsMatch(t, all, begun["changed"], "a new stream is told all")
	require.ElementsMatch(t, all, nobody.news(t, "forces")["changed"])

	require.Equal(t, 200, first(phone.do("POST", "/api/v1/positions", object{"lat": 28.691, "lon": 115.99, "accuracy_m": 5})))
	moved := l.news(t, "forces")
	matches(t, "ForcesNews", moved)
	require.Empty(t, moved["changed"], "a step is no news of duty")
	require.Equal(t, "officer", moved["positions"].([]any)[0].(object)["person"])
	require.Len(t, moved["positions"], 1)
	require.Equal(t, moved["positions"], b.as(t, "lead").listen("").news(t, "forces")["positions"])

	require.Equal(t, 200, first(c.do("POST", "/api/v1/duty", object{"person": "li", "on": false, "reason": "培训"})))
	require.ElementsMatch(t, []any{"person/li", "team/t1"}, l.news(t, "forces")["changed"], "the crew is another one too")
	require.ElementsMatch(t, []any{"person/li", "team/t1"}, nobody.news(t, "forces")["changed"], "and was told no position in between")
}

// Who shows the partners hears whose line stands otherwise; an order is a task,
// which is told as such.
func TestRoutingIsStreamed(t *testing.T) {
	var mu sync.Mutex
	lines := partnerLines()
	b := newBox(t, func(o *wall.Options) {
		o.Partners = func() []wall.Partner {
			mu.Lock()
			defer mu.Unlock()
			return append([]wall.Partner{}, lines...)
		}
	})
	l := b.as(t, "operator").listen("")
	begun := l.news(t, "routing")
	matches(t, "RoutingNews", begun)
	require.Len(t, begun["changed"], len(lines))
	mu.Lock()
	lines[1].Connected, lines[1].Why = !lines[1].Connected, "connection refused"
	mu.Unlock()
	require.Equal(t, object{"changed": []any{lines[1].ID}}, l.news(t, "routing"))
	mu.Lock()
	gone := lines[1].ID
	lines = lines[:1]
	mu.Unlock()
	require.Equal(t, object{"changed": []any{gone}}, l.news(t, "routing"))

	task, err := b.desk.Handle(t.Context(), desk.TaskIn{To: "wu", Note: "去", By: desk.Actor{Name: "operator", Role: "operator"}})
	require.NoError(t, err)
	require.Equal(t, task.Task, decode(t, l.next(t).data)["id"])
}
