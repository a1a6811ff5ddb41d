package review

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// record is one event as the journal gives it.
func record(place uint64, at time.Time, typ string, data string) bridge.Record {
	return bridge.Record{Place: place, Event: bridge.Event{
		ID: fmt.Sprint(place), Type: typ, Time: bridge.At(at), RecordedTime: bridge.At(at), Data: json.RawMessage(data),
	}}
}

// TestUnreadableEventsAreSkipped: a review is no reason to stop, and what it
// did not read it counts. What law has erased is not there.
func TestUnreadableEventsAreSkipped(t *testing.T) {
	k := newKept("E", "UTC")
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	k.fold(record(1, at, desk.TypeIncidentOpened, `{"incident":`), time.UTC)
	k.fold(record(2, at, desk.TypeAlertRaised, ``), time.UTC)
	k.fold(record(3, at, "watchpost.unheard.of", `[]`), time.UTC)
	k.fold(record(4, at, desk.TypeIncidentOpened, `{"incident":"i","priority":"P1","kind":"x"}`), time.UTC)
	k.fold(record(5, at, desk.TypeIncidentClosed, `{"incident":"nobody","state":"closed"}`), time.UTC)
	require.Equal(t, 1, k.Skipped)
	require.Equal(t, uint64(5), k.Place)
	require.Len(t, k.Incidents, 1)
}

// TestWhenThingsCount: on the day on which they occurred, unless that is too
// long ago or to come.
func TestWhenThingsCount(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	recorded := time.Date(2026, 3, 2, 0, 5, 0, 0, zone)
	for _, one := range []struct {
		occurred time.Time
		date     string
		hour     int
	}{
		{recorded, "2026-03-02", 0},
		{recorded.Add(-10 * time.Minute), "2026-03-01", 23},
		{recorded.Add(-6 * 24 * time.Hour), "2026-02-24", 0},
		{recorded.Add(-8 * 24 * time.Hour), "2026-03-02", 0},
		{recorded.Add(4 * time.Second), "2026-03-02", 0},
	} {
		date, hour := when(&bridge.Event{Time: bridge.At(one.occurred), RecordedTime: bridge.At(recorded)}, zone)
		require.Equal(t, one.date, date)
		require.Equal(t, one.hour, hour)
	}
	require.Equal(t, "2026-03-02", weekOf("2026-03-08"))
	require.Equal(t, []string{"2026-02-28", "2026-03-01"}, dates("2026-02-28", "2026-03-01"))
	require.Len(t, dates("2020-01-01", "2026-01-01"), spanMax)
}

// TestAPartnerIsNoPerson: a work order is nobody's in the tally of people.
func TestAPartnerIsNoPerson(t *testing.T) {
	people := map[string]*desk.PersonTally{}
	(&order{Kind: string(desk.WorkOrder), To: "lights", By: "partner/lights", State: desk.Confirmed}).people(people)
	(&order{Kind: string(desk.PlainTask), To: "patrol-1", By: "li", State: desk.Accepted}).people(people)
	require.Equal(t, []desk.PersonTally{{Person: "li", Orders: 1}}, tallies(people))
}

// TestADayHasRoomInAnEvent: however much there was, totals stay, lists are
// shortened, and what has no room is counted.
func TestADayHasRoomInAnEvent(t *testing.T) {
	k := newKept("E", "UTC")
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for n := range 1500 {
		opened := fmt.Sprintf(`{"incident":"i%d","priority":"P%d","kind":"kind-%d","place":{"id":"place-%d","name":"地点的名字%d"},"position":{"lat":%f,"lon":115.9},"limit":"2026-03-02T13:00:00.000Z"}`,
			n, n%4, n, n, n, 20+float64(n)*0.01)
		k.fold(record(uint64(2*n+1), at, desk.TypeIncidentOpened, opened), time.UTC)
		k.fold(record(uint64(2*n+2), at.Add(time.Duration(n*n)*time.Millisecond), desk.TypeIncidentClosed,
			fmt.Sprintf(`{"incident":"i%d","state":"closed","result":"false_alarm"}`, n)), time.UTC)
	}
	require.Zero(t, k.Skipped)
	counts, _ := k.counted("2026-03-02", k.works()["2026-03-02"])
	text, err := json.Marshal(counts)
	require.NoError(t, err)
	require.LessOrEqual(t, len(text), countsMaxBytes)
	require.Equal(t, 1500, counts.Totals.False)
	require.Equal(t, 1500, len(counts.By["kind"])+counts.LeftOut["kind"])
	require.Equal(t, 1500, len(counts.Cells)+counts.LeftOut["cells"])
	again, _ := k.counted("2026-03-02", k.works()["2026-03-02"])
	require.Equal(t, counts, again)
}

// TestADaysCountsNameNoPerson: they leave the box, and what one person did is in
// the other event only.
func TestADaysCountsNameNoPerson(t *testing.T) {
	k := newKept("E", "UTC")
	k.row = func(to string) string {
		return TeamRow(map[string]desk.Party{"t1": {Kind: "team", ID: "t1"}, "lights": {Kind: "partner", ID: "lights"}, "wu": {Kind: "person", ID: "wu"}}[to])
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	k.fold(record(1, at, desk.TypeIncidentOpened, `{"incident":"i","priority":"P1","kind":"x"}`), time.UTC)
	for n, to := range []string{"wu", "zhangwei", "t1", "lights"} {
		k.fold(record(uint64(n+2), at, desk.TypeTaskIssued, fmt.Sprintf(`{"task":"t%d","incident":"i","to":%q,"kind":"task","by":"li"}`, n, to)), time.UTC)
	}
	counts, people := k.counted("2026-03-02", k.works()["2026-03-02"])
	text, err := json.Marshal(counts)
	require.NoError(t, err)
	require.NotContains(t, string(text), "wu")
	require.NotContains(t, string(text), "zhangwei")
	rows := map[string]int{}
	for _, row := range counts.By["team"] {
		rows[row.Key] = row.Incidents
	}
	require.Equal(t, map[string]int{"t1": 1, "lights": 1, PersonsRow: 1}, rows)
	require.NotEmpty(t, people)
	k.moveOn("F")
	require.NotNil(t, k.row)
}

// TestBounds: days end by age, and before that by number.
func TestBounds(t *testing.T) {
	k := newKept("E", "UTC")
	begin := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for n := range exactDays + 10 {
		k.fold(record(uint64(n+1), begin.AddDate(0, 0, n), desk.TypeIncidentOpened, fmt.Sprintf(`{"incident":"i%d","priority":"P2","kind":"x"}`, n)), time.UTC)
	}
	require.Len(t, k.Incidents, exactDays)
	require.Len(t, k.Open, exactDays)
	require.Len(t, k.Days, 10)
	require.True(t, k.Days["2026-03-02"].Unsaid, "nobody has told it yet")
	r, err := k.report(Query{From: "2026-03-02", To: "2026-06-01"})
	require.NoError(t, err)
	require.Equal(t, exactDays+10, r.Totals.Incidents)

	last := begin.AddDate(0, 0, exactDays+9)
	for n := range 100 {
		k.Incidents[fmt.Sprint("more", n)] = &incident{Date: dateOf(last, time.UTC), Priority: "P2", Answer: -1, Arrive: -1, Whole: -1}
	}
	k.bound(dateOf(last, time.UTC), 100)
	require.Len(t, k.Open, 2, "today and yesterday stay")
}

// TestChanges: no percent where it would say nothing, and small numbers are
// said to be small.
func TestChanges(t *testing.T) {
	c := &Comparison{Equal: true}
	require.InDelta(t, -50, *c.change("x", "", 20, 40).Percent, 1e-9)
	require.False(t, c.change("x", "", 20, 40).Small)
	require.Nil(t, c.change("x", "", 12, 0).Percent)
	require.Nil(t, c.change("x", "", 6, 3).Percent)
	require.True(t, c.change("x", "", 6, 3).Small)
	require.InDelta(t, -90, *c.change("x", "", 4, 40).Percent, 1e-9)
	require.Nil(t, (&Comparison{}).change("x", "", 20, 40).Percent, "periods that are not alike")
	require.Equal(t, -20, c.change("x", "", 20, 40).Difference)
}

// TestQueries: what is wrong is named.
func TestQueries(t *testing.T) {
	good := Query{From: "2026-03-02", To: "2026-03-08", By: []string{"hour", "team"}}
	require.NoError(t, good.Check())
	for field, q := range map[string]Query{
		"from":         {From: "yesterday", To: "2026-03-08"},
		"to":           {From: "2026-03-02", To: "2026-03-01"},
		"compare_from": {From: "2026-03-02", To: "2026-03-08", CompareTo: "2026-03-01"},
		"by":           {From: "2026-03-02", To: "2026-03-08", By: []string{"shoe size"}},
	} {
		var invalid *desk.InvalidError
		require.ErrorAs(t, q.Check(), &invalid)
		require.Equal(t, field, invalid.Field)
	}
	require.Error(t, Query{From: "2020-03-02", To: "2026-03-08"}.Check())
}

// TestCells: a position is in the cell whose middle is nearest, and cells are
// about as large as they say.
func TestCells(t *testing.T) {
	for _, lat := range []float64{-33.9, 0, 28.69, 66} {
		at := ingest.Position{Lat: lat, Lon: 115.99}
		cell := cellOf(at)
		middleLat, middleLon := cellCentre(cell[0], cell[1])
		require.InDelta(t, at.Lat, middleLat, 0.5*cellM/degreeM)
		require.InDelta(t, at.Lon, middleLon, 0.5*cellM/widthM(cell[0]))
	}
}
