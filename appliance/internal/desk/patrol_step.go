package desk

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/bridge"
)

// planPatrols puts the configured plans in force at a start, each after it has
// told of its rounds that fell into the down time: they belong to the plan as
// it was.
func (t *step) planPatrols(since bridge.Stamp) {
	plans := map[string]*PatrolPlan{}
	for i := range t.r.setup.Patrols {
		plans[t.r.setup.Patrols[i].ID] = &t.r.setup.Patrols[i]
	}
	known := maps.Clone(plans)
	for id := range t.s.k.Patrols {
		known[id] = plans[id]
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if t.full() {
			return
		}
		old := t.s.k.Patrols[id]
		if old != nil {
			t.missRoundsOf(old, "down: nothing was recorded since "+since.String())
		}
		if plan := plans[id]; plan != nil {
			t.planPatrol(plan, old)
		} else {
			t.removePatrol(old)
		}
	}
}

func (t *step) planPatrol(plan *PatrolPlan, old *Patrolled) {
	if old != nil && reflect.DeepEqual(old.PatrolPlan, *plan) {
		return
	}
	data := PatrolPlanned{PatrolPlan: *plan}
	data.Due, data.Limit = t.r.nextRound(plan, t.now)
	if old != nil && slices.Equal(old.Times, plan.Times) && slices.Equal(old.Days, plan.Days) && old.Limit.After(t.now.Time) {
		data.Due, data.Limit = old.Due, old.Limit // the round that is due stays due
	}
	t.planned(data)
}

// removePatrol ends a plan, and with it the round that somebody walks.
func (t *step) removePatrol(p *Patrolled) {
	const why = "the plan is not configured any more"
	if r := p.Round; r != nil && r.Limit.After(t.now.Time) {
		t.addRound(t.endRound(p, RoundGivenUp, "box", why), "")
	}
	t.endSupervision("patrols/"+p.ID, why)
	t.planned(PatrolPlanned{PatrolPlan: p.PatrolPlan, Removed: true})
}

func (t *step) planned(data PatrolPlanned) {
	data.Schema, data.Config = schema, t.r.setup.Config
	t.add(bridge.Draft{Type: TypePatrolPlanned, Subject: "patrols/" + data.ID, Lane: bridge.Notice}, data)
}

func unseen(cameras []string) []Looked {
	all := make([]Looked, len(cameras))
	for i, id := range cameras {
		all[i].Camera = id
	}
	return all
}

// endRound ends the round that is walked. The plan's next round comes when this
// one decides the plan's present one.
func (t *step) endRound(p *Patrolled, state RoundState, by, reason string) PatrolRound {
	r := p.Round
	data := PatrolRound{
		Plan: p.ID, Name: p.Name, Round: r.ID, Due: r.Due, Limit: r.Limit, State: state, By: by, Reason: reason, DwellMS: r.DwellMS,
		Cameras: r.Cameras, Findings: r.Findings,
	}
	if state == RoundDone && !r.Due.IsZero() && r.Due == p.Due {
		data.NextDue, data.NextLimit = t.r.nextRound(&p.PatrolPlan, p.Due)
	}
	return data
}

func (t *step) addRound(data PatrolRound, key string) {
	data.Schema = schema
	data.Cameras = shortened(data.Cameras)
	severity := "P3"
	if data.State == RoundMissed {
		severity = "P2"
	}
	t.answer.Round = data.Round
	t.add(bridge.Draft{Type: TypePatrolRound, Subject: "patrols/" + data.Plan, Lane: bridge.Notice, Severity: severity, Key: key}, data)
}

// shortened are the cameras with as much of their words as one event has room
// for; patrol.looked has them whole.
func shortened(cameras []Looked) []Looked {
	for _, letters := range []int{textBytesMax, 60, 20, 0} {
		size := 0
		cameras = slices.Clone(cameras)
		for i := range cameras {
			one := &cameras[i]
			one.Why, one.Note = clip(one.Why, letters), clip(one.Note, letters)
			raw, err := json.Marshal(one)
			if err != nil {
				break // it holds nothing that cannot be written
			}
			size += len(raw)
		}
		if size <= roundBytesMax {
			break
		}
	}
	return cameras
}

// beginRound gives the plan's round to one operator; the first one wins.
func (t *step) beginRound(in BeginRoundIn, hit *bridge.Record) error {
	if hit != nil {
		return t.walkedBefore(hit, TypePatrolRound, in.Idempotency, func(w walked) bool { return w.Plan == in.Plan && w.State == RoundBegun })
	}
	if err := t.checkWalker("begin", in.By, in.Reason, in.Idempotency); err != nil {
		return err
	}
	p := t.s.k.Patrols[in.Plan]
	if p == nil {
		return &NotFoundError{"patrol", cut(in.Plan)}
	}
	data := PatrolRound{
		Plan: p.ID, Name: p.Name, Round: t.id(), State: RoundBegun, By: in.By.Name, Reason: in.Reason, DwellMS: p.DwellMS, Cameras: unseen(p.Cameras),
	}
	if r := p.Round; r != nil {
		t.answer.Round = r.ID
		if r.By == in.By.Name {
			t.answer.Duplicate = true
			return nil
		}
		if !slices.Contains(leads(), in.By.Role) || in.Reason == "" {
			return &ConflictError{What: "round", ID: r.ID, By: r.By, At: r.BegunAt, Remedy: "a lead can take over with a reason"}
		}
		data.Round, data.Due, data.Limit, data.From, data.Cameras, data.Findings = r.ID, r.Due, r.Limit, r.By, r.Cameras, r.Findings
	} else if p.RoundOpen(t.now) {
		data.Due, data.Limit = p.Due, p.Limit
	} else {
		data.Limit = bridge.At(t.now.Add(millis(p.WithinMS)))
	}
	t.addRound(data, idemKey(in.By, in.Idempotency))
	return nil
}

// roundAction is one verb of whoever walks a round.
func (t *step) roundAction(in RoundIn, hit *bridge.Record) error {
	if err := oneOf("verb", in.Verb, RoundVerbs()...); err != nil {
		return err
	}
	if hit != nil {
		typ := TypePatrolRound
		if in.Verb == verbSee {
			typ = TypePatrolLooked
		}
		return t.walkedBefore(hit, typ, in.Idempotency, func(w walked) bool { return w.Round == in.Round && w.did(in) })
	}
	if err := t.checkWalker(in.Verb, in.By, in.Reason, in.Idempotency); err != nil {
		return err
	}
	p := t.s.PatrolOf(in.Round)
	if p == nil {
		return &NotFoundError{"round", cut(in.Round)}
	}
	t.answer.Round = in.Round
	if p.Round.By != in.By.Name {
		return &ConflictError{What: "round", ID: in.Round, By: p.Round.By, At: p.Round.BegunAt, Remedy: "begin it as a lead, with a reason, to take it over"}
	}
	key := idemKey(in.By, in.Idempotency)
	switch in.Verb {
	case verbFinish:
		if err := text("note", in.Note, noteBytesMax); err != nil {
			return err
		}
		if left := p.Round.left(); len(left) > 0 {
			return &InvalidError{"cameras", strings.Join(left[:min(len(left), 8)], ", "), "each camera of the round signed, as seen or as not seen"}
		}
		data := t.endRound(p, RoundDone, in.By.Name, "")
		data.Note = in.Note
		t.addRound(data, key)
		t.endSupervision("patrols/"+p.ID, "walked")
	case verbGiveUp:
		if in.Reason == "" {
			return &InvalidError{"reason", "", "why it is given up"}
		}
		t.addRound(t.endRound(p, RoundGivenUp, in.By.Name, in.Reason), key)
	case verbSee:
		return t.look(p, in, key)
	}
	return nil
}

// left are the cameras that nobody has signed yet.
func (r *Round) left() []string {
	var left []string
	for i := range r.Cameras {
		if r.Cameras[i].At.IsZero() {
			left = append(left, r.Cameras[i].Camera)
		}
	}
	return left
}

// look signs one camera. One that was not seen may be seen later; one that was
// seen stays so, and a finding is added to it.
func (t *step) look(p *Patrolled, in RoundIn, key string) error {
	i := slices.IndexFunc(p.Round.Cameras, func(l Looked) bool { return l.Camera == in.Camera })
	if i < 0 {
		return &InvalidError{"camera", cut(in.Camera), "a camera of the round"}
	}
	one := p.Round.Cameras[i]
	before := p.Round.BegunAt
	for _, other := range p.Round.Cameras {
		before = later(before, other.At)
	}
	if one.At.IsZero() || !one.Seen {
		one.Seen, one.Why, one.LookedMS = in.Seen, in.Reason, t.now.Sub(before.Time).Milliseconds()
		if blind := t.s.unwatchable(in.Camera); blind != "" {
			one.Seen, one.Why = false, blind
		}
		if !one.Seen && one.Why == "" {
			return &InvalidError{"reason", "", "why the camera was not seen"}
		}
	} else if in.Finding == nil {
		t.answer.Duplicate = true
		return nil
	}
	one.At = t.now
	if in.Finding != nil {
		if err := t.find(in.Camera, in, &one); err != nil {
			return err
		}
	}
	t.add(bridge.Draft{Type: TypePatrolLooked, Subject: "rounds/" + p.Round.ID, Lane: bridge.Local, Key: key},
		PatrolLooked{Schema: schema, Plan: p.ID, Round: p.Round.ID, By: in.By.Name, Looked: one})
	return nil
}

// unwatchable says why nobody can see what the camera looks at; empty: he can.
func (s *State) unwatchable(camera string) string {
	d := s.k.Devices[camera]
	if d == nil {
		return ""
	}
	for _, b := range d.Blinds {
		if slices.Contains([]string{"unseen", "covered", "frozen", "defocused"}, b.Kind) {
			return b.Kind
		}
	}
	if d.State == "offline" {
		return d.State
	}
	return ""
}

// find makes a report of what was seen on a camera: at its place, with it and
// the cameras around bound.
func (t *step) find(camera string, in RoundIn, one *Looked) error {
	f := *in.Finding
	f.Priority = cmp.Or(f.Priority, "P2")
	if err := oneOf("finding.priority", f.Priority, "P0", "P1", "P2", "P3"); err != nil {
		return err
	}
	if f.Kind == "" && f.Note == "" {
		return &InvalidError{"finding.kind", "", "what was found, or a note"}
	}
	if err := text("finding.note", f.Note, noteBytesMax); err != nil {
		return err
	}
	if err := texts("finding.kind", f.Kind); err != nil {
		return err
	}
	c := t.r.cameras[camera]
	if c == nil {
		return &NotFoundError{"camera", camera}
	}
	place, around := t.r.spot(c.Name, c.Position), t.r.around(c)
	like := &Alert{Origin: "report", Place: place, Reported: f.Kind}
	t.raise(raising{
		data: AlertRaised{
			Kind: "patrol", Priority: f.Priority, Place: place, Position: c.Position, Device: camera, Cameras: around,
			Report: &ReportFact{Source: "patrol", Kind: f.Kind, Note: f.Note, By: in.By.Name},
		},
		occurred: t.now, about: cmp.Or(f.Kind, "patrol"), bound: around, like: like,
	}, t.near(fact{like: like, at: c.Position, from: t.now, to: t.now}))
	one.Alert, one.Incident, one.Note = t.answer.Alert, t.answer.Incident, cut(f.Note)
	return nil
}

func (t *step) checkWalker(verb string, by Actor, reason, key string) error {
	if !slices.Contains(room(), by.Role) {
		return &ForbiddenError{verb, by.Role, room()}
	}
	if by.Name == "" {
		return &InvalidError{"by", "", "the name of who does it"}
	}
	return texts("by", by.Name, "reason", reason, "idempotency_key", key)
}

// walked is what a repeat must know of what was done under its key.
type walked struct {
	Plan, Round, Camera, Alert, Incident string
	State                                RoundState
}

// did reports whether it was what the verb does.
func (w walked) did(in RoundIn) bool {
	switch in.Verb {
	case verbSee:
		return w.Camera == in.Camera
	case verbFinish:
		return w.State == RoundDone
	}
	return w.State == RoundGivenUp
}

// walkedBefore answers what was done before under the same key.
func (t *step) walkedBefore(hit *bridge.Record, typ, key string, same func(walked) bool) error {
	if hit.Event.Type != typ {
		return usedKey(key)
	}
	data, err := decode[walked](&hit.Event)
	if err != nil {
		return err
	}
	if data != nil && !same(*data) {
		return usedKey(key)
	}
	if data != nil {
		t.answer.Round, t.answer.Alert, t.answer.Incident = data.Round, data.Alert, data.Incident
	}
	t.answer.Duplicate = true
	return nil
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
