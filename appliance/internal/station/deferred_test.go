package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// Below the reserve the journal takes alarms only. What headquarters says of
// single events must not hold up the alarms behind it.
func TestWordsOfHeadquartersWaitForSpace(t *testing.T) {
	full := fmt.Errorf("append: %w", journal.ErrReserve)
	var refuse error
	var taken []desk.Input
	s := &Station{log: slog.New(slog.DiscardHandler)}
	s.deferred = &deferred{log: s.log, handle: func(_ context.Context, in desk.Input) (desk.Result, error) {
		if refuse == nil {
			taken = append(taken, in)
		}
		return desk.Result{}, refuse
	}}
	aside := func(id string) error { return s.setAside(t.Context(), "hq", bridge.Event{ID: id}, "422") }

	refuse = full
	require.NoError(t, aside("a"), "the cursor goes on")
	require.NoError(t, s.down(t.Context(), bridge.Message{Uplink: "hq", Kind: bridge.KindReceipt, Receipt: &bridge.Receipt{ID: "b", Result: bridge.Accepted}}))
	s.deferred.again(t.Context())
	require.EqualValues(t, 2, s.deferred.late.Load())
	refuse = errors.New("the journal failed")
	require.ErrorIs(t, aside("c"), refuse, "anything else is told")

	refuse = nil
	require.NoError(t, aside("d"))
	s.deferred.again(t.Context())
	s.deferred.again(t.Context())
	require.Len(t, taken, 3)
	require.Equal(t, "d", taken[0].(desk.SetAsideIn).ID)
	require.Equal(t, "a", taken[1].(desk.SetAsideIn).ID)
	require.Equal(t, "b", taken[2].(desk.ReceiptIn).ID)

	refuse, taken = full, nil
	for i := range deferredMax + 5 {
		require.NoError(t, aside(fmt.Sprint(i)))
	}
	require.EqualValues(t, 5, s.deferred.lost.Load(), "bounded, oldest first, counted")
	refuse = nil
	s.deferred.again(t.Context())
	require.Len(t, taken, deferredMax)
	require.Equal(t, "5", taken[0].(desk.SetAsideIn).ID)
}
