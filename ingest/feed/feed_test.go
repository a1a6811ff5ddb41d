package feed_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest/feed"
)

type picture struct {
	n   int
	key bool
}

func isKey(p picture) bool { return p.key }

// gop publishes count pictures from first on, a key every size.
func gop(f *feed.Feed[picture], first, count, size int) {
	for n := first; n < first+count; n++ {
		f.Publish(picture{n, n%size == 0})
	}
}

// rest reads what is buffered after the feed was closed.
func rest[T any](t *testing.T, r *feed.Reader[T]) []T {
	t.Helper()
	var got []T
	for {
		v, err := r.Next(t.Context())
		if err != nil {
			require.ErrorIs(t, err, feed.ErrClosed)
			return got
		}
		got = append(got, v)
	}
}

func TestReaderGetsAllInOrder(t *testing.T) {
	f := feed.New[int]()
	a, b := f.Subscribe(8, nil), f.Subscribe(8, nil)
	for i := range 5 {
		f.Publish(i)
	}
	f.Close()
	require.Equal(t, []int{0, 1, 2, 3, 4}, rest(t, a))
	require.Equal(t, []int{0, 1, 2, 3, 4}, rest(t, b))
	require.Zero(t, a.Dropped())
}

func TestSlowReaderLosesOldestAndKnows(t *testing.T) {
	f := feed.New[int]()
	r := f.Subscribe(3, nil)
	for i := range 10 {
		f.Publish(i)
	}
	f.Close()
	require.Equal(t, []int{7, 8, 9}, rest(t, r))
	require.EqualValues(t, 7, r.Dropped())
}

func TestVideoReaderStartsAtKey(t *testing.T) {
	f := feed.New[picture]()
	r := f.Subscribe(100, isKey)
	gop(f, 3, 10, 5) // 3 4 | 5..9 | 10 11 12
	f.Close()
	got := rest(t, r)
	require.Equal(t, 5, got[0].n)
	require.Len(t, got, 8)
	require.Zero(t, r.Dropped(), "what came before the start is no loss")
}

func TestVideoReaderNeverSeesABrokenGroup(t *testing.T) {
	for size := 1; size <= 12; size++ {
		f := feed.New[picture]()
		r := f.Subscribe(size, isKey)
		var got []picture
		read := func() {
			v, err := r.Next(t.Context())
			require.NoError(t, err)
			got = append(got, v)
		}
		gop(f, 0, 3, 5)
		if size >= 3 { // a smaller ring has lost the group by now
			read()
		}
		gop(f, 3, 40, 5)
		f.Close()
		got = append(got, rest(t, r)...)
		for i := 1; i < len(got); i++ {
			require.True(t, got[i].key || got[i].n == got[i-1].n+1, "size %d: %v", size, got)
		}
		require.EqualValues(t, 43, uint64(len(got))+r.Dropped(), "size %d: every loss is counted", size)
	}
}

func TestNextEndsWithItsContextEvenWhenFull(t *testing.T) {
	f := feed.New[int]()
	r := f.Subscribe(4, nil)
	f.Publish(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Next(ctx)
	require.ErrorIs(t, err, context.Canceled, "or a busy feed would keep its reader alive")
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := feed.New[int]()
		r := f.Subscribe(4, nil)
		got := make(chan int, 1)
		go func() {
			v, _ := r.Next(t.Context())
			got <- v
		}()
		synctest.Wait()
		f.Publish(7)
		require.Equal(t, 7, <-got)
		ended := make(chan error, 1)
		go func() {
			_, err := r.Next(t.Context())
			ended <- err
		}()
		synctest.Wait()
		r.Close()
		require.ErrorIs(t, <-ended, feed.ErrClosed)
		require.Zero(t, f.Readers())
	})
}

func TestSubscribeToClosedFeed(t *testing.T) {
	f := feed.New[int]()
	f.Close()
	_, err := f.Subscribe(1, nil).Next(t.Context())
	require.ErrorIs(t, err, feed.ErrClosed)
	f.Publish(1)
	require.Zero(t, f.Readers())
}

func TestConcurrentReadersComeAndGo(t *testing.T) {
	f := feed.New[picture]()
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 16 {
		readers.Go(func() {
			for range 50 {
				r := f.Subscribe(4, isKey)
				for range 5 {
					if _, err := r.Next(ctx); err != nil {
						break
					}
				}
				r.Close()
			}
		})
	}
	done := make(chan struct{})
	go func() { readers.Wait(); close(done) }()
	for n := 0; ; n++ {
		select {
		case <-done:
			cancel()
			require.Zero(t, f.Readers())
			return
		default:
			f.Publish(picture{n, n%5 == 0})
		}
	}
}
