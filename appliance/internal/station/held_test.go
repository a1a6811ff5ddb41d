package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge"
)

// What is held is held whatever it is called: a clip of an incident that was
// merged into the held one, and of a camera's time where nothing but clips was
// recorded.
func TestHoldsKeepClipsOfMergedIncidentsAndOfDevices(t *testing.T) {
	b := newBench(t)
	lead := desk.Actor{Name: "wang", Role: "lead"}
	at := time.Now().Add(-time.Hour)
	other, err := b.desk.Handle(t.Context(), desk.ReportIn{Source: "walk_in", Kind: "theft", Place: "步行街", Note: "a bag", By: lead, Idempotency: "r1"})
	require.NoError(t, err)
	merged, alone := other.Incident+"-gate-1", "01J0000000000000000000ZZZZ-east-gate-1"
	require.NoError(t, errOf(b.desk.Handle(t.Context(), desk.ClipIn{Clip: desk.Clip{
		ID: merged, Part: "1", Incident: other.Incident, Camera: "gate", From: bridge.At(at), To: bridge.At(at.Add(time.Minute)), SHA256: "ab", Bytes: 1,
	}})))
	held := func(owner string, from time.Time) bool {
		var h holding
		require.NoError(t, errOf(b.desk.View(t.Context(), func(state *desk.State) { h = holdingOf(state) })))
		return h.has(media.Item{Class: media.Clips, Owner: owner, From: from, To: from.Add(time.Minute)})
	}
	require.NoError(t, errOf(b.desk.Handle(t.Context(), desk.HoldIn{Incident: b.incident, Reason: "case 17", By: lead, Idempotency: "h1"})))
	require.True(t, held(b.incident+"-gate-1", at))
	require.False(t, held(merged, at))
	require.NoError(t, errOf(b.desk.Handle(t.Context(), desk.ActionIn{Incident: b.incident, Verb: "merge", Other: other.Incident, By: lead, Idempotency: "m1", Reason: "one bag"})))
	require.True(t, held(merged, at), "merged after the hold")

	require.False(t, held(alone, at))
	require.NoError(t, errOf(b.desk.Handle(t.Context(), desk.HoldIn{Device: "gate", From: at, To: at.Add(time.Minute), Reason: "case 18", By: lead, Idempotency: "h2"})))
	require.False(t, held(alone, at), "another camera, whose name ends alike")
	other26 := "01J0000000000000000000ZZZZ-gate"
	require.True(t, held(other26+"-2", at))
	require.True(t, held(other26+sealedSuffix+"-2", at), "its original too")
	require.False(t, held(other26+"-2", at.Add(time.Hour)))
}

func errOf[T any](_ T, err error) error { return err }
