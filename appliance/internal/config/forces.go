package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Person is somebody of the station who gets orders.
type Person struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name"`
	User string `yaml:"user"` // login name in the room; empty: the id
	// PasswordFile lets his phone's OwnTracks log in to the broker, by his id.
	PasswordFile string `yaml:"password_file"`

	Password string `yaml:"-"`
}

// Forces is how positions of people are read.
type Forces struct {
	StaleAfter Duration `yaml:"stale_after"` // an older position is not where somebody is
}

// Team is police who can be sent together.
type Team struct {
	ID      string   `yaml:"id"`
	Name    string   `yaml:"name"`
	Kind    string   `yaml:"kind"`
	Beat    string   `yaml:"beat"`
	Members []string `yaml:"members"` // ids of persons
}

// Shift is who is on duty when, in station time; To may lie past midnight, or be
// it (00:00 and 24:00 are the same end), and a shift whose To is its From lasts a
// whole day.
type Shift struct {
	ID      string    `yaml:"id"`
	Name    string    `yaml:"name"`
	From    TimeOfDay `yaml:"from"`
	To      TimeOfDay `yaml:"to"`
	Days    []string  `yaml:"days"`    // on which it begins; none: every day
	Persons []string  `yaml:"persons"` // ids
	Teams   []string  `yaml:"teams"`   // ids
}

// TimeOfDay is a time of the day written like 08:00, in minutes since midnight.
// The end of a day may be written 24:00, where something ends.
type TimeOfDay int

const endOfDay TimeOfDay = 24 * 60

// UnmarshalYAML reads a time of the day.
func (t *TimeOfDay) UnmarshalYAML(n *yaml.Node) error {
	if n.Value == endOfDay.String() {
		*t = endOfDay
		return nil
	}
	at, err := time.Parse("15:04", n.Value)
	if err != nil || len(n.Value) != len("15:04") {
		return fmt.Errorf("%q is no time of the day; write it like 08:00, in station time", n.Value)
	}
	*t = TimeOfDay(at.Hour()*60 + at.Minute())
	return nil
}

const noTime TimeOfDay = -1

// begins checks a time of the day at which something begins.
func (t TimeOfDay) begins(key string, ps *Problems) {
	if t == endOfDay {
		ps.add(key, "%q is the end of a day; write 00:00, where the next one begins", t)
	}
}

func (t *Team) setDefaults()  { t.Kind = "patrol" }
func (s *Shift) setDefaults() { s.From, s.To = noTime, noTime }

// Weekdays are the names of the days, by time.Weekday.
func Weekdays() []string { return strings.Split("sun mon tue wed thu fri sat", " ") }

func (c *Config) resolveForces(abs func(*string), ps *Problems) {
	for i := range c.Persons {
		p := &c.Persons[i]
		abs(&p.PasswordFile)
		p.Password = secret(p.PasswordFile, fmt.Sprintf("persons[%d].password_file", i), ps)
		if p.Name == "" {
			p.Name = p.ID
		}
		if p.User == "" {
			p.User = p.ID
		}
	}
	for i := range c.Teams {
		if c.Teams[i].Name == "" {
			c.Teams[i].Name = c.Teams[i].ID
		}
	}
	for i := range c.Shifts {
		if c.Shifts[i].Name == "" {
			c.Shifts[i].Name = c.Shifts[i].ID
		}
	}
}

// validateForces checks that an order's receiver is one party and no other: a
// person's id, a person's user and a team's id are never another's.
func (c *Config) validateForces(ps *Problems) {
	if d := time.Duration(c.Forces.StaleAfter); d < 10*time.Second || d > 24*time.Hour {
		ps.add("forces.stale_after", "%s; write 10s to 24h", d)
	}
	persons, users, teams, shifts := map[string]bool{}, map[string]string{}, map[string]bool{}, map[string]bool{}
	for i, p := range c.Persons {
		key := fmt.Sprintf("persons[%d]", i)
		validateID(key+".id", p.ID, persons, ps)
		if other, taken := users[p.User]; taken {
			ps.add(key+".user", "%q is the user of person %s already; give each his own", p.User, other)
		}
		users[p.User] = p.ID
		if p.PasswordFile != "" && slices.ContainsFunc(c.Pillars, func(one Pillar) bool { return one.ID == p.ID }) {
			ps.add(key+".id", "%q logs in to the broker as a pillar already; give the person another id", p.ID)
		}
		if c.MQTT.External() {
			needlessPassword(key, p.PasswordFile, ps)
		}
	}
	for i, p := range c.Persons {
		if p.User != p.ID && persons[p.User] {
			ps.add(fmt.Sprintf("persons[%d].user", i), "%q is another person's id; an order for it would be both's", p.User)
		}
	}
	for i, t := range c.Teams {
		key := fmt.Sprintf("teams[%d]", i)
		validateID(key+".id", t.ID, teams, ps)
		if _, user := users[t.ID]; user || persons[t.ID] {
			ps.add(key+".id", "%q is a person's id or user; an order for it would be both's", t.ID)
		}
		oneOf(key+".kind", t.Kind, []string{"patrol", "post", "person"}, ps)
		named(key+".members", t.Members, persons, "persons", ps)
	}
	for i, s := range c.Shifts {
		key := fmt.Sprintf("shifts[%d]", i)
		validateID(key+".id", s.ID, shifts, ps)
		s.validate(key, ps)
		named(key+".persons", s.Persons, persons, "persons", ps)
		named(key+".teams", s.Teams, teams, "teams", ps)
	}
}

func (s *Shift) validate(key string, ps *Problems) {
	for name, at := range map[string]TimeOfDay{"from": s.From, "to": s.To} {
		if at == noTime {
			ps.add(key+"."+name, "is missing; write it like 08:00, in station time")
		}
	}
	s.From.begins(key+".from", ps)
	seen := map[string]bool{}
	for i, day := range s.Days {
		at := fmt.Sprintf("%s.days[%d]", key, i)
		oneOf(at, day, Weekdays(), ps)
		if seen[day] {
			ps.add(at, "%q stands twice; keep one", day)
		}
		seen[day] = true
	}
	if len(s.Persons)+len(s.Teams) == 0 {
		ps.add(key+".persons", "is empty, and so is teams; name who is on duty")
	}
}

// named checks a list of ids: each exists, and stands once.
func named(key string, ids []string, known map[string]bool, what string, ps *Problems) {
	seen := map[string]bool{}
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case !known[id]:
			ps.add(at, "%q is not among the %s", id, what)
		case seen[id]:
			ps.add(at, "%q stands twice; keep one", id)
		}
		seen[id] = true
	}
}
