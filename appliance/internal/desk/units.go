package desk

import (
	"cmp"
	"slices"
	"time"
)

// Unit is a person or a team with where it stands at a time.
type Unit struct {
	Party
	User     string   // of a person
	TeamKind string   // of a team: patrol, post, person
	Beat     string   // of a team
	Members  []string // of a team
	Crew     []string // of these, who is on duty
	Duty     Standing
	// Tasks are the orders that it still works on: its own, and while it is on
	// duty those of its team or of the team's crew.
	Tasks []string
}

// Sendable reports whether there is somebody to send: a team whose members are
// all off duty is nobody, whatever its shift says.
func (u *Unit) Sendable() bool { return u.Duty.On && (len(u.Members) == 0 || len(u.Crew) > 0) }

// People are who of the unit is on duty: their phones say where it is.
func (u *Unit) People() []string {
	switch {
	case !u.Duty.On:
		return nil
	case u.Kind == "person":
		return []string{u.ID}
	}
	return u.Crew
}

// OnDuty are the units that can be sent: teams, and people who do not go with
// one of these.
func OnDuty(units []Unit) []Unit {
	var list []Unit
	with := map[string]bool{}
	for _, u := range units { // teams come first
		if !u.Sendable() || u.Kind == "person" && with[u.ID] {
			continue
		}
		list = append(list, u)
		for _, id := range u.Crew {
			with[id] = true
		}
	}
	return list
}

// Units are all teams, then all persons, in the order of the configuration, as
// they stand at the time.
func (r *Rules) Units(s *State, at time.Time) []Unit {
	busy := r.busy(s)
	var units []Unit
	for _, team := range r.setup.Teams {
		u := Unit{
			Party: Party{"team", team.ID, team.Name}, TeamKind: team.Kind, Beat: team.Beat, Members: team.Members, Duty: r.TeamDuty(s, team.ID, at),
			Tasks: slices.Clone(busy["team/"+team.ID]),
		}
		for _, id := range team.Members {
			if r.PersonDuty(s, id, at).On {
				u.Crew = append(u.Crew, id)
			}
			if slices.Contains(u.Crew, id) {
				u.Tasks = append(u.Tasks, busy["person/"+id]...)
			}
		}
		units = append(units, u)
	}
	for _, p := range r.setup.Persons {
		u := Unit{Party: Party{"person", p.ID, p.Name}, User: p.User, Duty: r.PersonDuty(s, p.ID, at), Tasks: slices.Clone(busy["person/"+p.ID])}
		for _, team := range r.setup.Teams {
			if u.Duty.On && slices.Contains(team.Members, p.ID) {
				u.Tasks = append(u.Tasks, busy["team/"+team.ID]...)
			}
		}
		units = append(units, u)
	}
	return units
}

// outside reports whether an order keeps its receiver busy: a word that is only
// to be read or signed for does not.
func (k TaskKind) outside() bool { return k != Push && k != Supervision && k != Instruction }

// busy are the orders that are owed, by whom they are for, oldest first.
func (r *Rules) busy(s *State) map[string][]string {
	var tasks []*Task
	for id := range s.ix.tasks.open {
		if task := s.k.Tasks[id]; task.State.running() && task.Kind.outside() {
			tasks = append(tasks, task)
		}
	}
	slices.SortFunc(tasks, func(a, b *Task) int { return cmp.Compare(a.Number, b.Number) })
	owed := map[string][]string{}
	for _, task := range tasks {
		to := r.Party(task.To)
		owed[to.Kind+"/"+to.ID] = append(owed[to.Kind+"/"+to.ID], task.ID)
	}
	return owed
}
