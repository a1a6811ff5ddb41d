package bridge

import "time"

// Mark is how far an event has come on one uplink.
type Mark string

// Marks, in order. Received, Accepted and Rejected are a receipt's words.
const (
	MarkStored   Mark = "stored"
	MarkSent     Mark = "sent"
	MarkReceived Mark = "received"
	MarkAccepted Mark = "accepted"
	MarkRejected Mark = "rejected"
	// MarkSetAside is the room's word: headquarters refused the event itself,
	// and its lane went on without it.
	MarkSetAside Mark = "set_aside"
)

// Delivery is the way of one event on one uplink. Times are the box's, of older
// events to within a quarter of a second, and zero when they are not known
// (trail.go); the mark itself also follows from the cursor.
type Delivery struct {
	Uplink   string `json:"uplink"`
	Mark     Mark   `json:"mark"`
	Sent     Stamp  `json:"sent"`
	Received Stamp  `json:"received"`
	Judged   Stamp  `json:"judged"`
	By       string `json:"by,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// marks remembers the deliveries of the newest events of one uplink.
type marks struct {
	max  int
	byID map[string]*Delivery
	ring []string
	at   int
}

func newMarks(limit int) *marks {
	return &marks{max: limit, byID: map[string]*Delivery{}, ring: make([]string, limit)}
}

func (m *marks) of(id string) *Delivery {
	d, ok := m.byID[id]
	if !ok {
		delete(m.byID, m.ring[m.at])
		m.ring[m.at] = id
		m.at = (m.at + 1) % m.max
		d = &Delivery{Mark: MarkStored}
		m.byID[id] = d
	}
	return d
}

func (m *marks) sent(id string, now time.Time) {
	d := m.of(id)
	if d.Sent.IsZero() {
		d.Sent = At(now)
	}
	if d.Mark == MarkStored {
		d.Mark = MarkSent
	}
}

// received needs an event that was handed over lately (of): of an older one
// the cursor says the same.
func (m *marks) received(id string, now time.Time) {
	d, ok := m.byID[id]
	if !ok {
		return
	}
	if d.Received.IsZero() {
		d.Received = At(now)
	}
	if d.Mark == MarkStored || d.Mark == MarkSent {
		d.Mark = MarkReceived
	}
}

// seen reports whether headquarters has said that it has the event: its copy
// from "now" may be answered before the lane's is sent.
func (d *Delivery) seen() bool { return d.Mark != MarkStored && d.Mark != MarkSent }

func (m *marks) judged(r Receipt, now time.Time) {
	d := m.of(r.ID)
	m.received(r.ID, now)
	d.Mark = MarkAccepted
	if r.Result == Rejected {
		d.Mark = MarkRejected
	}
	d.Judged, d.By, d.Reason = At(now), r.By, r.Reason
}
