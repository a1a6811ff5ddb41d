package media

import (
	"slices"
	"time"
)

// How growth is measured.
const (
	growthEvery  = time.Minute
	growthWindow = 24 * time.Hour
	growthMin    = 10 * time.Minute // before it means anything
)

// growth is how many bytes were added, once a minute over a day. It is guarded
// by Store.sweeping.
type growth struct {
	points []growthPoint // oldest first
}

type growthPoint struct {
	at    time.Time // monotonic
	added map[Class]int64
}

func (s *Store) grow(now time.Time) {
	g := &s.growth
	if n := len(g.points); n > 0 && now.Sub(g.points[n-1].at) < growthEvery {
		return
	}
	s.mu.Lock()
	added := map[Class]int64{}
	for class, n := range s.count.added {
		added[class] = n
	}
	s.mu.Unlock()
	g.points = append(g.points, growthPoint{now, added})
	old := slices.IndexFunc(g.points, func(p growthPoint) bool { return now.Sub(p.at) <= growthWindow })
	g.points = slices.Delete(g.points, 0, old)
}

// perDay is how many bytes of a class are added in a day.
func (g *growth) perDay(class Class) int64 {
	n := len(g.points)
	if n < 2 {
		return 0
	}
	first, last := g.points[0], g.points[n-1]
	took := last.at.Sub(first.at)
	if took < growthMin {
		return 0
	}
	return int64(float64(last.added[class]-first.added[class]) * float64(24*time.Hour) / float64(took))
}

// Forecast is when a class will have used its budget, if it grows as it did
// over the last day, and how long things will be kept then.
type Forecast struct {
	Class       Class
	Bytes       int64 // kept now
	Budget      int64 // of bytes, or what the disk leaves if that is less
	BytesPerDay int64
	FullAt      time.Time     // zero: its age binds before
	Keeps       time.Duration // at most Wanted
	Wanted      time.Duration // the class's age
	Why         string        // what binds: budget, disk or age
}

// Forecasts are those of the classes that grow and were watched for long
// enough.
func (s *Store) Forecasts(now time.Time) []Forecast {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	st := s.Stats()
	var all int64 // bytes a day that the disk must take
	for class := range s.opt.Budgets {
		all += s.growth.perDay(class)
	}
	left := st.Free - 2*max(s.opt.MinFree, 0)
	var out []Forecast
	for _, class := range []Class{Recordings, Clips, Snapshots, Pictures, Telemetry, Positions} {
		rate := s.growth.perDay(class)
		if rate <= 0 {
			continue
		}
		share := int64(float64(max(left, 0)) * float64(rate) / float64(all))
		out = append(out, forecast(class, s.opt.Budgets[class], st.Bytes[class], rate, share, st.Free >= 0, now))
	}
	return out
}

// forecast is of one class that grows by rate bytes a day; share is what the
// disk has left for it.
func forecast(class Class, b Budget, bytes, rate, share int64, diskKnown bool, now time.Time) Forecast {
	f := Forecast{Class: class, Bytes: bytes, Budget: b.Bytes, BytesPerDay: rate, Wanted: b.Age, Why: "budget"}
	if on := bytes + share; diskKnown && (f.Budget <= 0 || on < f.Budget) {
		f.Budget, f.Why = on, "disk"
	}
	lasts := func(bytes int64) time.Duration {
		return time.Duration(min(float64(bytes)/float64(rate)*float64(24*time.Hour), float64(1<<62)))
	}
	f.Keeps = lasts(f.Budget)
	if b.Age > 0 && f.Keeps >= b.Age {
		f.Keeps, f.Why = b.Age, "age"
		return f
	}
	f.FullAt = now.Add(lasts(max(0, f.Budget-bytes)))
	return f
}
