package desk

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Change is a resource that was touched, whole.
type Change struct {
	Kind     string // incident, alert, clip, device, task
	ID       string // of a clip: {id}/{part}
	Touched  uint64
	Resource any // *Incident, *Alert, *Clip, *Device, *Task
	// Last says that no other resource was touched at the same place: only
	// then may a client be told that it has everything up to Touched.
	Last bool
}

// View shows the state to the function, which must neither keep nor change it
// (the resources in it may be kept). asOf is the place at which what it saw is
// true. View returns when that is on the disk: nothing may be shown before.
func (d *Desk) View(ctx context.Context, show func(*State)) (asOf uint64, err error) {
	d.mu.RLock()
	if d.failure != nil {
		defer d.mu.RUnlock()
		return 0, d.failure
	}
	show(d.state)
	asOf, ticket := d.state.k.Place, d.ticket
	d.mu.RUnlock()
	return asOf, d.wait(ctx, ticket)
}

// Since gives every resource that was touched after the place, whole, in the
// order of touching, and the place at which that is true: nothing is missing
// and nothing unsynced is among them. From place 0 it gives everything. It
// returns ErrGone when the place is unknown or too old.
func (d *Desk) Since(ctx context.Context, place uint64) (changes []Change, asOf uint64, err error) {
	gone := false
	asOf, err = d.View(ctx, func(s *State) { changes, gone = s.since(place) })
	if err == nil && gone {
		err = ErrGone
	}
	return changes, asOf, err
}

func (s *State) since(place uint64) (changes []Change, gone bool) {
	if place > s.k.Place || place > 0 && place < s.k.Floor {
		return nil, true
	}
	log := s.ix.touched
	first := sort.Search(len(log), func(i int) bool { return log[i].place > place })
	for _, r := range log[first:] {
		resource, touched := s.k.get(r)
		if touched != r.place {
			continue // touched again later, or gone
		}
		if n := len(changes); n > 0 {
			changes[n-1].Last = changes[n-1].Touched != r.place
		}
		changes = append(changes, Change{Kind: r.kind.String(), ID: r.key, Touched: r.place, Resource: resource, Last: true})
	}
	return changes, false
}

// Changed is closed at the next event after the call. The event may not be
// synced yet: Since and View wait for that.
func (d *Desk) Changed() <-chan struct{} {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.changed
}

// Rules are the setup made ready.
func (d *Desk) Rules() *Rules { return d.rules }

// Place is the place of the newest event in the state.
func (s *State) Place() uint64 { return s.k.Place }

// Now is the recorded time of the newest event.
func (s *State) Now() bridge.Stamp { return s.k.Now }

// Config is the hash of the configuration that the newest start named.
func (s *State) Config() string { return s.k.Config }

// Deadline is when the next thing is due: an incident's limit, a task's, a
// request's that waits for two people; zero when none is.
func (s *State) Deadline() bridge.Stamp {
	next := sooner(s.k.approvalDeadline(), s.k.handoverDeadline())
	if len(s.ix.deadlines) > 0 {
		next = sooner(next, s.ix.deadlines[0].at)
	}
	return next
}

// sooner is the earlier of two deadlines; zero is none.
func sooner(a, b bridge.Stamp) bridge.Stamp {
	if a.IsZero() || !b.IsZero() && b.Before(a.Time) {
		return b
	}
	return a
}

// Incident is the incident, or nil.
func (s *State) Incident(id string) *Incident { return s.k.Incidents[id] }

// Alert is the alert, or nil.
func (s *State) Alert(id string) *Alert { return s.k.Alerts[id] }

// Clip is the part of the clip, or nil.
func (s *State) Clip(id, part string) *Clip { return s.k.Clips[clipKey(id, part)] }

// Device is what the journal knows of a device, or nil when it never spoke.
func (s *State) Device(id string) *Device { return s.k.Devices[id] }

// OpenIncidents are those that are not closed, by priority, then age.
func (s *State) OpenIncidents() []*Incident {
	open := make([]*Incident, 0, len(s.ix.open))
	for id := range s.ix.open {
		open = append(open, s.k.Incidents[id])
	}
	slices.SortFunc(open, urgency)
	return open
}

// Incidents are all that the state holds, newest first: the open ones and those
// closed within 7 days.
func (s *State) Incidents() []*Incident {
	all := make([]*Incident, 0, len(s.k.Incidents))
	for _, inc := range s.k.Incidents {
		all = append(all, inc)
	}
	slices.SortFunc(all, func(a, b *Incident) int { return cmp.Compare(b.Number, a.Number) })
	return all
}

// AlertsOf are the incident's alerts in the order they came.
func (s *State) AlertsOf(incident string) []*Alert {
	alerts := []*Alert{}
	if inc := s.k.Incidents[incident]; inc != nil {
		for _, id := range inc.Alerts {
			if a := s.k.Alerts[id]; a != nil {
				alerts = append(alerts, a)
			}
		}
	}
	return alerts
}

// Alerts are all alerts that the state holds, newest first.
func (s *State) Alerts() []*Alert {
	all := make([]*Alert, 0, len(s.k.Alerts))
	for _, a := range s.k.Alerts {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *Alert) int {
		if c := b.Recorded.Compare(a.Recorded.Time); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return 1
		}
		return -1
	})
	return all
}

// ClipsOf are the parts of the incident's clips, part 1 before whole.
func (s *State) ClipsOf(incident string) []*Clip {
	clips := []*Clip{}
	if inc := s.k.Incidents[incident]; inc != nil {
		for _, id := range inc.Clips {
			for _, part := range []string{"1", "whole"} {
				if c := s.k.Clips[clipKey(id, part)]; c != nil {
					clips = append(clips, c)
				}
			}
		}
	}
	return clips
}

// PillarsOf are the pillars that were pressed in the incident and may light up
// or speak. One at which only duress was pressed is never among them, and none
// while an incident with duress at it is open.
func (s *State) PillarsOf(incident string) []string {
	pillars, seen := []string{}, map[string]bool{}
	for _, a := range s.AlertsOf(incident) {
		if a.Origin != "press" || a.Kind == string(ingest.PressDuress) || seen[a.Device] {
			continue
		}
		seen[a.Device] = true
		if !s.duress(a.Device) {
			pillars = append(pillars, a.Device)
		}
	}
	return pillars
}

// duress reports whether an open incident holds a duress press of the pillar.
func (s *State) duress(pillar string) bool {
	for _, key := range joinKeys(&Alert{Origin: "press", Device: pillar}) {
		for incident := range s.ix.joins[key] {
			for _, a := range s.AlertsOf(incident) {
				if a.Kind == string(ingest.PressDuress) && a.Device == pillar {
					return true
				}
			}
		}
	}
	return false
}

// Devices are the configured devices with what the journal knows of them, in
// the order of the configuration; one that never spoke is unknown.
func (r *Rules) Devices(s *State) []*Device {
	var all []*Device
	add := func(id, typ, name string, at *Device) {
		d := Device{ID: id, Type: typ, State: "unknown"}
		if known := s.k.Devices[id]; known != nil {
			d = *known
		}
		d.Name = name
		if d.Position == nil && at != nil {
			d.Position = at.Position
		}
		all = append(all, &d)
	}
	for _, c := range r.setup.Cameras {
		add(c.ID, "camera", c.Name, &Device{Position: c.Position})
	}
	for _, p := range r.setup.Pillars {
		add(p.ID, "pillar", p.Name, &Device{Position: p.Position})
	}
	for _, x := range r.setup.Drones {
		add(x.ID, "drone", x.Name, nil)
	}
	for _, name := range r.setup.Uplinks {
		add(name, "uplink", name, nil)
	}
	return all
}
