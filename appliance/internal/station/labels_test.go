package station

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// TestRulesAreReadByTheirLabels: the wall and the drills get the words for
// people beside the names that events carry.
func TestRulesAreReadByTheirLabels(t *testing.T) {
	cam := config.Camera{ID: "yard", Streams: config.Streams{Main: "rtsp://127.0.0.1:1/"}, Rules: []config.Rule{
		{Name: "on-the-road", Label: "车道有人", Kind: "intrusion"}, {Name: "crowd", Kind: "crowd"},
	}}
	s := &Station{log: slog.New(slog.DiscardHandler), cfg: &config.Config{Cameras: []config.Camera{cam}}}
	c, err := s.newCamera(cam)
	require.NoError(t, err)
	s.cameras = map[string]*camera{"yard": c}
	require.Equal(t, []wall.CameraRule{{Name: "on-the-road", Label: "车道有人", Kind: "intrusion"}, {Name: "crowd", Kind: "crowd"}}, wallDevices{s}.Cameras()[0].Rules)

	var setup desk.Setup
	patrolSetup(s.cfg, &setup)
	require.Equal(t, "车道有人", setup.DrillRules[0].Label)
}
