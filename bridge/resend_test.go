package bridge_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// What was refused goes again when somebody says so, and counts as sent only
// when headquarters has it.
func TestResend(t *testing.T) {
	j := openJournal(t)
	records := appendAll(t, j, many(bridge.Alarm, "P2", 3)...)
	bad := records[1]
	u := &fake{present: true, bad: map[string]bool{bad.Event.ID: true}}
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 3 }, patience, pause)

	var refused *bridge.EventError
	require.ErrorAs(t, f.Resend(t.Context(), "hq", bad), &refused)
	require.Equal(t, "too odd", refused.Reason)
	require.ErrorIs(t, f.Resend(t.Context(), "city", bad), bridge.ErrNoUplink)

	u.mu.Lock()
	u.bad = nil
	handler := u.handler
	u.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- f.Resend(context.Background(), "hq", bad) }()
	u.waitFor(t, func() bool { return len(u.replay) == 1 }, "it goes beside the lane")
	require.NoError(t, handler.Receive(t.Context(), bridge.KindReceipt, fmt.Appendf(nil, `{"id":%q,"result":"received"}`, bad.Event.ID)))
	require.NoError(t, <-ended)
	require.Equal(t, bridge.MarkReceived, f.Deliveries(&bad.Event)[0].Mark)
	require.NotZero(t, f.Deliveries(&bad.Event)[0].Received)
	require.Equal(t, 1, u.connects, "a refusal is no fault of the session")

	again := appendAll(t, j, event("again", bridge.Alarm, "P2"))[0]
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 4 }, patience, pause)
	require.NoError(t, f.Resend(t.Context(), "hq", again), "received once, it is enough that it was sent")

	// Nobody answers: it may have been taken, and may not.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	u.mu.Lock()
	u.mute = true
	u.mu.Unlock()
	silent := appendAll(t, j, event("silent", bridge.Alarm, "P2"))[0]
	go func() { ended <- f.Resend(ctx, "hq", silent) }()
	u.waitFor(t, func() bool { return len(u.replay) == 3 }, "it goes")
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	// A receipt for the lane up to it covers it.
	go func() { ended <- f.Resend(context.Background(), "hq", silent) }()
	u.waitFor(t, func() bool { return len(u.replay) == 4 }, "it goes once more")
	require.NoError(t, handler.Receive(t.Context(), bridge.KindReceipt,
		fmt.Appendf(nil, `{"epoch":%q,"lane":"alarm","through":5,"result":"received"}`, silent.Event.Epoch)))
	require.NoError(t, <-ended)

	handler.Presence(false)
	require.ErrorIs(t, f.Resend(t.Context(), "hq", bad), bridge.ErrNotReady)
}
