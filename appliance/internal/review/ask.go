package review

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// Review answers a query, once all up to a place is counted.
func (b *Book) Review(ctx context.Context, place uint64, q Query) (Report, error) {
	if err := q.Check(); err != nil {
		return Report{}, err
	}
	if err := b.wait(ctx, place); err != nil {
		return Report{}, err
	}
	defer b.mu.Unlock()
	return b.kept.report(q)
}

// Week is what one person did in a week that begins on a Monday, as far as it
// lies in the period that was asked for.
type Week struct {
	Week string `json:"week"`
	desk.PersonTally
}

// People are the tallies of the period by person and week. who is the person
// whom a name in the journal means; "" leaves it out. Drills are not counted.
func (b *Book) People(ctx context.Context, place uint64, from, to string, who func(name string) string) ([]Week, error) {
	if err := checkSpan("from", from, "to", to); err != nil {
		return nil, err
	}
	if err := b.wait(ctx, place); err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	weeks := map[[2]string]*Week{}
	parts, works := b.kept.parts(from, to), b.kept.works()
	for _, date := range dates(from, to) {
		var people []desk.PersonTally
		for _, key := range parts[date] {
			var more []desk.PersonTally
			if err := b.kept.Days[key].People.unpack(&more); err != nil {
				return nil, fmt.Errorf("day %s: %w", key, err)
			}
			people = append(people, more...)
		}
		if b.kept.Open[date] != nil {
			_, today := b.kept.counted(date, works[date])
			people = append(people, today...)
		}
		for _, p := range people {
			if p.Person = who(p.Person); p.Person != "" {
				addPerson(weeks, weekOf(date), p)
			}
		}
	}
	list := []Week{}
	for _, w := range weeks {
		list = append(list, *w)
	}
	slices.SortFunc(list, func(a, b Week) int {
		if c := strings.Compare(a.Person, b.Person); c != 0 {
			return c
		}
		return strings.Compare(a.Week, b.Week)
	})
	return list, nil
}

func addPerson(weeks map[[2]string]*Week, week string, p desk.PersonTally) {
	key := [2]string{p.Person, week}
	w := weeks[key]
	if w == nil {
		w = &Week{Week: week}
		w.Person = p.Person
		weeks[key] = w
	}
	w.Steps += p.Steps
	w.InTime += p.InTime
	w.Late += p.Late
	w.Missing += p.Missing
	w.Points += p.Points
	w.Corrected += p.Corrected
	w.Incidents += p.Incidents
	w.Orders += p.Orders
	w.Done += p.Done
	w.Overdue += p.Overdue
}

// Today is the present day of the station.
func (b *Book) Today() string { return dateOf(b.o.Now(), b.o.Zone) }

// checkSpan checks two dates, both included.
func checkSpan(fromField, from, toField, to string) error {
	for field, value := range map[string]string{fromField: from, toField: to} {
		if _, err := time.Parse(time.DateOnly, value); err != nil {
			return &desk.InvalidError{Field: field, Value: value[:min(len(value), 32)], Remedy: "a date of the station, like 2026-01-31"}
		}
	}
	if to < from || to > daysBefore(from, -spanMax+1) {
		return &desk.InvalidError{Field: toField, Value: to, Remedy: "a date that is not before " + fromField + ", and at most 800 days after it"}
	}
	return nil
}

// DaysBefore is the date n days before; empty of what is no date.
func (b *Book) DaysBefore(date string, n int) string { return daysBefore(date, n) }
