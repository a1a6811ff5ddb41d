package uplinktest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

// HQ follows the receiving rules of contracts.md. Its fields are for WaitFor's
// condition, which holds the lock.
type HQ struct {
	t        testing.TB
	mu       sync.Mutex
	last     map[bridge.Lane]uint64
	hash     map[bridge.Lane]string
	Took     []bridge.Event
	Copies   int                  // ≤ last
	Gaps     int                  // > last + 1
	Now      map[string]time.Time // by id: first seen
	Ahead    map[string]int       // by id: taken of the lanes before that
	Replay   []bridge.Event
	problems []error
}

func newHQ(t testing.TB) *HQ {
	return &HQ{t: t, last: map[bridge.Lane]uint64{}, hash: map[bridge.Lane]string{}, Now: map[string]time.Time{}, Ahead: map[string]int{}}
}

// receive takes one event and returns it with the lane's last sequence.
func (h *HQ) receive(way bridge.Way, wire []byte) (bridge.Event, uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, err := bridge.DecodeEvent(wire)
	if err != nil {
		h.problems = append(h.problems, err)
		return e, 0
	}
	switch way {
	case bridge.WayNow:
		if h.Now[e.ID].IsZero() {
			h.Now[e.ID], h.Ahead[e.ID] = time.Now(), len(h.Took)
		}
	case bridge.WayReplay:
		h.Replay = append(h.Replay, e)
	default:
		h.lane(e)
	}
	return e, h.last[e.Lane]
}

func (h *HQ) lane(e bridge.Event) {
	n, err := bridge.SequenceNumber(e.Sequence)
	switch {
	case err != nil:
		h.problems = append(h.problems, err)
	case n <= h.last[e.Lane]:
		h.Copies++
	case n > h.last[e.Lane]+1:
		h.Gaps++
	case n > 1 && n == h.last[e.Lane]+1 && e.PrevHash != h.hash[e.Lane]:
		h.problems = append(h.problems, fmt.Errorf("chain broken at %s %d", e.Lane, n))
	case (len(e.Data) == 0) != (e.DataSalt == "") || len(e.Data) > 0 && !json.Valid(e.Data):
		h.problems = append(h.problems, fmt.Errorf("half the data in %s %d", e.Lane, n))
	default:
		h.last[e.Lane], h.hash[e.Lane] = n, e.Hash()
		h.Took = append(h.Took, e)
	}
}

// WaitFor waits until the condition holds.
func (h *HQ) WaitFor(what func(*HQ) bool, why string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return what(h)
	}, patience, pause, why)
}

// Check says that count events were taken in order and nothing was wrong.
func (h *HQ) Check(count int) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Empty(h.t, h.problems)
	require.Zero(h.t, h.Gaps, "gaps")
	require.Len(h.t, h.Took, count)
}

// Empty are the ids of what was taken without data, in order.
func (h *HQ) Empty() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for i := range h.Took {
		if len(h.Took[i].Data) == 0 {
			ids = append(ids, h.Took[i].ID)
		}
	}
	return ids
}

// Taken is what was taken, in order.
func (h *HQ) Taken() []bridge.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.Took)
}

func (h *HQ) replayed() []bridge.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.Replay)
}

func (h *HQ) copies() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Copies
}

// overtook waits for an event on "now" and gives how much of the lanes was taken
// before it. On a loaded machine that says more than the time.
func (h *HQ) overtook(id string) (ahead int) {
	h.t.Helper()
	h.WaitFor(func(h *HQ) bool { ahead = h.Ahead[id]; return !h.Now[id].IsZero() }, "the P0")
	return ahead
}

func (h *HQ) problem(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problems = append(h.problems, err)
}
