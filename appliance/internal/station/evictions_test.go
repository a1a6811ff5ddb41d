package station

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// The box was killed between the end of a clip's file and the word of it, or
// too many went at once: the start tells. Part 1 that went because the whole is
// there is no eviction.
func TestEvictionsThatWereMissedAreTold(t *testing.T) {
	b := newBench(t)
	gone, kept := b.incident+"-gate-1", b.incident+"-gate-2"
	b.clip(t, gone)
	b.clip(t, kept)
	for id, part := range map[string]string{gone: clip.PartWhole, kept: clip.Part1} {
		folder, err := media.Folder(id)
		require.NoError(t, err)
		require.NoError(t, os.Remove(b.store.Path(media.Clips, folder, part+".mp4")))
	}
	b.uploadsTo(t, "")
	require.NoError(t, b.missedEvictions(t.Context()))
	require.NoError(t, b.missedEvictions(t.Context()), "once")
	_, err := b.desk.View(t.Context(), func(s *desk.State) {
		require.Equal(t, "its file is not kept any more", s.Clip(gone, clip.PartWhole).Evicted)
		require.Empty(t, s.Clip(kept, clip.Part1).Evicted)
		require.Empty(t, s.Clip(kept, clip.PartWhole).Evicted)
	})
	require.NoError(t, err)
}
