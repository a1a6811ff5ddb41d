package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Retirable is the oldest range that may go now; ok is false when nothing has
// to or may. Nothing changes: the desk writes it down first, then Retire.
func (j *Journal) Retirable(now time.Time, keep Keep) (Retirement, bool, error) {
	r, err := j.retirable(now, keep)
	if err != nil {
		return Retirement{}, false, fmt.Errorf("find what journal %s may retire: %w", j.path, err)
	}
	return r, r.Through > 0, nil
}

func (j *Journal) retirable(now time.Time, keep Keep) (Retirement, error) {
	from := j.lowest().place
	bound, err := j.retireBound(keep)
	if err != nil || bound <= from {
		return Retirement{}, err
	}
	var r Retirement
	end := j.ends()
	err = j.view(func(txn *badger.Txn) error {
		through, late, err := j.outdated(txn, from, end.place, now, keep)
		if err != nil {
			return err
		}
		through = min(through, bound, from+retireMax)
		if through <= from || through-from < retireMin && !late {
			return nil
		}
		ends, err := j.headsAt(txn, through, &end)
		if err != nil {
			return err
		}
		r = Retirement{Through: through, Ranges: j.ranges(&ends)}
		return nil
	})
	return r, err
}

func (j *Journal) ranges(ends *heads) []RetiredRange {
	var all []RetiredRange
	for _, lane := range bridge.Lanes() {
		end := ends.lane(lane)
		if end.sequence == 0 {
			continue
		}
		one := RetiredRange{Lane: lane, From: 1, To: end.sequence, Hash: end.hash}
		if j.options.Sign != nil {
			one.Signature = base64.StdEncoding.EncodeToString(j.options.Sign(RetiredText(j.epoch, one)))
		}
		all = append(all, one)
	}
	return all
}

// retireBound is the last place that nobody needs: the last but one checkpoint,
// read back again, the alarms that an uplink has not confirmed, the workers.
func (j *Journal) retireBound(keep Keep) (uint64, error) {
	places, err := j.checkpointPlaces()
	if err != nil || len(places) < checkpointsKept {
		return 0, err
	}
	bound := places[len(places)-checkpointsKept]
	for _, place := range places[len(places)-checkpointsKept:] {
		if _, err := j.readCheckpoint(place); err != nil {
			return 0, fmt.Errorf("checkpoint %d: %w", place, err)
		}
	}
	low, last := j.lowest(), j.LastSequence(bridge.Alarm)
	err = j.view(func(txn *badger.Txn) error {
		for _, name := range keep.Uplinks {
			cursor, err := j.Cursor(name, bridge.Alarm)
			if err != nil {
				return err
			}
			next := max(cursor, low.lane(bridge.Alarm).sequence) + 1
			if next > last {
				continue
			}
			value, err := getValue(txn, laneKey(bridge.Alarm, next))
			if err != nil {
				return fmt.Errorf("index of alarm %d: %w", next, err)
			}
			place, err := placeOf(value)
			if err != nil {
				return err
			}
			bound = min(bound, place-1)
		}
		return nil
	})
	for _, name := range keep.Workers {
		cursor, cursorErr := j.Cursor(name, "")
		err = errors.Join(err, cursorErr)
		bound = min(bound, cursor)
	}
	return bound, err
}

// Waiting is what an uplink has not confirmed of lane alarm, and how much of
// the journal it holds by that.
type Waiting struct {
	From, To uint64    // sequences; From is above To when nothing waits
	Oldest   time.Time // recorded; of what is still kept
	Bytes    int64     // before compression, all lanes, roughly
}

// Waiting is what waits for an uplink.
func (j *Journal) Waiting(uplink string) (Waiting, error) {
	cursor, err := j.Cursor(uplink, bridge.Alarm)
	if err != nil {
		return Waiting{}, err
	}
	low := j.lowest()
	w := Waiting{From: cursor + 1, To: j.LastSequence(bridge.Alarm)}
	records, err := j.ReadLane(bridge.Alarm, max(cursor, low.lane(bridge.Alarm).sequence), 1)
	if err != nil || len(records) == 0 {
		return w, err
	}
	w.Oldest = records[0].Event.RecordedTime.Time
	from, last := records[0].Place-1, j.Last()
	err = j.view(func(txn *badger.Txn) error {
		average, err := averageSize(txn, from, last)
		w.Bytes = int64(last-from) * average
		return err
	})
	if err != nil {
		return w, fmt.Errorf("measure what waits for %s: %w", uplink, err)
	}
	return w, nil
}

// outdated is the last place above the age or the budget. late says that the
// oldest event is a day past its age.
func (j *Journal) outdated(txn *badger.Txn, from, last uint64, now time.Time, keep Keep) (through uint64, late bool, err error) {
	through = from
	if keep.MaxAge > 0 {
		if through, err = j.before(txn, from, last, now.Add(-keep.MaxAge)); err != nil {
			return 0, false, err
		}
		over, err := j.before(txn, from, min(last, from+1), now.Add(-keep.MaxAge-retireLate))
		if err != nil {
			return 0, false, err
		}
		late = over > from
	}
	if keep.Budget <= 0 || last == from {
		return through, late, nil
	}
	average, err := averageSize(txn, from, last)
	if err != nil {
		return 0, false, err
	}
	if over := int64(last-from)*average - keep.Budget; over > 0 {
		through = max(through, from+uint64(over/average))
	}
	return through, late, nil
}

// before is the last place after from whose event was recorded before t.
// Recorded times never fall.
func (j *Journal) before(txn *badger.Txn, from, last uint64, t time.Time) (uint64, error) {
	for from < last {
		middle := from + (last-from+1)/2
		record, err := getRecord(txn, middle)
		if err != nil {
			return 0, j.damaged(middle, err)
		}
		if record.Event.RecordedTime.Before(t) {
			from = middle
		} else {
			last = middle - 1
		}
	}
	return from, nil
}

// averageSize is what an event takes, from samples.
func averageSize(txn *badger.Txn, from, last uint64) (int64, error) {
	step := max((last-from)/sizeSamples, 1)
	total, n := int64(0), int64(0)
	for place := from + 1; place <= last; place += step {
		item, err := txn.Get(eventKey(place))
		if err != nil {
			return 0, fmt.Errorf("place %d: %w", place, err)
		}
		total, n = total+item.ValueSize()+indexOverhead, n+1
	}
	return max(total/max(n, 1), 1), nil
}
