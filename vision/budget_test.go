package vision_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

func TestTheBudgetIsBoundedAndGoesByPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := vision.NewBudget(1) // two seconds are saved up
		require.True(t, b.Grant("P3"))
		require.True(t, b.Spare())
		b.Spend(1600 * time.Millisecond)
		require.False(t, b.Spare())
		require.False(t, b.Grant("P3"), "a fifth is left: not for these")
		require.True(t, b.Grant("P2"))
		b.Spend(300 * time.Millisecond)
		require.False(t, b.Grant("P2"))
		require.True(t, b.Grant("P1"))
		b.Spend(time.Second)
		require.False(t, b.Grant("P1"), "spent")
		require.True(t, b.Grant("P0"), "for a life it goes on credit")
		b.Spend(time.Hour)
		require.False(t, b.Grant("P0"))
		<-time.After(12 * time.Second)
		require.True(t, b.Grant("P3"), "debts are bounded: it is there again soon")
	})
	var none *vision.Budget
	none.Spend(time.Hour)
	require.True(t, none.Grant("P3"))
}

func TestCamerasThatWereShedComeBackOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := vision.NewBudget(1)
		require.True(t, b.Reopen("P2"))
		require.False(t, b.Reopen("P2"), "what the first costs is not known yet")
		require.True(t, b.Reopen("P0"), "a life does not wait")
		<-time.After(time.Second)
		require.True(t, b.Reopen("P2"))
		b.Spend(time.Second)
		<-time.After(100 * time.Millisecond)
		require.False(t, b.Reopen("P3"), "it would be shed again at once")
		<-time.After(800 * time.Millisecond)
		require.True(t, b.Reopen("P1"))
	})
	var none *vision.Budget
	require.True(t, none.Reopen("P3"))
}

func TestLoneKeysShareADecoder(t *testing.T) {
	opened := 0
	e := &eyes{}
	keys := vision.NewKeys(func() vision.Decoder { opened++; return e })
	pictures := 0
	unit := func(camera string, width int) *ingest.Unit {
		return &ingest.Unit{Camera: ingest.CameraID(camera), Key: true, Params: &ingest.Params{Codec: ingest.H264, Width: width, Height: 1080}}
	}
	for _, camera := range []string{"a", "b", "c", "a"} {
		require.NoError(t, keys.Decode(t.Context(), unit(camera, 1920), func(f *vision.Frame) error {
			pictures++
			require.Equal(t, ingest.CameraID(camera), f.Camera)
			return nil
		}))
	}
	require.Equal(t, 4, pictures)
	require.Equal(t, 1, opened)
	require.Equal(t, 4, e.resets, "nothing of one camera is left for the next")
	for width := range 20 {
		require.NoError(t, keys.Decode(t.Context(), unit("d", width), func(*vision.Frame) error { return nil }))
	}
	require.LessOrEqual(t, opened, 6, "bounded, whatever sizes there are")
	keys.Close()
	require.Equal(t, opened, e.closed)
}

func TestALoneKeyWaitsForItsTurnAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := vision.NewKeys(func() vision.Decoder { return &eyes{} })
		u := &ingest.Unit{Key: true, Params: &ingest.Params{Codec: ingest.H264}}
		release := make(chan struct{})
		for range 2 { // so many decode at a time
			go func() {
				_ = keys.Decode(context.Background(), u, func(*vision.Frame) error { <-release; return nil })
			}()
		}
		synctest.Wait()
		began := time.Now()
		require.Error(t, keys.Decode(t.Context(), u, func(*vision.Frame) error { return nil }))
		require.Equal(t, time.Second, time.Since(began))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.True(t, errors.Is(keys.Decode(ctx, u, nil), context.Canceled))
		close(release)
	})
}
