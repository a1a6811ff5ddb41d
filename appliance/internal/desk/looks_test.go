package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

func TestOpenLooksAreKeptUntilTheyEnd(t *testing.T) {
	r := newRoom(t)
	look := func(kind, camera string, from time.Time) desk.AccessIn {
		return desk.AccessIn{Kind: kind, By: operator("wang"), Camera: camera, From: from, Remote: "10.0.0.2", Why: "live"}
	}
	began := start().Add(123456789)
	r.do(look("look_opened", "gate", began))
	r.do(look("look_opened", "shop", began))
	saved, err := r.state.Bytes()
	require.NoError(t, err)
	restored, err := desk.Restore(saved)
	require.NoError(t, err)
	require.Equal(t, r.state.OpenLooks(), restored.OpenLooks(), "a checkpoint has them")

	r.after(time.Minute).do(look("looked", "shop", began.Add(time.Hour)))
	require.Len(t, r.state.OpenLooks(), 2, "another look")
	r.do(look("looked", "shop", began))
	require.Len(t, r.state.OpenLooks(), 1)
	require.Equal(t, "gate", r.state.OpenLooks()[0].Camera)
	r.do(look("looked", "gate", began))
	require.Empty(t, r.state.OpenLooks())
}
