package review

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// TestWhoIsNeverAnsweredIsLate: an incident that waits past its limit counts as
// late while it waits, once, and not twice when somebody answers at last. A room
// that answers nobody does not look punctual.
func TestWhoIsNeverAnsweredIsLate(t *testing.T) {
	k := newKept("E", "UTC")
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	says := func() (open Response, row Row) {
		r, err := k.report(Query{From: "2026-03-02", To: "2026-03-02"})
		require.NoError(t, err)
		for _, one := range r.Responses {
			if one.Priority == "P0" && one.State == "open" {
				open = one
			}
		}
		return open, r.Groups["priority"][0]
	}
	k.fold(record(1, at, desk.TypeIncidentOpened, `{"incident":"i","priority":"P0","kind":"alarm","limit":"2026-03-02T12:01:00.000Z"}`), time.UTC)
	open, row := says()
	require.Zero(t, open.Limited)
	require.Zero(t, row.Limited)

	late := `{"incident":"i","state":"open","reason":"limit","limit":"2026-03-02T12:01:00.000Z"}`
	k.fold(record(2, at.Add(time.Minute), desk.TypeIncidentEscalated, late), time.UTC)
	open, _ = says()
	require.Equal(t, 1, open.Limited, "the box escalates in the millisecond of the limit")
	k.fold(record(3, at.Add(121*time.Second), desk.TypeIncidentEscalated, late), time.UTC)
	open, row = says()
	require.Equal(t, []int{0, 1, 0}, []int{open.N, open.Limited, open.InTime})
	require.Equal(t, int64(60_000), open.LimitMS)
	require.Zero(t, open.MedianMS, "nobody knows yet how long")
	require.Equal(t, []int{1, 0}, []int{row.Limited, row.InTime})

	k.fold(record(4, at.Add(10*time.Minute), desk.TypeIncidentAcknowledged,
		`{"incident":"i","state":"acknowledged","by":"li","limit":"2026-03-02T12:15:00.000Z"}`), time.UTC)
	open, row = says()
	require.Equal(t, []int{1, 1, 0}, []int{open.N, open.Limited, open.InTime})
	require.Equal(t, []int{1, 0}, []int{row.Limited, row.InTime})
}
