package desk

import (
	"slices"

	"github.com/watchpost-edge/watchpost/bridge"
)

// Bounds of what the state remembers of one shift; what is beyond them is
// counted.
const (
	shiftBlindMax = 300 // cameras and kinds
	shiftLinesMax = 60  // missed rounds, drills
)

// shiftLog is what happened since the last handover and the state would else
// forget. It is made anew with every change.
type shiftLog struct {
	Since     bridge.Stamp    `json:"since"`
	Opened    int             `json:"opened"`
	Closed    int             `json:"closed"`
	Blind     []HandoverBlind `json:"blind,omitempty"`
	BlindMore int             `json:"blind_more,omitempty"` // intervals of cameras that are not listed
	Missed    []HandoverRound `json:"missed,omitempty"`
	Rounds    int             `json:"rounds,omitempty"` // missed, all
	Drills    []HandoverDrill `json:"drills,omitempty"`
	DrillRuns int             `json:"drill_runs,omitempty"` // all
}

func (s *State) shiftLog() *shiftLog {
	if s.k.Shift == nil {
		return &shiftLog{}
	}
	return s.k.Shift
}

func (l *shiftLog) blind(camera, kind string) (HandoverBlind, bool) {
	i := slices.IndexFunc(l.Blind, func(b HandoverBlind) bool { return b.Camera == camera && b.Kind == kind })
	if i < 0 {
		return HandoverBlind{}, false
	}
	return l.Blind[i], true
}

// logShift changes the shift's log, and the one that began with an offer.
func (s *State) logShift(change func(l *shiftLog)) {
	whole := *s.shiftLog()
	change(&whole)
	s.k.Shift = &whole
	if s.k.Offered != nil {
		after := *s.k.Offered
		change(&after)
		s.k.Offered = &after
	}
}

// logged notes what a handover tells of. It folds after the event itself.
func (s *State) logged(e *bridge.Event) error {
	switch e.Type {
	case TypeIncidentOpened:
		if !e.Drill {
			s.logShift(func(l *shiftLog) { l.Opened++ })
		}
	case TypeIncidentClosed:
		if !e.Drill {
			s.logShift(func(l *shiftLog) { l.Closed++ })
		}
	case TypeBlindClosed:
		return with(e, s.blindLogged)
	case TypePatrolRound:
		return with(e, s.roundLogged)
	case TypeDrillRun:
		return with(e, s.drillLogged)
	}
	return nil
}

func (s *State) blindLogged(_ *bridge.Event, data *BlindChanged) {
	if data.Cause == planned {
		return
	}
	s.logShift(func(l *shiftLog) {
		from := data.From
		if from.Before(l.Since.Time) {
			from = l.Since // the rest of it was the shift's before
		}
		i := slices.IndexFunc(l.Blind, func(b HandoverBlind) bool { return b.Camera == data.Camera && b.Kind == data.Kind })
		l.Blind = slices.Clone(l.Blind)
		if i < 0 {
			if len(l.Blind) >= shiftBlindMax {
				l.BlindMore++
				return
			}
			i, l.Blind = len(l.Blind), append(l.Blind, HandoverBlind{Camera: data.Camera, Kind: data.Kind})
		}
		l.Blind[i].Count++
		l.Blind[i].Ms += max(0, data.To.Sub(from.Time).Milliseconds())
	})
}

func (s *State) roundLogged(_ *bridge.Event, data *PatrolRound) {
	if data.State != RoundMissed {
		return
	}
	n := max(1, data.Rounds)
	s.logShift(func(l *shiftLog) {
		if l.Rounds += n; len(l.Missed) < shiftLinesMax {
			l.Missed = append(slices.Clone(l.Missed), HandoverRound{Plan: data.Plan, Name: brief(data.Name), Due: data.Due, Rounds: n})
		}
	})
}

func (s *State) drillLogged(_ *bridge.Event, data *DrillResult) {
	s.logShift(func(l *shiftLog) {
		if l.DrillRuns++; len(l.Drills) < shiftLinesMax {
			l.Drills = append(slices.Clone(l.Drills), HandoverDrill{Drill: data.Drill, Target: brief(data.Target), At: data.Begun, Result: data.Result})
		}
	})
}

func (s *State) shiftOffered(_ *bridge.Event, data *ShiftOffered) {
	offered := data.Handover
	s.k.Handover, s.k.Offered = &offered, &shiftLog{Since: data.Page.At}
}

func (s *State) shiftOverdue(_ *bridge.Event, data *ShiftOverdue) {
	if s.k.Handover == nil || s.k.Handover.ID != data.Handover {
		return
	}
	late := *s.k.Handover
	late.Overdue = true
	s.k.Handover = &late
}

func (s *State) shiftWithdrawn(_ *bridge.Event, data *ShiftWithdrawn) {
	if s.k.Handover != nil && s.k.Handover.ID == data.Handover {
		s.k.Handover, s.k.Offered = nil, nil
	}
}

// handedOver folds the second signature. The next shift begins where the page
// ends, so that nothing falls between the two.
func (s *State) handedOver(_ *bridge.Event, data *ShiftHandedOver) {
	former := append(slices.Clone(s.k.Handovers), data.HandoverDone)
	s.k.Handovers = former[max(0, len(former)-handoversKept):]
	if s.k.Offered == nil {
		s.k.Offered = &shiftLog{Since: data.Page.At}
	}
	s.k.Shift, s.k.Handover, s.k.Offered = s.k.Offered, nil, nil
}
