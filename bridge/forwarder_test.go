package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

const (
	patience = 2 * time.Minute // of a loaded machine
	pause    = 2 * time.Millisecond
)

func openJournal(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

func event(id string, lane bridge.Lane, severity string) bridge.Draft {
	return bridge.Draft{ID: id, Type: "watchpost.test", Lane: lane, Severity: severity,
		Time: bridge.At(time.Now()), Recorded: bridge.At(time.Now()), Data: json.RawMessage(`{"schema":1}`)}
}

func appendAll(t *testing.T, j *journal.Journal, drafts ...bridge.Draft) []bridge.Record {
	t.Helper()
	records, ticket, err := j.Append(drafts)
	require.NoError(t, err)
	require.NoError(t, ticket.Wait(t.Context()))
	return records
}

func many(lane bridge.Lane, severity string, count int) []bridge.Draft {
	drafts := make([]bridge.Draft, count)
	for i := range drafts {
		drafts[i] = event(fmt.Sprintf("%s-%04d", lane, i+1), lane, severity)
	}
	return drafts
}

func run(t *testing.T, o bridge.Options) *bridge.Forwarder {
	t.Helper()
	if o.Down == nil {
		o.Down = func(context.Context, bridge.Message) error { return nil }
	}
	if o.Flush == 0 {
		o.Flush = -1
	}
	f, err := bridge.NewForwarder(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return f
}

// fake is an uplink in memory. Its fields steer it; what it got is kept.
type fake struct {
	mu        sync.Mutex
	handler   bridge.Handler
	session   *fakeSession
	connects  int
	present   bool // says so at connect
	refuse    error
	mute      bool            // no receipts
	block     chan struct{}   // Send waits for it
	bad       map[string]bool // events that are never taken
	badData   map[string]bool // events that are not taken with their data
	byID      bool            // receipts by id
	once      bool            // one receipt per id, whatever the way
	answered  map[string]bool
	got       []bridge.Outgoing
	now       []bridge.Outgoing
	replay    []bridge.Outgoing
	batches   []int
	states    []bridge.State
	mostAhead int
	received  int
}

type fakeSession struct {
	uplink  *fake
	done    chan struct{}
	err     error
	once    sync.Once
	answers sync.WaitGroup
}

func (u *fake) Connect(_ context.Context, h bridge.Handler) (bridge.Session, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.connects++
	if u.refuse != nil {
		return nil, u.refuse
	}
	u.handler = h
	u.session = &fakeSession{uplink: u, done: make(chan struct{})}
	if u.present {
		h.Presence(true)
	}
	return u.session, nil
}

type instant struct{}

func (instant) Wait(context.Context) error { return nil }

func (s *fakeSession) Send(ctx context.Context, b bridge.Batch) (bridge.Ticket, error) {
	u := s.uplink
	u.mu.Lock()
	block := u.block
	u.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	u.mu.Lock()
	for _, e := range b.Events {
		if u.bad[e.ID] || u.badData[e.ID] && bytes.Contains(e.Wire, []byte(`"data":`)) {
			u.mu.Unlock()
			return nil, &bridge.EventError{Reason: "too odd"}
		}
	}
	u.batches = append(u.batches, len(b.Events))
	switch b.Way {
	case bridge.WayNow:
		u.now = append(u.now, b.Events...)
	case bridge.WayReplay:
		u.replay = append(u.replay, b.Events...)
	default:
		u.got = append(u.got, b.Events...)
	}
	u.mostAhead = max(u.mostAhead, len(u.got)-u.received)
	mute := u.mute
	u.mu.Unlock()
	if !mute && b.Way != bridge.WayReplay {
		s.answers.Go(func() { u.answer(b) })
	}
	return instant{}, nil
}

func (u *fake) answer(b bridge.Batch) {
	u.mu.Lock()
	byID, handler := u.byID || b.Way == bridge.WayNow, u.handler
	if b.Way == bridge.WayLane {
		u.received += len(b.Events)
	}
	u.mu.Unlock()
	if !byID {
		last := b.Events[len(b.Events)-1]
		_ = handler.Receive(context.Background(), bridge.KindReceipt, fmt.Appendf(nil, `{"epoch":%q,"lane":%q,"through":%d,"result":"received"}`, last.Epoch, last.Lane, last.Sequence))
		return
	}
	for _, e := range b.Events {
		u.mu.Lock()
		skip := u.once && u.answered[e.ID]
		if u.answered == nil {
			u.answered = map[string]bool{}
		}
		u.answered[e.ID] = true
		u.mu.Unlock()
		if !skip {
			_ = handler.Receive(context.Background(), bridge.KindReceipt, fmt.Appendf(nil, `{"id":%q,"result":"received"}`, e.ID))
		}
	}
}

func (s *fakeSession) State(_ context.Context, state bridge.State) error {
	s.uplink.mu.Lock()
	defer s.uplink.mu.Unlock()
	s.uplink.states = append(s.uplink.states, state)
	return nil
}

func (s *fakeSession) Done() <-chan struct{} { return s.done }
func (s *fakeSession) Err() error            { return s.err }
func (s *fakeSession) Close()                { s.end(errors.New("closed")); s.answers.Wait() }

func (s *fakeSession) end(err error) {
	s.once.Do(func() { s.err = err; close(s.done) })
}

func (u *fake) waitFor(t *testing.T, what func() bool, why string) {
	t.Helper()
	require.Eventually(t, func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return what()
	}, patience, pause, why)
}

// inOrder asserts that each event came at least once and that first copies
// came in order, without a hole.
func inOrder(t *testing.T, got []bridge.Outgoing, lane bridge.Lane, count uint64) {
	t.Helper()
	last := uint64(0)
	for _, e := range got {
		if e.Lane == lane && e.Sequence > last {
			require.Equal(t, last+1, e.Sequence)
			last = e.Sequence
		}
	}
	require.Equal(t, count, last)
}

func cursor(t *testing.T, j *journal.Journal, name string, lane bridge.Lane) uint64 {
	t.Helper()
	position, err := j.Cursor(name, lane)
	require.NoError(t, err)
	return position
}

func TestHigherLaneFirstAndBounded(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Clip, "P3", 700)...)
	appendAll(t, j, many(bridge.Notice, "P3", 700)...)
	appendAll(t, j, many(bridge.Alarm, "P1", 700)...)
	appendAll(t, j, event("secret", bridge.Local, "P3"))
	u := &fake{present: true}
	run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Clip, bridge.Alarm, bridge.Notice}}}})
	u.waitFor(t, func() bool { return u.received == 2100 }, "all")
	u.mu.Lock()
	defer u.mu.Unlock()
	require.LessOrEqual(t, u.mostAhead, 500)
	for i, lane := range []bridge.Lane{bridge.Alarm, bridge.Notice, bridge.Clip} {
		inOrder(t, u.got, lane, 700)
		for _, e := range u.got[i*700 : i*700+700] {
			require.Equal(t, lane, e.Lane)
		}
	}
}

// What an uplink did not ask for goes without data: its chain stays whole.
func TestFilterWithholdsData(t *testing.T) {
	j := openJournal(t)
	drill := event("drill", bridge.Alarm, "P0")
	drill.Drill = true
	other := event("other", bridge.Alarm, "P0")
	other.Type = "watchpost.other"
	records := appendAll(t, j, event("yes", bridge.Alarm, "P0"), drill, other, event("low", bridge.Alarm, "P3"))
	u := &fake{present: true, mute: true} // what its lane has confirmed needs no copy on "now"
	run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm},
		Types: []string{"watchpost.test"}, Priorities: []string{"P0", "P1"}}}})
	u.waitFor(t, func() bool { return len(u.got) == 4 && len(u.now) == 1 }, "all")
	u.mu.Lock()
	defer u.mu.Unlock()
	require.Equal(t, "yes", u.now[0].ID)
	require.Equal(t, u.got[0].Wire, u.now[0].Wire, "the same bytes")
	for i, out := range u.got {
		e, err := bridge.DecodeEvent(out.Wire)
		require.NoError(t, err)
		require.Equal(t, records[i].Event.Hash(), e.Hash())
		require.Equal(t, i == 0, len(e.Data) > 0 && e.DataSalt != "", out.ID)
	}
}

func TestTransportConfirms(t *testing.T) {
	j := openJournal(t)
	records := appendAll(t, j, many(bridge.Alarm, "P2", 1200)...)
	u := &fake{mute: true}
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "plain", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, Confirm: bridge.ByTransport}}})
	require.Eventually(t, func() bool { return cursor(t, j, "plain", bridge.Alarm) == 1200 }, patience, pause)
	inOrder(t, u.got, bridge.Alarm, 1200)
	d := f.Deliveries(&records[1199].Event)
	require.Len(t, d, 1)
	require.Equal(t, bridge.MarkReceived, d[0].Mark)
	require.False(t, d[0].Sent.IsZero())
	require.True(t, f.Status()[0].Listening, "the transport's word is all there is: nobody else is waited for")
}

// No receipt in time: sent again, said so; a receipt by "through" that comes
// later covers all.
func TestOverdueIsSentAgain(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P2", 3)...)
	u := &fake{present: true, mute: true}
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, ReceiptWithin: 30 * time.Millisecond}}})
	u.waitFor(t, func() bool { return len(u.got) >= 6 }, "again")
	s := f.Status()[0]
	require.NotZero(t, s.Overdue)
	require.Contains(t, s.LastError, "no receipt")
	require.Zero(t, cursor(t, j, "hq", bridge.Alarm))
	u.handler.Presence(true)
	require.NoError(t, u.handler.Receive(t.Context(), bridge.KindReceipt, fmt.Appendf(nil, `{"epoch":%q,"lane":"alarm","through":99,"result":"received"}`, j.Epoch())))
	require.EqualValues(t, 3, cursor(t, j, "hq", bridge.Alarm), "never beyond the journal")
}

// Headquarters went away with events on their way to it: back again, it gets
// them at once, not only when their receipts are overdue.
func TestReturnOfHeadquartersSendsAgain(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P2", 10)...)
	u := &fake{present: true, mute: true}
	run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	u.waitFor(t, func() bool { return len(u.got) == 10 }, "into the void")
	u.handler.Presence(false)
	appendAll(t, j, event("11", bridge.Alarm, "P2"))
	u.mu.Lock()
	require.Len(t, u.got, 10)
	u.mute = false
	u.mu.Unlock()
	u.handler.Presence(true)
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 11 }, patience, pause)
	inOrder(t, u.got[10:], bridge.Alarm, 11)
}

// Receipts by id: the one for the copy on "now" does not move the cursor.
func TestReceiptsByID(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, event("1", bridge.Alarm, "P0"), event("2", bridge.Alarm, "P2"))
	u := &fake{present: true, mute: true}
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	u.waitFor(t, func() bool { return len(u.got) == 2 && len(u.now) == 1 }, "sent")
	say := func(id string) {
		require.NoError(t, u.handler.Receive(t.Context(), bridge.KindReceipt, fmt.Appendf(nil, `{"id":%q,"result":"received"}`, id)))
	}
	say("1")
	require.Zero(t, cursor(t, j, "hq", bridge.Alarm), "that was the copy on now")
	say("2")
	require.Zero(t, cursor(t, j, "hq", bridge.Alarm), "a hole before it")
	say("1")
	require.EqualValues(t, 2, cursor(t, j, "hq", bridge.Alarm))
	say("unknown")
	require.Zero(t, f.Status()[0].Lag[bridge.Alarm])
}

// A headquarters that answers each id once only does not hold up the lane.
func TestReceiptsOncePerID(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P0", 20)...)
	u := &fake{present: true, byID: true, once: true}
	run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, ReceiptWithin: 50 * time.Millisecond}}})
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 20 }, patience, pause)
}

// One uplink hangs, one refuses, one comes and goes: the fourth has it all.
func TestUplinksDoNotShareTroubles(t *testing.T) {
	j := openJournal(t)
	hangs := &fake{present: true, block: make(chan struct{})}
	refuses := &fake{refuse: errors.New("password")}
	flaps := &fake{present: true}
	well := &fake{present: true}
	lanes := []bridge.Lane{bridge.Alarm}
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{
		{Name: "hangs", Uplink: hangs, Lanes: lanes}, {Name: "refuses", Uplink: refuses, Lanes: lanes},
		{Name: "flaps", Uplink: flaps, Lanes: lanes}, {Name: "well", Uplink: well, Lanes: lanes},
	}})
	for i := range 20 {
		drafts := many(bridge.Alarm, "P1", 50)
		for n := range drafts {
			drafts[n].ID = fmt.Sprintf("%d-%d", i, n)
		}
		appendAll(t, j, drafts...)
		flaps.mu.Lock()
		if flaps.session != nil {
			flaps.session.end(errors.New("line cut"))
		}
		flaps.mu.Unlock()
	}
	require.Eventually(t, func() bool {
		return cursor(t, j, "well", bridge.Alarm) == 1000 && cursor(t, j, "flaps", bridge.Alarm) == 1000
	}, patience, pause)
	inOrder(t, flaps.got, bridge.Alarm, 1000)
	inOrder(t, well.got, bridge.Alarm, 1000)
	require.Eventually(t, func() bool { return f.Status()[1].LastError == "password" }, patience, pause)
	s := f.Status()
	require.EqualValues(t, 1000, s[0].Lag[bridge.Alarm])
	require.False(t, s[1].Connected)
}

// A person's word goes to the room; received does not. What cannot be read is
// counted and acknowledged.
func TestWhatComesDown(t *testing.T) {
	j := openJournal(t)
	records := appendAll(t, j, many(bridge.Alarm, "P2", 2)...)
	u := &fake{present: true}
	var got []bridge.Message
	fail := errors.New("no room")
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}},
		Down: func(_ context.Context, m bridge.Message) error {
			got = append(got, m)
			return fail
		}})
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 2 }, patience, pause)
	u.mu.Lock()
	h := u.handler
	u.mu.Unlock()
	require.ErrorIs(t, h.Receive(t.Context(), bridge.KindReceipt, []byte(`{"id":"alarm-0001","result":"accepted","by":"li"}`)), fail)
	fail = nil
	require.NoError(t, h.Receive(t.Context(), bridge.KindReceipt, []byte(`{"id":"alarm-0001","result":"accepted","by":"li"}`)))
	require.NoError(t, h.Receive(t.Context(), bridge.KindReceipt, []byte(`{"id":"alarm-0002","result":"rejected","by":"li","reason":"whose?"}`)))
	require.NoError(t, h.Receive(t.Context(), bridge.KindTask, []byte(`{"id":`)), "an order is answered, whatever it is")
	require.Len(t, got, 4)
	require.Equal(t, "li", got[0].Receipt.By)
	require.Equal(t, bridge.KindTask, got[3].Kind)
	require.Equal(t, "hq", got[3].Uplink)
	d := f.Deliveries(&records[0].Event)[0]
	require.Equal(t, bridge.MarkAccepted, d.Mark)
	require.Equal(t, "li", d.By)
	d = f.Deliveries(&records[1].Event)[0]
	require.Equal(t, bridge.MarkRejected, d.Mark)
	require.Equal(t, "whose?", d.Reason)
	require.EqualValues(t, 1, f.Status()[0].Rejected)

	for kind, payload := range map[bridge.MessageKind]string{bridge.KindReceipt: `{"result":"eaten","id":"x"}`, bridge.KindReplay: `{"lane":"local","from":1,"to":2}`, "weather": `{}`} {
		require.NoError(t, h.Receive(t.Context(), kind, []byte(payload)))
	}
	require.EqualValues(t, 3, f.Status()[0].Malformed)
	require.NoError(t, h.Receive(t.Context(), bridge.KindReplay, []byte(`{"request":"r","epoch":"another","lane":"alarm","from":1,"to":2}`)))
	require.EqualValues(t, 1, f.Status()[0].Refused)
	require.NoError(t, h.Receive(t.Context(), bridge.KindReceipt, []byte(`{"epoch":"another","lane":"alarm","through":9,"result":"accepted"}`)))
	require.Len(t, got, 4)
	require.NoError(t, h.Receive(t.Context(), bridge.KindReplay, fmt.Appendf(nil, `{"request":"r","epoch":%q,"lane":"alarm","from":2,"to":2000000}`, j.Epoch())))
	u.waitFor(t, func() bool { return len(u.replay) == 1 && u.replay[0].Sequence == 2 }, "replay")
}

// At the end what stands and listens is flushed; what does not is not waited for.
func TestFlushAtTheEnd(t *testing.T) {
	j := openJournal(t)
	u := &fake{present: true, block: make(chan struct{})}
	gone := &fake{refuse: errors.New("gone")}
	f, err := bridge.NewForwarder(bridge.Options{Journal: j, Flush: patience, Down: func(context.Context, bridge.Message) error { return nil },
		Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}, {Name: "gone", Uplink: gone, Lanes: []bridge.Lane{bridge.Alarm}}}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = f.Run(ctx) }()
	require.Eventually(t, func() bool { return f.Status()[0].Listening }, patience, pause)
	appendAll(t, j, many(bridge.Alarm, "P0", 100)...)
	cancel()
	close(u.block)
	<-ended
	require.EqualValues(t, 100, cursor(t, j, "hq", bridge.Alarm))
	require.False(t, f.Status()[0].Connected)
}

func TestNewForwarderRefuses(t *testing.T) {
	j := openJournal(t)
	down := func(context.Context, bridge.Message) error { return nil }
	alarm := []bridge.Lane{bridge.Alarm}
	for name, uplinks := range map[string][]bridge.UplinkConfig{
		"no transport": {{Name: "a", Lanes: alarm}},
		"no name":      {{Uplink: &fake{}, Lanes: alarm}},
		"slash":        {{Name: "a/now", Uplink: &fake{}, Lanes: alarm}},
		"twice":        {{Name: "a", Uplink: &fake{}, Lanes: alarm}, {Name: "a", Uplink: &fake{}, Lanes: alarm}},
		"local":        {{Name: "a", Uplink: &fake{}, Lanes: []bridge.Lane{bridge.Local}}},
		"no lanes":     {{Name: "a", Uplink: &fake{}}},
		"confirm":      {{Name: "a", Uplink: &fake{}, Lanes: alarm, Confirm: "hope"}},
	} {
		_, err := bridge.NewForwarder(bridge.Options{Journal: j, Down: down, Uplinks: uplinks})
		require.Error(t, err, name)
	}
	_, err := bridge.NewForwarder(bridge.Options{Journal: j})
	require.Error(t, err)
}

func FuzzDecodeDown(f *testing.F) {
	f.Add([]byte(`{"id":"x","result":"received","at":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{"epoch":"e","lane":"alarm","through":3,"result":"accepted"}`))
	f.Add([]byte(`{"request":"r","epoch":"e","lane":"alarm","from":1,"to":18446744073709551615}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := bridge.DecodeReceipt(b); err == nil {
			require.True(t, r.ID != "" || r.Through > 0)
		}
		if r, err := bridge.DecodeReplay(b); err == nil {
			require.True(t, r.From > 0 && r.From <= r.To)
		}
	})
}
