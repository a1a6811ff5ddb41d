package journal

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

// ErrTooNew refuses to erase an event that the last but one checkpoint does not
// cover: the desk may still fold it.
var ErrTooNew = errors.New("no checkpoint covers the event yet")

// Erase removes data and salt of one event, as law may demand; number, hashes
// and chain stay whole. It is idempotent, and an event that retention has taken
// is erased. The desk writes journal.erased first. An event above the last but
// one checkpoint is ErrTooNew.
//
// The old bytes stay in badger's files until compaction drops them, and in
// what has left the station.
func (j *Journal) Erase(lane bridge.Lane, sequence uint64) error {
	if err := j.erase(lane, sequence); err != nil {
		return fmt.Errorf("erase %s %d of journal %s: %w", lane, sequence, j.path, err)
	}
	return nil
}

func (j *Journal) erase(lane bridge.Lane, sequence uint64) error {
	if lane.Code() == 0 || sequence == 0 || sequence > j.LastSequence(lane) {
		return fmt.Errorf("there is no such event: the lane ends at %d", j.LastSequence(lane))
	}
	bound, err := j.retireBound(Keep{})
	if err != nil {
		return err
	}
	return j.do(func(txn *badger.Txn) error {
		low := j.lowest()
		if sequence <= low.lane(lane).sequence {
			return nil
		}
		value, err := getValue(txn, laneKey(lane, sequence))
		if err != nil {
			return fmt.Errorf("index: %w", err)
		}
		place, err := placeOf(value)
		if err != nil {
			return err
		}
		if place > bound {
			return fmt.Errorf("%w: it stands at %d, the last but one checkpoint at %d", ErrTooNew, place, bound)
		}
		record, err := getRecord(txn, place)
		if err != nil {
			return err
		}
		if len(record.Event.Data) == 0 {
			return nil
		}
		event := record.Event.Withheld()
		wire, err := event.Encode()
		if err != nil {
			return err
		}
		return txn.Set(eventKey(place), encodeRecord(record.Key, wire))
	}, func() {})
}
