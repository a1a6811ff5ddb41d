package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// neighbours are two presses that the room may merge.
func neighbours(t *testing.T) (r *room, first, other desk.Answer) {
	r = newRoom(t)
	_, first = r.do(press("P-1", "e1", ingest.PressTalk, r.now))
	_, other = r.after(time.Second).do(press("P-2", "e1", ingest.PressAlarm, r.now))
	return r, first, other
}

// restored: what a checkpoint gives back decides as what was folded.
func (r *room) restored() {
	b, err := r.state.Bytes()
	require.NoError(r.t, err)
	again, err := desk.Restore(b)
	require.NoError(r.t, err)
	for _, in := range []desk.Input{
		press("P-1", "x1", ingest.PressAlarm, r.now), press("P-2", "x1", ingest.PressAlarm, r.now), desk.Tick{},
		sighting("x2", vision.Raised, "shop", "intrusion", r.now, r.now),
	} {
		now := bridge.At(r.now.Add(time.Second))
		a, _, errA := r.rules.Step(r.state, now, [16]byte{1}, in, nil)
		b, _, errB := r.rules.Step(again, now, [16]byte{1}, in, nil)
		require.Equal(r.t, errA, errB)
		require.Equal(r.t, a, b)
	}
	require.Equal(r.t, r.state.Deadline(), again.Deadline())
}

func TestMerge(t *testing.T) {
	r, first, other := neighbours(t)
	r.do(desk.ClipIn{Clip: desk.Clip{ID: other.Incident + "-roof-1", Part: "1", Incident: other.Incident, Camera: "roof", SHA256: "aa"}})
	by := desk.ActionIn{Incident: first.Incident, Verb: "merge", Other: other.Incident, By: operator("li"), Idempotency: "k"}
	_, _, err := r.try(by)
	require.ErrorContains(t, err, "reason")
	by.Reason = "同一伙人"
	records, _ := r.after(time.Second).do(by)
	require.Equal(t, []string{"incident.merged", "incident.closed"}, types(records))
	inc, gone := r.state.Incident(first.Incident), r.state.Incident(other.Incident)
	require.Equal(t, []string{first.Alert, other.Alert}, inc.Alerts)
	require.Equal(t, "P0", inc.Priority)
	require.Subset(t, inc.Cameras, []string{"gate", "shop", "roof", "far"})
	require.Equal(t, []string{other.Incident + "-roof-1"}, inc.Clips)
	require.Equal(t, first.Incident, r.state.Clip(other.Incident+"-roof-1", "1").Incident)
	require.Equal(t, first.Incident, r.state.Alert(other.Alert).Incident)
	require.Equal(t, []string{"merged", first.Incident}, []string{gone.Result, gone.MergedInto})
	require.Empty(t, gone.Alerts)
	require.Equal(t, []string{"note", "link"}, gone.Possible("lead"), "it is not reopened: it goes on elsewhere")
	r.restored()

	_, again := r.do(by)
	require.True(t, again.Duplicate)
	_, joined := r.after(time.Second).do(press("P-2", "e2", ingest.PressAlarm, r.now))
	require.Equal(t, first.Incident, joined.Incident, "the second pillar's presses belong here now")
	r.do(desk.ClipIn{Clip: desk.Clip{ID: other.Incident + "-roof-1", Part: "whole", Incident: other.Incident, Camera: "roof", SHA256: "bb"}})
	require.Len(t, r.state.ClipsOf(first.Incident), 2, "a clip that was under way follows")
}

func TestMergeTakesNobodysIncident(t *testing.T) {
	r, first, other := neighbours(t)
	r.do(desk.ActionIn{Incident: other.Incident, Verb: "claim", By: operator("wang")})
	in := desk.ActionIn{Incident: first.Incident, Verb: "merge", Other: other.Incident, Reason: "r", By: operator("li")}
	_, _, err := r.try(in)
	var conflict *desk.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, "wang", conflict.By)
	in.By = lead("chen")
	r.do(in)
	_, drill := r.do(press("P-1", "t1", ingest.PressTest, r.now))
	in.Other = drill.Incident
	_, _, err = r.try(in)
	require.ErrorContains(t, err, "drill")
	for _, bad := range []string{"", first.Incident, "01NONE"} {
		in.Other = bad
		_, _, err = r.try(in)
		require.Error(t, err)
	}
}

func TestSplit(t *testing.T) {
	r, first, other := neighbours(t)
	r.do(desk.ActionIn{Incident: first.Incident, Verb: "merge", Other: other.Incident, Reason: "r", By: operator("li")})
	in := desk.ActionIn{Incident: first.Incident, Verb: "split", Reason: "两件事", By: operator("li"), Alerts: []string{first.Alert, other.Alert}}
	_, _, err := r.try(in)
	require.ErrorContains(t, err, "not all of them")
	in.Alerts = []string{other.Alert}
	records, _ := r.after(time.Second).do(in)
	require.Equal(t, []string{"incident.opened", "incident.split", "incident.acknowledged"}, types(records))
	fresh := r.state.Incident(data[desk.IncidentChanged](t, records[1]).Other)
	require.Equal(t, []string{other.Alert}, fresh.Alerts)
	require.Equal(t, []any{"P0", desk.Acknowledged, "步行街北口"}, []any{fresh.Priority, fresh.State, fresh.Place.Name})
	require.Equal(t, []string{"roof", "far"}, fresh.Cameras)
	inc := r.state.Incident(first.Incident)
	require.Equal(t, []string{first.Alert}, inc.Alerts)
	require.Equal(t, "P1", inc.Priority)
	require.Contains(t, inc.Linked, fresh.ID)
	r.restored()
	_, joined := r.after(time.Second).do(press("P-2", "e2", ingest.PressAlarm, r.now))
	require.Equal(t, fresh.ID, joined.Incident)
}

func TestLink(t *testing.T) {
	r := newRoom(t)
	_, a := r.do(report(operator("li")))
	_, b := r.after(time.Hour).do(report(operator("li")))
	in := desk.ActionIn{Incident: a.Incident, Verb: "link", Other: b.Incident, By: operator("li")}
	records, _ := r.do(in)
	require.Equal(t, []string{"incident.linked"}, types(records))
	require.Equal(t, []string{b.Incident}, r.state.Incident(a.Incident).Linked)
	require.Equal(t, []string{a.Incident}, r.state.Incident(b.Incident).Linked)
	_, again := r.do(in)
	require.True(t, again.Duplicate)
}

// TestScore: what was in time, late and missing, by whom; a lead's correction.
func TestScore(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.after(30 * time.Second).do(desk.ActionIn{Incident: answer.Incident, Verb: "claim", By: operator("li")})
	r.after(6 * time.Minute).do(desk.ActionIn{Incident: answer.Incident, Verb: "dispatch", By: operator("wang")})
	r.after(time.Minute).do(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	score := r.state.Incident(answer.Incident).Score
	require.Equal(t, []desk.ScoredStep{
		{State: desk.Open, By: "li", TookMS: 30_000, LimitMS: 60_000, Result: "in_time", Points: 10},
		{State: desk.Acknowledged, By: "wang", TookMS: 360_000, LimitMS: 300_000, Result: "late", Points: 4},
		{State: desk.Dispatched, By: "li", TookMS: 60_000, LimitMS: 600_000, Result: "in_time", Points: 10},
		{State: desk.OnScene, By: "li", Result: "missing"},
	}, score.Steps)
	require.Equal(t, 24, score.Points)

	points := 34
	in := desk.ActionIn{Incident: answer.Incident, Verb: "score", Points: &points, By: operator("li"), Reason: "到场已电话确认"}
	_, _, err := r.try(in)
	var forbidden *desk.ForbiddenError
	require.ErrorAs(t, err, &forbidden)
	in.By = lead("chen")
	r.do(in)
	score = r.state.Incident(answer.Incident).Score
	require.Equal(t, []any{34, "chen", 4}, []any{score.Points, score.By, len(score.Steps)})
	in.Reason = ""
	_, _, err = r.try(in)
	require.ErrorContains(t, err, "reason")
}

// TestMergeBringsTheNearerLimit: an alarm that becomes part of a theft is due as
// an alarm is.
func TestMergeBringsTheNearerLimit(t *testing.T) {
	r := newRoom(t)
	_, theft := r.do(desk.ReportIn{Source: "walk_in", Kind: "theft", Place: "菜市场", Note: "n", By: operator("li")})
	r.do(desk.ActionIn{Incident: theft.Incident, Verb: "claim", By: operator("li")})
	_, alarm := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: theft.Incident, Verb: "merge", Other: alarm.Incident, Reason: "r", By: operator("li")})
	inc := r.state.Incident(theft.Incident)
	require.Equal(t, bridge.At(r.now.Add(5*time.Minute)), inc.Limit)
	require.Equal(t, inc.Limit, r.state.Deadline())
	require.Equal(t, []string{"incident.escalated", "task.issued"}, types(r.after(5*time.Minute).settle()))
}

// TestOrdersMoveTheIncident: an order sends it, an arrival puts it on scene.
func TestOrdersMoveTheIncident(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: answer.Incident, Verb: "claim", By: operator("li")})
	records, ordered := r.do(desk.TaskIn{To: "wu", Note: "速去", Incident: answer.Incident, By: operator("li")})
	require.Equal(t, []string{"task.issued", "incident.dispatched"}, types(records))
	officer := desk.Actor{Name: "wu", Role: "officer"}
	r.do(desk.TaskActionIn{Task: ordered.Task, Verb: "accept", By: officer})
	records, _ = r.do(desk.TaskActionIn{Task: ordered.Task, Verb: "arrive", By: officer})
	require.Equal(t, []string{"task.arrived", "incident.on_scene"}, types(records))
	require.Equal(t, desk.OnScene, r.state.Incident(answer.Incident).State)
}
