package desk

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/watchpost-edge/watchpost/bridge"
)

// stateVersion is the form of a checkpoint. A checkpoint of another version is
// not read: the journal is folded from its beginning instead.
const stateVersion = 1

// State is the room as of a place in the journal: a fold over its events. It
// is not safe for concurrent use; Desk guards it. The resources it gives out
// never change: they may be kept.
type State struct {
	k  kept
	ix index
}

// kept is what a checkpoint holds. Everything else is derived from it.
type kept struct {
	Version   int                  `json:"version"`
	Place     uint64               `json:"place"` // of the newest record folded
	Now       bridge.Stamp         `json:"now"`   // its recorded time
	Floor     uint64               `json:"floor"` // newest Touched of what has left
	Number    uint64               `json:"number"`
	Config    string               `json:"config"`
	Incidents map[string]*Incident `json:"incidents"`
	Alerts    map[string]*Alert    `json:"alerts"`
	Clips     map[string]*Clip     `json:"clips"` // by clipKey
	Devices   map[string]*Device   `json:"devices"`
	Tasks     map[string]*Task     `json:"tasks,omitempty"`
	TaskCount uint64               `json:"task_count,omitempty"`
	// Blinded is the newest closed blind interval by camera/kind; the map is
	// made anew with every change.
	Blinded   map[string]Interval   `json:"blinded,omitempty"`
	Holds     []Hold                `json:"holds,omitempty"`     // oldest first; made anew with every change
	Suspended []string              `json:"suspended,omitempty"` // uplinks, sorted
	Looks     []OpenLook            `json:"looks,omitempty"`     // in the order of their beginning
	Patrols   map[string]*Patrolled `json:"patrols,omitempty"`   // by plan
	Drills    map[string]*Drilled   `json:"drills,omitempty"`    // by target
	// Heard are the newest presses of each pillar, oldest first: the keys that a
	// journal which begins after this one does not have.
	Heard map[string][]HeardPress `json:"heard,omitempty"`
	// SetAside is what headquarters refused and nobody sent again, oldest
	// first; the list is made anew with every change.
	SetAside []SetAside `json:"set_aside,omitempty"`
	// Duty are the words in force on who is on duty, oldest first; made anew
	// with every change.
	Duty []DutyWord `json:"duty,omitempty"`
	// Approvals wait for a second lead, or ended lately; made anew with every change.
	Approvals []Approval `json:"approvals,omitempty"`
	// Handover waits for whoever comes; Handovers are the former ones, oldest
	// first. Shift is what happened since the last one, Offered since the offer.
	// All are made anew with every change.
	Handover  *Handover      `json:"handover,omitempty"`
	Handovers []HandoverDone `json:"handovers,omitempty"`
	Shift     *shiftLog      `json:"shift,omitempty"`
	Offered   *shiftLog      `json:"offered,omitempty"`
}

// NewState is the state before the first event.
func NewState() *State {
	s := &State{k: kept{
		Version: stateVersion, Incidents: map[string]*Incident{}, Alerts: map[string]*Alert{},
		Clips: map[string]*Clip{}, Devices: map[string]*Device{}, Tasks: map[string]*Task{},
		Patrols: map[string]*Patrolled{}, Drills: map[string]*Drilled{},
	}}
	s.ix.build(&s.k)
	return s
}

// Restore reads a state that Bytes wrote.
func Restore(b []byte) (*State, error) {
	s := NewState()
	if err := json.Unmarshal(b, &s.k); err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if s.k.Version != stateVersion {
		return nil, fmt.Errorf("read state: version %d, want %d", s.k.Version, stateVersion)
	}
	for id, old := range s.k.Tasks {
		if old.Kind == "" { // a checkpoint from before kinds
			task := *old
			task.Kind = PlainTask
			s.k.Tasks[id] = &task
		}
	}
	s.ix.build(&s.k)
	return s, nil
}

// Bytes is the state as a checkpoint holds it. The same events give the same
// bytes.
func (s *State) Bytes() ([]byte, error) { return s.k.bytes() }

func (k *kept) bytes() ([]byte, error) {
	b, err := json.Marshal(k) // sorts the keys of maps
	if err != nil {
		return nil, fmt.Errorf("write state at place %d: %w", k.Place, err)
	}
	return b, nil
}

// copy is cheap: resources never change, so only the maps are copied.
func (k *kept) copy() *kept {
	c := *k
	c.Incidents, c.Alerts = maps.Clone(k.Incidents), maps.Clone(k.Alerts)
	c.Clips, c.Devices, c.Tasks = maps.Clone(k.Clips), maps.Clone(k.Devices), maps.Clone(k.Tasks)
	c.Patrols, c.Drills = maps.Clone(k.Patrols), maps.Clone(k.Drills)
	c.Heard = maps.Clone(k.Heard)
	return &c
}

func clipKey(id, part string) string { return id + "/" + part }
