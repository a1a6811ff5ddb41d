package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
)

// journals are what every test of the desk runs on.
func journals() map[string]func(testing.TB) bridge.Appender {
	return map[string]func(testing.TB) bridge.Appender{
		"memory": func(testing.TB) bridge.Appender { return newMemory() },
		"badger": func(t testing.TB) bridge.Appender {
			j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, j.Close()) })
			return j
		},
	}
}

func onEach(t *testing.T, test func(*testing.T, bridge.Appender)) {
	for name, open := range journals() {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func TestTwoOperatorsClaim(t *testing.T) {
	onEach(t, func(t *testing.T, j bridge.Appender) {
		ctx := context.Background()
		d := openDesk(t, j, newHands(), rand.NewChaCha8([32]byte{}))
		pairs := 1000
		if _, real := j.(*journal.Journal); real {
			pairs = 30 // each is a sync
		}
		for range pairs {
			opened, err := d.Handle(ctx, report(operator("x")))
			require.NoError(t, err)
			var wg sync.WaitGroup
			errs := make([]error, 2)
			for i := range 2 {
				wg.Go(func() {
					_, errs[i] = d.Handle(ctx, desk.ActionIn{Incident: opened.Incident, Verb: "claim", By: operator(fmt.Sprint("op", i))})
				})
			}
			wg.Wait()
			loser := 0
			if errs[0] == nil {
				loser = 1
			}
			require.NoError(t, errs[1-loser])
			var conflict *desk.ConflictError
			require.ErrorAs(t, errs[loser], &conflict)
			require.Equal(t, fmt.Sprint("op", 1-loser), conflict.By, "the loser sees who won")
		}
	})
}

// TestNothingUnsyncedIsShown: every answer waits for what it rests on, also a
// read, a duplicate and a refusal.
func TestNothingUnsyncedIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := newMemory()
		d := openDesk(t, m, newHands(), rand.NewChaCha8([32]byte{}))
		opened, err := d.Handle(ctx, report(operator("x")))
		require.NoError(t, err)
		m.hold()
		claim := desk.ActionIn{Incident: opened.Incident, Verb: "claim", By: operator("li"), Idempotency: "k"}
		var answers []string
		var mu sync.Mutex
		answer := func(name string, f func()) {
			go func() {
				f()
				mu.Lock()
				answers = append(answers, name)
				mu.Unlock()
			}()
			synctest.Wait()
		}
		answer("claim", func() { _, err := d.Handle(ctx, claim); require.NoError(t, err) })
		answer("duplicate", func() {
			result, err := d.Handle(ctx, claim)
			require.NoError(t, err)
			require.True(t, result.Duplicate)
			require.Equal(t, uint64(4), result.Place)
		})
		answer("conflict", func() {
			_, err := d.Handle(ctx, desk.ActionIn{Incident: opened.Incident, Verb: "claim", By: operator("wang")})
			require.ErrorContains(t, err, "taken by li")
		})
		answer("view", func() { _, err := d.View(ctx, func(*desk.State) {}); require.NoError(t, err) })
		answer("since", func() {
			changes, asOf, err := d.Since(ctx, 2)
			require.NoError(t, err)
			require.Equal(t, uint64(4), asOf)
			require.Len(t, changes, 1)
		})
		impatient, cancel := context.WithTimeout(ctx, time.Second)
		_, err = d.View(impatient, func(*desk.State) {})
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, answers)
		m.release()
		synctest.Wait()
		require.Len(t, answers, 5)
	})
}

// TestCrashBetweenAppendAndApply: what the journal took and the desk never
// folded is there after the start, and a resend is a duplicate.
func TestCrashBetweenAppendAndApply(t *testing.T) {
	onEach(t, func(t *testing.T, j bridge.Appender) {
		clock := newHands()
		d := openDesk(t, j, clock, rand.NewChaCha8([32]byte{}))
		rules, err := desk.NewRules(setup())
		require.NoError(t, err)
		in := press("P-1", "e1", ingest.PressAlarm, start())
		drafts, answer, err := rules.Step(desk.NewState(), bridge.At(start()), [16]byte{9}, in, nil)
		require.NoError(t, err)
		_, ticket, err := j.Append(drafts)
		require.NoError(t, err)
		require.NoError(t, ticket.Wait(context.Background()))
		d = openDesk(t, j, clock, rand.NewChaCha8([32]byte{1}))
		result, err := d.Handle(context.Background(), in)
		require.NoError(t, err)
		require.True(t, result.Duplicate)
		require.Equal(t, answer.Incident, result.Incident)
		require.Equal(t, fold(t, j), bytesOf(t, d))
	})
}

func TestRefusalOfTheJournalChangesNothing(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	d := openDesk(t, m, newHands(), rand.NewChaCha8([32]byte{}))
	before := bytesOf(t, d)
	full := errors.New("disk below its reserve")
	m.setRefuse(full)
	in := press("P-1", "e1", ingest.PressAlarm, start())
	_, err := d.Handle(ctx, in)
	require.ErrorIs(t, err, full)
	require.Equal(t, before, bytesOf(t, d))
	m.setRefuse(nil)
	result, err := d.Handle(ctx, in)
	require.NoError(t, err)
	require.False(t, result.Duplicate)
}

func TestFailedSyncEndsTheDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		d := openDesk(t, m, newHands(), rand.NewChaCha8([32]byte{}))
		ran := make(chan error, 1)
		go func() { ran <- d.Run(context.Background()) }()
		m.hold()
		broken := errors.New("input/output error")
		m.breakSync(broken)
		_, err := d.Handle(t.Context(), press("P-1", "e1", ingest.PressAlarm, start()))
		require.ErrorIs(t, err, broken)
		require.ErrorIs(t, <-ran, broken)
		_, err = d.Handle(t.Context(), desk.Tick{})
		require.ErrorIs(t, err, broken)
		_, err = d.View(t.Context(), func(*desk.State) {})
		require.ErrorIs(t, err, broken)
	})
}

// TestRun: deadlines are met without anybody asking, and stopping leaves a
// checkpoint of everything.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		d := openDesk(t, m, desk.SystemClock(), rand.NewChaCha8([32]byte{}))
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- d.Run(ctx) }()
		began := time.Now()
		result, err := d.Handle(ctx, press("P-1", "e1", ingest.PressAlarm, began))
		require.NoError(t, err)
		<-time.After(time.Minute - time.Second) // virtual
		synctest.Wait()
		require.Equal(t, uint64(2), m.Last())
		<-time.After(2 * time.Second)
		synctest.Wait()
		require.Equal(t, uint64(4), m.Last(), "it escalates, and the lead gets an order")
		_, err = d.View(ctx, func(s *desk.State) {
			inc := s.Incident(result.Incident)
			require.Equal(t, 1, inc.Escalated)
			require.WithinDuration(t, began.Add(time.Minute), inc.History[2].At.Time, 10*time.Millisecond)
		})
		require.NoError(t, err)

		place, _, _ := m.Newest()
		require.Zero(t, place)
		<-time.After(11 * time.Minute)
		synctest.Wait()
		place, _, _ = m.Newest()
		require.NotZero(t, place, "every 10 minutes")
		_, err = d.Handle(ctx, report(operator("li")))
		require.NoError(t, err)
		cancel()
		require.NoError(t, <-ran)
		place, saved, _ := m.Newest()
		require.Equal(t, m.Last(), place)
		require.Equal(t, fold(t, m), string(saved))
	})
}

func TestClockSteps(t *testing.T) {
	ctx := context.Background()
	m, clock := newMemory(), newHands()
	d := openDesk(t, m, clock, rand.NewChaCha8([32]byte{}))
	recorded := func(n int) (names []string, now time.Time) {
		records, err := m.Read(m.Last()-uint64(n), n)
		require.NoError(t, err)
		return types(records), records[n-1].Event.RecordedTime.Time
	}
	kinds := 0
	handle := func() {
		in := report(operator("li"))
		kinds++
		in.Kind = fmt.Sprint("theft-", kinds) // of one kind they were one incident
		_, err := d.Handle(ctx, in)
		require.NoError(t, err)
	}
	handle()
	clock.pass(time.Second)
	clock.set(400 * time.Millisecond) // too little to tell
	handle()
	_, now := recorded(2)
	require.Equal(t, start().Add(time.Second), now)

	clock.set(time.Hour) // forward: at once
	handle()
	names, now := recorded(3)
	require.Equal(t, []string{"clock.stepped", "incident.opened", "alert.raised"}, names)
	require.Equal(t, start().Add(time.Hour+1400*time.Millisecond), now)

	clock.set(-time.Minute) // backward: on from there, a little slower until the wall has caught up
	before := now
	handle()
	names, now = recorded(3)
	require.Equal(t, "clock.stepped", names[0])
	require.Equal(t, before, now)
	for i := range 3 {
		clock.pass(20 * time.Second)
		handle()
		_, now = recorded(2)
		require.Equal(t, before.Add(time.Duration(i+1)*19*time.Second), now)
	}
	clock.pass(19 * time.Minute)
	handle()
	_, now = recorded(2)
	require.Equal(t, clock.Wall(), now)

	// It went back while the box was down: said at the first event.
	clock.set(-time.Hour)
	d = openDesk(t, m, clock, rand.NewChaCha8([32]byte{1}))
	handle()
	names, after := recorded(3)
	require.Equal(t, "clock.stepped", names[0])
	require.False(t, after.Before(now))
	clock.pass(20 * time.Second)
	handle()
	_, now = recorded(2)
	require.Equal(t, after.Add(19*time.Second), now)
}

// A limit is a stretch of time: no step of the wall clock makes it much longer.
func TestLimitsOutlastAClockThatIsSetBack(t *testing.T) {
	ctx := context.Background()
	m, clock := newMemory(), newHands()
	d := openDesk(t, m, clock, rand.NewChaCha8([32]byte{}))
	_, err := d.Handle(ctx, press("P-1", "e1", ingest.PressAlarm, clock.Wall()))
	require.NoError(t, err)
	clock.set(-time.Hour)
	tick := func() []string {
		clock.pass(30 * time.Second)
		result, err := d.Handle(ctx, desk.Tick{})
		require.NoError(t, err)
		return types(result.Events)
	}
	require.Empty(t, tick())
	require.Empty(t, tick())
	d = openDesk(t, m, clock, rand.NewChaCha8([32]byte{1})) // the box was down for no time at all
	for range 3 {
		if names := tick(); len(names) > 0 {
			require.Equal(t, []string{"incident.escalated", "task.issued"}, names)
			return
		}
	}
	require.Fail(t, "it never escalated")
}

func TestSince(t *testing.T) {
	ctx := context.Background()
	m, clock := newMemory(), newHands()
	d := openDesk(t, m, clock, rand.NewChaCha8([32]byte{}))
	first, err := d.Handle(ctx, press("P-1", "e1", ingest.PressAlarm, clock.Wall()))
	require.NoError(t, err)
	changes, asOf, err := d.Since(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, uint64(2), asOf)
	require.Equal(t, []string{"incident", "alert"}, []string{changes[0].Kind, changes[1].Kind})
	require.Equal(t, []bool{false, true}, []bool{changes[0].Last, changes[1].Last}, "both were touched at place 2")
	kept := changes[0].Resource.(*desk.Incident)

	changed := d.Changed()
	_, err = d.Handle(ctx, desk.ActionIn{Incident: first.Incident, Verb: "claim", By: operator("li")})
	require.NoError(t, err)
	<-changed
	changes, asOf, err = d.Since(ctx, 2)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.Equal(t, uint64(4), asOf)
	require.Equal(t, "li", changes[0].Resource.(*desk.Incident).ClaimedBy)
	require.Empty(t, kept.ClaimedBy, "what was handed out never changes")
	require.Len(t, kept.History, 2)

	changes, _, err = d.Since(ctx, 4)
	require.NoError(t, err)
	require.Empty(t, changes)
	_, _, err = d.Since(ctx, 5)
	require.ErrorIs(t, err, desk.ErrGone, "of another epoch")

	_, err = d.Handle(ctx, desk.ActionIn{Incident: first.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	require.NoError(t, err)
	clock.pass(8 * 24 * time.Hour)
	_, err = d.Handle(ctx, report(operator("li")))
	require.NoError(t, err)
	_, _, err = d.Since(ctx, 5)
	require.ErrorIs(t, err, desk.ErrGone, "its closing can no longer be told")
	changes, _, err = d.Since(ctx, 6)
	require.NoError(t, err)
	require.Len(t, changes, 2)
}

// TestFloodsStayBounded: the touched log and an incident's history do not grow
// with what happened, only with what there is.
func TestFloodsStayBounded(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(report(operator("li")))
	before, err := r.state.Bytes()
	require.NoError(t, err)
	for range 3000 {
		drafts, _, err := r.rules.Step(r.state, bridge.At(r.now), [16]byte{}, desk.ActionIn{Incident: answer.Incident, Verb: "note", Note: "n", By: operator("li")}, nil)
		require.NoError(t, err)
		records, _, err := r.m.Append(drafts)
		require.NoError(t, err)
		require.NoError(t, r.state.Apply(records[0]))
	}
	inc := r.state.Incident(answer.Incident)
	require.LessOrEqual(t, len(inc.History), 1000)
	require.Equal(t, 3002, len(inc.History)+inc.HistoryFolded)
	require.Equal(t, "incident.opened", inc.History[0].Type)
	require.Equal(t, r.m.Last(), inc.History[len(inc.History)-1].Place)
	after, err := r.state.Bytes()
	require.NoError(t, err)
	require.Less(t, len(after), len(before)+1000*400)
}

func TestUnusableCheckpointIsFoldedAnew(t *testing.T) {
	m, clock := newMemory(), newHands()
	d := openDesk(t, m, clock, rand.NewChaCha8([32]byte{}))
	_, err := d.Handle(context.Background(), report(operator("li")))
	require.NoError(t, err)
	want := bytesOf(t, d)
	require.NoError(t, m.Checkpoint(1, []byte(`{"version":99}`)))
	var logged bytes.Buffer
	d, err = desk.New(setup(), m, clock, slog.New(slog.NewTextHandler(&logged, nil)), rand.NewChaCha8([32]byte{}))
	require.NoError(t, err)
	require.NoError(t, d.Open(context.Background()))
	require.Equal(t, want, bytesOf(t, d))
	require.Contains(t, logged.String(), "version 99, want 1")
}
