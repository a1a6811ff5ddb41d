package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// unit is a team as the API gives it.
type unit struct {
	ID       string
	Sendable bool
	Tasks    []string
	Metres   *float64
	Position *struct {
		Person   string
		Position struct{ Lat, Lon float64 }
		Stale    bool
	}
}

// people are those of the demo who carry a phone.
func people() []string { return []string{"zhang", "liu"} }

// phones: officers on duty walk, the box knows where they are, and names the
// nearest free team for what is reported.
func phones(t *testing.T, r *rig, _ *browser) {
	team := func(id string) (found unit) {
		var all struct{ Teams []unit }
		require.Equal(t, 200, r.api("GET", "/api/v1/forces", "", &all))
		for _, u := range all.Teams {
			if u.ID == id {
				found = u
			}
		}
		return found
	}
	r.until("both teams are known by their phones", func() bool {
		return team("patrol-1").Position != nil && team("patrol-2").Position != nil
	})
	was := team("patrol-1").Position.Position
	require.False(t, team("patrol-1").Position.Stale)
	r.until("the patrol moves", func() bool { return team("patrol-1").Position.Position != was })

	var made struct{ Incident struct{ ID string } }
	require.Equal(t, 201, r.api("POST", "/api/v1/incidents", fmt.Sprintf(
		`{"source":"call_110","kind":"fight","place":"河边","position":{"lat":%g,"lon":%g}}`, 28.6920, 115.9940), &made))
	var near struct{ Items []unit }
	require.Equal(t, 200, r.api("GET", "/api/v1/incidents/"+made.Incident.ID+"/forces", "", &near))
	require.Equal(t, "patrol-2", near.Items[0].ID, "it walks around there")
	require.Less(t, *near.Items[0].Metres, 100.0)
	require.Equal(t, 201, r.api("POST", "/api/v1/tasks", fmt.Sprintf(`{"to":"patrol-2","note":"去看","incident":%q}`, made.Incident.ID), nil))
	require.Equal(t, 200, r.api("GET", "/api/v1/incidents/"+made.Incident.ID+"/forces", "", &near))
	require.Equal(t, "patrol-1", near.Items[0].ID, "a busy team is behind a free one")
	require.Equal(t, 200, r.api("POST", "/api/v1/tasks/"+near.Items[1].Tasks[0]+"/cancel", `{"reason":"test"}`, nil))
	require.Equal(t, 200, r.api("POST", "/api/v1/incidents/"+made.Incident.ID+"/claim", `{}`, nil))
	require.Equal(t, 200, r.api("POST", "/api/v1/incidents/"+made.Incident.ID+"/close", `{"result":"resolved"}`, nil))

	require.Equal(t, 200, r.api("POST", "/api/v1/duty", `{"person":"liu","on":false,"reason":"下班"}`, nil))
	require.Nil(t, team("patrol-2").Position, "off duty, nobody knows where he is")
	require.False(t, team("patrol-2").Sendable)
}
