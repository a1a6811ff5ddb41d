package desk

import (
	"cmp"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
)

// Whereabouts is the newest position of a person.
type Whereabouts struct {
	Person   string
	Position ingest.Position
	At       time.Time
	Stale    bool // too old to be taken for where he is
}

// Candidate is a unit on duty that can be sent to an incident.
type Candidate struct {
	Unit
	Where *Whereabouts // of a team: of the member heard last; nil: not known
	// Metres are from where the unit was last to the incident, as the crow
	// flies; nil when either place is not known.
	Metres *float64
}

// Candidates are the units to send, best first: free ones before busy ones;
// among these, those whose position is fresh by distance, then those whose
// position is old by distance, then those of which nobody knows where they are,
// the incident's own beat first. People of a team that is listed go with it.
func (r *Rules) Candidates(s *State, at time.Time, inc *Incident, where func(person string) *Whereabouts) []Candidate {
	var list []Candidate
	for _, u := range OnDuty(r.Units(s, at)) {
		c := Candidate{Unit: u}
		for _, id := range u.People() {
			if w := where(id); w != nil && (c.Where == nil || w.At.After(c.Where.At)) {
				c.Where = w
			}
		}
		if c.Where != nil && inc.Position != nil {
			d := distance(c.Where.Position, *inc.Position)
			c.Metres = &d
		}
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b2i(len(a.Tasks) > 0), b2i(len(b.Tasks) > 0)), cmp.Compare(a.known(), b.known()), byMetres(a, b),
			cmp.Compare(b2i(a.Beat != inc.Place.Beat || a.Beat == ""), b2i(b.Beat != inc.Place.Beat || b.Beat == "")))
	})
	return list
}

// known orders by what is known of the distance: 0 now, 1 some time ago, 2
// nothing.
func (c *Candidate) known() int {
	switch {
	case c.Metres == nil:
		return 2
	case c.Where.Stale:
		return 1
	}
	return 0
}

func byMetres(a, b Candidate) int {
	if a.Metres == nil || b.Metres == nil {
		return 0
	}
	return cmp.Compare(*a.Metres, *b.Metres)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
