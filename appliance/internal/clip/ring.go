package clip

import (
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Ring holds the newest units of one camera, whole GOPs, without copying
// them. One goroutine pushes; any may read. It never waits for a reader.
type Ring struct {
	boot  uint64
	span  time.Duration // kept at least, if the camera was held that long
	bytes int64         // never kept more

	mu      sync.Mutex
	held    []media.Sample
	at      []time.Time // Received of each
	sizes   []int64
	keys    int
	first   uint64 // sequence number of held[0]
	total   int64
	squeeze uint64 // GOPs let go early because of bytes
	lag     time.Duration
	last    time.Time // Received of the newest
	changed chan struct{}
}

// NewRing makes a ring that keeps the units of at least span, but never more
// than bytes: then it holds less, and HeldStats says so.
func NewRing(boot uint64, span time.Duration, bytes int64) *Ring {
	return &Ring{boot: boot, span: span, bytes: bytes, first: 1, changed: make(chan struct{})}
}

// Push adds a unit. lost says that units before it were dropped on the box. A
// unit without parameters cannot be decoded and is passed over.
func (r *Ring) Push(u *ingest.Unit, lost bool) {
	if u.Params == nil {
		return
	}
	s := media.FromUnit(u, r.boot, lost)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) == 0 && !u.Key {
		return
	}
	r.held, r.at, r.sizes = append(r.held, s), append(r.at, u.Received), append(r.sizes, int64(u.Bytes))
	r.total += int64(u.Bytes)
	if u.Key {
		r.keys++
		r.trim()
	} else if r.total > r.bytes {
		r.trim()
	}
	r.lag, r.last = u.Received.Sub(u.Captured), u.Received
	close(r.changed)
	r.changed = make(chan struct{})
}

// trim lets whole GOPs go from the old end.
func (r *Ring) trim() {
	newest := r.at[len(r.at)-1]
	for r.keys > 1 {
		n := 1
		for !r.held[n].Key {
			n++
		}
		old := newest.Sub(r.at[n]) >= r.span
		if !old && r.total <= r.bytes {
			return
		}
		if !old {
			r.squeeze++
		}
		r.cut(n)
	}
	if r.total > r.bytes { // one GOP alone is too long: nothing of it can be kept
		r.squeeze++
		r.cut(len(r.held))
	}
}

func (r *Ring) cut(n int) {
	for i := range n {
		r.total -= r.sizes[i]
		if r.held[i].Key {
			r.keys--
		}
	}
	clear(r.held[:n]) // let the units go even while the array lives
	r.held, r.at, r.sizes = r.held[n:], r.at[n:], r.sizes[n:]
	r.first += uint64(n)
}

// After is everything newer than a sequence number, and the number of the
// newest. missed says how many that followed seq are gone already.
func (r *Ring) After(seq uint64) (samples []media.Sample, newest, missed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newest = r.first + uint64(len(r.held)) - 1
	if seq+1 < r.first {
		missed = r.first - seq - 1
		seq = r.first - 1
	}
	if seq >= newest {
		return nil, newest, missed
	}
	return append([]media.Sample(nil), r.held[seq+1-r.first:]...), newest, missed
}

// Snapshot is the units that cover an interval by their captured time: from
// the key unit at or before from (or the first that is held) to the last one
// that is decoded before to.
func (r *Ring) Snapshot(from, to time.Time) []media.Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin, end := -1, 0
	for i := range r.held {
		s := &r.held[i]
		if s.Key && (begin < 0 || !s.Captured.After(from)) {
			begin = i
		}
		if s.Captured.Before(to) {
			end = i + 1
		}
	}
	if begin < 0 || end <= begin {
		return nil
	}
	return append([]media.Sample(nil), r.held[begin:end]...)
}

// Changed is closed at the next unit.
func (r *Ring) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Reached tells whether every unit that is shown before t has arrived: one
// that is decoded at t or later is there.
func (r *Ring) Reached(t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) == 0 {
		return false
	}
	s := &r.held[len(r.held)-1]
	return !s.Captured.Add(-media.Duration(s.PTS - s.DTS)).Before(t)
}

// Lag is how long after its capture the newest unit arrived, and when that was.
func (r *Ring) Lag() (lag time.Duration, last time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lag, r.last
}

// HeldStats is what a ring holds.
type HeldStats struct {
	From, To time.Time // captured time of the oldest and the newest
	Units    int
	Bytes    int64
	Squeezed uint64 // GOPs that went early because of the bound in bytes
}

// Held is what the ring holds now: how far back the camera was held.
func (r *Ring) Held() HeldStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := HeldStats{Units: len(r.held), Bytes: r.total, Squeezed: r.squeeze}
	if len(r.held) > 0 {
		h.From, h.To = r.held[0].Captured, r.held[len(r.held)-1].Captured
	}
	return h
}
