package bridge

import (
	"errors"
	"fmt"
)

// retirer is a journal that says what stands for what it no longer has.
type retirer interface {
	// Retired gives the event that tells of the lane's retired range; ok is
	// false when the lane is whole.
	Retired(lane Lane) (record Record, ok bool, err error)
}

// next is what goes next in a lane: its records after the sequence, encoded for
// this uplink, or, where retention has taken them, the event that stands for
// them. That one goes under the number at which the hole ends, so that its
// receipt moves the cursor over the hole; it is never withheld.
func (l *line) next(lane Lane, after uint64, limit int) ([]Record, []Outgoing, error) {
	records, err := l.journal.ReadLane(lane, after, limit)
	var hole *RetiredError
	switch {
	case errors.As(err, &hole):
		return l.hole(hole, err)
	case err != nil:
		return nil, nil, err
	case len(records) == 0:
		return nil, nil, fmt.Errorf("journal has nothing after %d in lane %s", after, lane)
	}
	out, err := l.outgoing(records, false)
	return records, out, err
}

func (l *line) hole(hole *RetiredError, why error) ([]Record, []Outgoing, error) {
	journal, ok := l.journal.(retirer)
	if !ok {
		return nil, nil, why
	}
	record, ok, err := journal.Retired(hole.Lane)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, why
	}
	l.log.Warn("a range was retired before it was confirmed", "lane", hole.Lane, "through", hole.Through)
	return standIn(record, hole)
}

// standIn sends an event in place of what it stands for.
func standIn(record Record, hole *RetiredError) ([]Record, []Outgoing, error) {
	wire, err := record.Event.Encode()
	if err != nil {
		return nil, nil, err
	}
	return []Record{record}, []Outgoing{{
		ID: record.Event.ID, Epoch: record.Event.Epoch, Lane: hole.Lane, Sequence: hole.Through, Wire: wire,
	}}, nil
}
