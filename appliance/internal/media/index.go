package media

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	openSuffix    = ".open.mp4"
	segmentSuffix = ".mp4"
	dayLayout     = "2006-01-02"
)

// index reads the files of one class. A file it does not understand stays
// where it is and is reported; what a crash left half written is cleared up.
func (s *Store) index(class Class) error {
	root := s.Path(class)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if isTemp(d.Name()) {
			return os.Remove(path)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return fmt.Errorf("index %s: %w", path, err)
		}
		it := &Item{Class: class, Name: s.name(path), Owner: s.owner(class, path), From: info.ModTime(), To: info.ModTime(), Bytes: info.Size()}
		switch class {
		case Recordings, Spool:
			if it, err = s.indexSegment(path, it); err != nil {
				s.opt.Log.Warn("segment left aside", "path", path, "err", err)
				return nil
			}
		case Telemetry, Positions:
			day, err := time.Parse(dayLayout, strings.TrimSuffix(d.Name(), trackSuffix))
			if err != nil {
				return nil
			}
			it.From, it.To = day, day.AddDate(0, 0, 1)
		case Snapshots, Pictures: // belong to nobody but their content, unless they wait
			if it.open = class == Pictures && it.Owner == newPictures; it.open {
				it.Owner = owner(filepath.Base(filepath.Dir(path)))
			} else {
				it.Owner = strings.TrimSuffix(d.Name(), snapshotSuffix)
			}
		case Clips:
			if filepath.Ext(path) != segmentSuffix {
				return nil
			}
		}
		if it != nil {
			s.add(it)
		}
		return nil
	})
}

// owner is the folder right below the class, as an id.
func (s *Store) owner(class Class, path string) string {
	rel, err := filepath.Rel(s.Path(class), path)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
	return owner(first)
}

// owner is whose folder it is: what Folder was given.
func owner(folder string) string {
	if id, err := url.PathUnescape(folder); err == nil {
		return id
	}
	return folder
}

// indexSegment completes an entry from the segment's name, or finishes a
// segment that a crash left open. An empty one gives nil.
func (s *Store) indexSegment(path string, it *Item) (*Item, error) {
	base := filepath.Base(path)
	if strings.HasSuffix(base, openSuffix) {
		return s.recover(path, it)
	}
	from, length, ok := strings.Cut(strings.TrimSuffix(base, segmentSuffix), "-")
	ms, err1 := strconv.ParseInt(from, 10, 64)
	n, err2 := strconv.ParseInt(length, 10, 64)
	if !ok || err1 != nil || err2 != nil || n < 0 {
		return nil, fmt.Errorf("index segment: %w", ErrName)
	}
	it.From = time.UnixMilli(ms).UTC()
	it.To = it.From.Add(time.Duration(n) * time.Millisecond)
	return it, nil
}

// recover finishes a segment that was being written when the box stopped: the
// crash can be between any two writes, so each fragment is read against its
// checksum and the file cut behind the last good one.
func (s *Store) recover(path string, it *Item) (*Item, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("recover segment: %w", err)
	}
	defer f.Close()
	frags, _, good, err := scan(f, it.Bytes, true)
	if err != nil && !errors.Is(err, ErrTorn) {
		return nil, fmt.Errorf("recover segment: %w", err)
	}
	if len(frags) == 0 {
		s.opt.Log.Info("segment had no whole fragment", "path", path)
		return nil, os.Remove(path)
	}
	if err := errors.Join(f.Truncate(good), f.Sync()); err != nil {
		return nil, fmt.Errorf("recover segment: %w", err)
	}
	first, last := frags[0], frags[len(frags)-1]
	it.Bytes, it.From = good, begin(first.captured, first.pts-first.dts)
	it.To = end(it.From, last.dts+last.length()-first.dts)
	s.opt.Log.Info("segment finished after a stop", "camera", it.Owner, "from", it.From, "to", it.To)
	return it, errors.Join(s.finish(path, it), syncDir(filepath.Dir(path)))
}

// finish gives a segment its last name; the caller syncs the folder.
func (s *Store) finish(path string, it *Item) error {
	var to string
	length := it.To.Sub(it.From).Milliseconds()
	for { // a clock that was set back may bring the same name again
		to = filepath.Join(filepath.Dir(path), fmt.Sprintf("%d-%d%s", it.From.UnixMilli(), length, segmentSuffix))
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		length++
		it.To = it.To.Add(time.Millisecond)
	}
	if err := os.Rename(path, to); err != nil {
		return fmt.Errorf("finish segment: %w", err)
	}
	it.Name, it.open = s.name(to), false
	return nil
}
