package media

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// driftMax is how far the captured time of a fragment may be from where the
// segment's ticks put it before a new segment begins.
const driftMax = 500 * time.Millisecond

// Recorder writes the segments of one camera. One goroutine uses it.
type Recorder struct {
	store  *Store
	class  Class
	camera string

	file   *os.File
	item   *Item
	params *ingest.Params
	sound  *ingest.Params // nil: the segment has no track of sound
	boot   uint64
	run    uint32
	base   int64 // DTS at which the segment began
	end    int64 // DTS behind the last fragment
	size   int64
	number uint32
}

// Recorder makes a recorder for a camera; class is Recordings or Spool. It
// does no I/O before the first Write.
func (s *Store) Recorder(class Class, camera string) *Recorder {
	return &Recorder{store: s, class: class, camera: camera}
}

// Write appends samples, the pictures all of one run and one Params, as one
// fragment and syncs it. next is the DTS of the picture that follows, 0 when it
// is not known. Sound stands with the pictures that it came with; sound that
// begins or changes within a segment is kept from the next segment on, which
// begins at the next key unit. After an error the segment is finished as it
// was before; the next Write begins another.
func (r *Recorder) Write(all []Sample, next int64) error {
	samples, sounds := Split(all)
	if len(samples) == 0 {
		return nil
	}
	sounds = oneSound(sounds, &samples[0])
	if r.file != nil && !r.continues(&samples[0], sounds) {
		if err := r.Close(); err != nil {
			return err
		}
	}
	if r.file == nil {
		if !samples[0].Key {
			return fmt.Errorf("record %s: %w", r.camera, ErrNotKey)
		}
		if err := r.begin(&samples[0], sounds); err != nil {
			return err
		}
	}
	if err := r.store.roomLeft(); err != nil {
		return errors.Join(fmt.Errorf("record %s: %w", r.camera, err), r.Close())
	}
	if r.sound == nil || len(sounds) > 0 && !SameParams(r.sound, sounds[0].Params) {
		sounds = nil
	}
	b, err := encodeFragment(samples, sounds, next, r.base, r.number+1)
	if err == nil {
		err = r.append(b)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("record %s: %w", r.camera, err), r.Close())
	}
	r.number++
	r.note(samples, next, int64(len(b)))
	return nil
}

// roomLeft is ErrDiskFull when nothing more may be recorded: the rest of the
// disk belongs to presses and alerts.
func (s *Store) roomLeft() error {
	if s.opt.MinFree <= 0 {
		return nil
	}
	have, err := freeBytes(s.opt.Dir)
	if err != nil || have >= s.opt.MinFree {
		return nil
	}
	return fmt.Errorf("%d MiB free, %d MiB must stay free: %w", have>>20, s.opt.MinFree>>20, ErrDiskFull)
}

// append leaves the file as it was when a write fails: whoever reads the
// segment later must not meet half a fragment in its middle.
func (r *Recorder) append(b []byte) error {
	if _, err := r.file.WriteAt(b, r.size); err != nil {
		return errors.Join(err, r.file.Truncate(r.size))
	}
	r.store.syncs <- struct{}{}
	err := datasync(r.file)
	<-r.store.syncs
	if err != nil {
		return errors.Join(err, r.file.Truncate(r.size))
	}
	r.size += int64(len(b))
	return nil
}

// note tells the index what the segment now holds.
func (r *Recorder) note(samples []Sample, next, written int64) {
	last := &samples[len(samples)-1]
	r.end = last.DTS + Nominal(samples)
	if next > last.DTS {
		r.end = next
	}
	s := r.store
	s.mu.Lock()
	from, to := r.item.To, end(r.item.From, r.end-r.base)
	if r.class == Recordings {
		s.count.recorded[r.camera] += to.Sub(from)
	}
	s.count.fragments++
	s.count.written += written
	s.count.added[r.class] += written
	r.item.To, r.item.Bytes = to, r.size
	s.mu.Unlock()
	if s.opt.Recorded != nil && r.class == Recordings {
		s.opt.Recorded(r.camera, from, to)
	}
}

// begin is when a segment begins by its first sample, and end when it ends: in
// whole milliseconds, since that is what its name says, so that the index is
// the same after a restart.
func begin(captured time.Time, reorder int64) time.Time {
	return captured.Add(-Duration(reorder)).UTC().Truncate(time.Millisecond)
}

func end(from time.Time, ticks int64) time.Time {
	return from.Add(Duration(ticks)).Truncate(time.Millisecond)
}

// oneSound is the sound of the pictures' run that has the parameters of the
// first of it, in the order of time.
func oneSound(sounds []Sample, picture *Sample) []Sample {
	sounds = slices.DeleteFunc(sounds, func(s Sample) bool {
		return s.Run != picture.Run || s.Boot != picture.Boot || s.Samples <= 0 || s.Samples > flacBlockMax
	})
	sounds = slices.DeleteFunc(sounds, func(s Sample) bool { return !SameParams(s.Params, sounds[0].Params) })
	slices.SortStableFunc(sounds, func(a, b Sample) int { return cmp.Compare(a.PTS, b.PTS) })
	return sounds
}

// continues tells whether a fragment belongs into the open segment.
func (r *Recorder) continues(s *Sample, sounds []Sample) bool {
	if s.Boot != r.boot || s.Run != r.run || !SameParams(s.Params, r.params) || s.DTS < r.end-ingest.ClockRate/100 {
		return false
	}
	if !s.Key { // a segment can only begin at a key unit
		return true
	}
	if len(sounds) > 0 && (r.sound == nil || !SameParams(r.sound, sounds[0].Params)) {
		return false
	}
	expected := r.item.From.Add(Duration(s.DTS - r.base))
	if d := s.Captured.Add(-Duration(s.PTS - s.DTS)).Sub(expected); d > driftMax || d < -driftMax {
		return false
	}
	return Duration(s.DTS-r.base) < r.store.opt.Segment
}

func (r *Recorder) begin(s *Sample, sounds []Sample) error {
	if err := r.store.roomLeft(); err != nil {
		return fmt.Errorf("record %s: %w", r.camera, err)
	}
	folder, err := Folder(r.camera)
	if err != nil {
		return err
	}
	r.sound = nil
	if len(sounds) > 0 {
		r.sound = sounds[0].Params
	}
	head, err := segmentHead(s.Params, r.sound)
	if err != nil {
		return fmt.Errorf("record %s: %w", r.camera, err)
	}
	from := begin(s.Captured, s.PTS-s.DTS)
	f, err := create(r.store.Path(r.class, folder, from.Format(dayLayout)), from.UnixMilli())
	if err != nil {
		return fmt.Errorf("record %s: %w", r.camera, err)
	}
	if _, err := f.Write(head); err != nil {
		return errors.Join(fmt.Errorf("record %s: %w", r.camera, err), f.Close(), os.Remove(f.Name()))
	}
	r.file, r.size, r.number = f, int64(len(head)), 0
	r.params, r.boot, r.run, r.base, r.end = s.Params, s.Boot, s.Run, s.DTS, s.DTS
	r.item = &Item{Class: r.class, Name: r.store.name(f.Name()), Owner: r.camera, From: from, To: from, Bytes: r.size, open: true}
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.add(r.item)
	return nil
}

// create makes a new file; a clock that was set back may want a name twice.
func create(dir string, ms int64) (*os.File, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	for n := ms; ; n++ {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(n)+openSuffix), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
		if errors.Is(err, os.ErrExist) && n < ms+1000 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return f, syncDir(dir)
	}
}

// Close finishes the open segment. The recorder may be used again. Nobody waits
// for its syncs: the store's lock is held for the new name only.
func (r *Recorder) Close() error {
	if r.file == nil {
		return nil
	}
	f, it := r.file, r.item
	r.file, r.item = nil, nil
	if r.number == 0 {
		r.store.mu.Lock()
		defer r.store.mu.Unlock()
		r.forget(it)
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
	err := errors.Join(f.Sync(), f.Close(), r.finish(f.Name(), it), syncDir(filepath.Dir(f.Name())))
	if err != nil {
		return fmt.Errorf("record %s: %w", r.camera, err)
	}
	return nil
}

// finish puts a segment into the index under its last name.
func (r *Recorder) finish(path string, it *Item) error {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.forget(it)
	err := r.store.finish(path, it)
	it.open = false
	r.store.add(it)
	return err
}

// forget takes a segment out of the index: it goes, or comes back under another
// name. The store's lock is held.
func (r *Recorder) forget(it *Item) {
	r.store.drop(it.Name)
	r.store.count.added[it.Class] -= it.Bytes
}

// head is what a segment's head says.
type head struct{ pictures, sound *ingest.Params }

// scan reads all fragments of a segment: those before the first torn one, the
// parameters, and the offset behind the last good one. With deep it reads the
// pictures too.
func scan(r io.ReaderAt, size int64, deep bool) ([]*fragment, head, int64, error) {
	var h head
	var off int64
	var err error
	if h.pictures, h.sound, off, err = readHead(r, size); err != nil {
		return nil, h, 0, err
	}
	var frags []*fragment
	for off < size {
		f, err := readFragment(r, size, off)
		if err == nil && deep {
			err = f.verify(r)
		}
		if err != nil {
			return frags, h, off, err
		}
		frags = append(frags, f)
		off = f.end
	}
	return frags, h, off, nil
}
