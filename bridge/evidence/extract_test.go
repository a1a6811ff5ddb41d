package evidence_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// book is a journal in memory that gives two records at a time.
type book struct {
	bridge.Reader
	list    []bridge.Event
	err     error
	retired bridge.Lane // of which nothing is kept
}

func (b *book) Read(after uint64, limit int) ([]bridge.Record, error) {
	var out []bridge.Record
	for i := after; i < uint64(len(b.list)) && len(out) < min(limit, 2); i++ {
		out = append(out, bridge.Record{Place: i + 1, Event: b.list[i]})
	}
	return out, b.err
}

func (b *book) LastSequence(lane bridge.Lane) uint64 {
	n := uint64(0)
	for _, e := range b.list {
		if e.Lane == lane {
			n++
		}
	}
	return n
}

func (b *book) ReadLane(lane bridge.Lane, after uint64, limit int) ([]bridge.Record, error) {
	if lane == b.retired {
		return nil, fmt.Errorf("read lane %s: %w", lane, &bridge.RetiredError{Lane: lane, Through: b.LastSequence(lane)})
	}
	var out []bridge.Record
	for i, e := range b.list {
		if n, _ := bridge.SequenceNumber(e.Sequence); e.Lane == lane && n > after && len(out) < limit {
			out = append(out, bridge.Record{Place: uint64(i + 1), Event: e})
		}
	}
	return out, b.err
}

func TestExtractOfAJournal(t *testing.T) {
	j := &chained{}
	for i := range 9 {
		j.add(bridge.Alarm, "x", map[string]any{"incident": i % 3})
		j.add(bridge.Notice, "y", map[string]any{"camera": "gate"})
	}
	journal := &book{list: j.list}
	mine := func(e *bridge.Event) bool { return string(e.Data) == `{"incident":1}` }
	heads, err := evidence.Heads(journal)
	require.NoError(t, err)
	require.Len(t, heads, 2)
	last := j.last[bridge.Alarm]
	require.Equal(t, evidence.Head{Epoch: "01MEPOCH", Lane: bridge.Alarm, Sequence: 9, Hash: last.Hash()}, heads[0])

	c := caseOf(t)
	c.Clips, c.Heads = nil, heads
	c.Events = evidence.Extract(journal, 2, 17, 15, mine)
	r := verify(t, bundle(t, c), public)
	require.Empty(t, r.Problems)
	require.Equal(t, []int{15, 12, 0}, []int{r.Events, r.Withheld, r.Gaps})

	c.Events = evidence.Extract(journal, 2, 17, 14, mine) // too many links
	r = verify(t, bundle(t, c), public)
	require.Empty(t, r.Problems)
	require.Equal(t, []int{3, 0, 2}, []int{r.Events, r.Withheld, r.Gaps})

	journal.retired = bridge.Alarm
	heads, err = evidence.Heads(journal)
	require.NoError(t, err, "a lane that was quiet for longer than the journal keeps it")
	require.Len(t, heads, 1)

	journal.err, journal.retired = errors.New("disk gone"), ""
	for _, err := range evidence.Extract(journal, 2, 17, 0, mine) {
		require.ErrorIs(t, err, journal.err)
	}
	_, err = evidence.Heads(journal)
	require.ErrorIs(t, err, journal.err)
}
