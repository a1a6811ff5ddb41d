package media

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

const (
	trackSuffix   = ".jsonl"
	trackEvery    = time.Second
	trackLineMax  = 8 << 10
	trackPointMax = 24 * 3600 // reports that Read returns at most
)

// Track is the way of one drone or person: one report a second, in a file a
// UTC day.
type Track[T any] struct {
	store *Store
	class Class
	owner string
	at    func(T) time.Time
}

// Telemetry is the track of a drone.
func (s *Store) Telemetry(drone string) *Track[ingest.Telemetry] {
	return &Track[ingest.Telemetry]{s, Telemetry, drone, func(t ingest.Telemetry) time.Time { return t.At }}
}

// Positions is the track of a person's phone.
func (s *Store) Positions(person string) *Track[ingest.Fix] {
	return &Track[ingest.Fix]{s, Positions, person, func(f ingest.Fix) time.Time { return f.At }}
}

// Append keeps a report unless the last one kept is less than a second older.
// It does not sync: a power cut loses the last seconds of a track.
func (t *Track[T]) Append(report T) error {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	at, key := t.at(report), string(t.class)+"/"+t.owner
	// 20 ms are given, so that reports at exactly 1 Hz are all kept.
	if d := at.Sub(s.last[key]); d >= 0 && d < trackEvery-20*time.Millisecond {
		return nil
	}
	path, day, err := t.file(at)
	if err != nil {
		return fmt.Errorf("keep track of %s: %w", t.owner, err)
	}
	line, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("keep track of %s: %w", t.owner, err)
	}
	n, err := appendLine(path, line)
	if err != nil {
		return fmt.Errorf("keep track of %s: %w", t.owner, err)
	}
	s.last[key] = at
	s.add(&Item{Class: t.class, Name: s.name(path), Owner: t.owner, From: day, To: day.AddDate(0, 0, 1), Bytes: n})
	return nil
}

// Read returns the reports of an interval, by time, at most a day of them. A
// line that a crash tore is left out. A phone that was out of reach tells late
// where it was: the file is not in order.
func (t *Track[T]) Read(from, to time.Time) ([]T, error) {
	var out []T
	for day := from.UTC().Truncate(24 * time.Hour); day.Before(to); day = day.AddDate(0, 0, 1) {
		path, _, err := t.file(day)
		if err != nil {
			return nil, fmt.Errorf("read track of %s: %w", t.owner, err)
		}
		begin := len(out)
		if out, err = t.read(out, path, from, to); err != nil {
			return nil, fmt.Errorf("read track of %s: %w", t.owner, err)
		}
		slices.SortStableFunc(out[begin:], func(a, b T) int { return t.at(a).Compare(t.at(b)) })
		if len(out) >= trackPointMax {
			return out[:trackPointMax], nil
		}
	}
	return out, nil
}

func (t *Track[T]) file(at time.Time) (path string, day time.Time, err error) {
	folder, err := Folder(t.owner)
	if err != nil {
		return "", day, err
	}
	day = at.UTC().Truncate(24 * time.Hour)
	return t.store.Path(t.class, folder, day.Format(dayLayout)+trackSuffix), day, nil
}

// appendLine begins with a line end when the file does not end with one: what
// a crash tore must not swallow the next report. It returns the file's size.
func appendLine(path string, line []byte) (int64, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) // where people were is the box's alone
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, errors.Join(err, f.Close())
	}
	var last [1]byte
	if n := info.Size(); n > 0 {
		if _, err := f.ReadAt(last[:], n-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err = f.Write(append(line, '\n'))
	return info.Size() + int64(len(line)) + 1, errors.Join(err, f.Close())
}

func (t *Track[T]) read(out []T, path string, from, to time.Time) ([]T, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	} else if err != nil {
		return out, err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, trackLineMax)
	for lines.Scan() {
		var r T
		if json.Unmarshal(lines.Bytes(), &r) != nil || t.at(r).Before(from) || !t.at(r).Before(to) {
			continue
		}
		out = append(out, r)
	}
	return out, lines.Err()
}
