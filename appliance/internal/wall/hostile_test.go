package wall_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUnknownPathsAndMethods: a path of the API that nothing knows is 404 by
// every method; one that is known says which methods it has.
func TestUnknownPathsAndMethods(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "operator")
	for _, path := range []string{"/api/v1/nothing", "/api/v1/incidents/I1/nothing/more"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"} {
			answer := c.raw(method, path, nil)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, 404, answer.StatusCode, "%s %s", method, path)
			require.Empty(t, answer.Header.Get("Allow"), "%s %s", method, path)
		}
	}
	for path, allow := range map[string]string{"/api/v1/incidents": "GET, HEAD, POST", "/api/v1/incidents/I1/claim": "POST", "/api/v1/room": "GET, HEAD"} {
		answer := c.raw("PUT", path, nil)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, 405, answer.StatusCode, path)
		for _, method := range strings.Split(allow, ", ") {
			require.Contains(t, answer.Header.Get("Allow"), method, path)
		}
	}
}

// TestAProblemCutsNoLetterInTwo: the value that it names is shown to people.
func TestAProblemCutsNoLetterInTwo(t *testing.T) {
	c := newBox(t).as(t, "operator")
	for _, lead := range []string{"", "a", "ab"} {
		_, problem := c.do("GET", "/api/v1/incidents?limit="+lead+strings.Repeat("界", 60), nil)
		require.NotContains(t, problem["value"], "\ufffd")
		require.NotContains(t, problem["detail"], `\x`)
		require.Regexp(t, "^"+lead+"界+…$", problem["value"])
	}
}

// TestHeadTakesNothingAway: what was not sent was neither exported nor looked at.
func TestHeadTakesNothingAway(t *testing.T) {
	b := newBox(t)
	admin := b.as(t, "admin")
	for _, path := range []string{"cameras.csv", "review.csv", "review/people.csv", "review/people", "audit.csv", "audit.jsonl"} {
		answer := admin.raw("HEAD", "/api/v1/"+path, nil)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, 200, answer.StatusCode, path)
	}
	require.Empty(t, b.events(t, "watchpost.access.exported"))
	require.Empty(t, b.events(t, "watchpost.access.looked"))
}
