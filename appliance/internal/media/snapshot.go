package media

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"
)

const snapshotSuffix = ".jpg"

// PutSnapshot keeps a still picture and returns its SHA-256 in hex, by which
// it is found. The same bytes are kept once.
func (s *Store) PutSnapshot(jpeg []byte) (string, error) {
	sum := sha256.Sum256(jpeg)
	hash := hex.EncodeToString(sum[:])
	path := s.snapshotPath(hash)
	if _, ok := s.Lookup(s.name(path)); ok {
		return hash, nil
	}
	if err := s.writeStill(Snapshots, path, hash, jpeg); err != nil {
		return "", fmt.Errorf("keep snapshot %s: %w", hash, err)
	}
	return hash, nil
}

// writeStill writes a still picture and puts it into the index.
func (s *Store) writeStill(class Class, path, owner string, jpeg []byte) error {
	err := WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(jpeg)
		return err
	})
	if err != nil {
		return err
	}
	now := time.Now()
	s.Add(Item{Class: class, Name: s.name(path), Owner: owner, From: now, To: now, Bytes: int64(len(jpeg)), open: class == Pictures})
	return nil
}

// Snapshot is the picture with this hash, of a camera or of a report, or
// ErrNotFound. A picture whose bytes changed on disk is not given out.
func (s *Store) Snapshot(hash string) ([]byte, error) {
	if !isHash(hash) {
		return nil, fmt.Errorf("read snapshot: %w", ErrNotFound)
	}
	if s.Brought(hash) {
		return readStill(s.picturePath(hash), hash)
	}
	return readStill(s.snapshotPath(hash), hash)
}

func readStill(path, hash string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("read snapshot %s: %w", hash, ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", hash, err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != hash {
		return nil, fmt.Errorf("read snapshot %s: its bytes have changed", hash)
	}
	return b, nil
}

// isHash reports whether it is a SHA-256 as we write it.
func isHash(hash string) bool {
	raw, err := hex.DecodeString(hash)
	return err == nil && hex.EncodeToString(raw) == hash && len(raw) == sha256.Size
}

func (s *Store) snapshotPath(hash string) string {
	return s.Path(Snapshots, hash[:2], hash+snapshotSuffix)
}
