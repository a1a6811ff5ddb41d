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
	err := WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(jpeg)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep snapshot %s: %w", hash, err)
	}
	now := time.Now()
	s.Add(Item{Class: Snapshots, Name: s.name(path), Owner: hash, From: now, To: now, Bytes: int64(len(jpeg))})
	return hash, nil
}

// Snapshot is the picture with this hash, or ErrNotFound. A picture whose
// bytes changed on disk is not given out.
func (s *Store) Snapshot(hash string) ([]byte, error) {
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != sha256.Size {
		return nil, fmt.Errorf("read snapshot: %w", ErrNotFound)
	}
	b, err := os.ReadFile(s.snapshotPath(hash))
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

func (s *Store) snapshotPath(hash string) string {
	return s.Path(Snapshots, hash[:2], hash+snapshotSuffix)
}
