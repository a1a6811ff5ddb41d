package review

import (
	"cmp"
	"slices"
	"strings"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

const peopleMax = 300 // rows of one day's event

// people adds what persons did in the incident: its points, and what a lead
// made of them, which is whose incident it was.
func (i *incident) people(into map[string]*desk.PersonTally) {
	if i.merged() {
		return
	}
	for _, s := range i.Steps {
		p := person(into, s.By)
		p.Steps++
		p.Points += s.Points
		switch s.Result {
		case "in_time":
			p.InTime++
		case "late":
			p.Late++
		case "missing":
			p.Missing++
		}
	}
	if i.Claimed != "" && i.judged() {
		p := person(into, i.Claimed)
		p.Incidents++
		p.Corrected += i.Corrected
	}
}

func (o *order) people(into map[string]*desk.PersonTally) {
	p := person(into, o.person())
	p.Orders++
	if o.State == desk.Confirmed {
		p.Done++
	}
	if o.Overdue {
		p.Overdue++
	}
	if o.Unjudged != "" {
		person(into, o.Unjudged).Overdue++
	}
}

func person(into map[string]*desk.PersonTally, name string) *desk.PersonTally {
	if into[name] == nil {
		into[name] = &desk.PersonTally{Person: name}
	}
	return into[name]
}

// tallies are sorted by name: no ranking. The box is no person.
func tallies(from map[string]*desk.PersonTally) []desk.PersonTally {
	list := make([]desk.PersonTally, 0, len(from))
	for name, p := range from {
		if name != "" && name != "box" {
			list = append(list, *p)
		}
	}
	slices.SortFunc(list, func(a, b desk.PersonTally) int {
		return cmp.Or(cmp.Compare(b.Steps+b.Orders, a.Steps+a.Orders), strings.Compare(a.Person, b.Person))
	})
	list = list[:min(len(list), peopleMax)]
	slices.SortFunc(list, func(a, b desk.PersonTally) int { return strings.Compare(a.Person, b.Person) })
	return list
}
