package wall_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearbyTellsWhatAReportBinds(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "operator")
	cameras := func(answer object) []string {
		ids := []string{}
		for _, one := range answer["cameras"].([]any) {
			ids = append(ids, one.(object)["id"].(string))
		}
		return ids
	}
	told := c.get("/api/v1/nearby?kind=theft&lat=28.69&lon=115.99", "Nearby")
	require.NotEmpty(t, cameras(told))
	require.Contains(t, told, "forces")
	status, made := c.do("POST", "/api/v1/incidents", object{"source": "call_110", "kind": "theft", "position": object{"lat": 28.69, "lon": 115.99}})
	require.Equal(t, 201, status, made)
	bound := []string{}
	for _, id := range made["incident"].(object)["cameras"].([]any) {
		bound = append(bound, id.(string))
	}
	require.Equal(t, cameras(told), bound)
	require.Empty(t, cameras(c.get("/api/v1/nearby?place=%E6%B2%B3%E8%BE%B9", "Nearby")))

	for _, query := range []string{"lat=28", "lat=91&lon=1", "lat=NaN&lon=1", "lon=1"} {
		status, problem := c.do("GET", "/api/v1/nearby?"+query, nil)
		require.Equal(t, 400, status, query)
		require.NotEmpty(t, problem["field"], query)
	}
	require.Equal(t, 403, first(b.as(t, "wall").do("GET", "/api/v1/nearby?place=x", nil)))
}

func TestActionsStandForTheCaller(t *testing.T) {
	b := newBox(t)
	pressed := b.press(t, "e1")
	why := func(role string) map[string]any {
		said := map[string]any{}
		for _, one := range b.as(t, role).get("/api/v1/incidents/"+pressed.Incident, "IncidentAnswer")["actions"].([]any) {
			said[one.(object)["verb"].(string)] = one.(object)["why"]
		}
		return said
	}
	require.Nil(t, why("operator")["claim"])
	require.Equal(t, "state", why("operator")["dispatch"])
	require.Equal(t, "role", why("wall")["claim"])
}
