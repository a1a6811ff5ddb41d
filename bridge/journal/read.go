package journal

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

var (
	_ bridge.Appender = (*Journal)(nil)
	_ bridge.Ticket   = (*group)(nil)
)

// view runs a read. Close waits for it: badger's memory is unmapped there.
func (j *Journal) view(read func(txn *badger.Txn) error) error {
	j.reading.RLock()
	defer j.reading.RUnlock()
	if j.ended {
		return ErrClosed
	}
	defer func() {
		// badger panics over some damage: that ends the process, and the next
		// start looks at everything.
		if r := recover(); r != nil {
			j.suspect(fmt.Errorf("panic: %.200v", r))
			panic(r)
		}
	}()
	now := j.committed.take()
	defer j.committed.leave(now)
	return read(now.txn)
}

// Epoch implements bridge.Reader.
func (j *Journal) Epoch() string { return j.epoch }

// Source implements bridge.Reader; empty for a journal opened read-only.
func (j *Journal) Source() string { return j.options.Source }

// Path is the directory of the epoch.
func (j *Journal) Path() string { return j.path }

// Last implements bridge.Reader.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced.place
}

// LastSequence implements bridge.Reader.
func (j *Journal) LastSequence(lane bridge.Lane) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced.lanes[lane.Code()].sequence
}

// LastHash is the hash of the newest synced event of the lane.
func (j *Journal) LastHash(lane bridge.Lane) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.synced.lane(lane)
	return at.hash
}

// Changed implements bridge.Reader.
func (j *Journal) Changed() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changed
}

// Find implements bridge.Appender. The pending ones are asked first: a record
// leaves them only after the store has it.
func (j *Journal) Find(key string) (bridge.Record, bool, error) {
	if key == "" {
		return bridge.Record{}, false, nil
	}
	j.mu.Lock()
	record, ok := j.unsynced[key]
	j.mu.Unlock()
	if ok {
		return record, true, nil
	}
	err := j.view(func(txn *badger.Txn) error {
		value, err := getValue(txn, findKey(key))
		if err != nil {
			return err
		}
		place, err := placeOf(value)
		if err != nil {
			return err
		}
		record, err = getRecord(txn, place)
		return err
	})
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		return bridge.Record{}, false, nil
	case err != nil:
		return bridge.Record{}, false, fmt.Errorf("find key %q in journal %s: %w", key, j.path, err)
	}
	return record, true, nil
}

// Read implements bridge.Reader.
func (j *Journal) Read(after uint64, limit int) ([]bridge.Record, error) {
	last := j.Last()
	if low := j.Low(); after < low {
		return nil, fmt.Errorf("read journal after %d: %w", after, &bridge.RetiredError{Through: low})
	}
	if after >= last || limit <= 0 {
		return nil, nil
	}
	records := make([]bridge.Record, 0, min(uint64(limit), last-after))
	err := j.view(func(txn *badger.Txn) error {
		return scan(txn, after+1, func(place uint64, value []byte) (bool, error) {
			if place > last {
				return false, nil
			}
			record, err := decodeRecord(place, value)
			if err != nil {
				return false, j.damaged(place, err)
			}
			records = append(records, record)
			return len(records) < limit, nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read journal after %d: %w", after, err)
	}
	return records, nil
}

// ReadLane implements bridge.Reader.
func (j *Journal) ReadLane(lane bridge.Lane, after uint64, limit int) ([]bridge.Record, error) {
	last, low := j.LastSequence(lane), j.lowest()
	if through := low.lane(lane).sequence; after < through {
		return nil, fmt.Errorf("read lane %s after %d: %w", lane, after, &bridge.RetiredError{Lane: lane, Through: through})
	}
	if after >= last || limit <= 0 {
		return nil, nil
	}
	records := make([]bridge.Record, 0, min(uint64(limit), last-after))
	err := j.view(func(txn *badger.Txn) error {
		places, err := lanePlaces(txn, lane, after+1, last, limit)
		if err != nil {
			return err
		}
		for _, place := range places {
			record, err := getRecord(txn, place)
			if err != nil {
				return j.damaged(place, err)
			}
			records = append(records, record)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read lane %s after %d: %w", lane, after, err)
	}
	return records, nil
}

// lanePlaces are the places of the lane's sequences first to last, at most
// limit of them.
func lanePlaces(txn *badger.Txn, lane bridge.Lane, first, last uint64, limit int) ([]uint64, error) {
	options := badger.DefaultIteratorOptions
	options.Prefix = laneKey(lane, 0)[:2]
	options.PrefetchSize = min(limit, 100)
	it := txn.NewIterator(options)
	defer it.Close()
	end := string(laneKey(lane, last))
	var places []uint64
	for it.Seek(laneKey(lane, first)); it.Valid() && len(places) < limit; it.Next() {
		if string(it.Item().Key()) > end {
			break
		}
		err := it.Item().Value(func(value []byte) error {
			place, err := placeOf(value)
			places = append(places, place)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return places, nil
}

// scan calls visit with each record from place on, until it returns false. The
// value is valid during the call only.
func scan(txn *badger.Txn, from uint64, visit func(place uint64, value []byte) (bool, error)) error {
	options := badger.DefaultIteratorOptions
	options.Prefix = []byte{prefixEvent}
	it := txn.NewIterator(options)
	defer it.Close()
	for it.Seek(eventKey(from)); it.Valid(); it.Next() {
		place, err := placeOf(it.Item().Key()[1:])
		if err != nil {
			return err
		}
		more := false
		err = it.Item().Value(func(value []byte) (err error) {
			more, err = visit(place, value)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func getRecord(txn *badger.Txn, place uint64) (bridge.Record, error) {
	item, err := txn.Get(eventKey(place))
	if err != nil {
		return bridge.Record{}, fmt.Errorf("place %d: %w", place, err)
	}
	var record bridge.Record
	err = item.Value(func(value []byte) (err error) {
		record, err = decodeRecord(place, value)
		return err
	})
	return record, err
}
