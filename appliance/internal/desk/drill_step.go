package desk

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// planDrills puts the configured drills in force at a start, and forgets the
// targets that are not configured any more.
func (t *step) planDrills() {
	for _, target := range slices.Sorted(maps.Keys(t.s.k.Drills)) {
		if t.full() {
			return
		}
		_, known := t.r.DrillTarget(target)
		switch old := t.s.k.Drills[target]; {
		case !known:
			if old.Run != nil {
				t.endDrill(old.Run)
			}
			t.planDrill(DrillPlanned{Target: target, Removed: true})
		case old.Drill != "" && t.r.Drill(target) == nil:
			t.planDrill(DrillPlanned{Target: target})
		}
	}
	for i := range t.r.setup.Drills {
		if t.full() {
			return
		}
		d := &t.r.setup.Drills[i]
		data := planOf(d)
		last := t.now
		if old := t.s.k.Drills[d.Target]; old != nil {
			if old.Drill == data.Drill && old.At == data.At && old.EveryMS == data.EveryMS {
				continue
			}
			if old.Last != nil {
				last = later(t.now, t.r.daysAfter(old.Last.BegunAt, d))
			}
		}
		data.Next = t.r.nextAt(last, []string{d.At}, nil)
		t.planDrill(data)
	}
}

func planOf(d *Drill) DrillPlanned {
	return DrillPlanned{Target: d.Target, Drill: d.ID, At: d.At, EveryMS: d.Every.Milliseconds()}
}

// daysAfter is the beginning of the day on which the next drill is due after
// one: so many days of the calendar, whatever their length.
func (r *Rules) daysAfter(one bridge.Stamp, d *Drill) bridge.Stamp {
	year, month, day := one.In(r.setup.Zone).Date()
	return bridge.At(onDay(year, month, day+int(d.Every/(24*time.Hour)), 0, r.setup.Zone).Add(-time.Millisecond))
}

func (t *step) planDrill(data DrillPlanned) {
	data.Schema, data.Config = schema, t.r.setup.Config
	t.add(bridge.Draft{Type: TypeDrillPlanned, Subject: "drills/" + data.Target, Lane: bridge.Notice}, data)
}

// drill begins one because a lead wants it.
func (t *step) drill(in DrillIn, hit *bridge.Record) error {
	if hit != nil {
		data, err := decode[DrillBegun](&hit.Event)
		if err != nil {
			return err
		}
		if hit.Event.Type != TypeDrillBegun || data != nil && data.Target != in.Target {
			return usedKey(in.Idempotency)
		}
		if data != nil {
			t.answer.Alert, t.answer.Incident = data.Alert, data.Incident
		}
		t.answer.Duplicate = true
		return nil
	}
	if !slices.Contains(leads(), in.By.Role) {
		return &ForbiddenError{"drill", in.By.Role, leads()}
	}
	if err := texts("by", in.By.Name, "idempotency_key", in.Idempotency); err != nil {
		return err
	}
	target, ok := t.r.DrillTarget(in.Target)
	if !ok {
		return &NotFoundError{"drill_target", cut(in.Target)}
	}
	if d := t.s.k.Drills[target.Target]; d != nil && d.Run != nil {
		return &ConflictError{What: "drill", ID: target.Target, By: d.Run.By, At: d.Run.BegunAt, Remedy: "wait until it has ended"}
	}
	if inc := t.s.alarmed(); inc != nil {
		return &InvalidError{"target", target.Target, "a time at which no real P0 waits for an answer: answer incident " + inc.ID + " first"}
	}
	t.beginDrill(target, in.By.Name, idemKey(in.By, in.Idempotency))
	return nil
}

// alarmed is a real P0 that nobody has answered: no time for an exercise.
func (s *State) alarmed() *Incident {
	var found *Incident
	for id := range s.ix.open {
		inc := s.k.Incidents[id]
		if inc.Priority == "P0" && !inc.Drill && (inc.State == Open || inc.Unanswered > 0) && (found == nil || inc.Number < found.Number) {
			found = inc
		}
	}
	return found
}

// beginDrill raises the alarm of a target, in an incident of its own.
func (t *step) beginDrill(target DrillTarget, by, key string) {
	run, event := t.id(), ""
	switch target.Kind {
	case "pillar":
		event = t.drillPillar(target, run)
	case "rule":
		event = t.drillRule(target, run)
	}
	t.drillBegun(target, run, event, by, key)
}

// drillBegun writes what is waited for, with the limits in force.
func (t *step) drillBegun(target DrillTarget, run, event, by, key string) {
	data := DrillBegun{
		Schema: schema, Run: run, Target: target.Target, By: by, Event: event, Priority: "P0", Uplinks: []DrillUplink{},
		Limit: bridge.At(t.now.Add(t.r.setup.DrillWithin)), Config: t.r.setup.Config,
	}
	if d := t.r.Drill(target.Target); d != nil {
		data.Drill, data.Next = d.ID, t.r.nextAt(t.r.daysAfter(t.now, d), []string{d.At}, nil)
	}
	draft := bridge.Draft{Type: TypeDrillBegun, Subject: "drills/" + target.Target, Lane: bridge.Alarm, Severity: "P3", Drill: true, Key: key}
	for _, u := range t.r.setup.DrillUplinks {
		if target.Kind != "uplink" || u.Name == target.Device {
			data.Uplinks = append(data.Uplinks, u)
		}
	}
	if target.Kind == "uplink" { // what is about an uplink goes to it whole, and at once
		draft.Subject, draft.Severity = "uplinks/"+target.Device, "P0"
	} else {
		data.Alert, data.Incident = t.answer.Alert, t.answer.Incident
		data.ShowMS = t.r.setup.ShownWithin.Milliseconds()
		data.Priority = t.drafts[len(t.drafts)-1].Severity
		data.AnswerMS = t.r.setup.Limits[data.Priority][Open].Milliseconds()
	}
	t.add(draft, data)
}

func (t *step) drillPillar(target DrillTarget, run string) (event string) {
	p := t.r.pillars[target.Device]
	place := t.r.spot(p.Name, p.Position)
	cameras := t.r.bound[p.ID]
	t.raise(raising{
		data: AlertRaised{
			Kind: "test", Priority: "P0", Place: place, Position: p.Position, Device: p.ID, Cameras: cameras, Exercise: run,
			Press: &PressFact{Pillar: p.ID, ID: "drill-" + run, Kind: "test", At: t.now.String()},
		},
		occurred: t.now, drill: true, about: "test", bound: cameras,
		like: &Alert{Origin: "press", Device: p.ID, Drill: true, Place: place},
	}, nil)
	return t.drafts[len(t.drafts)-1].ID
}

func (t *step) drillRule(target DrillTarget, run string) (event string) {
	i := slices.IndexFunc(t.r.setup.DrillRules, func(d DrillRule) bool { return "rule:"+d.Camera+"/"+d.Name == target.Target })
	rule := t.r.setup.DrillRules[i]
	camera := t.r.cameras[rule.Camera]
	place := t.r.spot(camera.Name, camera.Position)
	fact := &SightingFact{
		ID: "drill-" + run, Camera: camera.ID, Rule: rule.Name, Kind: rule.Kind, Zone: rule.Zone, Line: rule.Line, Direction: rule.Direction,
		From: t.now, To: t.now,
	}
	t.raise(raising{
		data: AlertRaised{
			Kind: rule.Kind, Priority: cmp.Or(rule.Priority, "P2"), Place: place, Position: camera.Position, Device: camera.ID,
			Cameras: []string{camera.ID}, Sighting: fact, Exercise: run,
		},
		occurred: t.now, drill: true, about: rule.Kind, bound: t.r.around(camera),
		like: &Alert{Origin: "sighting", Device: camera.ID, Kind: rule.Kind, Drill: true, Place: place},
	}, nil)
	return t.drafts[len(t.drafts)-1].ID
}

// pressedDrill makes a drill of a test press that opened its own incident,
// unless one of the pillar is under way.
func (t *step) pressedDrill(p *Pillar) {
	target, ok := t.r.DrillTarget("pillar:" + p.ID)
	if d := t.s.k.Drills[target.Target]; !ok || d != nil && d.Run != nil {
		return
	}
	event := t.drafts[len(t.drafts)-1].ID
	t.drillBegun(target, t.id(), event, p.ID, "")
}

// drillMark notes how far a drill has come. A mark that it has, or that comes
// after its end, gives no event.
func (t *step) drillMark(in DrillMarkIn) error {
	if err := oneOf("mark", in.Mark, stepStored, stepReceived, "snapshot"); err != nil {
		return err
	}
	if err := texts("target", in.Target, "run", in.Run, "uplink", in.Uplink, "snapshot", in.Snapshot); err != nil {
		return err
	}
	d := t.s.k.Drills[in.Target]
	if d == nil || d.Run == nil || d.Run.ID != in.Run {
		t.answer.Duplicate = true
		return nil
	}
	at := bridge.At(in.At)
	if at.Before(d.Run.BegunAt.Time) || at.After(t.now.Time) {
		at = t.now // it is not told, or by a clock that was put back since
	}
	switch {
	case in.Mark == "snapshot":
		t.drillStill(d.Run, in.Snapshot)
		return nil
	case in.Mark == stepStored && !d.Run.StoredAt.IsZero() || in.Mark == stepReceived && !d.Run.Received[in.Uplink].IsZero():
		t.answer.Duplicate = true
		return nil
	case in.Mark == stepReceived && !slices.ContainsFunc(d.Run.Uplinks, func(u DrillUplink) bool { return u.Name == in.Uplink }):
		return &NotFoundError{"uplink", in.Uplink}
	}
	t.add(bridge.Draft{Type: TypeDrillMarked, Subject: "drills/" + in.Target, Time: at, Lane: bridge.Local, Drill: true},
		DrillMarked{Schema: schema, Run: in.Run, Target: in.Target, Mark: in.Mark, Uplink: in.Uplink, At: at})
	return nil
}

// drillStill ends the sighting of a rule's drill, with a still of its camera.
func (t *step) drillStill(run *DrillRun, snapshot string) {
	a := t.s.k.Alerts[run.Alert]
	if a == nil || a.Ended {
		t.answer.Duplicate = true
		return
	}
	t.update(TypeAlertEnded, a.Incident, a.Priority, AlertUpdated{
		Alert: a.ID, From: a.From, To: later(a.To, t.now), Count: a.Count, Confidence: a.Confidence, Snapshot: snapshot,
		Sighting: "drill-" + run.ID, Ended: true,
	})
}

// endDrills tells the result of every drill of which everything is in, or whose
// limit has passed.
func (t *step) endDrills() {
	for _, d := range t.s.drillsDue(t.now) {
		if d.Run != nil && !t.full() {
			t.endDrill(d.Run)
		}
	}
}

// drillsDue are the targets that want a step, in their order.
func (s *State) drillsDue(now bridge.Stamp) []*Drilled {
	var due []*Drilled
	for _, d := range s.k.Drills {
		if at := d.next(); !at.IsZero() && !at.After(now.Time) {
			due = append(due, d)
		}
	}
	slices.SortFunc(due, func(a, b *Drilled) int { return strings.Compare(a.Target, b.Target) })
	return due
}

// endDrill tells the result, and closes the incident: the exercise is over.
func (t *step) endDrill(run *DrillRun) {
	data := DrillResult{
		Schema: schema, Run: run.ID, Drill: run.Drill, Target: run.Target, By: run.By, Alert: run.Alert, Incident: run.Incident,
		Begun: run.BegunAt, Stored: run.StoredAt, Shown: run.ShownAt, ShownOn: run.ShownOn, Acknowledged: run.AcknowledgedAt,
		AcknowledgedBy: run.AcknowledgedBy, Received: run.Received, Limit: run.Limit, Missing: run.missing(), Late: run.late(), Result: DrillPassed,
	}
	severity := "P3"
	switch {
	case len(data.Missing) > 0:
		data.Result, severity = DrillFailed, "P2"
	case len(data.Late) > 0:
		data.Result, severity = DrillLate, "P2"
	}
	t.add(bridge.Draft{Type: TypeDrillRun, Subject: "drills/" + run.Target, Lane: bridge.Notice, Severity: severity, Drill: true}, data)
	inc := t.s.k.Incidents[run.Incident]
	if inc == nil || !inc.Drill || inc.State == Closed {
		return
	}
	reason := "drill " + data.Result
	if len(data.Missing) > 0 {
		reason += ": without " + strings.Join(data.Missing, ", ")
	}
	if err := t.close(inc, ActionIn{Incident: inc.ID, By: Actor{Name: "box"}, Reason: reason, Result: "drill"}); err != nil {
		t.err = err
	}
}

// dueDrills begins what is scheduled: one at a time, not while a real P0 waits
// for an answer, and not at another hour because the box was down at its own.
func (t *step) dueDrills() {
	begun, last := t.s.scheduled(t.now)
	for _, d := range t.s.drillsDue(t.now) {
		if t.full() {
			return
		}
		if d.Run != nil {
			continue
		}
		plan := DrillPlanned{Target: d.Target, Drill: d.Drill, At: d.At, EveryMS: d.EveryMS}
		known, ok := t.r.DrillTarget(d.Target)
		switch inc := t.s.alarmed(); {
		case !ok || t.r.Drill(d.Target) == nil:
			plan = DrillPlanned{Target: d.Target, Reason: "it is not configured any more"}
		case inc != nil:
			plan.Next, plan.Reason = bridge.At(t.now.Add(drillPutOff)), "incident "+inc.ID+" waits for an answer"
		case t.now.Sub(d.Next.Time) > drillGrace:
			plan.Next, plan.Reason = t.r.nextAt(t.now, []string{d.At}, nil), "the box was down at its time"
		case begun:
			last = bridge.At(last.Add(drillApart))
			plan.Next, plan.Reason = last, drillQueued
		default:
			begun = true
			t.beginDrill(known, drillBySchedule, "")
			continue
		}
		t.planDrill(plan)
	}
}

// scheduled reports whether a scheduled drill was begun a moment ago, and when
// the last of those begins that wait for their turn.
func (s *State) scheduled(now bridge.Stamp) (begun bool, last bridge.Stamp) {
	last = now
	for _, d := range s.k.Drills {
		if d.Run != nil && d.Run.By == drillBySchedule && now.Sub(d.Run.BegunAt.Time) < drillApart/2 {
			begun = true
		}
		if d.Run == nil && d.Reason == drillQueued {
			last = later(last, d.Next)
		}
	}
	return begun, last
}
