package desk

import (
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// joinable is the open incident that an alert like this one joins: found under
// its first join key that has one, the newest when there are several. within
// is how long the incident may have given no sign before since; 0 is for ever.
func (s *State) joinable(like *Alert, since bridge.Stamp, within time.Duration) *Incident {
	for _, key := range joinKeys(like) {
		var best *Incident
		for id, sign := range s.ix.joins[key] {
			if within > 0 && since.Sub(sign.Time) > within {
				continue
			}
			if inc := s.k.Incidents[id]; inc != nil && (best == nil || inc.Number > best.Number) {
				best = inc
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// similar names the newest incidents that an alert like this one was part of, or
// that were at its place, besides the linked ones.
func (t *step) similar(a raising, linked []string) []string {
	var found newest
	add := func(inc *Incident) {
		if inc != nil && !slices.Contains(linked, inc.ID) {
			found.add(inc)
		}
	}
	if a.like != nil {
		for _, key := range similarKeys(a.like) {
			for _, id := range t.s.ix.similar[key] {
				add(t.s.k.Incidents[id])
			}
		}
	}
	t.nearby(a, add)
	return found.ids()
}

// newest are the similarMax newest of the incidents that were added, newest
// first.
type newest []*Incident

func (n *newest) add(inc *Incident) {
	i := 0
	for i < len(*n) && (*n)[i].Number > inc.Number {
		i++
	}
	if i >= similarMax || i < len(*n) && (*n)[i].ID == inc.ID {
		return
	}
	*n = slices.Insert(*n, i, inc)
	*n = (*n)[:min(len(*n), similarMax)]
}

func (n newest) ids() []string {
	ids := []string{}
	for _, inc := range n {
		ids = append(ids, inc.ID)
	}
	return ids
}
