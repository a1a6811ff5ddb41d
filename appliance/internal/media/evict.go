package media

import (
	"cmp"
	"slices"
	"time"
)

// counters are guarded by Store.mu.
type counters struct {
	fragments uint64
	written   int64
	recorded  map[string]time.Duration
	evicted   map[Class]uint64
	added     map[Class]int64 // bytes since Open
}

// Stats are totals since Open, and what is kept now.
type Stats struct {
	Bytes     map[Class]int64 // kept now
	Files     map[Class]int
	Oldest    map[Class]time.Time
	Evicted   map[Class]uint64
	Recorded  map[string]time.Duration // by camera
	Fragments uint64
	Written   int64 // bytes of recordings
	Free      int64 // bytes on the disk; -1 when it cannot be read
}

// Stats for metrics and health.
func (s *Store) Stats() Stats {
	st := Stats{Bytes: map[Class]int64{}, Files: map[Class]int{}, Oldest: map[Class]time.Time{}, Evicted: map[Class]uint64{}, Recorded: map[string]time.Duration{}, Free: -1}
	if free, err := freeBytes(s.opt.Dir); err == nil {
		st.Free = free
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.items {
		st.Bytes[it.Class] += it.Bytes
		st.Files[it.Class]++
		if old, ok := st.Oldest[it.Class]; !ok || it.From.Before(old) {
			st.Oldest[it.Class] = it.From
		}
	}
	for c, n := range s.count.evicted {
		st.Evicted[c] = n
	}
	for c, d := range s.count.recorded {
		st.Recorded[c] = d
	}
	st.Fragments, st.Written = s.count.fragments, s.count.written
	return st
}

// A sweep that is over a budget goes on until so much of it is free again: one
// of its 200 parts, so that what goes is told in few words.
const sweepSlack = 200

// Sweep enforces the budgets once, and looks how fast the classes grow.
func (s *Store) Sweep(now time.Time) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	var gone []Eviction
	for class, b := range s.opt.Budgets {
		gone = append(gone, s.evict(class, b, now)...)
	}
	gone = append(gone, s.makeRoom()...)
	s.grow(time.Now())
	if len(gone) == 0 {
		return
	}
	s.opt.Log.Info("evicted", "files", len(gone), "oldest", gone[0].Name, "why", gone[0].Why)
	if s.opt.Evicted != nil {
		s.opt.Evicted(gone)
	}
}

// Settle returns when no sweep is under way that began before: what Held
// protects by then will not go.
func (s *Store) Settle() {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
}

// evict brings one class within its budget: age first, then bytes.
func (s *Store) evict(class Class, b Budget, now time.Time) []Eviction {
	list, total := s.evictable(class)
	over := b.Bytes > 0 && total > b.Bytes
	var gone []Eviction
	for _, it := range list {
		var why string
		switch {
		case b.Age > 0 && now.Sub(it.To) > b.Age:
			why = "age"
		case over && total > b.Bytes-b.Bytes/sweepSlack:
			why = "budget"
		default:
			continue
		}
		if e, ok := s.delete(it, why); ok {
			total -= e.Bytes
			gone = append(gone, e)
		}
	}
	return gone
}

// makeRoom deletes the oldest recordings, then clips, while less than twice
// MinFree is free: before the disk is so full that recording stops.
func (s *Store) makeRoom() []Eviction {
	if s.opt.MinFree <= 0 {
		return nil
	}
	free, err := freeBytes(s.opt.Dir)
	if err != nil {
		return nil
	}
	var gone []Eviction
	for _, class := range []Class{Recordings, Clips} {
		if free >= 2*s.opt.MinFree {
			return gone
		}
		list, _ := s.evictable(class)
		for _, it := range list {
			if free >= 2*s.opt.MinFree+s.opt.MinFree/4 {
				return gone
			}
			if e, ok := s.delete(it, "space"); ok {
				free += e.Bytes
				gone = append(gone, e)
			}
		}
	}
	return gone
}

// evictable are the items of a class that may go, in the order in which they
// go: what headquarters has first, then the oldest; and the bytes of all.
// Held is asked without the lock.
func (s *Store) evictable(class Class) (list []Item, total int64) {
	s.mu.Lock()
	for _, it := range s.items {
		if it.Class != class {
			continue
		}
		total += it.Bytes
		if !it.open {
			list = append(list, *it)
		}
	}
	s.mu.Unlock()
	if s.opt.Held != nil {
		list = slices.DeleteFunc(list, s.opt.Held())
	}
	slices.SortFunc(list, func(a, b Item) int {
		if a.Uploaded != b.Uploaded {
			if a.Uploaded {
				return -1
			}
			return 1
		}
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Name, b.Name))
	})
	return list, total
}

func (s *Store) delete(it Item, why string) (Eviction, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := Eviction{Item: it, Why: why}
	if err := s.remove(it.Name); err != nil {
		s.opt.Log.Warn("not evicted", "name", it.Name, "err", err)
		return e, false
	}
	s.count.evicted[it.Class]++
	return e, true
}
