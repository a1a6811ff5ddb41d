package bridge_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// A window that was full of events which headquarters has seen on "now", and
// answered once, has room again when their time is over: what waits behind it
// is sent though nothing else happens.
func TestRoomAfterOverdueIsUsed(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P0", 700)...)
	u := &fake{present: true, byID: true, once: true}
	run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, ReceiptWithin: 300 * time.Millisecond}}})
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 700 }, patience, pause)
}

// A batch that is refused after headquarters went away and came back does not
// take what was sent before it out of the second round.
func TestRefusalAfterReturnSkipsNothing(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P2", 200)...)
	held, release := make(chan struct{}), make(chan struct{})
	u := &fake{present: true, mute: true}
	run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: &stopAt{fake: u, batch: 2, held: held, release: release}, Lanes: []bridge.Lane{bridge.Alarm}}}})
	<-held
	u.handler.Presence(false)
	u.mu.Lock()
	u.mute = false
	u.mu.Unlock()
	u.handler.Presence(true)
	close(release)
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 200 }, patience, pause)
	u.mu.Lock()
	defer u.mu.Unlock()
	inOrder(t, u.got[100:], bridge.Alarm, 200)
}

// stopAt holds one lane batch until release and then refuses it once.
type stopAt struct {
	*fake
	batch         int
	held, release chan struct{}
}

func (s *stopAt) Connect(ctx context.Context, h bridge.Handler) (bridge.Session, error) {
	inner, err := s.fake.Connect(ctx, h)
	if err != nil {
		return nil, err
	}
	return &stopAtSession{Session: inner, stopAt: s}, nil
}

type stopAtSession struct {
	bridge.Session
	*stopAt
	sent int
}

func (s *stopAtSession) Send(ctx context.Context, b bridge.Batch) (bridge.Ticket, error) {
	if b.Way == bridge.WayLane {
		if s.sent++; s.sent == s.batch {
			close(s.held)
			<-s.release
			return nil, &bridge.EventError{Reason: "too many at once"}
		}
	}
	return s.Session.Send(ctx, b)
}

// A person's word on an event of an older epoch is the room's to know; a plain
// receipt of one says nothing any more.
func TestJudgementOfAnOlderEpochIsHandedDown(t *testing.T) {
	j := openJournal(t)
	u := &fake{present: true}
	var got []bridge.Message
	f := run(t, bridge.Options{
		Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}},
		Down: func(_ context.Context, m bridge.Message) error { got = append(got, m); return nil },
	})
	u.waitFor(t, func() bool { return u.handler != nil }, "connected")
	const older = "01HZZZZZZZZZZZZZZZZZZZZZZZ"
	for _, result := range []string{bridge.Received, bridge.Rejected} {
		require.NoError(t, u.handler.Receive(t.Context(), bridge.KindReceipt,
			fmt.Appendf(nil, `{"id":"x","epoch":%q,"lane":"alarm","result":%q,"by":"duty officer"}`, older, result)))
	}
	require.Len(t, got, 1)
	require.Equal(t, older, got[0].Receipt.Epoch)
	require.Equal(t, bridge.Rejected, got[0].Receipt.Result)
	require.Zero(t, f.Status()[0].Rejected, "counted for this epoch's events only")
}
