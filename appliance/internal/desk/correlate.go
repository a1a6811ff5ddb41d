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
func (s *State) similar(like *Alert, linked []string) []string {
	found := []string{}
	if like == nil {
		return found
	}
	seen := map[string]bool{}
	for _, key := range similarKeys(like) {
		for _, id := range s.ix.similar[key] {
			if !seen[id] && !slices.Contains(linked, id) {
				seen[id] = true
				found = append(found, id)
			}
		}
	}
	slices.SortFunc(found, func(a, b string) int {
		return int(s.k.Incidents[b].Number) - int(s.k.Incidents[a].Number)
	})
	return found[:min(len(found), similarMax)]
}
