package desk

import (
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A press that was stored is found in the journal's own index, however old. A
// journal that begins after another one was set aside knows none of them: there
// the newest of each pillar, which the state carries over, stand for the index.
// What a pillar sends again beyond these is raised again: rather twice than
// never.

// Bounds of what is carried over, of each pillar. A pillar sends again what has
// no ack, in its next connections.
const (
	heardMax = 16
	heardFor = 7 * 24 * time.Hour // an older time of a press is not believed either
)

// HeardPress is a press that was stored.
type HeardPress struct {
	Key      string       `json:"key"`
	Kind     string       `json:"kind"`
	At       bridge.Stamp `json:"at"` // recorded
	Alert    string       `json:"alert"`
	Incident string       `json:"incident"`
}

// heard is the press as it was stored before this journal began, or nil.
func (t *step) heard(p ingest.Press) *HeardPress {
	key := pressKey(p)
	for i := range t.s.k.Heard[p.Pillar] {
		one := &t.s.k.Heard[p.Pillar][i]
		if one.Key == key && one.Kind == string(p.Kind) && t.now.Sub(one.At.Time) <= heardFor && !t.anotherPress(p, one.At) {
			return one
		}
	}
	return nil
}

// hear remembers a press. The lists are made anew with every change.
func (s *State) hear(e *bridge.Event, f *PressFact, alert, incident string) {
	if s.k.Heard == nil {
		s.k.Heard = map[string][]HeardPress{}
	}
	before := e.RecordedTime.Add(-heardFor)
	for pillar, list := range s.k.Heard {
		old := slices.IndexFunc(list, func(one HeardPress) bool { return !one.At.Before(before) })
		switch {
		case old < 0:
			delete(s.k.Heard, pillar)
		case old > 0:
			s.k.Heard[pillar] = slices.Clone(list[old:])
		}
	}
	list := append(slices.Clone(s.k.Heard[f.Pillar]), HeardPress{Key: f.key(), Kind: f.Kind, At: e.RecordedTime, Alert: alert, Incident: incident})
	s.k.Heard[f.Pillar] = list[max(0, len(list)-heardMax):]
}
