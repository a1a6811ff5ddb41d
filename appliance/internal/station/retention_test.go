package station

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// calendar is a clock that a test turns.
type calendar struct{ at time.Time }

func (c *calendar) Wall() time.Time        { return c.at }
func (c *calendar) Elapsed() time.Duration { return c.at.Sub(time.Unix(0, 0)) }

// aging is a station with a journal, a desk and one uplink that is not there.
func aging(t *testing.T) (*Station, *calendar) {
	t.Helper()
	clock := &calendar{time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	cfg := config.Default()
	cfg.Uplinks = []config.Uplink{{Name: "hq", Lanes: []string{"alarm"}, MaxBacklog: config.Backlog{Age: config.Duration(90 * 24 * time.Hour), Size: config.GiB}}}
	s := New(Options{Config: &cfg, Log: slog.New(slog.DiscardHandler)})
	var err error
	s.signer, err = evidence.OpenSigner(t.TempDir())
	require.NoError(t, err)
	s.journal, err = journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a", Sign: s.sign})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.journal.Close()) })
	s.desk, err = desk.New(desk.Setup{Station: "test", Box: "a"}, s.journal, clock, s.log, rand.Reader)
	require.NoError(t, err)
	require.NoError(t, s.desk.Open(t.Context()))
	s.review = review.New(review.Options{Journal: s.journal, Desk: s.desk, Dir: t.TempDir(), Zone: time.UTC, Write: media.WriteFile, Log: s.log, Now: clock.Wall})
	return s, clock
}

func (c *calendar) report(t *testing.T, s *Station, n int) {
	t.Helper()
	for i := range n {
		c.at = c.at.Add(time.Minute)
		_, err := s.desk.Handle(t.Context(), desk.ReportIn{Source: "walk_in", Kind: "theft", Place: fmt.Sprintf("街口 %d 号", c.at.Unix()), By: desk.Actor{Name: "li", Role: "operator"}})
		require.NoError(t, err)
		if i%5 == 4 {
			require.NoError(t, s.desk.Checkpoint(t.Context()))
		}
	}
	for _, name := range placeWorkers() {
		require.NoError(t, s.journal.SaveCursor(name, "", s.journal.Last()))
	}
}

func lastTypes(t *testing.T, s *Station, n int) []string {
	t.Helper()
	records, err := s.journal.Read(s.journal.Last()-uint64(n), n)
	require.NoError(t, err)
	var types []string
	for _, r := range records {
		types = append(types, r.Event.Type)
	}
	return types
}

// work lets the worker carry out all that stands in the journal.
func work(t *testing.T, s *Station) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), chainWithin)
	defer stop()
	last := s.journal.Last()
	require.NoError(t, s.follow(ctx, worker, func(ctx context.Context, r bridge.Record) error {
		if r.Place == last {
			defer stop()
		}
		return s.carryOut(ctx, r)
	}))
}

// An absent headquarters holds the journal until its max_backlog; then it is
// suspended, the oldest range goes, and the room starts as before. When it has
// caught up it holds again.
func TestRetentionAndSuspension(t *testing.T) {
	s, clock := aging(t)
	clock.report(t, s, 20)
	last := s.journal.Last()

	clock.at = clock.at.Add(60 * 24 * time.Hour)
	require.NoError(t, s.retainNow(t.Context(), clock.at))
	require.Equal(t, last, s.journal.Last(), "headquarters may still come for it")

	clock.at = clock.at.Add(700 * 24 * time.Hour)
	require.NoError(t, s.retainNow(t.Context(), clock.at))
	require.Equal(t, []string{desk.TypeUplinkSuspended, desk.TypeReviewDay, desk.TypeReviewPeople, desk.TypeJournalRetired}, lastTypes(t, s, 4))
	word, err := s.journal.Read(s.journal.Last()-1, 1)
	require.NoError(t, err)
	var data desk.JournalRetired
	require.NoError(t, json.Unmarshal(word[0].Event.Data, &data))
	signature, err := base64.StdEncoding.DecodeString(data.Signature)
	require.NoError(t, err)
	public, ok := s.signer.Public().(ed25519.PublicKey)
	require.True(t, ok)
	require.True(t, ed25519.Verify(public, journal.RetiredText(s.journal.Epoch(), journal.RetiredRange{Lane: data.Lane, From: data.From, To: data.To, Hash: data.Hash}), signature))
	work(t, s)
	low := s.journal.Low()
	require.Positive(t, low)
	require.Less(t, low, last)
	_, err = s.journal.Read(0, 1)
	var retired *bridge.RetiredError
	require.ErrorAs(t, err, &retired)
	require.NoError(t, s.retainNow(t.Context(), clock.at))
	require.Equal(t, desk.TypeJournalRetired, lastTypes(t, s, 1)[0], "nothing is said twice")

	again, err := desk.New(desk.Setup{Station: "test", Box: "a"}, s.journal, clock, s.log, rand.Reader)
	require.NoError(t, err)
	require.NoError(t, again.Open(t.Context()), "the checkpoint covers what went")

	require.NoError(t, s.journal.SaveCursor("hq", bridge.Alarm, s.journal.LastSequence(bridge.Alarm)))
	require.NoError(t, s.retainNow(t.Context(), clock.at))
	require.Equal(t, []string{desk.TypeUplinkResumed}, lastTypes(t, s, 1))
}

// What the law removes is gone once the journal says so, and the chain is whole.
func TestErasureIsCarriedOut(t *testing.T) {
	s, clock := aging(t)
	clock.report(t, s, 20)
	lead := desk.Actor{Name: "chen", Role: "lead"}
	_, err := s.desk.Handle(t.Context(), desk.ErasedIn{Lane: bridge.Alarm, Sequence: 2, By: lead, Second: "wu", Reason: "court order 12"})
	require.NoError(t, err)
	work(t, s)
	records, err := s.journal.ReadLane(bridge.Alarm, 1, 2)
	require.NoError(t, err)
	require.Empty(t, records[0].Event.Data)
	require.NotEmpty(t, records[1].Event.Data)
	_, err = s.journal.Verify(t.Context(), 0)
	require.NoError(t, err)
}

// Incidents that stay open longer than the journal keeps their events, and an
// uplink that is away for longer: the box goes on, and says since when alarms
// wait.
func TestReceiptsOfWhatIsRetired(t *testing.T) {
	s, clock := aging(t)
	clock.report(t, s, 20)
	clock.at = clock.at.Add(760 * 24 * time.Hour)
	require.NoError(t, s.retainNow(t.Context(), clock.at))
	work(t, s)
	require.Positive(t, s.journal.Low())
	var err error
	s.forwarder, err = bridge.NewForwarder(bridge.Options{Journal: s.journal, Down: s.down, Uplinks: []bridge.UplinkConfig{
		{Name: "hq", Uplink: &above{done: make(chan struct{})}, Lanes: []bridge.Lane{bridge.Alarm}},
	}})
	require.NoError(t, err)
	r := s.newReceipts()
	r.within["hq"], r.started = time.Minute, clock.at.Add(-time.Hour*24*800)
	require.NoError(t, r.look(t.Context()))
	open := 0
	_, err = s.desk.View(t.Context(), func(state *desk.State) { open = len(state.OpenIncidents()) })
	require.NoError(t, err)
	require.Equal(t, 20, open)
	require.NotEmpty(t, r.Open())
	require.Less(t, len(r.Open()), open, "of some nothing is kept")

	status := s.forwarder.Status()[0]
	kept, err := s.journal.ReadLane(bridge.Alarm, s.journal.LastSequence(bridge.Alarm)-1, 1)
	require.NoError(t, err)
	require.False(t, status.OldestUnreceived.IsZero())
	require.False(t, status.OldestUnreceived.After(kept[0].Event.RecordedTime.Time))
	require.Positive(t, r.lateOf("hq").count)
}

// An incident that stays open longer than the journal keeps its first events can
// be exported: with what is left, and the bundle says what is not.
func TestExportOfWhatIsRetired(t *testing.T) {
	s, clock := aging(t)
	clock.report(t, s, 20)
	var oldest string
	_, err := s.desk.View(t.Context(), func(state *desk.State) { oldest = state.OpenIncidents()[0].ID })
	require.NoError(t, err)
	clock.at = clock.at.Add(760 * 24 * time.Hour)
	require.NoError(t, s.retainNow(t.Context(), clock.at))
	work(t, s)
	require.Positive(t, s.journal.Low())
	s.forwarder, err = bridge.NewForwarder(bridge.Options{Journal: s.journal, Down: s.down})
	require.NoError(t, err)
	s.receipts = s.newReceipts()
	_, err = s.desk.Handle(t.Context(), desk.ActionIn{Incident: oldest, Verb: "note", Note: "still open", By: desk.Actor{Name: "li", Role: "operator"}})
	require.NoError(t, err)

	var out bytes.Buffer
	require.NoError(t, s.Export(t.Context(), wall.Bundle{Incident: oldest, By: "li", Reason: "court"}, &out))
	public, ok := s.signer.Public().(ed25519.PublicKey)
	require.True(t, ok)
	report, err := evidence.Verify(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()), public)
	require.NoError(t, err)
	require.True(t, report.Good(), report.Problems)
	require.Contains(t, out.String(), "still open")
	require.Equal(t, "the incident's first events", report.Manifest.Missing[0].What)
}
