package desk

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// missRounds tells of every round whose limit has passed.
func (t *step) missRounds() {
	for _, id := range slices.Sorted(maps.Keys(t.s.k.Patrols)) {
		if p := t.s.k.Patrols[id]; !p.next().IsZero() && !p.next().After(t.now.Time) && !t.full() {
			t.missRoundsOf(p, "")
		}
	}
}

// missRoundsOf writes one event for each of the plan's rounds whose limit has
// passed, but for those of long ago and what a step has no room for, which are
// told as one.
func (t *step) missRoundsOf(p *Patrolled, reason string) {
	if r := p.Round; r != nil && !r.Limit.After(t.now.Time) && (r.Due.IsZero() || r.Due != p.Due) {
		state := RoundMissed // of the plan as it was when it began
		if r.Due.IsZero() {
			state = RoundGivenUp
		}
		t.addRound(t.endRound(p, state, "box", cmp.Or(reason, "not signed off in time")), "")
	}
	due, limit := t.missAsOne(p, p.Due, p.Limit, t.now.Add(-roundsTellBack), reason)
	for n := 0; n < roundsToldMax && !t.full() && !limit.IsZero() && !limit.After(t.now.Time); n++ {
		data := t.missed(p, due, limit, reason)
		due, limit = t.r.nextRound(&p.PatrolPlan, due)
		data.NextDue, data.NextLimit = due, limit
		t.addRound(data, "")
	}
	_, limit = t.missAsOne(p, due, limit, t.now.Time, reason)
	if limit != p.Limit {
		t.supervise("patrols/"+p.ID, "", "P2")
	}
}

// missed is the word on one round that nobody signed off.
func (t *step) missed(p *Patrolled, due, limit bridge.Stamp, reason string) PatrolRound {
	data := PatrolRound{
		Plan: p.ID, Name: p.Name, Due: due, Limit: limit, State: RoundMissed, By: "box", DwellMS: p.DwellMS,
		Cameras: []Looked{}, Reason: cmp.Or(reason, "nobody began it"),
	}
	if r := p.Round; r != nil && r.Due == due {
		data.Round, data.Cameras, data.Findings = r.ID, r.Cameras, r.Findings
		data.Reason = fmt.Sprintf("%s began it and did not sign it off", r.By)
		return data
	}
	data.Round = t.id()
	if n := len(p.Last); n > 0 && p.Last[0].Due == due && p.Last[0].State == RoundGivenUp && reason == "" {
		data.Reason = fmt.Sprintf("given up by %s: %s", p.Last[0].By, p.Last[0].Reason)
	}
	return data
}

// missAsOne tells of the rounds whose limit lies before the horizon as of one.
func (t *step) missAsOne(p *Patrolled, due, limit bridge.Stamp, horizon time.Time, reason string) (bridge.Stamp, bridge.Stamp) {
	if limit.IsZero() || limit.After(horizon) {
		return due, limit
	}
	data := t.missed(p, due, limit, reason)
	data.Since = due
	if back := bridge.At(t.now.Add(-scheduleBack)); due.Before(back.Time) {
		due, limit = t.r.nextRound(&p.PatrolPlan, back)
	}
	for !limit.IsZero() && !limit.After(horizon) {
		data.Due, data.Limit = due, limit
		due, limit = t.r.nextRound(&p.PatrolPlan, due)
		data.Rounds++
	}
	data.NextDue, data.NextLimit = due, limit
	t.addRound(data, "")
	return due, limit
}
