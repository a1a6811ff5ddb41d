package nats_test

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/nats"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

// memory is a journal of one lane in memory: a thousand on disk would measure
// the disk.
type memory struct {
	records []bridge.Record
	mu      sync.Mutex
	cursor  map[string]uint64
}

func newMemory(station string, count int) *memory {
	m := &memory{cursor: map[string]uint64{}}
	prev := bridge.ZeroHash
	for n := range uint64(count) {
		e := bridge.Event{SpecVersion: "1.0", ID: fmt.Sprintf("%s-%d", station, n+1), Source: "/stations/" + station, Type: "watchpost.test",
			Epoch: station, Lane: bridge.Alarm, Sequence: bridge.SequenceText(n + 1), PrevHash: prev, Severity: "P2", Data: []byte(`{"schema":1}`)}
		prev = e.Hash()
		m.records = append(m.records, bridge.Record{Place: n + 1, Event: e})
	}
	return m
}

func (m *memory) Epoch() string                             { return m.records[0].Event.Epoch }
func (m *memory) Source() string                            { return m.records[0].Event.Source }
func (m *memory) Last() uint64                              { return uint64(len(m.records)) }
func (m *memory) LastSequence(bridge.Lane) uint64           { return m.Last() }
func (m *memory) Changed() <-chan struct{}                  { return nil }
func (m *memory) Read(uint64, int) ([]bridge.Record, error) { return nil, nil }

func (m *memory) ReadLane(_ bridge.Lane, after uint64, limit int) ([]bridge.Record, error) {
	return m.records[after:min(m.Last(), after+uint64(limit))], nil
}

func (m *memory) Cursor(name string, _ bridge.Lane) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor[name], nil
}

func (m *memory) SaveCursor(name string, _ bridge.Lane, position uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cursor[name] = position
	return nil
}

// BenchmarkStations drains 1,000 stations into one nats-server, which is killed
// and started again in the middle; nothing is lost. Its figures are events per
// second of one core: of the server, and of all, server and stations.
func BenchmarkStations(b *testing.B) {
	for b.Loop() {
		stations(b, 1000, 200)
	}
}

func TestStations(t *testing.T) { stations(t, 30, 200) }

func stations(t testing.TB, count, each int) {
	addr, dir := uplinktest.FreeAddr(t), t.TempDir()
	js, kill := process(t, addr, dir)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: uplinktest.Stream, Subjects: []string{"watchpost.*.*.up.>"}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var forwarders []*bridge.Forwarder
	defer running.Wait()
	defer cancel()
	began, own, server := time.Now(), cpu(syscall.RUSAGE_SELF), cpu(syscall.RUSAGE_CHILDREN)
	for i := range count {
		name := fmt.Sprintf("s%d", i)
		u, err := nats.New(nats.Options{URL: "nats://" + addr, Stream: uplinktest.Stream, Station: name, Box: "a"})
		require.NoError(t, err)
		f, err := bridge.NewForwarder(bridge.Options{Journal: newMemory(name, each), Uplinks: []bridge.UplinkConfig{config("bus", u)}, Flush: -1,
			Down: func(context.Context, bridge.Message) error { return nil }})
		require.NoError(t, err)
		forwarders = append(forwarders, f)
		running.Go(func() { _ = f.Run(ctx) })
	}
	total := uint64(count * each)
	state := func() jetstream.StreamState {
		stream, err := js.Stream(context.Background(), uplinktest.Stream)
		if err != nil {
			return jetstream.StreamState{}
		}
		return stream.CachedInfo().State
	}
	reach := func(n uint64) {
		t.Helper()
		require.Eventually(t, func() bool { return state().Msgs >= n }, 2*time.Minute, 20*time.Millisecond, "%d of %d", state().Msgs, n)
	}
	reach(total / 3)
	kill()
	js, kill = process(t, addr, dir)
	require.Eventually(t, func() bool {
		for _, f := range forwarders {
			if f.Status()[0].Lag[bridge.Alarm] > 0 {
				return false
			}
		}
		return true
	}, 2*time.Minute, 20*time.Millisecond)
	cancel()
	running.Wait()
	took := time.Since(began)
	whole(t, js, count, each)
	kill()
	own, server = cpu(syscall.RUSAGE_SELF)-own, cpu(syscall.RUSAGE_CHILDREN)-server // the check of the whole included
	if b, ok := t.(*testing.B); ok {
		b.ReportMetric(float64(total)/took.Seconds(), "events/s")
		b.ReportMetric(float64(total)/(own+server).Seconds(), "events/core-s")
		b.ReportMetric(float64(total)/server.Seconds(), "server-events/core-s")
	}
}

// whole reads the stream as the receiving rules do: every station's lane is
// there in order. A server flooded by all at once refuses some events and takes
// later ones (its max_buffered_msgs): those stand behind a hole and come again.
func whole(t testing.TB, js jetstream.JetStream, count, each int) {
	t.Helper()
	stream, err := js.Stream(t.Context(), uplinktest.Stream)
	require.NoError(t, err)
	consumer, err := js.OrderedConsumer(t.Context(), uplinktest.Stream, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	last := map[string]uint64{}
	for range stream.CachedInfo().State.Msgs {
		m, err := messages.Next()
		require.NoError(t, err)
		e, err := bridge.DecodeEvent(m.Data())
		require.NoError(t, err)
		n, err := bridge.SequenceNumber(e.Sequence)
		require.NoError(t, err)
		if n == last[e.Source]+1 {
			last[e.Source] = n
		}
	}
	require.Len(t, last, count)
	for source, n := range last {
		require.EqualValues(t, each, n, source)
	}
}

// cpu is the processor time used so far.
func cpu(who int) time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(who, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
