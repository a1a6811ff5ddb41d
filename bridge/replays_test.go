package bridge_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// lateReplays takes ranges at once and confirms them when it may.
type lateReplays struct {
	*fake
	may chan struct{}
}

func (u lateReplays) Connect(ctx context.Context, h bridge.Handler) (bridge.Session, error) {
	session, err := u.fake.Connect(ctx, h)
	return lateSession{session, u.may}, err
}

type lateSession struct {
	bridge.Session
	may chan struct{}
}

func (s lateSession) Send(ctx context.Context, b bridge.Batch) (bridge.Ticket, error) {
	ticket, err := s.Session.Send(ctx, b)
	if err == nil && b.Way == bridge.WayReplay {
		ticket = lateTicket(s)
	}
	return ticket, err
}

type lateTicket lateSession

func (t lateTicket) Wait(ctx context.Context) error {
	select {
	case <-t.may:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Headquarters has a range before the transport has confirmed it, and asks for
// it again: it comes again. What has not gone yet is answered with what waits.
func TestReplayIsAskedForAgainBeforeItIsConfirmed(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P2", 300)...)
	u := lateReplays{&fake{present: true}, make(chan struct{})}
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	ask := func(request string, from, to int) {
		t.Helper()
		require.NoError(t, f.Take(t.Context(), "hq", bridge.KindReplay, fmt.Appendf(nil, `{"request":%q,"epoch":%q,"lane":"alarm","from":%d,"to":%d}`, request, j.Epoch(), from, to)))
	}
	ask("r1", 1, 200)
	u.waitFor(t, func() bool { return len(u.replay) == 100 }, "the first half")
	ask("r2", 91, 100)
	ask("r3", 101, 110)
	close(u.may)
	u.waitFor(t, func() bool { return len(u.replay) >= 210 }, "and a part of it again")
	ask("r4", 300, 300)
	u.waitFor(t, func() bool { return u.replay[len(u.replay)-1].Sequence == 300 }, "the last")
	u.mu.Lock()
	defer u.mu.Unlock()
	require.Len(t, u.replay, 211)
	require.EqualValues(t, 91, u.replay[200].Sequence)
}
