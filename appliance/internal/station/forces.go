package station

import (
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// forces are the persons, teams and shifts for the desk.
func forces(c *config.Config, s *desk.Setup) {
	for _, p := range c.Persons {
		s.Persons = append(s.Persons, desk.Person{ID: p.ID, Name: p.Name, User: p.User})
	}
	for _, t := range c.Teams {
		s.Teams = append(s.Teams, desk.Team{ID: t.ID, Name: t.Name, Kind: t.Kind, Beat: t.Beat, Members: t.Members})
	}
	for _, one := range c.Shifts {
		shift := desk.Shift{ID: one.ID, Name: one.Name, From: sinceMidnight(one.From), To: sinceMidnight(one.To), Persons: one.Persons, Teams: one.Teams}
		for _, day := range one.Days {
			shift.Days = append(shift.Days, time.Weekday(slices.Index(config.Weekdays(), day)))
		}
		s.Shifts = append(s.Shifts, shift)
	}
}

func sinceMidnight(t config.TimeOfDay) time.Duration { return time.Duration(t) * time.Minute }
