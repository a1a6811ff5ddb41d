package desk

import (
	"fmt"
	"slices"
	"time"
)

// Person is somebody who gets orders.
type Person struct {
	ID, Name string
	User     string // login name in the room; "" is the id
}

// Team is police who can be sent together.
type Team struct {
	ID, Name, Kind, Beat string
	Members              []string // ids of persons
}

// Shift is who is on duty when, by the clock of the station's zone.
type Shift struct {
	ID, Name string
	// From and To are since midnight; a To that is not after From lies on the
	// next day.
	From, To time.Duration
	Days     []time.Weekday // on which it begins; none: every day
	Persons  []string
	Teams    []string
}

// Party is whom an order is for.
type Party struct {
	Kind string // person, team, partner; user: nobody of the configuration
	ID   string
	Name string
}

// Party is whom the receiver of an order means.
func (r *Rules) Party(to string) Party {
	if p := r.person(to); p != nil {
		return Party{"person", p.ID, p.Name}
	}
	if t := r.teams[to]; t != nil {
		return Party{"team", t.ID, t.Name}
	}
	if p := r.partners[to]; p != nil {
		return Party{"partner", p.ID, p.Name}
	}
	return Party{"user", to, to}
}

// Acts reports whether an order for the receiver is the actor's own: for his
// user, for him as a person, or for a team of his.
func (r *Rules) Acts(by Actor, to string) bool {
	if by.Name == "" {
		return false
	}
	me := r.users[by.Name]
	switch party := r.Party(to); party.Kind {
	case "person":
		return me != nil && me.ID == party.ID // a login that has the name of somebody else's id is not he
	case "team":
		return me != nil && slices.Contains(r.teams[party.ID].Members, me.ID)
	case "user":
		return to == by.Name
	}
	return false
}

// PersonOf is the person whose user the actor is; Kind "user" when he is none.
func (r *Rules) PersonOf(by Actor) Party {
	if p := r.users[by.Name]; p != nil {
		return Party{"person", p.ID, p.Name}
	}
	return Party{"user", by.Name, by.Name}
}

// person is whom an id or a user means, or nil.
func (r *Rules) person(name string) *Person {
	if p := r.persons[name]; p != nil {
		return p
	}
	return r.users[name]
}

// indexForces checks persons, teams and shifts, and completes them in copies.
func (r *Rules) indexForces() error {
	s := &r.setup
	s.Persons, s.Teams = slices.Clone(s.Persons), slices.Clone(s.Teams)
	for i := range s.Persons {
		p := &s.Persons[i]
		if p.Name == "" {
			p.Name = p.ID
		}
		if p.User == "" {
			p.User = p.ID
		}
		if err := put(r.persons, "person", p.ID, p); err != nil {
			return err
		}
		if err := put(r.users, "user of a person", p.User, p); err != nil {
			return err
		}
	}
	for i := range s.Teams {
		t := &s.Teams[i]
		if t.Name == "" {
			t.Name = t.ID
		}
		if err := put(r.teams, "team", t.ID, t); err != nil {
			return err
		}
		if r.person(t.ID) != nil {
			return fmt.Errorf("team %s: a person has that id or user", t.ID)
		}
		for _, id := range t.Members {
			if r.persons[id] == nil {
				return fmt.Errorf("team %s: person %q is not configured", t.ID, id)
			}
		}
	}
	return r.checkShifts()
}

func (r *Rules) checkShifts() error {
	for _, shift := range r.setup.Shifts {
		for _, id := range shift.Persons {
			if r.persons[id] == nil {
				return fmt.Errorf("shift %s: person %q is not configured", shift.ID, id)
			}
		}
		for _, id := range shift.Teams {
			if r.teams[id] == nil {
				return fmt.Errorf("shift %s: team %q is not configured", shift.ID, id)
			}
		}
	}
	return nil
}
