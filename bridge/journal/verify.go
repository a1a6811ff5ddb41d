package journal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

// tailRecords is how many of the newest records are checked at every start.
const tailRecords = 1000

// Verified is what Verify saw.
type Verified struct {
	Epoch   string
	Records uint64
	First   uint64 // place; 0 when nothing was read
	Last    uint64 // place
	Lanes   map[bridge.Lane]LaneEnd
}

// LaneEnd is where a lane ends.
type LaneEnd struct {
	Sequence uint64
	Hash     string
}

// Verify walks the journal from a place (0: from what is kept) to its synced end:
// places and sequences without holes, the chain, the hash of the data, the
// index entries. What is wrong is a *DamagedError that names the first place.
func (j *Journal) Verify(ctx context.Context, from uint64) (Verified, error) {
	seen := Verified{Epoch: j.epoch, Lanes: map[bridge.Lane]LaneEnd{}}
	end := j.ends()
	from = max(from, j.Low()+1)
	err := j.view(func(txn *badger.Txn) error {
		w, err := j.walkFrom(txn, from, end)
		if err != nil {
			return err
		}
		err = scan(txn, from, func(place uint64, value []byte) (bool, error) {
			if place > end.place {
				return false, nil
			}
			if err := ctx.Err(); err != nil {
				return false, err
			}
			if err := w.step(place, value); err != nil {
				return false, j.damaged(place, err)
			}
			if seen.Records == 0 {
				seen.First = place
			}
			seen.Records++
			seen.Last = place
			return true, nil
		})
		if err != nil {
			return err
		}
		return w.finish()
	})
	for _, lane := range bridge.Lanes() {
		at := end.lane(lane)
		seen.Lanes[lane] = LaneEnd{Sequence: at.sequence, Hash: at.hash}
	}
	if err != nil {
		return seen, fmt.Errorf("verify journal: %w", err)
	}
	return seen, nil
}

// checkTail verifies the newest records, and with them the heads.
func (j *Journal) checkTail() error {
	from := uint64(1)
	if j.synced.place > tailRecords {
		from = j.synced.place - tailRecords + 1
	}
	if _, err := j.Verify(context.Background(), from); err != nil {
		return err
	}
	return j.view(func(txn *badger.Txn) error {
		return scan(txn, j.synced.place+1, func(place uint64, _ []byte) (bool, error) {
			return false, j.damaged(place, errors.New("event beyond the journal's end"))
		})
	})
}

// walk follows the chain from record to record.
type walk struct {
	j   *Journal
	txn *badger.Txn
	at  heads
	end heads // of the journal
}

// walkFrom starts a walk before place: each lane as it ended there.
func (j *Journal) walkFrom(txn *badger.Txn, place uint64, end heads) (*walk, error) {
	before, err := j.headsAt(txn, place-1, &end)
	if err != nil {
		return nil, err
	}
	return &walk{j: j, txn: txn, at: before, end: end}, nil
}

// ends is where the journal ends on the disk. A read that goes by it takes it
// before its transaction: one that began earlier does not see the end.
func (j *Journal) ends() heads {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced
}

// headsAt is where the lanes ended as of a place, in a journal that ends so.
func (j *Journal) headsAt(txn *badger.Txn, place uint64, end *heads) (heads, error) {
	at := heads{place: place}
	for _, lane := range bridge.Lanes() {
		h, err := j.laneHeadAt(txn, lane, place, end.lane(lane).sequence)
		if err != nil {
			return heads{}, err
		}
		at.lanes[lane.Code()] = h
	}
	return at, nil
}

// laneHeadAt searches the lane's index for its last event at or before place.
func (j *Journal) laneHeadAt(txn *badger.Txn, lane bridge.Lane, place, high uint64) (head, error) {
	gone := j.lowest()
	base := gone.lane(lane)
	low := base.sequence // at or before place
	for low < high {
		middle := low + (high-low+1)/2
		value, err := getValue(txn, laneKey(lane, middle))
		if err != nil {
			return head{}, j.damaged(0, fmt.Errorf("index of %s %d: %w", lane, middle, err))
		}
		at, err := placeOf(value)
		if err != nil {
			return head{}, j.damaged(0, fmt.Errorf("index of %s %d: %w", lane, middle, err))
		}
		if at <= place {
			low = middle
		} else {
			high = middle - 1
		}
	}
	if low == 0 {
		return head{}, nil
	}
	if low == base.sequence {
		return base, nil
	}
	value, err := getValue(txn, laneKey(lane, low))
	if err != nil {
		return head{}, err
	}
	at, err := placeOf(value)
	if err != nil {
		return head{}, err
	}
	record, err := getRecord(txn, at)
	if err != nil {
		return head{}, j.damaged(at, err)
	}
	return head{place: at, sequence: low, hash: record.Event.Hash()}, nil
}

func (w *walk) step(place uint64, value []byte) error {
	record, err := decodeRecord(place, value)
	if err != nil {
		return err
	}
	if place != w.at.place+1 {
		return fmt.Errorf("comes after place %d", w.at.place)
	}
	event := &record.Event
	if event.Lane.Code() == 0 {
		return fmt.Errorf("lane %q", event.Lane)
	}
	end := w.at.lane(event.Lane)
	sequence, err := bridge.SequenceNumber(event.Sequence)
	switch {
	case err != nil:
		return err
	case sequence != end.sequence+1:
		return fmt.Errorf("sequence %d of %s comes after %d", sequence, event.Lane, end.sequence)
	case event.PrevHash != end.hash:
		return fmt.Errorf("prevhash %s: the event before has %s", event.PrevHash, end.hash)
	case event.Epoch != w.j.epoch:
		return fmt.Errorf("epoch %s", event.Epoch)
	}
	if err := CheckData(event); err != nil {
		return err
	}
	if err := w.index(laneKey(event.Lane, sequence), place, place); err != nil {
		return fmt.Errorf("index of %s %d: %w", event.Lane, sequence, err)
	}
	if record.Key != "" {
		// A key that was appended again points to its newest record.
		if err := w.index(findKey(record.Key), place, w.end.place); err != nil {
			return fmt.Errorf("index of key %q: %w", record.Key, err)
		}
	}
	w.at.place = place
	w.at.lanes[event.Lane.Code()] = head{place: place, sequence: sequence, hash: event.Hash()}
	return nil
}

// index checks that a key of the store points to a place from first to last.
func (w *walk) index(key []byte, first, last uint64) error {
	value, err := getValue(w.txn, key)
	if err != nil {
		return err
	}
	place, err := placeOf(value)
	if err != nil {
		return err
	}
	if place < first || place > last {
		return fmt.Errorf("points to place %d", place)
	}
	return nil
}

// finish compares where the walk ended with what the journal says of itself.
func (w *walk) finish() error {
	if w.at.place != w.end.place {
		return w.j.damaged(w.at.place, fmt.Errorf("the journal says it ends at %d", w.end.place))
	}
	for _, lane := range bridge.Lanes() {
		if is, want := w.at.lane(lane), w.end.lane(lane); is != want {
			return w.j.damaged(is.place, fmt.Errorf("%s ends at %d with %s: the journal says %d with %s", lane, is.sequence, is.hash, want.sequence, want.hash))
		}
	}
	return nil
}

// CheckData compares an event's data with its datahash. An event without data
// passes: it was withheld or erased, and the chain does not need it.
func CheckData(event *bridge.Event) error {
	if len(event.Data) == 0 {
		return nil
	}
	salt, err := hex.DecodeString(event.DataSalt)
	if err != nil || len(salt) != saltBytes {
		return fmt.Errorf("datasalt %q: want %d bytes in hex", event.DataSalt, saltBytes)
	}
	canonical, err := canonicalData(event.Data)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if got := bridge.DataHashOf(salt, canonical); got != event.DataHash {
		return fmt.Errorf("datahash %s: the data has %s", event.DataHash, got)
	}
	return nil
}
