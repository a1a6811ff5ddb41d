package clip_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
)

// The box's clock is set while a clip grows: nothing is there twice, nothing is
// lost, and no gap is told, for there is none.
func TestClockIsSetWhileAClipGrows(t *testing.T) {
	f := load(t, plain)
	for name, step := range map[string]time.Duration{"back": -10 * time.Minute, "forward": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var ready []clip.Ready
			bubble(t, func(t *testing.T) {
				b := start(t, dir)
				s := b.hold(clip.Continuous)
				s.stepAt, s.step = 20*25, step
				began := now()
				go s.play(f, 0, frames)
				pass(15*time.Second + 20*time.Millisecond)
				w := want("01A", "a1", now())
				w.PreRoll = 10 * time.Second
				_, err := b.cutter.Want(t.Context(), w)
				require.NoError(t, err)
				pass(time.Until(began.Add(40 * time.Second)))
				ready, _ = b.got()
				b.close()
				spans := b.store.Recorded("gate", began.Add(-time.Hour), began.Add(time.Hour))
				require.Len(t, spans, 2, "a new segment where the clock was set")
				var sum time.Duration
				for _, span := range spans {
					require.True(t, span.From.Before(span.To))
					sum += span.To.Sub(span.From)
				}
				require.InDelta(t, 40, sum.Seconds(), 1.1)
			})
			require.Len(t, ready, 2)
			require.Empty(t, ready[1].Gaps)
			checkFile(t, f, ready[1].Path, 125, 501, 20*time.Second+40*time.Millisecond)
		})
	}
}
