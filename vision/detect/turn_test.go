package detect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
)

func TestWhoIsLookedAtNextGoesByPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q turns
		require.NoError(t, q.take(t.Context(), "P3", time.Second))
		var order []string
		done := make(chan struct{})
		for _, who := range []string{"P3", "", "P0", "P1", "P2", "P0"} {
			go func() {
				if q.take(t.Context(), who, time.Second) == nil {
					order = append(order, who)
					q.give()
				}
				done <- struct{}{}
			}()
			synctest.Wait() // they come one after another
		}
		q.give()
		for range 6 {
			<-done
		}
		require.Equal(t, []string{"P0", "P0", "P1", "", "P2", "P3"}, order)

		require.NoError(t, q.take(t.Context(), "P3", time.Second), "nobody has it")
		began := time.Now()
		require.ErrorIs(t, q.take(t.Context(), "P0", 80*time.Millisecond), vision.ErrBusy)
		require.Equal(t, 80*time.Millisecond, time.Since(began), "nobody waits for ever, whatever the priority")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, q.take(gone, "P0", time.Second), context.Canceled)
		q.give()
		require.NoError(t, q.take(t.Context(), "P2", time.Second), "who left took no turn with him")
	})
}
