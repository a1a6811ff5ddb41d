package wall_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSchemasForWhoeverAsks: a subscriber finds, without a login, what the index
// names, and is told what is not there.
func TestSchemasForWhoeverAsks(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "")
	get := func(path string) (int, string, object) {
		answer := c.raw(http.MethodGet, path, nil)
		defer answer.Body.Close()
		body := object{}
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&body), path)
		return answer.StatusCode, answer.Header.Get("Content-Type"), body
	}
	status, _, index := get("/api/schemas/")
	require.Equal(t, 200, status)
	for _, entry := range index["schemas"].([]any) {
		status, kind, schema := get(entry.(object)["href"].(string))
		require.Equal(t, 200, status, entry)
		require.Equal(t, "application/schema+json", kind)
		require.Equal(t, entry.(object)["name"].(string)+".json", schema["$id"])
	}
	status, _, document := get(index["asyncapi"].(string))
	require.Equal(t, 200, status)
	require.Equal(t, "3.0.0", document["asyncapi"])
	for _, path := range []string{"/api/schemas/nothing.json", "/api/schemas/..%2fschema.go"} {
		status, kind, problem := get(path)
		require.Equal(t, 404, status, path)
		require.Contains(t, kind, "application/problem+json")
		require.Equal(t, "not_found", problem["code"], path)
	}
}
