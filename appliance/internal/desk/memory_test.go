package desk_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"

	"github.com/gowebpki/jcs"

	"github.com/watchpost-edge/watchpost/bridge"
)

// memory is a journal without a disk: numbers, chain, keys and tickets as the
// real one, for tests that count its calls, hold its syncs or make it fail.
type memory struct {
	mu      sync.Mutex
	records []bridge.Record
	keys    map[string]int
	synced  int
	ends    map[bridge.Lane]end
	held    bool          // nothing is synced until release
	pending chan struct{} // closed at the next sync
	refuse  error         // of the next appends
	broken  error         // of syncs
	place   uint64        // of the checkpoint
	state   []byte
	cursors map[string]uint64
}

type end struct {
	sequence uint64
	hash     string
}

func newMemory() *memory {
	return &memory{keys: map[string]int{}, ends: map[bridge.Lane]end{}, pending: make(chan struct{}), cursors: map[string]uint64{}}
}

type memoryTicket struct {
	m     *memory
	place int
}

func (t memoryTicket) Wait(ctx context.Context) error {
	for {
		t.m.mu.Lock()
		synced, broken, pending := t.m.synced >= t.place, t.m.broken, t.m.pending
		t.m.mu.Unlock()
		if broken != nil {
			return broken
		}
		if synced {
			return nil
		}
		select {
		case <-pending:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *memory) Append(drafts []bridge.Draft) ([]bridge.Record, bridge.Ticket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		return nil, nil, m.refuse
	}
	var records []bridge.Record
	for _, d := range drafts {
		if !json.Valid(d.Data) || d.ID == "" || d.Lane.Code() == 0 {
			return nil, nil, errors.New("not an event")
		}
		data, err := jcs.Transform(d.Data)
		if err != nil {
			return nil, nil, err
		}
		salt := sha256.Sum256([]byte(d.ID))
		last := m.ends[d.Lane]
		if last.hash == "" {
			last.hash = bridge.ZeroHash
		}
		e := bridge.Event{
			SpecVersion: "1.0", ID: d.ID, Source: m.Source(), Type: d.Type, Time: d.Time, RecordedTime: d.Recorded,
			Subject: d.Subject, DataContentType: "application/json", Epoch: m.Epoch(), Lane: d.Lane,
			Sequence: bridge.SequenceText(last.sequence + 1), PrevHash: last.hash, DataHash: bridge.DataHashOf(salt[:16], data),
			DataSalt: hex.EncodeToString(salt[:16]), Severity: d.Severity, Drill: d.Drill, Data: data,
		}
		if err := contracts().Event(&e); err != nil {
			return nil, nil, err
		}
		m.ends[d.Lane] = end{last.sequence + 1, e.Hash()}
		rec := bridge.Record{Place: uint64(len(m.records) + 1), Key: d.Key, Event: e}
		if m.records = append(m.records, rec); d.Key != "" {
			m.keys[d.Key] = len(m.records)
		}
		records = append(records, rec)
	}
	if !m.held {
		m.sync()
	}
	return records, memoryTicket{m, len(m.records)}, nil
}

func (m *memory) sync() {
	m.synced = len(m.records)
	close(m.pending)
	m.pending = make(chan struct{})
}

// hold keeps what is appended from now on off the disk until release.
func (m *memory) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = true
}

func (m *memory) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = false
	m.sync()
}

func (m *memory) breakSync(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
	m.sync()
}

func (m *memory) setRefuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

func (m *memory) Find(key string) (bridge.Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.keys[key]
	if !ok {
		return bridge.Record{}, false, nil
	}
	return m.records[i-1], true, nil
}

func (m *memory) Checkpoint(place uint64, state []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if place > uint64(m.synced) {
		return errors.New("checkpoint of what is not synced")
	}
	m.place, m.state = place, append([]byte(nil), state...)
	return nil
}

func (m *memory) Newest() (uint64, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.place, m.state, nil
}

func (m *memory) Epoch() string  { return "01J00000000000000000000000" }
func (m *memory) Source() string { return "/stations/test/boxes/a" }

func (m *memory) Last() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(m.synced)
}

func (m *memory) LastSequence(lane bridge.Lane) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ends[lane].sequence
}

func (m *memory) Read(after uint64, limit int) ([]bridge.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if after >= uint64(m.synced) {
		return nil, nil
	}
	return append([]bridge.Record(nil), m.records[after:min(int(after)+limit, m.synced)]...), nil
}

func (m *memory) ReadLane(lane bridge.Lane, after uint64, limit int) ([]bridge.Record, error) {
	records, err := m.Read(0, m.synced)
	var found []bridge.Record
	for _, rec := range records {
		n, _ := bridge.SequenceNumber(rec.Event.Sequence)
		if rec.Event.Lane == lane && n > after && len(found) < limit {
			found = append(found, rec)
		}
	}
	return found, err
}

func (m *memory) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pending
}

func (m *memory) Cursor(name string, lane bridge.Lane) (uint64, error) {
	return m.cursors[name+string(lane)], nil
}

func (m *memory) SaveCursor(name string, lane bridge.Lane, position uint64) error {
	m.cursors[name+string(lane)] = position
	return nil
}
