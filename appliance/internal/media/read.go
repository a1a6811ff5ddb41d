package media

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Files are the open files that samples lie in. The samples may be read until
// Close, also when a file was evicted meanwhile.
type Files []*os.File

// Close closes them.
func (f Files) Close() error {
	var errs []error
	for _, file := range f {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// Samples is what is on disk of a camera, in segments that touch the interval,
// in the order of the segments: the caller sorts and cuts. It begins before
// from, at the key unit that a segment starts with. A fragment that cannot be
// read ends its segment; that is logged, and leaves a gap.
func (s *Store) Samples(camera string, from, to time.Time) ([]Sample, Files, error) {
	files, sizes, err := s.openSegments(camera, from, to)
	if err != nil {
		return nil, nil, err
	}
	var out []Sample
	for i, f := range files {
		frags, head, _, err := scan(f, sizes[i], false)
		if err != nil {
			s.opt.Log.Warn("segment cannot be read to its end", "path", f.Name(), "err", err)
		}
		for _, frag := range frags {
			out = frag.appendTo(out, head.pictures, head.sound, f)
		}
	}
	return out, files, nil
}

// openSegments opens under the lock, since finishing a segment renames it.
func (s *Store) openSegments(camera string, from, to time.Time) (files Files, sizes []int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.segments[camera] {
		if !it.From.Before(to) || !it.To.After(from) {
			continue
		}
		f, err := os.Open(filepath.Join(s.opt.Dir, filepath.FromSlash(it.Name)))
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("read recording of %s: %w", camera, err), files.Close())
		}
		files, sizes = append(files, f), append(sizes, it.Bytes)
	}
	return files, sizes, nil
}

// Span is an interval of which something is recorded.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Recorded is where a camera's recordings lie within an interval, joined where
// they touch (within Joined), by time.
func (s *Store) Recorded(camera string, from, to time.Time) []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	var spans []Span
	for _, it := range s.segments[camera] {
		if it.Class != Recordings || !it.From.Before(to) || !it.To.After(from) {
			continue
		}
		n := len(spans)
		if n > 0 && it.From.Sub(spans[n-1].To) <= Joined {
			if it.To.After(spans[n-1].To) {
				spans[n-1].To = it.To
			}
			continue
		}
		spans = append(spans, Span{it.From, it.To})
	}
	return spans
}

// Spooled are the cameras that have a spool.
func (s *Store) Spooled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for camera, list := range s.segments {
		if slices.ContainsFunc(list, func(it *Item) bool { return it.Class == Spool }) {
			out = append(out, camera)
		}
	}
	return out
}

// ClearSpool deletes the finished segments of a camera's spool that end before
// a time.
func (s *Store) ClearSpool(camera string, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, it := range slices.Clone(s.segments[camera]) {
		if it.Class == Spool && !it.open && it.To.Before(before) {
			errs = append(errs, s.remove(it.Name))
		}
	}
	return errors.Join(errs...)
}
