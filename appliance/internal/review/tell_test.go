package review_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// told are the days' events in the journal.
func (s *sim) told() (days []desk.ReviewDay) {
	s.journal.sync(s.t)
	records, err := s.journal.Read(s.journal.Low(), 1<<20)
	require.NoError(s.t, err)
	for _, r := range records {
		if r.Event.Type == desk.TypeReviewDay {
			var one desk.ReviewDay
			require.NoError(s.t, json.Unmarshal(r.Event.Data, &one))
			days = append(days, one)
		}
	}
	return days
}

// TestLateChangesAreTold: a day is told once it is over, and again when
// something of it changes; nothing is told twice.
func TestLateChangesAreTold(t *testing.T) {
	s := newSim(t, 6, monday(t))
	tell := func() {
		s.catchUp()
		require.NoError(t, s.book.Tell(t.Context()))
		s.catchUp()
	}
	incident := s.do(desk.ReportIn{Source: "call_110", Kind: "theft", Place: placeID(1), By: operator(1)}).Incident
	tell()
	require.Empty(t, s.told(), "the day is not over")

	s.clock.set(monday(t).Add(24*time.Hour + 2*time.Minute))
	tell()
	tell()
	require.Len(t, s.told(), 1)
	require.Equal(t, desk.DayTotals{Incidents: 1, Alerts: 1, Open: 1}, s.told()[0].Counts.Totals)

	s.mustAct(incident, "close", operator(2), func(in *desk.ActionIn) { in.Result = "false_alarm" })
	tell()
	tell()
	days := s.told()
	require.Len(t, days, 2)
	require.Equal(t, 2, days[1].Revision)
	require.Equal(t, desk.DayTotals{Incidents: 1, Alerts: 1, False: 1}, days[1].Counts.Totals)

	s.clock.set(monday(t).AddDate(0, 0, 60))
	s.do(desk.StartedIn{Version: "test", Boot: "later", Config: "sha256:config"})
	tell()
	days = s.told()
	require.Equal(t, "2026-03-03", days[len(days)-1].Date, "the day of the closing, on which nothing began")
	n := len(days)
	s.mustAct(s.do(desk.ReportIn{Source: "walk_in", Place: placeID(1), By: operator(1)}).Incident, "claim", operator(2), nil)
	tell()
	require.Len(t, s.told(), n, "nothing of the past changes any more")
}

// TestRunTellsAfterMidnight: the worker itself does so, saves its file when it
// stops, and goes on from there.
func TestRunTellsAfterMidnight(t *testing.T) {
	s := newSim(t, 7, monday(t).Add(23*time.Hour))
	s.do(desk.ReportIn{Source: "call_110", Kind: "theft", Place: placeID(1), By: operator(1)})
	s.journal.sync(t)
	stop := s.follow()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := s.book.Review(ctx, s.journal.Last(), review.Query{From: "2026-03-02", To: "2026-03-02"})
	require.NoError(t, err)
	require.Empty(t, s.told(), "the day is not over")
	s.clock.set(monday(t).Add(24*time.Hour + 2*time.Minute))
	s.do(desk.StartedIn{Version: "test", Boot: "midnight", Config: "sha256:config"})
	require.Eventually(t, func() bool { return len(s.told()) == 1 }, time.Minute, 10*time.Millisecond)
	r, err := s.book.Review(ctx, s.journal.Last(), review.Query{From: "2026-03-02", To: "2026-03-03"})
	require.NoError(t, err)
	require.Equal(t, 1, r.Totals.Incidents)
	stop()
	kept, err := s.book.Bytes()
	require.NoError(t, err)
	file, err := os.ReadFile(filepath.Join(s.dir, "review.json"))
	require.NoError(t, err)
	require.Equal(t, string(kept), string(file))

	s.book = s.newBook()
	require.NoError(t, s.book.Open())
	s.catchUp()
	again, err := s.book.Bytes()
	require.NoError(t, err)
	require.Equal(t, string(kept), string(again))

	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "review.json"), []byte(`{"version":`), 0o600))
	s.rebuilds()
}

// follow runs the book; the returned function ends that.
func (s *sim) follow() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.book.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(s.t, <-ended)
	}
}

// TestWaitingEnds: who asks for what is not counted yet does not wait for ever.
func TestWaitingEnds(t *testing.T) {
	s := newSim(t, 8, monday(t))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.book.Review(ctx, 1_000_000, review.Query{From: "2026-03-02", To: "2026-03-02"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = s.book.People(t.Context(), 0, "x", "2026-03-02", nil)
	var invalid *desk.InvalidError
	require.ErrorAs(t, err, &invalid)
}
