package evidence

import (
	"errors"
	"fmt"
	"iter"

	"github.com/watchpost-edge/watchpost/bridge"
)

// extractPage is how many records are read at a time.
const extractPage = 500

// Extract gives a case's events out of a journal: of the places after < p ≤ to
// those that are mine, whole. If no more than links records lie in the range,
// all others come too, without their data, so that the chain has no gap.
func Extract(r bridge.Reader, after, to uint64, links uint64, mine func(*bridge.Event) bool) iter.Seq2[bridge.Event, error] {
	whole := to-min(after, to) <= links
	return func(yield func(bridge.Event, error) bool) {
		for at := after; at < to; {
			records, err := r.Read(at, int(min(extractPage, to-at)))
			if err != nil {
				yield(bridge.Event{}, fmt.Errorf("read journal after %d: %w", at, err))
				return
			}
			if len(records) == 0 {
				return
			}
			for i := range records {
				if at = records[i].Place; at > to {
					return
				}
				e := records[i].Event
				if !mine(&e) {
					if !whole {
						continue
					}
					e = e.Withheld()
				}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// Heads gives where the journal's lanes end now, but for lanes of which nothing
// is kept any more. Ask for them after the last event of the case was recorded.
func Heads(r bridge.Reader) ([]Head, error) {
	var heads []Head
	for _, lane := range bridge.Lanes() {
		last := r.LastSequence(lane)
		if last == 0 {
			continue
		}
		records, err := r.ReadLane(lane, last-1, 1)
		var retired *bridge.RetiredError
		if errors.As(err, &retired) {
			continue // nothing of the lane is kept
		}
		if err == nil && len(records) == 0 {
			err = errors.New("it has no end")
		}
		if err != nil {
			return nil, fmt.Errorf("read end of lane %s: %w", lane, err)
		}
		heads = append(heads, Head{Epoch: records[0].Event.Epoch, Lane: lane, Sequence: last, Hash: records[0].Event.Hash()})
	}
	return heads, nil
}
