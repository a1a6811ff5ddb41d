package vision

import (
	"time"
)

// Stats is what an analyzer has done so far and how it is.
type Stats struct {
	Decoded      uint64 // pictures
	Analysed     uint64 // pictures compared for motion
	Detected     uint64 // pictures the detector saw
	Skipped      uint64 // pictures due but left out: behind, or the detector was busy
	Dropped      uint64 // units lost before decoding, because analysis was behind
	DecodeErrors uint64
	DetectErrors uint64
	Raised       uint64 // sightings
	Open         int    // sightings raised and not ended
	Tracks       int    // confirmed
	DetectorMS   float64
	Mode         Mode
	Moving       float64   // share of the picture that changed in the newest comparison, 0..1
	LastFrame    time.Time // Received of the newest decoded picture
	Gate         GateStats
	DecodeTime   time.Duration // spent so far
	MotionTime   time.Duration
	DetectTime   time.Duration
	Warnings     []string // what the configured rules cannot see with this detector
}

// Stats may be called from any goroutine.
func (a *Analyzer) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stats
}

// Tracks is a copy of the confirmed tracks in the newest analysed picture, for
// an overlay. It may be called from any goroutine.
func (a *Analyzer) Tracks() []Track {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tracks
}

func (a *Analyzer) note(change func(*Stats)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.stats)
}

// spell logs a failure when it begins and when it is over, not in between.
type spell struct {
	failing bool
	count   int
}

// failed tells whether this failure is the first of a spell.
func (s *spell) failed() bool {
	s.count++
	first := !s.failing
	s.failing = true
	return first
}

// fine tells whether a spell has ended, and how many failures it had.
func (s *spell) fine() (int, bool) {
	if !s.failing {
		return 0, false
	}
	n := s.count
	s.failing, s.count = false, 0
	return n, true
}
