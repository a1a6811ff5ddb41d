package desk

import (
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// TypeDutyChanged says that somebody's word puts a person or a team on duty or
// takes them off, whatever the shifts say. Its reason may be a person's illness,
// so it never leaves the box (lane local; older journals have it in notice).
const TypeDutyChanged = "watchpost.duty.changed"

const (
	dutyDefault = 12 * time.Hour             // a word without an end
	dutyLongest = 366 * 24 * time.Hour       // of a word: beyond it the shifts are wrong
	dutyOnMost  = 7*24*time.Hour + time.Hour // of a word that puts somebody on duty, and the caller's clock: his phone is followed as long
	dutyWords   = 2000                       // in force at a time
)

// DutyWord is one word in force. Exactly one of Person and Team is there.
type DutyWord struct {
	Person string       `json:"person,omitempty"`
	Team   string       `json:"team,omitempty"`
	On     bool         `json:"on"`
	At     bridge.Stamp `json:"at"` // when it was said
	Until  bridge.Stamp `json:"until"`
	By     string       `json:"by"`
	Reason string       `json:"reason"`
}

// DutyChanged is the data of duty.changed.
type DutyChanged struct {
	Schema int `json:"schema"`
	DutyWord
}

// DutyIn puts a person or a team on duty or takes them off.
type DutyIn struct {
	Person, Team string // exactly one; a person's user will do
	On           bool
	Until        time.Time // zero: 12 hours from now
	Reason       string
	By           Actor
	Idempotency  string
}

func (in DutyIn) decide(t *step, hit *bridge.Record) error { return t.duty(in, hit) }

func (in DutyIn) keys() []string { return idemKeys(in.By, in.Idempotency) }

// Standing is whether a person or a team is on duty, and who says so.
type Standing struct {
	On     bool         `json:"on"`
	Shift  string       `json:"shift,omitempty"` // the shift that says so
	Team   string       `json:"team,omitempty"`  // of a person: with which team
	Since  bridge.Stamp `json:"since"`           // from when what says so counts
	Until  bridge.Stamp `json:"until"`           // and until when; empty: nothing says so
	By     string       `json:"by,omitempty"`    // whose word it is, instead of a shift's
	Reason string       `json:"reason,omitempty"`
}

// TeamDuty is whether the team is on duty at a time: by a word in force, else
// by a shift. Who is not configured is not on duty.
func (r *Rules) TeamDuty(s *State, id string, at time.Time) Standing {
	if r.teams[id] == nil {
		return Standing{}
	}
	if w := s.dutyWord("", id, at); w != nil {
		return Standing{On: w.On, Since: w.At, Until: w.Until, By: w.By, Reason: w.Reason}
	}
	return r.byShift(at, func(one *Shift) bool { return slices.Contains(one.Teams, id) })
}

// PersonDuty is the same for a person: by a word on himself, else by a shift of
// his own, else with a team of his that is on duty.
func (r *Rules) PersonDuty(s *State, id string, at time.Time) Standing {
	if r.persons[id] == nil {
		return Standing{}
	}
	if w := s.dutyWord(id, "", at); w != nil {
		return Standing{On: w.On, Since: w.At, Until: w.Until, By: w.By, Reason: w.Reason}
	}
	if own := r.byShift(at, func(one *Shift) bool { return slices.Contains(one.Persons, id) }); own.On {
		return own
	}
	for i := range r.setup.Teams {
		team := &r.setup.Teams[i]
		if !slices.Contains(team.Members, id) {
			continue
		}
		if with := r.TeamDuty(s, team.ID, at); with.On {
			with.Team = team.ID
			return with
		}
	}
	return Standing{}
}

// byShift is the shift of those that fit which is on at the time; of several
// the one that ends last.
func (r *Rules) byShift(at time.Time, fits func(*Shift) bool) Standing {
	var best Standing
	for i := range r.setup.Shifts {
		one := &r.setup.Shifts[i]
		if !fits(one) {
			continue
		}
		if from, until, on := one.On(at, r.setup.Zone); on && until.After(best.Until.Time) {
			best = Standing{On: true, Shift: one.ID, Since: bridge.At(from), Until: bridge.At(until)}
		}
	}
	return best
}

// On reports whether the shift is on at the time, from when and until when: one
// that began on this day of the zone, or on the day before.
func (one *Shift) On(at time.Time, zone *time.Location) (from, to time.Time, on bool) {
	year, month, today := at.In(zone).Date()
	for _, day := range []int{today, today - 1} {
		clock := func(days int, t time.Duration) time.Time {
			return time.Date(year, month, day+days, 0, int(t/time.Minute), 0, 0, zone)
		}
		from = clock(0, one.From)
		if len(one.Days) > 0 && !slices.Contains(one.Days, from.Weekday()) {
			continue
		}
		to = clock(0, one.To)
		if one.To <= one.From {
			to = clock(1, one.To)
		}
		if !at.Before(from) && at.Before(to) {
			return from, to, true
		}
	}
	return time.Time{}, time.Time{}, false
}

// Zone is the station's time zone.
func (r *Rules) Zone() *time.Location { return r.setup.Zone }

// Shifts are the configured shifts; they must not be changed.
func (r *Rules) Shifts() []Shift { return r.setup.Shifts }

func (s *State) dutyWord(person, team string, at time.Time) *DutyWord {
	for i := range s.k.Duty {
		if w := &s.k.Duty[i]; w.Person == person && w.Team == team && w.Until.After(at) {
			return w
		}
	}
	return nil
}

func (t *step) duty(in DutyIn, hit *bridge.Record) error {
	if !slices.Contains(room(), in.By.Role) {
		return &ForbiddenError{"duty", in.By.Role, room()}
	}
	word, err := t.dutyWho(in)
	if err != nil {
		return err
	}
	if hit != nil {
		if before, err := decode[DutyChanged](&hit.Event); err != nil || hit.Event.Type != TypeDutyChanged ||
			before != nil && (before.Person != word.Person || before.Team != word.Team || before.On != in.On) {
			return usedKey(in.Idempotency)
		}
		t.answer.Duplicate = true
		return nil
	}
	until := in.Until
	if until.IsZero() {
		until = t.now.Add(dutyDefault)
	}
	switch d := until.Sub(t.now.Time); {
	case strings.TrimSpace(in.Reason) == "":
		return &InvalidError{"reason", "", "why the shifts do not count"}
	case d <= 0 || d > dutyLongest:
		return &InvalidError{"until", bridge.At(until).String(), "a time to come, within a year"}
	case in.On && d > dutyOnMost:
		return &InvalidError{"until", bridge.At(until).String(), "a time within a week: who is on duty for longer has a shift, in the configuration"}
	case t.s.dutyWords(t.now.Time) >= dutyWords:
		return &InvalidError{"until", bridge.At(until).String(), "a change of the shifts: too many words stand against them"}
	}
	if err := texts("reason", in.Reason, "by", in.By.Name, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	word.On, word.At, word.Until, word.By, word.Reason = in.On, t.now, bridge.At(until), in.By.Name, in.Reason
	d := bridge.Draft{Type: TypeDutyChanged, Subject: "persons/" + word.Person, Lane: bridge.Local}
	if word.Team != "" {
		d.Subject = "teams/" + word.Team
	}
	d.Key = idemKey(in.By, in.Idempotency)
	t.add(d, DutyChanged{Schema: schema, DutyWord: word})
	return nil
}

// dutyWords is how many words are in force.
func (s *State) dutyWords(at time.Time) (n int) {
	for i := range s.k.Duty {
		n += oneIf(s.k.Duty[i].Until.After(at))
	}
	return n
}

// dutyWho is whom the word is about.
func (t *step) dutyWho(in DutyIn) (DutyWord, error) {
	switch {
	case (in.Person == "") == (in.Team == ""):
		return DutyWord{}, &InvalidError{"person", in.Person, "a person or a team: exactly one of them"}
	case in.Team != "":
		if t.r.teams[in.Team] == nil {
			return DutyWord{}, &NotFoundError{"team", cut(in.Team)}
		}
		return DutyWord{Team: in.Team}, nil
	}
	p := t.r.person(in.Person)
	if p == nil {
		return DutyWord{}, &NotFoundError{"person", cut(in.Person)}
	}
	return DutyWord{Person: p.ID}, nil
}

// dutyChanged folds a word: it takes the place of the one before, and those
// that have lapsed go. The list is made anew.
func (s *State) dutyChanged(e *bridge.Event, data *DutyChanged) {
	words := slices.DeleteFunc(slices.Clone(s.k.Duty), func(w DutyWord) bool {
		return w.Person == data.Person && w.Team == data.Team || !w.Until.After(e.RecordedTime.Time)
	})
	s.k.Duty = append(words, data.DutyWord)
}
