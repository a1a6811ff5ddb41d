package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A report that would join an incident is one of its own when the room says so.
func TestReportApart(t *testing.T) {
	r := standardRoom(t)
	_, first := r.do(report(operator("li")))
	_, second := r.do(report(operator("li")))
	require.Equal(t, first.Incident, second.Incident)
	apart := report(operator("li"))
	apart.Separate = true
	_, third := r.do(apart)
	require.NotEqual(t, first.Incident, third.Incident)
	require.Contains(t, r.state.Incident(third.Incident).Linked, first.Incident)
}

// TestReportsFromWhereNobodyKnows: most calls name an address that nobody has
// configured. The same words are the same place: repeats extend, another matter is
// linked, and who calls from there again next day is told what was there before.
func TestReportsFromWhereNobodyKnows(t *testing.T) {
	r := newRoom(t)
	call := func(kind, place string, spot *ingest.Position) *desk.Incident {
		in := report(operator("li"))
		in.Kind, in.Place, in.Position = kind, place, spot
		_, answer := r.do(in)
		return r.state.Incident(answer.Incident)
	}
	first := call("fight", "River Road 9", nil)
	require.Equal(t, first.ID, call("fight", " river  road 9", nil).ID)
	other := call("noise", "River Road 9", nil)
	require.NotEqual(t, first.ID, other.ID, "another kind is another matter")
	require.Contains(t, other.Linked, first.ID)
	elsewhere := call("fight", "River Road 10", nil)
	require.NotEqual(t, first.ID, elsewhere.ID)
	require.Empty(t, elsewhere.Linked)
	require.Empty(t, elsewhere.Similar)
	field := call("theft", "", at(28.6950, 115.9950))

	r.now = r.now.Add(24 * time.Hour)
	again := call("fight", "River Road 9", nil)
	require.NotEqual(t, first.ID, again.ID)
	require.ElementsMatch(t, []string{first.ID, other.ID}, again.Similar)
	require.Equal(t, []string{field.ID}, call("theft", "", at(28.6951, 115.9950)).Similar, "11 m from it")
	require.Empty(t, call("theft", "", at(28.6953, 115.9950)).Similar, "33 m from it")
}

// TestReportBinds compares what is told beforehand with what a report binds:
// the cameras that see the place, and their pictures before it, as with a press.
func TestReportBinds(t *testing.T) {
	for _, c := range []struct {
		name, place string
		at          *ingest.Position
		id          string // of the configured place
		cameras     []string
	}{
		{"a place by id", "bxj", nil, "bxj", []string{"gate", "shop"}},
		{"a place by name", "步行街", nil, "bxj", []string{"gate", "shop"}},
		{"a pillar by name", "步行街南口", nil, "bxj", []string{"gate", "shop"}},
		{"a camera by name", "远处", nil, "", []string{"far", "roof"}},
		{"a position", "", at(28.6900, 115.9912), "bxj", []string{"gate", "shop"}},
		{"where nobody knows", "河边", nil, "", []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoom(t)
			told := r.rules.Nearby(r.state, bridge.At(r.now), "theft", c.place, c.at)
			in := report(operator("li"))
			in.Place, in.Position = c.place, c.at
			records, answer := r.do(in)
			inc := r.state.Incident(answer.Incident)
			require.Equal(t, c.cameras, inc.Cameras)
			require.Equal(t, told.Place, inc.Place)
			require.Equal(t, told.Position, inc.Position)
			require.Equal(t, c.id, told.Place.ID)
			require.Empty(t, told.Incident)

			wants := desk.ClipWants(records[1])
			require.Len(t, wants, len(told.Cameras))
			for i, camera := range told.Cameras {
				require.Equal(t, c.cameras[i], camera.ID)
				require.Equal(t, camera.ID, wants[i].Camera)
				require.Equal(t, camera.From, wants[i].From)
				require.Equal(t, camera.To, wants[i].To)
				require.True(t, camera.From.Before(r.now.Add(-9*time.Second)), "the seconds before")
			}
			again := r.rules.Nearby(r.state, bridge.At(r.now.Add(time.Second)), "theft", c.place, c.at)
			require.Equal(t, inc.ID, again.Incident, "a second one joins")
			_, second := r.do(in)
			require.Equal(t, inc.ID, second.Incident)
		})
	}
}

func TestActionsSayWhyNot(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(report(operator("li")))
	id := answer.Incident
	// Whatever is offered is taken, and whatever is refused is refused for that.
	why := func(by desk.Actor) map[string]string {
		said := map[string]string{}
		for _, action := range r.state.Incident(id).Actions(by) {
			said[action.Verb] = action.Why
		}
		return said
	}
	results := func(by desk.Actor) []string {
		for _, action := range r.state.Incident(id).Actions(by) {
			if action.Verb == "close" {
				return action.Results
			}
		}
		return nil
	}
	require.Equal(t, []string{"false_alarm"}, results(operator("li")))
	open := why(operator("li"))
	require.Equal(t, "", open["claim"])
	require.Equal(t, "state", open["dispatch"])
	require.Equal(t, "role", open["score"])
	require.Equal(t, "single", open["split"])
	require.Equal(t, "role", why(desk.Actor{Name: "w", Role: "wall"})["note"])

	r.do(desk.ActionIn{Incident: id, Verb: "claim", By: operator("li")})
	require.Equal(t, "own", why(operator("li"))["claim"])
	require.Equal(t, "taken", why(operator("wang"))["claim"])
	require.Equal(t, "", why(lead("zhao"))["claim"], "takes over, with a reason")
	require.Equal(t, []string{"resolved", "false_alarm", "transferred"}, results(operator("li")))

	r.do(desk.ActionIn{Incident: id, Verb: "close", Result: "resolved", By: operator("li")})
	closed := why(lead("zhao"))
	require.Equal(t, "", closed["score"])
	require.Equal(t, "", closed["reopen"])
	require.Equal(t, "state", closed["close"])
}
