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

// Sweep enforces the budgets once.
func (s *Store) Sweep(now time.Time) {
	var gone []Eviction
	for class, b := range s.opt.Budgets {
		gone = append(gone, s.evict(class, b, now)...)
	}
	gone = append(gone, s.makeRoom()...)
	for _, e := range gone {
		s.opt.Log.Info("evicted", "class", string(e.Class), "name", e.Name, "why", e.Why)
		if s.opt.Evicted != nil {
			s.opt.Evicted(e)
		}
	}
}

// evict brings one class within its budget: age first, then bytes.
func (s *Store) evict(class Class, b Budget, now time.Time) []Eviction {
	list, total := s.evictable(class)
	var gone []Eviction
	for _, it := range list {
		why := ""
		switch {
		case b.Age > 0 && now.Sub(it.To) > b.Age:
			why = "age"
		case b.Bytes > 0 && total > b.Bytes:
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

// makeRoom deletes the oldest recordings, then clips, while less than MinFree
// is free.
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
		list, _ := s.evictable(class)
		for _, it := range list {
			if free >= s.opt.MinFree {
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
		list = slices.DeleteFunc(list, s.opt.Held)
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
