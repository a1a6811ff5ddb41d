package station

import (
	"context"
	"os"
	"testing"
	"time"

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

// What went right before a stop is told before the journal closes, though the
// context has ended: the next start knows of clips only.
func TestEvictionsAreToldAtAStop(t *testing.T) {
	b := newBench(t)
	b.evicted = newEvictions()
	b.uploadsTo(t, "")
	at := time.Now().Add(-time.Hour)
	b.noteEvictions([]media.Eviction{{Item: media.Item{Class: media.Recordings, Owner: "gate", From: at, To: at.Add(time.Minute), Bytes: 7}, Why: "budget"}})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, b.tellEvictions(ctx))
	records, err := b.journal.Read(b.journal.Last()-1, 1)
	require.NoError(t, err)
	require.Equal(t, desk.TypeStorageEvicted, records[0].Event.Type)
	require.Empty(t, b.evicted.take())
}
