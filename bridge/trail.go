package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

const (
	trailEvery   = 250 * time.Millisecond // two points of a lane closer than this are one
	trailFlush   = time.Second            // a crash costs the times of this long
	trailLaneMax = 50_000                 // points of one lane and mark; the older half goes first
	trailIDsMax  = 8192                   // events that overtook their lane
	trailSuffix  = ".trail"
)

// trail is when a lane had been sent and received up to where: one point for
// each move of the cursor, not one for each event, so that years of times cost
// a few megabytes and a drain four lines a second. It stands beside the cursor
// in a file of its own, is appended to once a second and never synced: what a
// crash takes are times of the last second, said as not known. It is not safe
// for concurrent use; its line locks.
type trail struct {
	file   *os.File // nil: in memory only
	path   string
	log    *slog.Logger
	lines  int // in the file, with what is unsaved
	least  int // of them when it was written whole
	points map[trailKey][]trailPoint
	ids    map[string]trailLine // what overtook its lane on "now"
	order  []string             // of ids, oldest first
	open   map[trailKey]bool    // whose newest point is not in unsaved yet
	buffer bytes.Buffer         // unsaved

	laneMax, idsMax int
}

type trailKey struct {
	lane Lane
	mark Mark
}

// trailPoint says that at the time all up to and including through was sent, or
// received. A zero time: it is not known when.
type trailPoint struct {
	through uint64
	at      time.Time
}

// trailLine is a point, or an event by its id, in the file.
type trailLine struct {
	Lane     Lane   `json:"lane,omitempty"`
	Mark     Mark   `json:"mark,omitempty"`
	Through  uint64 `json:"through,omitempty"`
	At       Stamp  `json:"at,omitzero"`
	ID       string `json:"id,omitempty"`
	Sent     Stamp  `json:"sent,omitzero"`
	Received Stamp  `json:"received,omitzero"`
}

func newTrail(log *slog.Logger) *trail {
	return &trail{log: log, points: map[trailKey][]trailPoint{}, ids: map[string]trailLine{}, open: map[trailKey]bool{}, laneMax: trailLaneMax, idsMax: trailIDsMax}
}

// load reads the epoch's trail and removes those of other epochs: their
// events have other numbers. What was confirmed and is in no point was so at a
// time that nobody wrote down.
func (t *trail) load(f folder, epoch string, lanes []*laneWindow) error {
	if f == "" {
		return nil
	}
	old, err := filepath.Glob(f.path("*" + trailSuffix))
	if err != nil {
		return err
	}
	for _, path := range old {
		if filepath.Base(path) != epoch+trailSuffix {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove times of an older epoch: %w", err)
			}
		}
	}
	t.path = f.path(epoch + trailSuffix)
	b, err := f.read(epoch + trailSuffix)
	if err != nil {
		return fmt.Errorf("read times: %w", err)
	}
	bad := 0
	for text := range strings.Lines(string(b)) {
		var line trailLine
		if json.Unmarshal([]byte(text), &line) != nil {
			bad++ // the end of what a crash cut
			continue
		}
		t.take(line)
	}
	if bad > 0 {
		t.log.Warn("some times of receipts cannot be read and are not known", "lines", bad, "file", t.path)
	}
	for _, lane := range lanes {
		for _, mark := range []Mark{MarkSent, MarkReceived} {
			t.add(lane.lane, mark, lane.cursor, time.Time{})
		}
	}
	t.all()
	content := bytes.Clone(t.buffer.Bytes())
	t.buffer.Reset()
	return t.replace(content)
}

// take is what one line of the file says.
func (t *trail) take(line trailLine) {
	if line.ID != "" {
		t.addID(line)
		return
	}
	key := trailKey{line.Lane, line.Mark}
	if list := t.points[key]; len(list) == 0 || list[len(list)-1].through < line.Through {
		t.push(key, trailPoint{line.Through, line.At.Time})
	}
}

// add notes that all up to and including through was sent or received. What is
// sent again was sent before.
func (t *trail) add(lane Lane, mark Mark, through uint64, at time.Time) {
	key := trailKey{lane, mark}
	list := t.points[key]
	last := len(list) - 1
	if last >= 0 && list[last].through >= through || last < 0 && through == 0 {
		return
	}
	if t.open[key] && at.Sub(list[last].at) < trailEvery {
		list[last].through = through // its time stays: off by less than trailEvery
		return
	}
	t.settle(key)
	t.push(key, trailPoint{through, at})
	t.open[key] = true
}

// push adds a point; of too many the older half becomes one, at no known time.
func (t *trail) push(key trailKey, p trailPoint) {
	list := t.points[key]
	if len(list) >= t.laneMax {
		half := len(list) / 2
		list = append([]trailPoint{{through: list[half-1].through}}, list[half:]...)
	}
	t.points[key] = append(list, p)
}

// settle writes the newest point of a lane, which grows no more.
func (t *trail) settle(key trailKey) {
	if list := t.points[key]; t.open[key] {
		last := list[len(list)-1]
		t.write(trailLine{Lane: key.lane, Mark: key.mark, Through: last.through, At: stampOf(last.at)})
	}
	delete(t.open, key)
}

// addID notes the times of an event that overtook its lane.
func (t *trail) addID(line trailLine) {
	if _, known := t.ids[line.ID]; !known {
		t.order = append(t.order, line.ID)
	}
	t.ids[line.ID] = line
	if len(t.order) > t.idsMax {
		delete(t.ids, t.order[0])
		t.order = t.order[1:]
	}
}

// overtook is addID, written.
func (t *trail) overtook(id string, sent, received Stamp) {
	line := trailLine{ID: id, Sent: sent, Received: received}
	t.addID(line)
	t.write(line)
}

// at is when the event was sent or received; zero when that is not known.
func (t *trail) at(lane Lane, mark Mark, sequence uint64) Stamp {
	list := t.points[trailKey{lane, mark}]
	i := sort.Search(len(list), func(i int) bool { return list[i].through >= sequence })
	if i == len(list) || list[i].at.IsZero() {
		return Stamp{}
	}
	return At(list[i].at)
}

func (t *trail) write(line trailLine) {
	if t.path == "" {
		return
	}
	b, err := json.Marshal(line)
	if err != nil {
		return // strings and numbers always marshal
	}
	t.buffer.Write(append(b, '\n'))
	t.lines++
}

// unsaved gives what the file lacks and forgets that it does; whole says that
// the file is to be replaced by it, since it has grown too long.
func (t *trail) unsaved() (content []byte, whole bool) {
	if t.path == "" {
		return nil, false
	}
	for key := range t.open {
		t.settle(key)
	}
	if whole = t.lines > 2*max(t.laneMax, t.least); whole {
		t.all()
	}
	content = bytes.Clone(t.buffer.Bytes())
	t.buffer.Reset()
	return content, whole
}

// all makes what is unsaved everything that is remembered.
func (t *trail) all() {
	t.open = map[trailKey]bool{}
	t.buffer.Reset()
	t.lines = 0
	for _, id := range t.order {
		t.write(t.ids[id])
	}
	for key, list := range t.points {
		for _, p := range list {
			t.write(trailLine{Lane: key.lane, Mark: key.mark, Through: p.through, At: stampOf(p.at)})
		}
	}
	t.least = t.lines
}

// save writes what unsaved gave. It touches the file only, so that no lock is
// held over it: only one goroutine calls it. What cannot be written is not
// known after a restart, and no reason to hold an alarm up.
func (t *trail) save(content []byte, whole bool) {
	if len(content) == 0 {
		return
	}
	var err error
	if whole {
		err = errors.Join(t.close(), t.replace(content))
	} else {
		if t.file == nil {
			t.file, err = os.OpenFile(t.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		}
		if err == nil {
			_, err = t.file.Write(content)
		}
	}
	if err != nil {
		t.log.Warn("times of receipts not written: not known after a restart", "file", t.path, "err", err)
	}
}

func (t *trail) replace(content []byte) error { return ReplaceFile(t.path, content, false) }

func (t *trail) close() error {
	if t.file == nil {
		return nil
	}
	file := t.file
	t.file = nil
	return file.Close()
}

// stampOf is At, and the zero stamp for the zero time.
func stampOf(at time.Time) Stamp {
	if at.IsZero() {
		return Stamp{}
	}
	return At(at)
}
