package desk

import (
	"fmt"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// What was counted of a station day (研判). Package review counts; the events
// outlive what they were counted from. What people did stands in an event of
// its own, which never leaves the box.
const (
	TypeReviewDay    = "watchpost.review.day"
	TypeReviewPeople = "watchpost.review.people"
)

// Tally are counts of one thing within a day: an hour, a place, a kind.
type Tally struct {
	Key       string `json:"key"`
	Name      string `json:"name,omitempty"`
	Incidents int    `json:"incidents,omitempty"`
	False     int    `json:"false_alarms,omitempty"`
	Alerts    int    `json:"alerts,omitempty"`
	Limited   int    `json:"limited,omitempty"` // states left that had a limit
	InTime    int    `json:"in_time,omitempty"` // of these, before it
	Answered  int    `json:"answered,omitempty"`
	AnswerMS  int64  `json:"answer_ms,omitempty"` // of all answered, together
	Arrived   int    `json:"arrived,omitempty"`
	ArriveMS  int64  `json:"arrive_ms,omitempty"` // from opened to the first arrival, together
}

// DayTotals are counts of a whole day.
type DayTotals struct {
	Incidents   int `json:"incidents"`
	Alerts      int `json:"alerts"`
	Folded      int `json:"folded"` // presses and sightings counted into an alert that was there
	Open        int `json:"open"`   // not closed when this was counted
	Resolved    int `json:"resolved"`
	False       int `json:"false_alarms"`
	Transferred int `json:"transferred"`
	Merged      int `json:"merged"` // became part of another: not among the incidents
	Reopened    int `json:"reopened"`
	Escalated   int `json:"escalated"`
	Unshown     int `json:"unshown"` // P0 that no screen drew in time
}

// Waiting is how long incidents of one priority stayed in one state. Buckets
// are pairs of a bucket of package review's histogram and how many fell in it.
type Waiting struct {
	Priority string   `json:"priority"`
	State    string   `json:"state"` // open, acknowledged, dispatched, on_scene; arrival, whole: since opened
	N        int      `json:"n"`
	Limited  int      `json:"limited"`
	InTime   int      `json:"in_time"`
	LimitMS  int64    `json:"limit_ms"` // most often given; 0: none
	Buckets  [][2]int `json:"buckets"`
}

// SourceTally are counts of one rule, camera, pillar or drone: of what it told,
// and what became of the incidents it took part in.
type SourceTally struct {
	Kind      string `json:"kind"` // rule, camera, pillar, drone
	ID        string `json:"id"`   // device
	Rule      string `json:"rule,omitempty"`
	Alerts    int    `json:"alerts,omitempty"`
	Incidents int    `json:"incidents,omitempty"`
	Judged    int    `json:"judged,omitempty"` // closed with a result
	False     int    `json:"false_alarms,omitempty"`
}

// CellTally are the incidents within one square of the map.
type CellTally struct {
	Y         int `json:"y"`
	X         int `json:"x"`
	Incidents int `json:"incidents"`
	False     int `json:"false_alarms,omitempty"`
}

// OrderTally are the orders of one kind.
type OrderTally struct {
	Kind       string `json:"kind"`
	Issued     int    `json:"issued"`
	Confirmed  int    `json:"confirmed"`
	HandedBack int    `json:"handed_back"`
	Cancelled  int    `json:"cancelled"`
	Overdue    int    `json:"overdue"`
}

// DayCounts is all that was counted of a day.
type DayCounts struct {
	Totals  DayTotals          `json:"totals"`
	By      map[string][]Tally `json:"by"` // hour, place, beat, kind, source, team, priority
	Waits   []Waiting          `json:"waits"`
	Sources []SourceTally      `json:"sources"`
	Cells   []CellTally        `json:"cells"`
	Orders  []OrderTally       `json:"orders"`
	LeftOut map[string]int     `json:"left_out,omitempty"` // rows that had no room here, by list
}

// PersonTally is what one person did in a day.
type PersonTally struct {
	Person    string `json:"person"` // user, or a receiver of orders
	Steps     int    `json:"steps,omitempty"`
	InTime    int    `json:"in_time,omitempty"`
	Late      int    `json:"late,omitempty"`
	Missing   int    `json:"missing,omitempty"`
	Points    int    `json:"points,omitempty"`
	Corrected int    `json:"corrected,omitempty"` // by leads, of incidents he had claimed
	Incidents int    `json:"incidents,omitempty"` // closed, that he had claimed
	Orders    int    `json:"orders,omitempty"`
	Done      int    `json:"orders_done,omitempty"`
	Overdue   int    `json:"orders_overdue,omitempty"`
}

// ReviewDay is the data of review.day. A higher revision of the same date and
// epoch takes the place of the one before; the same revision comes again when
// the journal is about to lose the older copy.
type ReviewDay struct {
	Schema   int       `json:"schema"`
	Date     string    `json:"date"`            // of the station, 2026-01-31
	Epoch    string    `json:"epoch,omitempty"` // of the journal that it was counted from, when that is not this one
	Revision int       `json:"revision"`
	Counts   DayCounts `json:"counts"`
}

// ReviewPeople is the data of review.people.
type ReviewPeople struct {
	Schema   int           `json:"schema"`
	Date     string        `json:"date"`
	Epoch    string        `json:"epoch,omitempty"`
	Revision int           `json:"revision"`
	People   []PersonTally `json:"people"`
}

// ReviewIn says what was counted of a day. Through is the place up to which the
// journal is about to go: a copy below it is written again.
type ReviewIn struct {
	Day     ReviewDay
	People  []PersonTally
	Through uint64
}

func (in ReviewIn) decide(t *step, hit *bridge.Record) error { return t.reviewed(in, hit) }

func (in ReviewIn) keys() []string { return []string{in.key()} }

func (in ReviewIn) key() string {
	if in.Day.Epoch != "" {
		return "review/" + in.Day.Date + "/" + in.Day.Epoch
	}
	return "review/" + in.Day.Date
}

// reviewed writes a day once in each revision, and again only where the journal
// is about to lose it.
func (t *step) reviewed(in ReviewIn, hit *bridge.Record) error {
	if _, err := time.Parse(time.DateOnly, in.Day.Date); err != nil {
		return &InvalidError{"date", cut(in.Day.Date), "a date of the station, like 2026-01-31"}
	}
	if in.Day.Revision < 1 {
		return &InvalidError{"revision", fmt.Sprint(in.Day.Revision), "1 or more"}
	}
	if err := texts("epoch", in.Day.Epoch); err != nil {
		return err
	}
	if hit != nil && hit.Place > in.Through {
		if old, err := decode[ReviewDay](&hit.Event); err != nil || old != nil && old.Revision >= in.Day.Revision {
			t.answer.Duplicate = true
			return err
		}
	}
	in.Day.Schema = schema
	subject := "review/" + in.Day.Date
	t.add(bridge.Draft{Type: TypeReviewDay, Subject: subject, Lane: bridge.Notice, Key: in.key()}, in.Day)
	t.add(bridge.Draft{Type: TypeReviewPeople, Subject: subject, Lane: bridge.Local}, ReviewPeople{
		Schema: schema, Date: in.Day.Date, Epoch: in.Day.Epoch, Revision: in.Day.Revision, People: list(in.People),
	})
	return nil
}
