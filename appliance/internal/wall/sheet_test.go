package wall_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

type tables struct{}

func (tables) Export() ([]byte, error) { return []byte("\ufeffid,main\r\n"), nil }

func (tables) Asked(table []byte) []byte { return table }

func (tables) Import(_ context.Context, table []byte, replace bool, by desk.Actor) (wall.SheetChange, error) {
	if strings.Contains(string(table), "bad") {
		return wall.SheetChange{}, wall.SheetProblems{{Where: "row 2, column main", Text: "is empty"}, {Where: "row 3", Text: "twice"}}
	}
	return wall.SheetChange{Added: []string{by.Name}, Restart: replace}, nil
}

func TestCamerasAsTable(t *testing.T) {
	b := newBox(t)
	require.Equal(t, 403, first(b.as(t, "operator").do("GET", "/api/v1/cameras.csv", nil)))
	require.Equal(t, 403, first(b.as(t, "lead").do("POST", "/api/v1/cameras.csv", nil)))
	c := b.as(t, "admin")
	out := c.raw("GET", "/api/v1/cameras.csv", nil)
	require.Equal(t, "text/csv; charset=utf-8", out.Header.Get("Content-Type"))
	require.Len(t, b.events(t, "watchpost.access.exported"), 1)
	status, answer := c.do("POST", "/api/v1/cameras.csv?replace=true", []byte("id,main\na,rtsp://x/y"))
	require.Equal(t, 200, status)
	matches(t, "SheetChange", answer)
	require.Equal(t, true, answer["restart"])
	status, answer = c.do("POST", "/api/v1/cameras.csv", []byte("bad"))
	require.Equal(t, 422, status)
	require.Len(t, answer["problems"], 2, "all at once")
}

// TestATableIsImportedOnce: a call that comes again late does not write its
// table over what came since.
func TestATableIsImportedOnce(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "admin")
	table, key := []byte("id,main\na,rtsp://x/y"), with("Idempotency-Key", "i1")
	status, answer := c.do("POST", "/api/v1/cameras.csv", table, key)
	require.Equal(t, 200, status)
	require.Equal(t, []any{false, []any{"admin"}}, []any{answer["repeated"], answer["added"]})
	status, answer = c.do("POST", "/api/v1/cameras.csv", table, key)
	require.Equal(t, 200, status)
	matches(t, "SheetChange", answer)
	require.Equal(t, []any{true, []any{}}, []any{answer["repeated"], answer["added"]}, "not imported again")
	for path, other := range map[string][]byte{"/api/v1/cameras.csv": []byte("id,main\nb,rtsp://x/y"), "/api/v1/cameras.csv?replace=true": table} {
		status, problem := c.do("POST", path, other, key)
		require.Equal(t, 422, status, path)
		require.Equal(t, "idempotency_key", problem["field"])
	}
	imported := b.events(t, "watchpost.access.imported")
	require.Len(t, imported, 1)
	require.Contains(t, string(imported[0].Data), "added 1, changed 0, removed 0")
	require.NotContains(t, string(imported[0].Data), "rtsp")
}
