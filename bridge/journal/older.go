package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/bridge"
)

const (
	olderPrefix  = "older-" // + epoch: what could be read of it, for the uplinks
	olderCursors = "cursors.json"
	roomEvery    = 1024 // events copied between two looks at the disk
)

// Older is an epoch before this one as far as it can be read, for the uplinks
// that did not have all of it. It is copied once, lane by lane, from the folder
// of that epoch, which stays as it is; its cursors are those that could be read
// there, and move on in a file of their own. A range that cannot be read is a
// *bridge.RetiredError, and Gone gives what stands for it.
//
// It implements bridge.Reader but for Read: nobody folds it.
type Older struct {
	dir   string
	from  string // the epoch's folder
	epoch string
	sign  func([]byte) []byte
	lanes map[bridge.Lane]*spool
	never chan struct{}

	saving  sync.Mutex // over the file; before mu
	mu      sync.Mutex
	cursors map[string]uint64
	saved   time.Time
	unsaved bool
}

var _ bridge.Reader = (*Older)(nil)

// Older opens the epochs before this one, the oldest first: those that were set
// aside, and those that a restore left behind. The first time each is read to
// its end, which takes a while. uplinks are those that carry a lane: what all of
// them have had of it then is not copied; nil copies all. What it made of epochs
// that are no longer there is removed. The caller must Close them. An epoch of
// which nothing can be read, or for which the disk has no room, is said in the
// log.
func (j *Journal) Older(ctx context.Context, uplinks map[bridge.Lane][]string) ([]*Older, error) {
	folders, err := j.olderFolders()
	if err != nil {
		return nil, fmt.Errorf("list epochs before %s: %w", j.epoch, err)
	}
	var all []*Older
	for _, epoch := range slices.Sorted(maps.Keys(folders)) {
		o, err := j.openOlder(ctx, epoch, folders[epoch], uplinks)
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		if err != nil {
			j.options.Logger.Error("an older epoch cannot be sent", "epoch", epoch, "err", err)
			continue
		}
		all = append(all, o)
	}
	return all, nil
}

// olderFolders are the folders of the epochs before this one, by epoch.
func (j *Journal) olderFolders() (map[string]string, error) {
	entries, err := os.ReadDir(j.options.Dir)
	if err != nil {
		return nil, err
	}
	folders := map[string]string{}
	var made []string
	for _, entry := range entries {
		name := entry.Name()
		if epoch, ok := strings.CutPrefix(name, olderPrefix); ok {
			made = append(made, epoch)
			continue
		}
		epoch := strings.TrimPrefix(name, asidePrefix)
		if _, err := ulid.ParseStrict(epoch); err == nil && entry.IsDir() && epoch < j.epoch {
			folders[epoch] = filepath.Join(j.options.Dir, name)
		}
	}
	for _, epoch := range made {
		if folders[epoch] == "" {
			if err := os.RemoveAll(filepath.Join(j.options.Dir, olderPrefix+epoch)); err != nil {
				return nil, err
			}
		}
	}
	return folders, nil
}

func (j *Journal) openOlder(ctx context.Context, epoch, from string, uplinks map[bridge.Lane][]string) (*Older, error) {
	o := &Older{dir: filepath.Join(j.options.Dir, olderPrefix+epoch), from: from, epoch: epoch, sign: j.options.Sign, lanes: map[bridge.Lane]*spool{}, never: make(chan struct{})}
	if _, err := os.Stat(o.dir); errors.Is(err, fs.ErrNotExist) {
		seen, copied, err := j.copyEpoch(ctx, from, o.dir, uplinks)
		if err != nil {
			return nil, err
		}
		j.options.Logger.Warn("an older epoch goes to the uplinks first", "epoch", epoch, "events", seen.Records, "for_uplinks", copied, "unreadable", seen.Bad, "missing", seen.Holes)
	}
	for _, lane := range bridge.Lanes() {
		if !lane.Forwarded() {
			continue
		}
		s, err := openSpool(filepath.Join(o.dir, string(lane)))
		if err != nil {
			return nil, errors.Join(err, o.close())
		}
		o.lanes[lane] = s
	}
	b, err := os.ReadFile(filepath.Join(o.dir, olderCursors))
	if err == nil {
		err = json.Unmarshal(b, &o.cursors)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read cursors of epoch %s: %w", epoch, err), o.close())
	}
	return o, nil
}

// copyEpoch writes what is whole in an epoch's folder and what an uplink lacks,
// lane by lane, beside and then renamed: what is there is all of it. It tells
// how many events that were.
func (j *Journal) copyEpoch(ctx context.Context, from, to string, uplinks map[bridge.Lane][]string) (seen Salvaged, copied int, err error) {
	draft := to + draftSuffix
	if err := errors.Join(os.RemoveAll(draft), makeDir(draft)); err != nil {
		return Salvaged{}, 0, err
	}
	lanes := map[bridge.Lane]*spoolWriter{}
	for _, lane := range bridge.Lanes() {
		if lane.Forwarded() && err == nil {
			lanes[lane], err = createSpool(filepath.Join(draft, string(lane)))
		}
	}
	visit := func(r bridge.Record) error {
		if copied%roomEvery == 0 && j.Space().Level != LevelAll {
			return errors.New("the disk is nearly full")
		}
		w := lanes[r.Event.Lane]
		if w == nil {
			return nil
		}
		added, err := w.add(&r.Event)
		if added {
			copied++
		}
		return err
	}
	if err == nil {
		seen, err = salvageFor(ctx, from, func(cursors map[string]uint64) { passOver(lanes, uplinks, cursors) }, visit)
	}
	for _, w := range lanes {
		if w != nil {
			err = errors.Join(err, w.close())
		}
	}
	if err != nil {
		return seen, 0, errors.Join(err, os.RemoveAll(draft))
	}
	b, err := json.Marshal(seen.Cursors)
	if err == nil {
		err = writeFileSynced(filepath.Join(draft, olderCursors), b)
	}
	if err == nil {
		err = os.Rename(draft, to)
	}
	return seen, copied, errors.Join(err, syncDir(filepath.Dir(to)))
}

// passOver makes each lane begin after what all its uplinks have had: those of
// now, and those that the epoch knows, which may be configured again.
func passOver(lanes map[bridge.Lane]*spoolWriter, uplinks map[bridge.Lane][]string, cursors map[string]uint64) {
	if uplinks == nil {
		return
	}
	for lane, w := range lanes {
		had := uint64(math.MaxUint64)
		for key, position := range cursors {
			name, ofLane := key[1:len(key)-2], key[len(key)-1] == lane.Code()
			if ofLane && !strings.Contains(name, "/") { // with one it is no uplink's: {uplink}/now
				had = min(had, position)
			}
		}
		for _, name := range uplinks[lane] {
			had = min(had, cursors[string(cursorKey(name, lane))])
		}
		if had < math.MaxUint64 { // else nobody carried it yet
			w.last = had
		}
	}
}

// From is the folder of the epoch.
func (o *Older) From() string { return o.from }

// Epoch implements bridge.Reader.
func (o *Older) Epoch() string { return o.epoch }

// Source implements bridge.Reader; the events have it.
func (o *Older) Source() string { return "" }

// Last implements bridge.Reader; nobody reads by place.
func (o *Older) Last() uint64 { return 0 }

// LastSequence implements bridge.Reader: the last that can be read.
func (o *Older) LastSequence(lane bridge.Lane) uint64 {
	if s := o.lanes[lane]; s != nil {
		return s.last
	}
	return 0
}

// Read implements bridge.Reader: there is nothing.
func (o *Older) Read(uint64, int) ([]bridge.Record, error) { return nil, nil }

// ReadLane implements bridge.Reader. It ends before a range that cannot be
// read, and begins with none: that is a *bridge.RetiredError.
func (o *Older) ReadLane(lane bridge.Lane, after uint64, limit int) ([]bridge.Record, error) {
	s := o.lanes[lane]
	if s == nil || after >= s.last || limit <= 0 {
		return nil, nil
	}
	events, err := s.read(after, limit)
	if err != nil {
		return nil, fmt.Errorf("read lane %s of epoch %s after %d: %w", lane, o.epoch, after, err)
	}
	var records []bridge.Record
	for _, event := range events {
		sequence, err := bridge.SequenceNumber(event.Sequence)
		if err != nil {
			return nil, fmt.Errorf("read lane %s of epoch %s: %w", lane, o.epoch, err)
		}
		if sequence != after+1 && len(records) == 0 {
			return nil, fmt.Errorf("read lane %s of epoch %s after %d: %w", lane, o.epoch, after, &bridge.RetiredError{Lane: lane, Through: sequence - 1})
		}
		if sequence != after+1 {
			break
		}
		records = append(records, bridge.Record{Event: event})
		after = sequence
	}
	return records, nil
}

// Changed implements bridge.Reader: it never is.
func (o *Older) Changed() <-chan struct{} { return o.never }

// Cursor implements bridge.Reader. What an uplink has had beyond what can be
// read does not matter any more.
func (o *Older) Cursor(name string, lane bridge.Lane) (uint64, error) {
	key, err := checkCursor(name, lane)
	if err != nil {
		return 0, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return min(o.cursors[key], o.LastSequence(lane)), nil
}

// SaveCursor implements bridge.Reader, but that it is on disk within 100 ms only
// if others follow, and at Close.
func (o *Older) SaveCursor(name string, lane bridge.Lane, position uint64) error {
	key, err := checkCursor(name, lane)
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.cursors[key], o.unsaved = position, true
	due := time.Since(o.saved) >= cursorSaveEvery || position >= o.LastSequence(lane)
	o.mu.Unlock()
	if !due {
		return nil
	}
	return o.save()
}

// save writes the cursors; whoever asks for one does not wait for it.
func (o *Older) save() error {
	o.saving.Lock()
	defer o.saving.Unlock()
	o.mu.Lock()
	unsaved := o.unsaved
	b, err := json.Marshal(o.cursors)
	o.saved, o.unsaved = time.Now(), false
	o.mu.Unlock()
	if !unsaved {
		return nil
	}
	if err == nil {
		err = writeFileSynced(filepath.Join(o.dir, olderCursors), b)
	}
	if err != nil {
		o.mu.Lock()
		o.unsaved = true
		o.mu.Unlock()
		return fmt.Errorf("save cursors of epoch %s: %w", o.epoch, err)
	}
	return nil
}

// Waiting is how many events of the epoch an uplink has not confirmed in the
// lanes, missing ones among them.
func (o *Older) Waiting(name string, lanes []bridge.Lane) uint64 {
	n := uint64(0)
	for _, lane := range lanes {
		if at, err := o.Cursor(name, lane); err == nil {
			n += o.LastSequence(lane) - at
		}
	}
	return n
}

// Close keeps the cursors.
func (o *Older) Close() error {
	return errors.Join(o.save(), o.close())
}

func (o *Older) close() error {
	var err error
	for _, s := range o.lanes {
		err = errors.Join(err, s.file.Close())
	}
	return err
}
