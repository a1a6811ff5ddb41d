package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// shelf remembers what was set aside, as the desk does.
type shelf struct {
	mu   sync.Mutex
	list []string
	fail error
}

func (s *shelf) put(_ context.Context, uplink string, e bridge.Event, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail; err != nil {
		s.fail = nil
		return err
	}
	s.list = append(s.list, uplink+"/"+e.ID+"/"+reason)
	return nil
}

func (s *shelf) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.list...)
}

// chained asserts that the wires are a whole chain and gives the numbers of
// those without data.
func chained(t *testing.T, got []bridge.Outgoing) (withheld []uint64) {
	t.Helper()
	last, hash := uint64(0), bridge.ZeroHash
	for _, out := range got {
		e, err := bridge.DecodeEvent(out.Wire)
		require.NoError(t, err)
		if out.Sequence <= last {
			continue
		}
		require.Equal(t, last+1, out.Sequence)
		require.Equal(t, hash, e.PrevHash)
		last, hash = out.Sequence, e.Hash()
		if len(e.Data) == 0 {
			require.Empty(t, e.DataSalt)
			withheld = append(withheld, out.Sequence)
		}
	}
	return withheld
}

// A refused event is set aside once and goes without data in its place:
// numbers and chain stay whole. Sent again, it goes whole beside the lane.
func TestRefusedEventGoesWithoutData(t *testing.T) {
	j := openJournal(t)
	records := appendAll(t, j, many(bridge.Alarm, "P2", 300)...)
	u := &fake{present: true, badData: map[string]bool{"alarm-0123": true, "alarm-0300": true}}
	s := &shelf{fail: errors.New("the desk is busy")}
	f := run(t, bridge.Options{Journal: j, SetAside: s.put, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 300 }, patience, pause)
	require.Equal(t, []string{"hq/alarm-0123/too odd", "hq/alarm-0300/too odd"}, s.all())
	require.EqualValues(t, 2, f.Status()[0].SetAside)
	require.Zero(t, f.Status()[0].InFlight)
	u.mu.Lock()
	require.Equal(t, []uint64{123, 300}, chained(t, u.got))
	u.mu.Unlock()

	// A replay of its range has it in the same form, and goes on behind it.
	require.NoError(t, f.Take(t.Context(), "hq", bridge.KindReplay, fmt.Appendf(nil, `{"request":"r","epoch":%q,"lane":"alarm","from":120,"to":130}`, j.Epoch())))
	u.waitFor(t, func() bool { return len(u.replay) == 11 }, "the range")
	u.mu.Lock()
	e, err := bridge.DecodeEvent(u.replay[3].Wire)
	u.badData = nil // headquarters has learned
	u.mu.Unlock()
	require.NoError(t, err)
	require.Empty(t, e.Data)

	ended := make(chan error, 1)
	go func() { ended <- f.Resend(t.Context(), "hq", records[122]) }()
	u.waitFor(t, func() bool { return len(u.replay) == 12 }, "again")
	require.NoError(t, u.handler.Receive(t.Context(), bridge.KindReceipt, []byte(`{"id":"alarm-0123","result":"received"}`)))
	require.NoError(t, <-ended)
	wire, err := records[122].Event.Encode()
	require.NoError(t, err)
	require.Equal(t, wire, u.replay[11].Wire, "whole")
}

// One that is refused even without its data is left out, as a gap that
// headquarters made itself.
func TestRefusedWithoutDataIsLeftOut(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P2", 30)...)
	u := &fake{present: true, bad: map[string]bool{"alarm-0012": true}}
	s := &shelf{}
	run(t, bridge.Options{Journal: j, SetAside: s.put, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 30 }, patience, pause)
	require.Equal(t, []string{"hq/alarm-0012/too odd"}, s.all())
}

// A P0 that headquarters refuses on "now" takes no other with it, and the
// receipt of its copy in the lane is that copy's.
func TestRefusedOnNowIsAlone(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, event("first", bridge.Alarm, "P0"))
	u := &fake{present: true, mute: true, byID: true, badData: map[string]bool{"alarm-0004": true}}
	f := run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	// Unanswered, or its lane may confirm it before "now" has begun.
	u.waitFor(t, func() bool { return len(u.got) == 1 && len(u.now) == 1 }, "now has begun")
	u.mu.Lock()
	u.mute = false
	u.mu.Unlock()
	for range 2 { // the copy's receipt, and the lane's
		require.NoError(t, u.handler.Receive(t.Context(), bridge.KindReceipt, []byte(`{"id":"first","result":"received"}`)))
	}
	u.mu.Lock()
	before := len(u.now)
	u.mu.Unlock()
	appendAll(t, j, many(bridge.Alarm, "P0", 10)...)
	u.waitFor(t, func() bool { return len(u.now) >= before+9 }, "the others at once") // its lane may have set the one aside by then
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 11 }, patience, pause, "long before the receipt is overdue")
	require.Zero(t, f.Status()[0].Overdue)
	u.mu.Lock()
	defer u.mu.Unlock()
	require.Equal(t, []uint64{5}, chained(t, u.got))
}

// After a restart what was set aside goes without data at once.
func TestSetAsideIsKnownAfterARestart(t *testing.T) {
	j := openJournal(t)
	appendAll(t, j, many(bridge.Alarm, "P2", 30)...)
	u := &fake{present: true, badData: map[string]bool{"alarm-0012": true}}
	s := &shelf{}
	run(t, bridge.Options{Journal: j, SetAside: s.put, Withheld: func(uplink, id string) bool { return uplink == "hq" && id == "alarm-0012" },
		Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}}}})
	require.Eventually(t, func() bool { return cursor(t, j, "hq", bridge.Alarm) == 30 }, patience, pause)
	require.Empty(t, s.all())
	u.mu.Lock()
	defer u.mu.Unlock()
	require.Equal(t, []uint64{12}, chained(t, u.got))
}

// The answer to a headquarters' own order is for it, whatever its filter.
func TestAnswersPassTheFilter(t *testing.T) {
	j := openJournal(t)
	mine, other := event("mine", bridge.Alarm, "P3"), event("other", bridge.Alarm, "P3")
	mine.Subject, other.Subject = "uplinks/hq", "uplinks/city"
	appendAll(t, j, mine, other)
	u := &fake{present: true}
	run(t, bridge.Options{Journal: j, Uplinks: []bridge.UplinkConfig{{Name: "hq", Uplink: u, Lanes: []bridge.Lane{bridge.Alarm}, Priorities: []string{"P0"}}}})
	u.waitFor(t, func() bool { return len(u.got) == 2 }, "both")
	u.mu.Lock()
	defer u.mu.Unlock()
	require.Equal(t, []uint64{2}, chained(t, u.got))
}
