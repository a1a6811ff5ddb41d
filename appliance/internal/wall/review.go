package wall

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// reviewDays is how long a period is that nobody named: a week with today.
const reviewDays = 7

// reviewer counts what the journal tells (package review). Places are waited
// for: what an answer is as of, it has.
type reviewer interface {
	Review(ctx context.Context, place uint64, q review.Query) (review.Report, error)
	People(ctx context.Context, place uint64, from, to string, who func(name string) string) ([]review.Week, error)
	// Today is the present day of the station; DaysBefore one before another.
	Today() string
	DaysBefore(date string, n int) string
}

type reviewAnswer struct {
	AsOf string `json:"as_of"`
	review.Report
}

type peopleAnswer struct {
	AsOf  string       `json:"as_of"`
	From  string       `json:"from"`
	To    string       `json:"to"`
	Items []peopleWeek `json:"items"`
}

// peopleWeek is one person's week, with the name that the configuration has.
type peopleWeek struct {
	Name string `json:"name"`
	review.Week
}

// reviewPage answers for a period, by default the last week.
func (s *Server) reviewPage(c *fiber.Ctx, who caller) error {
	report, place, err := s.reviewOf(c, who)
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, place, reviewAnswer{s.asOf(place), report})
}

// reviewOf is the report that the request asks for, with names.
func (s *Server) reviewOf(c *fiber.Ctx, who caller) (review.Report, uint64, error) {
	q := review.Query{CompareFrom: c.Query("compare_from"), CompareTo: c.Query("compare_to"), Team: s.teamRow}
	q.From, q.To = s.reviewSpan(c)
	if by := c.Query("by"); by != "" {
		q.By = strings.Split(by, ",")
	}
	place, err := s.view(func(*desk.State) {})
	if err != nil {
		return review.Report{}, 0, err
	}
	ctx, cancel := s.within()
	defer cancel()
	report, err := s.o.Review.Review(ctx, place, q)
	if err != nil {
		return review.Report{}, 0, behind(err)
	}
	s.nameReview(&report)
	report.Sources = slices.DeleteFunc(report.Sources, func(one review.Source) bool {
		return (one.Kind == "rule" || one.Kind == "camera") && !s.sees(who, one.ID)
	})
	return report, place, nil
}

// behind says that what was asked for is not counted yet: the projection is
// being made from the whole journal.
func behind(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return later(fault(http.StatusServiceUnavailable, "review_behind", "wait; after an update it reads the whole journal once", "the journal is still being counted"), 10*time.Second)
	}
	return err
}

// reviewSpan is the period: to is today and from a week before it when absent.
func (s *Server) reviewSpan(c *fiber.Ctx) (from, to string) {
	if from, to = c.Query("from"), c.Query("to"); to == "" {
		to = s.o.Review.Today()
	}
	if from == "" {
		from = s.o.Review.DaysBefore(to, reviewDays-1)
	}
	return from, to
}

// teamRow is the row of a receiver of orders: what one person did stands in
// his tally only.
func (s *Server) teamRow(to string) string { return review.TeamRow(s.o.Desk.Rules().Party(to)) }

// nameReview gives rows the names that the configuration has now.
func (s *Server) nameReview(r *review.Report) {
	names := map[string]string{}
	for _, one := range s.o.Devices.Places() {
		names["place/"+one.ID] = one.Name
	}
	for _, one := range s.o.Devices.Cameras() {
		names["place/device:"+one.ID] = one.Name
	}
	for _, one := range s.o.Devices.Pillars() {
		names["place/device:"+one.ID] = one.Name
	}
	nameOf := func(group, key, name string) string {
		switch {
		case group == "team" && key != review.PersonsRow:
			return s.o.Desk.Rules().Party(key).Name
		case names[group+"/"+key] != "":
			return names[group+"/"+key]
		}
		return name
	}
	for group, rows := range r.Groups {
		for i := range rows {
			rows[i].Name = nameOf(group, rows[i].Key, rows[i].Name)
		}
	}
	for i := range r.Repeats {
		r.Repeats[i].Name = nameOf("place", r.Repeats[i].Key, r.Repeats[i].Name)
	}
	if r.Compared == nil {
		return
	}
	for group, rows := range r.Compared.Groups {
		for i := range rows {
			rows[i].Name = nameOf(group, rows[i].Key, rows[i].Name)
		}
	}
}

// reviewPeople is the tally by person and week: a lead's of everybody, which is
// recorded as a look is, and everybody's own.
func (s *Server) reviewPeople(c *fiber.Ctx, who caller) error {
	body, place, err := s.peopleOf(c, who, "looked")
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, place, body)
}

func (s *Server) peopleOf(c *fiber.Ctx, who caller, kind string) (peopleAnswer, uint64, error) {
	body := peopleAnswer{Items: []peopleWeek{}}
	body.From, body.To = s.reviewSpan(c)
	person, own, err := s.tallied(c, who)
	if err != nil {
		return body, 0, err
	}
	place, err := s.view(func(*desk.State) {})
	if err != nil {
		return body, 0, err
	}
	ctx, cancel := s.within()
	defer cancel()
	weeks, err := s.o.Review.People(ctx, place, body.From, body.To, func(name string) string {
		if one := s.personOf(name); person == "" || one == person {
			return one
		}
		return ""
	})
	if err != nil {
		return body, 0, behind(err)
	}
	if !own && c.Method() != fiber.MethodHead {
		whose := cmp.Or(person, "everybody")
		if _, err := s.record(desk.AccessIn{
			Kind: kind, By: who.actor(), Remote: who.remote, Why: "tally of " + whose, Note: body.From + " to " + body.To,
		}); err != nil {
			return body, 0, err
		}
	}
	for _, w := range weeks {
		body.Items = append(body.Items, peopleWeek{s.o.Desk.Rules().Party(w.Person).Name, w})
	}
	body.AsOf = s.asOf(place)
	return body, place, nil
}

// personOf is whom a name in the journal means, by his id where he is
// configured; empty for teams and partners, who are nobody.
func (s *Server) personOf(name string) string {
	p := s.o.Desk.Rules().Party(name)
	if p.Kind == "team" || p.Kind == "partner" {
		return ""
	}
	return p.ID
}

// tallied is whose tally the caller asks for; "": everybody's, for leads. own:
// his own.
func (s *Server) tallied(c *fiber.Ctx, who caller) (person string, own bool, err error) {
	lead := slices.Contains([]access.Role{access.Lead, access.Admin}, who.role)
	// A login that has the name of somebody's id is not that somebody.
	person, me := s.personOf(c.Query("person")), s.o.Desk.Rules().PersonOf(who.actor()).ID
	if person == "" && !lead {
		person = me
	}
	if own = person != "" && person == me; !own && !lead {
		p := fault(http.StatusForbidden, "forbidden", "ask your lead", "%s may see his own tally only", who.name)
		p.Field, p.Value = "person", clip(person, 64)
		return "", false, p
	}
	return person, own, nil
}
