package desk_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

func TestNearestCameras(t *testing.T) {
	rules, err := desk.NewRules(setup())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		at   *ingest.Position
		want []string
	}{
		"two see it":                     {at(28.6900, 115.9912), []string{"gate", "shop"}},
		"nearest first":                  {at(28.6900, 115.9921), []string{"shop", "gate"}},
		"one sees it, the next is added": {at(28.6909, 115.9912), []string{"roof", "gate"}},
		"nobody sees it":                 {at(28.6800, 115.9910), []string{"gate", "shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, rules.Nearest(*c.at))
		})
	}

	crowded := setup()
	for i := range 8 {
		crowded.Cameras = append(crowded.Cameras, desk.Camera{ID: string(rune('a' + i)), Position: at(28.6900, 115.9912)})
	}
	rules, err = desk.NewRules(crowded)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c", "d"}, rules.Nearest(*at(28.6900, 115.9912)), "at most NearestMax")
}

func TestSetupIsChecked(t *testing.T) {
	for want, change := range map[string]func(*desk.Setup){
		"camera gate: configured twice":               func(s *desk.Setup) { s.Cameras = append(s.Cameras, s.Cameras[0]) },
		`pillar P-1: camera "nope" is not configured`: func(s *desk.Setup) { s.Pillars[0].Cameras = []string{"nope"} },
		"pillar P-1: 65 cameras: at most 64": func(s *desk.Setup) {
			s.Pillars[0].Cameras = slices.Repeat([]string{"gate"}, 65)
		},
		"drone without an id": func(s *desk.Setup) { s.Drones[0].ID = "" },
	} {
		s := setup()
		change(&s)
		_, err := desk.NewRules(s)
		require.ErrorContains(t, err, want)
	}
}

// TestDwellDatesTheAlertWhenTheRuleWasMet: who loiters for a minute has been
// there for a minute; the clip is of the moment that the rule was met.
func TestDwellDatesTheAlertWhenTheRuleWasMet(t *testing.T) {
	r := newRoom(t)
	in := sighting("s1", vision.Raised, "gate", "loitering", r.now.Add(-time.Minute), r.now)
	in.Sighting.FrameAt = r.now
	records, answer := r.do(in)
	require.Equal(t, bridge.At(r.now), records[1].Event.Time)
	alert := r.state.Alert(answer.Alert)
	require.Equal(t, bridge.At(r.now.Add(-time.Minute)), alert.From)
	require.False(t, alert.Late)
	require.Equal(t, bridge.At(r.now.Add(30*time.Second)), desk.ClipWants(records[1])[0].To)

	in.Sighting.Phase, in.Sighting.To = vision.Updated, r.now.Add(200*time.Millisecond)
	in.Snapshot = ""
	records, _ = r.after(200 * time.Millisecond).do(in)
	require.Empty(t, records, "a fifth of a second is not worth an event")
}
