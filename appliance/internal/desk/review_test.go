package desk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// TestReviewedDays: a day's counts are written once in each revision, and again
// only where the journal is about to lose them; what people did never leaves
// the box.
func TestReviewedDays(t *testing.T) {
	r := newRoom(t)
	day := desk.ReviewIn{
		Day: desk.ReviewDay{Date: "2026-02-28", Revision: 1, Counts: desk.DayCounts{
			Totals: desk.DayTotals{Incidents: 3}, By: map[string][]desk.Tally{}, Waits: []desk.Waiting{},
			Sources: []desk.SourceTally{}, Cells: []desk.CellTally{}, Orders: []desk.OrderTally{},
		}},
		People: []desk.PersonTally{{Person: "li", Steps: 2}},
	}
	records, _ := r.do(day)
	require.Equal(t, []string{"review.day", "review.people"}, types(records))
	require.Equal(t, bridge.Notice, records[0].Event.Lane)
	require.Equal(t, bridge.Local, records[1].Event.Lane)
	require.NotContains(t, string(records[0].Event.Data), "li")
	first := records[0].Place

	records, answer := r.do(day)
	require.Empty(t, records)
	require.True(t, answer.Duplicate)

	day.Day.Revision = 2
	records, _ = r.do(day)
	require.Len(t, records, 2)
	second := records[0].Place

	day.Through = first
	records, _ = r.do(day)
	require.Empty(t, records, "the newest copy stays")
	day.Through = second
	records, _ = r.do(day)
	require.Len(t, records, 2, "it is about to go")

	day.Day.Epoch, day.Through = "01J000", 0
	records, _ = r.do(day)
	require.Len(t, records, 2, "of another journal: another part of the day")

	for _, bad := range []desk.ReviewDay{{Date: "28.2.2026", Revision: 1}, {Date: "2026-02-28"}} {
		_, _, err := r.try(desk.ReviewIn{Day: bad})
		var invalid *desk.InvalidError
		require.ErrorAs(t, err, &invalid)
	}
}
