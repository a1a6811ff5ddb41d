package desk

import "fmt"

// carrier is a journal that may have begun with the state of another one: its
// predecessor was damaged and set aside.
type carrier interface{ Carried() ([]byte, error) }

// base is the state before the journal's first record. A state that cannot be
// read is no reason to stay down: alarms come first.
func (d *Desk) base() *State {
	journal, ok := d.journal.(carrier)
	if !ok {
		return NewState()
	}
	b, err := journal.Carried()
	if err == nil && b != nil {
		var s *State
		if s, err = RestoreCarried(b); err == nil {
			return s
		}
	}
	if err != nil {
		d.log.Error("the room of the journal that was set aside cannot be read, beginning empty", "err", err)
	}
	return NewState()
}

// RestoreCarried reads a state that Bytes wrote over another journal: the room
// is the same, and no place of that journal means anything here.
func RestoreCarried(b []byte) (*State, error) {
	s, err := Restore(b)
	if err != nil {
		return nil, fmt.Errorf("carry state over: %w", err)
	}
	k := &s.k
	k.Place, k.Floor = 0, 0
	for _, x := range k.Incidents {
		x.Touched = 0
	}
	for _, x := range k.Alerts {
		x.Touched = 0
	}
	for _, x := range k.Clips {
		x.Touched = 0
	}
	for _, x := range k.Devices {
		x.Touched = 0
	}
	for _, x := range k.Tasks {
		x.Touched = 0
	}
	for _, x := range k.Patrols {
		x.Touched = 0
	}
	for _, x := range k.Drills {
		x.Touched = 0
		if x.Run != nil {
			x.Run.Place = 0
		}
	}
	s.ix.build(k)
	return s, nil
}
