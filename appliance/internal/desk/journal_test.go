package desk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

func TestRetirementIsWrittenOnce(t *testing.T) {
	r := newRoom(t)
	in := desk.RetiredIn{Through: 40, Ranges: []desk.RetiredRange{{Lane: bridge.Alarm, From: 1, To: 30, Hash: "sha256:a", Signature: "s"}, {Lane: bridge.Local, From: 1, To: 10, Hash: "sha256:l"}}}
	records, _ := r.do(in)
	require.Equal(t, []string{"journal.retired", "journal.retired"}, types(records))
	require.Equal(t, desk.JournalRetired{Schema: 1, Lane: bridge.Local, From: 1, To: 10, Hash: "sha256:l", Through: 40, Lanes: 2, Nth: 2}, data[desk.JournalRetired](t, records[1]))
	require.Equal(t, bridge.Notice, records[0].Event.Lane)
	again, answer := r.do(in)
	require.Empty(t, again)
	require.True(t, answer.Duplicate)
}

func TestErasureNeedsTwoAndAReason(t *testing.T) {
	r := newRoom(t)
	good := desk.ErasedIn{Lane: bridge.Alarm, Sequence: 7, By: lead("chen"), Second: "wu", Reason: "court order 12"}
	for _, change := range []func(*desk.ErasedIn){
		func(in *desk.ErasedIn) { in.Lane = "weather" },
		func(in *desk.ErasedIn) { in.Sequence = 0 },
		func(in *desk.ErasedIn) { in.Reason = "" },
		func(in *desk.ErasedIn) { in.Second = "" },
		func(in *desk.ErasedIn) { in.Second = "chen" },
	} {
		bad := good
		change(&bad)
		_, _, err := r.try(bad)
		var invalid *desk.InvalidError
		require.ErrorAs(t, err, &invalid)
	}
	records, _ := r.do(good)
	require.Equal(t, desk.JournalErased{Schema: 1, Lane: bridge.Alarm, Sequence: 7, By: "chen", Second: "wu", Reason: "court order 12"}, data[desk.JournalErased](t, records[0]))
	again, _ := r.do(good)
	require.Empty(t, again)
}

func TestSuspensionIsRemembered(t *testing.T) {
	r := newRoom(t)
	suspend := desk.SuspendedIn{Uplink: "hq", From: 3, To: 9, Why: "no receipt for 90 days"}
	resume := desk.SuspendedIn{Uplink: "hq", Resumed: true}
	records, _ := r.do(resume)
	require.Empty(t, records, "it was not suspended")
	records, _ = r.do(suspend)
	require.Equal(t, []string{"uplink.suspended"}, types(records))
	require.Equal(t, desk.UplinkSuspended{Schema: 1, Uplink: "hq", Lane: bridge.Alarm, From: 3, To: 9, Why: "no receipt for 90 days"}, data[desk.UplinkSuspended](t, records[0]))
	records, _ = r.do(suspend)
	require.Empty(t, records)
	b, err := r.state.Bytes()
	require.NoError(t, err)
	restored, err := desk.Restore(b)
	require.NoError(t, err)
	require.True(t, restored.Suspended("hq"))
	records, _ = r.do(resume)
	require.Equal(t, []string{"uplink.resumed"}, types(records))
	require.False(t, r.state.Suspended("hq"))
}
