package station

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/ingest"
)

// above is a headquarters in memory: it answers what it is told to.
type above struct {
	mu      sync.Mutex
	handler bridge.Handler
	refuse  bool // events, for good
	mute    bool
	gone    bool     // refuses connections
	again   []string // ids that came by replay
	done    chan struct{}
	said    sync.WaitGroup // receipts that are on their way
}

type taken struct{}

func (taken) Wait(context.Context) error { return nil }

func (a *above) Connect(_ context.Context, h bridge.Handler) (bridge.Session, error) {
	a.mu.Lock()
	a.handler = h
	gone := a.gone
	a.mu.Unlock()
	if gone {
		return nil, errors.New("connection refused")
	}
	h.Presence(true)
	return a, nil
}

func (a *above) Send(_ context.Context, b bridge.Batch) (bridge.Ticket, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse {
		return nil, &bridge.EventError{Reason: "no such place"}
	}
	for _, e := range b.Events {
		if b.Way == bridge.WayReplay {
			a.again = append(a.again, e.ID)
		}
	}
	if !a.mute {
		a.said.Go(func() {
			for _, e := range b.Events {
				a.say(e.ID, `"received"`)
			}
		})
	}
	return taken{}, nil
}

func (a *above) say(id, result string) {
	_ = a.line().Receive(context.Background(), bridge.KindReceipt, fmt.Appendf(nil, `{"id":%q,"result":%s}`, id, result))
}

// line is the way down of the newest connection, nil before the first.
func (a *above) line() bridge.Handler {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.handler
}

func (a *above) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *above) State(context.Context, bridge.State) error { return nil }
func (a *above) Done() <-chan struct{}                     { return a.done }
func (a *above) Err() error                                { return nil }
func (a *above) Close()                                    {}

// command is a desk with one headquarters.
type command struct {
	*Station
	hq    *above
	press desk.Result
}

func newCommand(t *testing.T, within time.Duration, change func(*above), wrap ...func(*journal.Journal) bridge.Appender) *command {
	log := slog.New(slog.DiscardHandler)
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	var appender bridge.Appender = j
	for _, one := range wrap {
		appender = one(j)
	}
	d, err := desk.New(desk.Setup{Cameras: []desk.Camera{{ID: "gate"}}, Pillars: []desk.Pillar{{ID: "P-1", Cameras: []string{"gate"}}}, Uplinks: []string{"hq"}}, appender, desk.SystemClock(), log, rand.Reader)
	require.NoError(t, err)
	require.NoError(t, d.Open(t.Context()))
	c := &command{hq: &above{done: make(chan struct{})}, Station: &Station{
		log: log, journal: j, desk: d, deferred: &deferred{handle: d.Handle, log: log}, cfg: &config.Config{Uplinks: []config.Uplink{{Name: "hq", ReceiptWithin: config.Duration(within)}}},
	}}
	change(c.hq)
	c.forwarder, err = bridge.NewForwarder(bridge.Options{
		Journal: j, Down: c.down, SetAside: c.setAside, Logger: log, Flush: -1,
		Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: c.hq, Lanes: []bridge.Lane{bridge.Alarm}, ReceiptWithin: time.Minute}},
	})
	require.NoError(t, err)
	c.receipts = c.newReceipts()
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = c.forwarder.Run(ctx) })
	group.Go(func() { require.NoError(t, c.receipts.watch(ctx)) })
	t.Cleanup(func() { stop(); group.Wait(); c.hq.said.Wait(); require.NoError(t, j.Close()) })
	eventually(t, func() bool { return c.hq.line() != nil })
	c.press, err = d.Handle(t.Context(), desk.PressIn{Press: ingest.Press{Pillar: "P-1", ID: "e1", Kind: ingest.PressAlarm}})
	require.NoError(t, err)
	return c
}

func (c *command) incident(t *testing.T) *desk.Incident {
	var inc *desk.Incident
	_, err := c.desk.View(t.Context(), func(s *desk.State) { inc = s.Incident(c.press.Incident) })
	require.NoError(t, err)
	return inc
}

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, chainWithin, 5*time.Millisecond)
}

// Every event of an incident tells its way; what a person above said is still
// known when the forwarder has forgotten it.
func TestWayOfEvents(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	eventually(t, func() bool {
		open := c.receipts.Open()
		return len(open) == 1 && open[0].Uplinks[0].Mark == bridge.MarkReceived && open[0].Uplinks[0].Received == 2
	})
	alert := c.press.Events[1].Event
	c.hq.say(alert.ID, `"rejected","by":"zhou","reason":"wrong district"`)
	eventually(t, func() bool { return c.receipts.Open()[0].Uplinks[0].Rejected == 1 })

	fresh, err := bridge.NewForwarder(bridge.Options{Journal: c.journal, Down: c.down, Uplinks: []bridge.UplinkConfig{
		{Name: "hq", Uplink: c.hq, Lanes: []bridge.Lane{bridge.Alarm}},
	}})
	require.NoError(t, err)
	later := c.newReceipts()
	later.forwarder = fresh
	ways, err := later.Of(c.incident(t))
	require.NoError(t, err)
	require.Len(t, ways, 2)
	require.Equal(t, c.press.Events[0].Event.ID, ways[0].Event)
	require.Equal(t, bridge.MarkReceived, ways[0].Uplinks[0].Mark)
	said := ways[1].Uplinks[0]
	require.Equal(t, []any{bridge.MarkRejected, "zhou", "wrong district"}, []any{said.Mark, said.By, said.Reason})
	require.NotZero(t, said.Judged)
}

// A P0 without a receipt is a warning and escalates its incident, once.
func TestNoReceiptInTime(t *testing.T) {
	c := newCommand(t, 200*time.Millisecond, func(a *above) { a.mute = true })
	eventually(t, func() bool { return len(c.incident(t).Unreceived) == 1 })
	eventually(t, func() bool { return c.receipts.lateOf("hq").count >= 2 })
	require.NotZero(t, c.receipts.lateOf("hq").oldest)
	require.NoError(t, c.receipts.look(t.Context()))
	n := 0
	for _, line := range c.incident(t).History {
		if line.Type == "incident.escalated" {
			require.Equal(t, "unreceived", line.Reason)
			n++
		}
	}
	require.Equal(t, 1, n)
	c.hq.set(func() { c.hq.mute = false })
	c.hq.line().Presence(false)
	c.hq.line().Presence(true) // headquarters comes back: all goes again
	eventually(t, func() bool { return c.receipts.lateOf("hq").count == 0 })
}

// The clock of a P0 runs while the line is cut: that nobody above knows of it is
// the room's business whatever the cause. It is there once the line is back.
func TestNoReceiptWhileTheLineIsCut(t *testing.T) {
	c := newCommand(t, 200*time.Millisecond, func(a *above) { a.gone = true })
	eventually(t, func() bool { return len(c.incident(t).Unreceived) == 1 })
	require.Equal(t, []string{"hq"}, c.incident(t).Unreceived)
	status := c.forwarder.Status()[0]
	require.False(t, status.Connected)
	require.False(t, status.OldestUnreceived.IsZero(), "the metric's age grows too")
	eventually(t, func() bool { return c.receipts.lateOf("hq").count != 0 })
	codes := func() (codes []string) {
		for _, f := range c.uplinkFindings() {
			codes = append(codes, f.Code)
		}
		return codes
	}
	require.Equal(t, []string{"uplink_down", "uplink_overdue"}, codes())
	_, err := c.desk.Handle(t.Context(), desk.SuspendedIn{Uplink: "hq", From: 1, To: 2, Why: "test"})
	require.NoError(t, err)
	eventually(t, func() bool { return slices.Contains(codes(), "uplink_suspended") })
	c.hq.set(func() { c.hq.gone = false })
	eventually(t, func() bool { return c.receipts.lateOf("hq").count == 0 })
	require.True(t, c.forwarder.Status()[0].OldestUnreceived.IsZero())
}

// What is refused is known as such, also where the lane's cursor has passed
// it, until it is sent again.
func TestSetAsideAndAgain(t *testing.T) {
	c := newCommand(t, time.Minute, func(a *above) { a.refuse = true })
	eventually(t, func() bool { return c.receipts.asideCount("hq") == 2 })
	eventually(t, func() bool {
		open := c.receipts.Open()
		return len(open) == 1 && open[0].Uplinks[0].Mark == bridge.MarkSetAside && open[0].Uplinks[0].Received == 0
	})
	alert := c.press.Events[1].Event
	in := desk.ResentIn{Uplink: "hq", ID: alert.ID, By: desk.Actor{Name: "wu", Role: "lead"}, Reason: "mended", Idempotency: "k"}
	_, err := c.receipts.SendAgain(t.Context(), in)
	var refused *bridge.EventError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "no such place", c.receipts.Aside("hq")[0].Reason)

	c.hq.set(func() { c.hq.refuse = false })
	result, err := c.receipts.SendAgain(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, desk.TypeUplinkResent, result.Events[0].Event.Type)
	eventually(t, func() bool { return c.receipts.asideCount("hq") == 1 })
	again, err := c.receipts.SendAgain(t.Context(), in)
	require.NoError(t, err)
	require.True(t, again.Duplicate)
	in.Idempotency = ""
	_, err = c.receipts.SendAgain(t.Context(), in)
	var unknown *desk.NotFoundError
	require.ErrorAs(t, err, &unknown)
	ways, err := c.receipts.Of(c.incident(t))
	require.NoError(t, err)
	require.Equal(t, []bridge.Mark{bridge.MarkSetAside, bridge.MarkReceived}, []bridge.Mark{ways[0].Uplinks[0].Mark, ways[1].Uplinks[0].Mark})
}
