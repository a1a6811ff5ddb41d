package media

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A picture that a person brought waits below newPictures, in a folder of his
// own, until a report names it; then it lies beside the others, by its hash.
// The name of the file is all there is to it, so that a crash between the
// report's event and the rename loses nothing: Pictures are settled again.
const newPictures = "new"

// Bounds of what waits.
const (
	PictureWaits     = 24 * time.Hour
	waitingMax       = 64       // pictures of one person
	waitingBytesMax  = 64 << 20 // of one person
	waitingBytesFull = 1 << 30  // of all
)

// ErrPictures says that so many pictures wait for a report already.
var ErrPictures = errors.New("too many pictures wait for a report")

// PutPicture keeps a picture of a person until a report names it, or for
// PictureWaits, and returns its SHA-256 in hex. The same bytes are kept once
// and wait anew.
func (s *Store) PutPicture(person string, jpeg []byte) (string, error) {
	sum := sha256.Sum256(jpeg)
	hash := hex.EncodeToString(sum[:])
	folder, err := Folder(person)
	if err != nil {
		return "", fmt.Errorf("keep picture %s: %w", hash, err)
	}
	if _, kept := s.Lookup(s.name(s.picturePath(hash))); kept {
		return hash, nil
	}
	s.pictures.Lock() // two at a time would both find room for the last
	defer s.pictures.Unlock()
	path := s.newPicturePath(folder, hash)
	if s.waitAnew(path) {
		return hash, nil
	}
	if err := s.roomForPicture(person, int64(len(jpeg))); err != nil {
		return "", err
	}
	if err := s.writeStill(Pictures, path, person, jpeg); err != nil {
		return "", fmt.Errorf("keep picture %s: %w", hash, err)
	}
	return hash, nil
}

// roomForPicture bounds what waits of a person, and of all.
func (s *Store) roomForPicture(person string, bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, own, all := 0, bytes, bytes
	for _, it := range s.items {
		if it.Class != Pictures || !it.open {
			continue
		}
		all += it.Bytes
		if it.Owner == person {
			own += it.Bytes
			count++
		}
	}
	if count >= waitingMax || own > waitingBytesMax || all > waitingBytesFull {
		return fmt.Errorf("keep picture of %s: %d of his, %d bytes, %d bytes of all: %w", person, count, own-bytes, all-bytes, ErrPictures)
	}
	return nil
}

// OwnPicture is a picture that a person brought and no report names yet; its
// wait begins anew. ErrNotFound when there is none.
func (s *Store) OwnPicture(person, hash string) ([]byte, error) {
	folder, err := Folder(person)
	if err != nil || !isHash(hash) {
		return nil, fmt.Errorf("read picture: %w", ErrNotFound)
	}
	s.pictures.Lock()
	defer s.pictures.Unlock()
	path := s.newPicturePath(folder, hash)
	jpeg, err := readStill(path, hash)
	if err == nil {
		s.waitAnew(path)
	}
	return jpeg, err
}

// Brought reports whether the hash is of a picture that a person brought and a
// report names.
func (s *Store) Brought(hash string) bool {
	if !isHash(hash) {
		return false
	}
	_, is := s.Lookup(s.name(s.picturePath(hash)))
	return is
}

// SettlePictures keeps what reports name of the pictures that wait, and deletes
// what has waited for too long; nothing, when now is zero: who knows only some of
// the reports. It returns how many it did either to.
func (s *Store) SettlePictures(named func(hash string) bool, now time.Time) (kept, gone int, err error) {
	s.pictures.Lock()
	defer s.pictures.Unlock()
	for _, it := range s.waiting() {
		hash := strings.TrimSuffix(filepath.Base(it.Name), snapshotSuffix)
		switch {
		case named(hash):
			kept++
			err = errors.Join(err, s.keepPicture(it, hash))
		case !now.IsZero() && now.Sub(it.To) > PictureWaits:
			gone++
			err = errors.Join(err, s.Remove(it.Name))
		}
	}
	return kept, gone, err
}

// PicturesWaiting is how many pictures no report names yet.
func (s *Store) PicturesWaiting() int { return len(s.waiting()) }

func (s *Store) waiting() []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Item
	for _, it := range s.items {
		if it.Class == Pictures && it.open {
			list = append(list, *it)
		}
	}
	return list
}

// keepPicture moves a picture from those that wait to the others. It is as old
// as the report that names it.
func (s *Store) keepPicture(it Item, hash string) error {
	from, to := s.Path(Pictures, strings.Split(it.Name, "/")[1:]...), s.picturePath(hash)
	now := time.Now()
	if err := makeDir(filepath.Dir(to)); err != nil {
		return fmt.Errorf("keep picture %s: %w", hash, err)
	}
	if err := errors.Join(os.Chtimes(from, now, now), os.Rename(from, to), syncDir(filepath.Dir(to)), syncDir(filepath.Dir(from))); err != nil {
		return fmt.Errorf("keep picture %s: %w", hash, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(it.Name)
	s.add(&Item{Class: Pictures, Name: s.name(to), Owner: hash, From: now, To: now, Bytes: it.Bytes})
	return nil
}

// waitAnew begins a picture's wait again; false when it does not wait.
func (s *Store) waitAnew(path string) bool {
	now := time.Now()
	if os.Chtimes(path, now, now) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if it := s.items[s.name(path)]; it != nil {
		it.From, it.To = now, now
		return true
	}
	return false
}

func (s *Store) picturePath(hash string) string {
	return s.Path(Pictures, hash[:2], hash+snapshotSuffix)
}

func (s *Store) newPicturePath(folder, hash string) string {
	return s.Path(Pictures, newPictures, folder, hash+snapshotSuffix)
}
