package rtsp

import (
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// State of a camera's stream.
type State string

// States of a stream: connecting until it was live for the first time, lost
// from the end of an attempt until it is live again.
const (
	Connecting State = "connecting"
	Live       State = "live"
	Lost       State = "lost"
)

// Stats is what is known about a stream.
type Stats struct {
	State        State
	Since        time.Time // of State
	Transport    string    // of the present or latest session
	Units        uint64    // pictures
	Bytes        uint64    // of pictures
	LastUnit     time.Time // received; zero before the first
	Dropped      uint64    // access units that made no Unit
	PacketsLost  uint64
	DecodeErrors uint64
	Attempts     uint64 // to connect
	Sessions     uint64 // that became live
	LastError    string // of the latest failed attempt
	Refused      bool   // the camera refused the password; it is asked again after a minute
	KeysAsked    uint64 // key pictures asked for (RFC 4585)

	Sound        *ingest.Params // in the present or latest session; nil: none
	SoundUnits   uint64
	SoundDropped uint64 // stretches of sound that made no Unit
	SoundWhy     string // why there is no sound though it was asked for

	Params *ingest.Params
	Clock  Clock
}

// Clock is what is known about a camera's clock.
type Clock struct {
	Known       bool          // the camera sends its wall clock
	Offset      time.Duration // box minus camera, when known
	Uncertainty time.Duration // of Captured
	DriftKnown  bool          // it was watched for long enough, by reports or by arrivals
	DriftPPM    float64       // how much faster the camera's clock runs than the box's, in millionths
	Refused     uint64        // sender reports that made no sense
	Steps       uint64        // times the camera's wall clock was set
}

// Stats is a snapshot.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.PacketsLost, out.DecodeErrors = s.packetsLost.Load(), s.decodeErrors.Load()
	out.Clock.Refused = s.reportsRefused.Load()
	return out
}

// delivered notes a Unit and hands it on.
func (s *Source) delivered(u *ingest.Unit) {
	s.mu.Lock()
	st := &s.stats
	if st.State != Live {
		st.State, st.Since, st.LastError, st.Refused = Live, u.Received, "", false
		st.Sessions++
	}
	s.tries = 0
	st.Units++
	st.Bytes += uint64(u.Bytes)
	st.LastUnit, st.Params = u.Received, u.Params
	st.Clock = s.units.clock.facts(u.Uncertainty)
	s.mu.Unlock()
	s.cfg.Deliver(u)
}

// heard notes a stretch of sound and hands it on.
func (s *Source) heard(u *ingest.Unit) {
	s.mu.Lock()
	s.stats.SoundUnits++
	s.stats.Sound = u.Params
	s.mu.Unlock()
	s.cfg.Sound(u)
}

// unheard says why there is no sound, or counts a stretch that made no Unit.
func (s *Source) unheard(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if why == "" {
		s.stats.SoundDropped++
		return
	}
	if s.stats.SoundWhy != why {
		s.log.Warn("no sound", "why", why)
	}
	s.stats.SoundWhy = why
}
