package media_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

func nothing(string) bool { return false }

// A picture waits for a report that names it, through a restart too; then it
// is found by everybody. What none names goes.
func TestPicturesWaitForAReport(t *testing.T) {
	dir := t.TempDir()
	s := open(t, media.Options{Dir: dir})
	put := func(person, pixels string) string {
		hash, err := s.PutPicture(person, []byte(pixels))
		require.NoError(t, err)
		return hash
	}
	named, other, same := put("张伟/1", "thief"), put("张伟/1", "nothing"), put("张伟/1", "thief")
	require.Equal(t, named, same)
	require.Equal(t, 2, s.PicturesWaiting())

	s = open(t, media.Options{Dir: dir})
	require.Equal(t, 2, s.PicturesWaiting())
	b, err := s.OwnPicture("张伟/1", named)
	require.NoError(t, err)
	require.Equal(t, "thief", string(b))
	for _, read := range []func() ([]byte, error){
		func() ([]byte, error) { return s.OwnPicture("li", named) },
		func() ([]byte, error) { return s.OwnPicture("张伟/1", "../"+named) },
		func() ([]byte, error) { return s.Snapshot(named) },
	} {
		_, err := read()
		require.ErrorIs(t, err, media.ErrNotFound)
	}
	require.False(t, s.Brought(named))

	kept, gone, err := s.SettlePictures(func(hash string) bool { return hash == named }, time.Now())
	require.NoError(t, err)
	require.Equal(t, []int{1, 0, 1}, []int{kept, gone, s.PicturesWaiting()})
	require.True(t, s.Brought(named))
	b, err = s.Snapshot(named)
	require.NoError(t, err)
	require.Equal(t, "thief", string(b))
	require.Equal(t, named, put("li", "thief"), "it is kept already")
	require.Equal(t, 1, s.PicturesWaiting())

	s = open(t, media.Options{Dir: dir})
	require.True(t, s.Brought(named))
	_, gone, err = s.SettlePictures(nothing, time.Now().Add(media.PictureWaits-time.Minute))
	require.NoError(t, err)
	require.Zero(t, gone)
	_, gone, err = s.SettlePictures(nothing, time.Now().Add(media.PictureWaits+time.Minute))
	require.NoError(t, err)
	require.Equal(t, 1, gone)
	_, err = s.OwnPicture("张伟/1", other)
	require.ErrorIs(t, err, media.ErrNotFound)
	files, err := filepath.Glob(filepath.Join(dir, "pictures", "*", "*.jpg"))
	require.NoError(t, err)
	require.Len(t, files, 1)
}

func TestPicturesThatWaitAreBounded(t *testing.T) {
	s := open(t, media.Options{Dir: t.TempDir()})
	for i := range 64 {
		_, err := s.PutPicture("wu", []byte{byte(i)})
		require.NoError(t, err)
	}
	_, err := s.PutPicture("wu", []byte("one more"))
	require.ErrorIs(t, err, media.ErrPictures)
	_, err = s.PutPicture("wu", []byte{5})
	require.NoError(t, err, "one that waits already")
	_, err = s.PutPicture("li", []byte("one more"))
	require.NoError(t, err, "another person")
	large := []byte(strings.Repeat("x", 40<<20))
	_, err = s.PutPicture("sun", large)
	require.NoError(t, err)
	large[0] = 'y'
	_, err = s.PutPicture("sun", large)
	require.ErrorIs(t, err, media.ErrPictures)
}

// Pictures go by the budget of their class, but for those that wait and those
// that are held.
func TestPicturesHaveABudget(t *testing.T) {
	dir := t.TempDir()
	held := ""
	s := open(t, media.Options{
		Dir: dir, MinFree: -1, Budgets: map[media.Class]media.Budget{media.Pictures: {Age: time.Hour}},
		Held: func() func(media.Item) bool { return func(it media.Item) bool { return it.Owner == held } },
	})
	var hashes []string
	for _, pixels := range []string{"old", "held", "waits"} {
		hash, err := s.PutPicture("wu", []byte(pixels))
		require.NoError(t, err)
		hashes = append(hashes, hash)
	}
	held = hashes[1]
	kept, _, err := s.SettlePictures(func(hash string) bool { return hash != hashes[2] }, time.Now())
	require.NoError(t, err)
	require.Equal(t, 2, kept)
	s.Sweep(time.Now().Add(2 * time.Hour))
	_, err = s.Snapshot(hashes[0])
	require.ErrorIs(t, err, media.ErrNotFound)
	_, err = s.Snapshot(held)
	require.NoError(t, err)
	require.Equal(t, 1, s.PicturesWaiting())

	s = open(t, media.Options{
		Dir: dir, MinFree: -1, Budgets: map[media.Class]media.Budget{media.Pictures: {Age: time.Hour}},
		Held: func() func(media.Item) bool { return func(it media.Item) bool { return it.Owner == held } },
	})
	s.Sweep(time.Now().Add(2 * time.Hour))
	require.True(t, s.Brought(held), "held after a restart too")

	path := filepath.Join(dir, "pictures", held[:2], held+".jpg")
	require.NoError(t, os.WriteFile(path, []byte("another"), 0o644))
	_, err = s.Snapshot(held)
	require.ErrorContains(t, err, "changed")
}
