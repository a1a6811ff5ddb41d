package desk

import (
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/vision"
)

// sighting makes an alert of a stay that vision saw. A stay whose raise was
// lost is raised by its next phase; one that repeats an alert of an open
// incident within the window extends that alert: repeats never multiply.
func (t *step) sighting(in SightingIn) error {
	sg := in.Sighting
	camera := t.r.cameras[string(sg.Camera)]
	if camera == nil {
		return &NotFoundError{"camera", string(sg.Camera)}
	}
	if sg.ID == "" || len(sg.ID) > 64 {
		return &InvalidError{"id", sg.ID[:min(len(sg.ID), 32)], "the sighting's id, 1 to 64 bytes"}
	}
	if err := oneOf("phase", string(sg.Phase), string(vision.Raised), string(vision.Updated), string(vision.Ended)); err != nil {
		return err
	}
	if sg.Priority == "" {
		sg.Priority = "P2"
	}
	if err := oneOf("priority", sg.Priority, "P0", "P1", "P2", "P3"); err != nil {
		return err
	}
	if err := texts("rule", sg.Rule, "kind", sg.Kind, "zone", sg.Zone, "line", sg.Line, "direction", sg.Direction, "snapshot", in.Snapshot); err != nil {
		return err
	}
	seen := t.sightingFact(in)
	if a := t.s.k.Alerts[t.s.ix.sightings[sg.ID]]; a != nil {
		t.known(a, seen, sg.Phase)
		return nil
	}
	place := t.r.spot(camera.Name, camera.Position)
	like := &Alert{
		Origin: "sighting", Device: camera.ID, Kind: sg.Kind, Rule: sg.Rule, Zone: sg.Zone, Line: sg.Line,
		Direction: sg.Direction, Place: place,
	}
	join := t.s.joinable(like, seen.From, t.r.setup.Window)
	if join == nil {
		join = t.near(fact{like: like, camera: camera, from: seen.From, to: seen.To})
	}
	if a := t.again(join, like, seen.From); a != nil {
		t.repeat(a, seen, sg)
		return nil
	}
	t.raise(raising{
		data: AlertRaised{
			Kind: sg.Kind, Priority: sg.Priority, Place: place, Position: camera.Position, Device: camera.ID,
			Late: t.now.Sub(seen.To.Time) > lateAfter, Cameras: []string{camera.ID}, Sighting: seen,
		},
		occurred: t.met(sg), about: sg.Kind, bound: t.r.around(camera), like: like,
	}, join)
	if sg.Phase == vision.Ended {
		t.update(TypeAlertEnded, t.answer.Incident, sg.Priority, AlertUpdated{
			Alert: t.answer.Alert, From: seen.From, To: seen.To, Count: 1, Confidence: seen.Confidence,
			Sighting: sg.ID, Ended: true,
		})
	}
	return nil
}

// again is the alert that a new sighting extends, nil when it is a new one.
func (t *step) again(join *Incident, like *Alert, since bridge.Stamp) *Alert {
	if join != nil {
		if a := t.s.repeated(join, like, since, t.r.setup.Window); a != nil {
			return a
		}
	}
	return t.flooded(join, like)
}

// met is when the rule was met: the frame's time, which for a rule with a
// dwell is later than the beginning of the stay.
func (t *step) met(sg vision.Sighting) bridge.Stamp {
	at := sg.FrameAt
	if at.IsZero() {
		at = sg.From
	}
	stamp, _ := t.occurred(at, sg.ReceivedAt)
	return stamp
}

func (t *step) sightingFact(in SightingIn) *SightingFact {
	sg := in.Sighting
	from, _ := t.occurred(sg.From, sg.ReceivedAt)
	to := bridge.At(sg.To)
	if to.Before(from.Time) || to.Sub(t.now.Time) > futureMax {
		to = from
	}
	return &SightingFact{
		ID: sg.ID, Camera: string(sg.Camera), Rule: sg.Rule, Kind: sg.Kind, Class: string(sg.Class), Zone: sg.Zone, Line: sg.Line,
		Direction: sg.Direction, Track: min(sg.Track, numberMax), From: from, To: to, Confidence: finite(sg.Confidence), Count: max(sg.Count, 0), Snapshot: in.Snapshot,
	}
}

// known extends or ends the alert that the sighting belongs to. A phase that
// brings nothing new, or comes after the end, gives no event.
func (t *step) known(a *Alert, fact *SightingFact, phase vision.Phase) {
	t.answer.Incident, t.answer.Alert = a.Incident, a.ID
	goesOn := false
	for _, id := range a.Sightings {
		goesOn = goesOn || id == fact.ID
	}
	if phase == vision.Raised || !goesOn {
		t.answer.Duplicate = true
		return
	}
	ended := phase == vision.Ended
	typ := TypeAlertUpdated
	if ended && len(a.Sightings) == 1 {
		typ = TypeAlertEnded
	}
	data := extended(a, fact)
	if !ended && data.To.Sub(a.To.Time) < updateMin && (data.Snapshot == "" || data.Snapshot == a.Snapshot) {
		return
	}
	data.Count, data.Ended = a.Count, ended
	t.update(typ, a.Incident, a.Priority, data)
}

// repeat counts a new sighting into the alert it repeats.
func (t *step) repeat(a *Alert, fact *SightingFact, sg vision.Sighting) {
	t.answer.Incident, t.answer.Alert = a.Incident, a.ID
	data := extended(a, fact)
	data.Count, data.Ended = a.Count+1, sg.Phase == vision.Ended
	data.Clips = t.r.clips([]string{a.Device}, t.met(sg))
	typ := TypeAlertUpdated
	if data.Ended && len(a.Sightings) == 0 {
		typ = TypeAlertEnded
	}
	t.update(typ, a.Incident, a.Priority, data)
}

// extended is the alert's interval with the sighting's.
func extended(a *Alert, fact *SightingFact) AlertUpdated {
	data := AlertUpdated{
		Alert: a.ID, From: earlier(a.From, fact.From), To: a.To, Confidence: max(a.Confidence, fact.Confidence),
		Snapshot: fact.Snapshot, Sighting: fact.ID,
	}
	if fact.To.After(a.To.Time) {
		data.To = fact.To
	}
	return data
}

func (t *step) update(typ, incident, priority string, data AlertUpdated) {
	data.Schema, data.Incident = schema, incident
	drill := false
	if a := t.s.k.Alerts[data.Alert]; a != nil {
		drill = a.Drill
	}
	t.add(bridge.Draft{
		Type: typ, Subject: "incidents/" + incident, Time: data.To, Lane: bridge.Alarm, Severity: priority, Drill: drill,
	}, data)
}
