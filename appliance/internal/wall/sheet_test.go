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
