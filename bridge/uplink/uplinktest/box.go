package uplinktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// Box is a journal with a forwarder over some uplinks.
type Box struct {
	t       testing.TB
	Journal *journal.Journal
	Flush   time.Duration // of the next Run

	forwarder *bridge.Forwarder
	stop      func()
	n         int

	mu    sync.Mutex
	down  []bridge.Message
	fail  int
	aside []string
}

// NewBox opens a journal in a folder of its own.
func NewBox(t testing.TB) *Box {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: source})
	require.NoError(t, err)
	b := &Box{t: t, Journal: j, Flush: time.Second}
	t.Cleanup(func() {
		b.Stop()
		require.NoError(t, j.Close())
	})
	return b
}

// Run forwards over the uplinks until Stop.
func (b *Box) Run(uplinks ...bridge.UplinkConfig) {
	b.t.Helper()
	forwarder, err := bridge.NewForwarder(bridge.Options{
		Journal: b.Journal, Uplinks: uplinks, Version: "test", Flush: b.Flush, Down: b.take,
		SetAside: func(_ context.Context, uplink string, e bridge.Event, _ string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.aside = append(b.aside, uplink+"/"+e.ID)
			return nil
		},
	})
	require.NoError(b.t, err)
	b.forwarder = forwarder
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = forwarder.Run(ctx) }()
	b.stop = sync.OnceFunc(func() { cancel(); <-ended })
}

// Stop ends forwarding; a second call does nothing.
func (b *Box) Stop() {
	if b.stop != nil {
		b.stop()
	}
}

func (b *Box) take(_ context.Context, m bridge.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = append(b.down, m)
	if b.fail > 0 {
		b.fail--
		return errors.New("the desk could not store it")
	}
	return nil
}

// FailDown lets the next count messages from above fail.
func (b *Box) FailDown(count int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = count
}

// Down is what came down, each time it came.
func (b *Box) Down() []bridge.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.down)
}

// SetAside is what was set aside: uplink/id.
func (b *Box) SetAside() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.aside)
}

// Append adds count events and waits for the disk.
func (b *Box) Append(lane bridge.Lane, severity string, count int) []bridge.Record {
	b.t.Helper()
	var all []bridge.Record
	for count > 0 {
		drafts := make([]bridge.Draft, min(count, 500))
		for i := range drafts {
			drafts[i] = b.draft(lane, severity, json.RawMessage(`{"schema":1,"note":"报警"}`))
		}
		all = append(all, b.append(drafts)...)
		count -= len(drafts)
	}
	return all
}

// AppendData adds one event with the data.
func (b *Box) AppendData(lane bridge.Lane, severity string, data json.RawMessage) bridge.Record {
	b.t.Helper()
	return b.append([]bridge.Draft{b.draft(lane, severity, data)})[0]
}

func (b *Box) draft(lane bridge.Lane, severity string, data json.RawMessage) bridge.Draft {
	b.n++
	now := bridge.At(time.Now())
	return bridge.Draft{ID: fmt.Sprintf("%s-%06d", lane, b.n), Type: "watchpost.test", Subject: "tests/1", Lane: lane, Severity: severity, Time: now, Recorded: now, Data: data}
}

func (b *Box) append(drafts []bridge.Draft) []bridge.Record {
	b.t.Helper()
	records, ticket, err := b.Journal.Append(drafts)
	require.NoError(b.t, err)
	require.NoError(b.t, ticket.Wait(b.t.Context()))
	return records
}

// Status is the uplink's, in the order of Run.
func (b *Box) Status(i int) bridge.Status { return b.forwarder.Status()[i] }

// WaitDrained waits until every uplink has confirmed all.
func (b *Box) WaitDrained() {
	b.t.Helper()
	b.waitFor(func() bool {
		for _, s := range b.forwarder.Status() {
			for _, n := range s.Lag {
				if n > 0 {
					return false
				}
			}
		}
		return true
	}, "drained")
}

func (b *Box) waitFor(what func() bool, why string) {
	b.t.Helper()
	require.Eventually(b.t, what, patience, pause, why)
}
