package desk

import "slices"

// Action is a verb on an incident, and why it cannot be done now.
type Action struct {
	Verb string `json:"verb"`
	// Why is empty when it is possible; else role, state, merged, unanswered
	// (somebody pressed again), own (it is his already), taken (somebody else's,
	// and a lead's to take over) or single (one alert).
	Why string `json:"why,omitempty"`
	// Results are those that close it now; with close only.
	Results []string `json:"results,omitempty"`
}

// Actions are all verbs on the incident, in the table's order, as they stand
// for the person: step refuses what Why refuses.
func (inc *Incident) Actions(by Actor) []Action {
	actions := []Action{}
	for _, tr := range transitions() {
		one := Action{Verb: tr.verb, Why: inc.refusal(tr, by)}
		if tr.verb == verbClose && one.Why == "" {
			one.Results = inc.results()
		}
		actions = append(actions, one)
	}
	return actions
}

func (inc *Incident) refusal(tr transition, by Actor) string {
	switch {
	case !slices.Contains(tr.roles, by.Role):
		return "role"
	case inc.MergedInto != "" && !tr.fits(inc):
		return "merged"
	case !tr.fits(inc) && slices.Contains(tr.from, inc.State):
		return "unanswered"
	case !tr.fits(inc):
		return "state"
	case tr.verb == verbClaim && inc.ClaimedBy == by.Name && inc.State != Open && inc.Unanswered == 0:
		return "own"
	case tr.verb == verbClaim && inc.ClaimedBy != "" && inc.ClaimedBy != by.Name && !slices.Contains(leads(), by.Role):
		return "taken"
	case tr.verb == verbSplit && len(inc.Alerts) < 2:
		return "single"
	}
	return ""
}

// results are those that close the incident from where it stands.
func (inc *Incident) results() []string {
	all := []string{"resolved", "false_alarm", "transferred"}
	if inc.Drill {
		all = []string{"drill"}
	}
	return slices.DeleteFunc(all, func(result string) bool { return !slices.Contains(closable(result), inc.State) })
}
