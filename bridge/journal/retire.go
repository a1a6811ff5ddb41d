package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Bounds of retention. Ranges go in batches, and one that is hardly worth its
// own events waits for more.
const (
	retireMax     = 20_000
	retireMin     = 1_000
	retireLate    = 24 * time.Hour // past the age: then a small range goes as well
	sweepRecords  = 200            // deleted in one transaction, between appends
	sweepPause    = 20 * time.Millisecond
	sizeSamples   = 64
	indexOverhead = 250 // bytes of an event's index entries and badger's own
)

const (
	metaLow   = "low"   // where what is kept begins
	metaSwept = "swept" // place up to which deleting has come
)

// Keep says what retention keeps, and for whom.
type Keep struct {
	MaxAge  time.Duration // 0: no limit
	Budget  int64         // bytes of events and index, before compression; 0: no limit
	Uplinks []string      // whose alarm cursors hold what they have not confirmed
	Workers []string      // whose place cursors do
}

// Retirement is a range that may go: all events up to Through, which end their
// lanes as Ranges say.
type Retirement struct {
	Through uint64
	Ranges  []RetiredRange
}

// RetiredRange is the part of one lane: all that came up to To.
type RetiredRange struct {
	Lane      bridge.Lane
	From, To  uint64 // sequences; From is 1: whatever a receiver has, it is in the range
	Hash      string // of event To: the next prevhash
	Signature string // base64 of the box's signature over RetiredText; empty without a key
}

// RetiredText is what is signed: the fields, each as a 4-byte length and its
// bytes, as in an event's hash.
func RetiredText(epoch string, r RetiredRange) []byte {
	var b []byte
	for _, field := range []string{"watchpost.journal.retired", epoch, string(r.Lane), bridge.SequenceText(r.From), bridge.SequenceText(r.To), r.Hash} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	return b
}

// low is where what is kept begins: the ends of what went, and the places of
// the events that say so.
type low struct {
	heads
	said [5]uint64
}

type lowLane struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
	Place    uint64 `json:"place"`
	Said     uint64 `json:"said"`
}

func (l *low) encode() ([]byte, error) {
	lanes := map[bridge.Lane]lowLane{}
	for _, lane := range bridge.Lanes() {
		h := l.lane(lane)
		lanes[lane] = lowLane{h.sequence, h.hash, h.place, l.said[lane.Code()]}
	}
	return json.Marshal(struct {
		Place uint64                  `json:"place"`
		Lanes map[bridge.Lane]lowLane `json:"lanes"`
	}{l.place, lanes})
}

func decodeLow(b []byte) (low, error) {
	var saved struct {
		Place uint64                  `json:"place"`
		Lanes map[bridge.Lane]lowLane `json:"lanes"`
	}
	if err := json.Unmarshal(b, &saved); err != nil {
		return low{}, err
	}
	l := low{heads: heads{place: saved.Place}}
	for lane, at := range saved.Lanes {
		if lane.Code() == 0 {
			return low{}, fmt.Errorf("lane %q", lane)
		}
		if at.Sequence > 0 {
			l.lanes[lane.Code()] = head{place: at.Place, sequence: at.Sequence, hash: at.Hash}
		}
		l.said[lane.Code()] = at.Said
	}
	return l, nil
}

// loadLow reads where what is kept begins.
func (j *Journal) loadLow(txn *badger.Txn) error {
	value, err := getValue(txn, metaKey(metaLow))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read journal %s: low-water mark: %w", j.path, err)
	}
	if j.low, err = decodeLow(value); err != nil {
		return j.damaged(0, fmt.Errorf("low-water mark: %w", err))
	}
	value, err = getValue(txn, metaKey(metaSwept))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read journal %s: swept: %w", j.path, err)
	}
	if j.swept, err = placeOf(value); err != nil {
		return j.damaged(0, fmt.Errorf("swept: %w", err))
	}
	return nil
}

// Low is the place up to which events have been retired; 0: none.
func (j *Journal) Low() uint64 { return j.lowest().place }

func (j *Journal) lowest() low {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.low
}

// Retired gives the journal.retired that stands for what the lane has lost; ok
// is false when it has lost nothing.
func (j *Journal) Retired(lane bridge.Lane) (bridge.Record, bool, error) {
	place := j.lowest().said[lane.Code()]
	if place == 0 {
		return bridge.Record{}, false, nil
	}
	var record bridge.Record
	err := j.view(func(txn *badger.Txn) (err error) {
		record, err = getRecord(txn, place)
		return err
	})
	if err != nil {
		return bridge.Record{}, false, fmt.Errorf("read what retired %s: %w", lane, err)
	}
	return record, true, nil
}

// Retire moves the low-water mark after the desk has written down that it
// does: said has the place of each lane's journal.retired. Deleting follows in
// small transactions between appends. It is idempotent, and it refuses what
// Retirable would not give.
func (j *Journal) Retire(r Retirement, said map[bridge.Lane]uint64) error {
	if err := j.retire(r, said); err != nil {
		return fmt.Errorf("retire journal %s up to %d: %w", j.path, r.Through, err)
	}
	return nil
}

func (j *Journal) retire(r Retirement, said map[bridge.Lane]uint64) error {
	now := j.lowest()
	if r.Through <= now.place {
		return nil
	}
	bound, err := j.retireBound(Keep{})
	if err != nil {
		return err
	}
	if r.Through > bound {
		return fmt.Errorf("the last but one checkpoint is at %d", bound)
	}
	next, end := now, j.ends()
	err = j.view(func(txn *badger.Txn) (err error) {
		next.heads, err = j.headsAt(txn, r.Through, &end)
		return err
	})
	if err != nil {
		return err
	}
	for _, one := range r.Ranges {
		end := next.lane(one.Lane)
		if end.sequence != one.To || end.hash != one.Hash {
			return fmt.Errorf("%s ends there at %d with %s, not at %d with %s", one.Lane, end.sequence, end.hash, one.To, one.Hash)
		}
		place := said[one.Lane]
		if place <= r.Through || place > j.Last() {
			return fmt.Errorf("nothing after it says so for %s", one.Lane)
		}
		next.said[one.Lane.Code()] = place
	}
	value, err := next.encode()
	if err != nil {
		return err
	}
	return j.do(func(txn *badger.Txn) error { return txn.Set(metaKey(metaLow), value) }, func() { j.low = next })
}

// job is a change of the store that is no append.
type job struct {
	change func(*badger.Txn) error
	after  func() // once it is synced, with j.mu held
	done   chan error
}

// do lets the only writer make a change, between two groups.
func (j *Journal) do(change func(*badger.Txn) error, after func()) error {
	one := job{change, after, make(chan error, 1)}
	select {
	case j.jobs <- one:
		return <-one.done
	case <-j.finished:
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.err
	}
}

// work carries a job out; false after a failed write.
func (j *Journal) work(one job) bool {
	txn := j.db.NewTransaction(true)
	defer txn.Discard()
	if err := one.change(txn); err != nil {
		one.done <- err
		return true
	}
	if err := txn.Commit(); err != nil {
		err = fmt.Errorf("write journal %s: %w", j.path, err)
		one.done <- err
		j.fail(nil, err)
		return false
	}
	j.committed.renew(j.db)
	j.mu.Lock()
	one.after()
	j.mu.Unlock()
	one.done <- nil
	return true
}

// sweep deletes a batch below the low-water mark and reports whether more is
// left; ok is false after a failed write.
func (j *Journal) sweep() (more, ok bool) {
	to := j.lowest().place
	if j.swept >= to || j.space.full() {
		return false, true
	}
	last := min(to, j.swept+sweepRecords)
	err := j.db.Update(func(txn *badger.Txn) error {
		for place := j.swept + 1; place <= last; place++ {
			if err := drop(txn, place); err != nil {
				return err
			}
		}
		return txn.Set(metaKey(metaSwept), placeValue(last))
	})
	if err != nil {
		j.fail(nil, fmt.Errorf("write journal %s: %w", j.path, err))
		return false, false
	}
	j.committed.renew(j.db)
	j.swept = last
	return last < to, true
}

// drop deletes an event and what points to it. One that cannot be read is
// deleted as well: it is below the mark.
func drop(txn *badger.Txn, place uint64) error {
	record, err := getRecord(txn, place)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err == nil {
		sequence, err := bridge.SequenceNumber(record.Event.Sequence)
		if err == nil && record.Event.Lane.Code() != 0 {
			if err := txn.Delete(laneKey(record.Event.Lane, sequence)); err != nil {
				return err
			}
		}
		if err := dropKey(txn, record.Key, place); err != nil {
			return err
		}
	}
	return txn.Delete(eventKey(place))
}

// dropKey deletes a key that still points to the place.
func dropKey(txn *badger.Txn, key string, place uint64) error {
	if key == "" {
		return nil
	}
	value, err := getValue(txn, findKey(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if at, err := placeOf(value); err != nil || at != place {
		return nil // appended again since
	}
	return txn.Delete(findKey(key))
}
