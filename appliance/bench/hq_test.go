package bench_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	topics    = "watchpost/" + uplinktest.Station + "/" + uplinktest.BoxName + "/"
	receiptIn = 10 * time.Millisecond // at most, or after receiptOf events
	receiptOf = 100
	patience  = 5 * time.Minute // of a machine that does other things
	pause     = 5 * time.Millisecond
)

// headquarters follows the receiving rules of contracts.md over a broker, and
// keeps what a show asks for, not the events: there may be millions.
type headquarters struct {
	t      testing.TB
	client paho.Client
	ended  chan struct{}
	wait   sync.WaitGroup

	mu      sync.Mutex
	epoch   string
	last    uint64 // of lane alarm, taken in order
	told    uint64 // of these, with a receipt
	hash    string
	copies  int                  // not taken, since they were there
	gaps    int                  // not taken, since others were missing
	broken  error                // of the chain, or of an event
	now     map[string]time.Time // by id: first seen on the fast way
	taken   func(id string)      // of an alarm in its order; may be nil
	changed time.Time            // something came
}

func newHeadquarters(t testing.TB, broker string) *headquarters {
	t.Helper()
	h := &headquarters{t: t, hash: bridge.ZeroHash, now: map[string]time.Time{}, ended: make(chan struct{}), changed: time.Now()}
	h.client = paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://"+broker).SetClientID("hq").SetCleanSession(true).
		SetConnectRetry(true).SetConnectRetryInterval(50*time.Millisecond).SetBinaryWill(topics+"down/presence", []byte(`{"listening":false}`), 1, true).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { h.receive(m) }))
	done(t, h.client.Connect())
	done(t, h.client.Subscribe(topics+"up/#", 1, nil))
	done(t, h.client.Publish(topics+"down/presence", 1, true, `{"listening":true}`))
	h.wait.Go(h.receipts)
	t.Cleanup(func() {
		close(h.ended)
		h.wait.Wait()
		h.client.Disconnect(100)
	})
	return h
}

func done(t testing.TB, token paho.Token) {
	t.Helper()
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
}

// receive runs on paho's one goroutine.
func (h *headquarters) receive(m paho.Message) {
	e, err := bridge.DecodeEvent(m.Payload())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed = time.Now()
	if err != nil {
		h.broken = err
		return
	}
	if strings.HasSuffix(m.Topic(), "/now") {
		if h.now[e.ID].IsZero() {
			h.now[e.ID] = time.Now()
		}
		return
	}
	h.lane(&e)
	if h.last >= h.told+receiptOf {
		h.receipt()
	}
}

func (h *headquarters) lane(e *bridge.Event) {
	n, err := bridge.SequenceNumber(e.Sequence)
	switch {
	case err != nil:
		h.broken = err
	case n <= h.last:
		h.copies++
	case n > h.last+1:
		h.gaps++
	case e.PrevHash != h.hash:
		h.broken = fmt.Errorf("chain broken at %d", n)
	default:
		h.epoch, h.last, h.hash = e.Epoch, n, e.Hash()
		if h.taken != nil {
			h.taken(e.ID)
		}
	}
}

func (h *headquarters) receipt() {
	h.client.Publish(topics+"down/receipt", 1, false, fmt.Sprintf(`{"epoch":%q,"lane":"alarm","through":%d,"result":"received"}`, h.epoch, h.last))
	h.told = h.last
}

// receipts answers for the last few.
func (h *headquarters) receipts() {
	tick := time.NewTicker(receiptIn)
	defer tick.Stop()
	for {
		select {
		case <-h.ended:
			return
		case <-tick.C:
		}
		h.mu.Lock()
		if h.last > h.told {
			h.receipt()
		}
		h.mu.Unlock()
	}
}

// look reads the state under its lock.
func (h *headquarters) look(what func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	what()
}

// hearNow waits until so many came on the fast way: the lane's copy of the last
// may overtake it there.
func (h *headquarters) hearNow(count int) {
	h.t.Helper()
	require.Eventually(h.t, func() (all bool) {
		h.look(func() { all = len(h.now) >= count })
		return all
	}, patience, pause, "each P0 also goes at once")
}

// reach waits until so many were taken in order.
func (h *headquarters) reach(count uint64) {
	h.t.Helper()
	for {
		var last uint64
		var still time.Duration
		var broken error
		h.look(func() { last, still, broken = h.last, time.Since(h.changed), h.broken })
		require.NoError(h.t, broken)
		if last >= count {
			return
		}
		require.Less(h.t, still, time.Minute, "%d of %d, and nothing comes any more", last, count)
		<-time.After(pause)
	}
}
