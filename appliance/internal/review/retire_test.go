package review_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// TestDaysOutliveRetirement: the journal lets alerts go, and what was counted
// of their days stays answerable, after the projection is made again too, and
// after the events that said so would have gone themselves.
func TestDaysOutliveRetirement(t *testing.T) {
	s := newSim(t, 3, monday(t))
	var whole review.Report
	for week := range 2 {
		s.plan(4, 100, 10)
		s.run()
		s.clock.set(monday(t).AddDate(0, 0, 4*(week+1)).Add(2 * time.Hour))
		s.do(desk.StartedIn{Version: "test", Boot: "again", Config: "sha256:config"})
		s.catchUp()
		require.NoError(t, s.book.Tell(t.Context()))
		s.checkpoint()
		s.do(desk.StartedIn{Version: "test", Boot: "and again", Config: "sha256:config"})
		s.checkpoint()
		if week == 0 {
			whole = s.between(0, 3)
			require.True(t, whole.Exact)
			require.NotZero(t, whole.Totals.Incidents)
		}
		low := s.retire(60 * time.Hour)
		require.Greater(t, low, uint64(200))
		s.sameDays(whole)
		s.rebuilds()
		s.sameDays(whole)
	}
	days, err := s.journal.Read(s.journal.Low(), 1<<20)
	require.NoError(t, err)
	copies := 0
	for _, r := range days {
		if r.Event.Type == desk.TypeReviewDay && r.Event.Subject == "review/2026-03-02" {
			copies++
		}
	}
	require.Equal(t, 1, copies, "the first day's counts stand once among what is kept")
}

// retire does what the station does every minute.
func (s *sim) retire(keep time.Duration) (low uint64) {
	t := s.t
	for {
		r, ok, err := s.journal.Retirable(s.clock.Wall(), journal.Keep{MaxAge: keep})
		require.NoError(t, err)
		if !ok {
			return s.journal.Low()
		}
		s.catchUp()
		ready, err := s.book.Release(t.Context(), r.Through)
		require.NoError(t, err)
		require.True(t, ready)
		in := desk.RetiredIn{Through: r.Through}
		for _, one := range r.Ranges {
			in.Ranges = append(in.Ranges, desk.RetiredRange(one))
		}
		said := map[bridge.Lane]uint64{}
		for i, e := range s.do(in).Events {
			said[r.Ranges[i].Lane] = e.Place
		}
		s.journal.sync(t)
		require.NoError(t, s.journal.Retire(r, said))
		s.catchUp()
		s.checkpoint()
		s.do(desk.StartedIn{Version: "test", Boot: "on and on", Config: "sha256:config"})
		s.checkpoint()
	}
}

func (s *sim) between(from, to int) review.Report {
	date := func(n int) string { return monday(s.t).AddDate(0, 0, n).Format(time.DateOnly) }
	r, err := s.book.Review(s.t.Context(), 0, review.Query{From: date(from), To: date(to)})
	require.NoError(s.t, err)
	return r
}

// sameDays compares the first week's counts with what they were.
func (s *sim) sameDays(whole review.Report) {
	r := s.between(0, 3)
	require.Equal(s.t, whole.Totals, r.Totals)
	require.Equal(s.t, whole.Groups, r.Groups)
	require.Equal(s.t, whole.Sources, r.Sources)
	require.Equal(s.t, whole.Cells, r.Cells)
	require.Equal(s.t, whole.Trend, r.Trend)
	require.Equal(s.t, whole.Orders, r.Orders)
	for i, one := range r.Responses {
		require.Equal(s.t, whole.Responses[i].N, one.N)
		require.InEpsilon(s.t, float64(whole.Responses[i].MedianMS)+1, float64(one.MedianMS)+1, review.RelativeError+0.001)
	}
}

// TestReleaseKeepsTheLastDays: what is not counted yet does not go.
func TestReleaseKeepsTheLastDays(t *testing.T) {
	s := newSim(t, 4, monday(t))
	s.plan(1, 50, 5)
	s.run()
	s.journal.sync(t)
	ready, err := s.book.Release(t.Context(), s.journal.Last()/2)
	require.NoError(t, err)
	require.False(t, ready, "it is of yesterday")
	s.clock.set(monday(t).AddDate(0, 0, 4))
	ready, err = s.book.Release(t.Context(), s.journal.Last()/2)
	require.NoError(t, err)
	require.True(t, ready)
	s.catchUp()
	require.Equal(t, desk.TypeReviewPeople, s.lastType(), "what is about to go is counted")
}

// TestAnotherJournal: when the journal is set aside and another one begins,
// what was counted is written into that one, and read from it.
func TestAnotherJournal(t *testing.T) {
	s := newSim(t, 5, monday(t))
	s.plan(3, 100, 8)
	s.run()
	s.later(monday(t).Add(76*time.Hour), func() { s.report110() })
	s.run()
	before := s.between(0, 3)
	s.close()
	require.NoError(t, os.Rename(filepath.Join(s.dir, "journal"), filepath.Join(s.dir, "aside")))
	s.open()
	s.report110()
	s.catchUp()
	after := s.between(0, 3)
	require.Equal(t, before.Totals.Incidents+1, after.Totals.Incidents, "the day has two parts")
	require.Equal(t, before.Totals.Alerts+1, after.Totals.Alerts)
	require.Equal(t, before.Sources, after.Sources)

	require.NoError(t, s.book.Tell(t.Context()))
	s.catchUp()
	s.rebuilds()
	require.Equal(t, after.Totals, s.between(0, 3).Totals)
	require.NoError(t, s.book.Tell(t.Context()))
	n := s.journal.Last()
	require.NoError(t, s.book.Tell(t.Context()))
	require.Equal(t, n, s.journal.Last(), "nothing is told twice")
}

// report110 is one call of the present moment.
func (s *sim) report110() {
	s.do(desk.ReportIn{Source: "call_110", Kind: "theft", Place: placeID(19), By: lead()})
	s.catchUp()
}

func (s *sim) lastType() string {
	s.journal.sync(s.t)
	records, err := s.journal.Read(s.journal.Last()-1, 1)
	require.NoError(s.t, err)
	return records[0].Event.Type
}
