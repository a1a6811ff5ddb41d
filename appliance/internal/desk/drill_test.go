package desk_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// withDrills has one scheduled drill, and everything else that can be drilled.
func withDrills(s *desk.Setup) {
	s.ShownWithin = 2 * time.Second
	s.DrillAfter = 30 * 24 * time.Hour
	s.DrillRules = []desk.DrillRule{{Camera: "gate", Name: "yard-night", Label: "夜间有人", Kind: "intrusion", Priority: "P1", Zone: "yard"}}
	s.DrillUplinks = []desk.DrillUplink{{Name: "hq", WithinMS: 60_000}}
	s.Drills = []desk.Drill{{ID: "south", Name: "南口", Target: "pillar:P-1", At: "16:00", Every: 30 * 24 * time.Hour}}
}

func (r *room) mark(run *desk.DrillRun, mark, uplink string) {
	r.do(desk.DrillMarkIn{Target: run.Target, Run: run.ID, Mark: mark, Uplink: uplink, At: r.now})
}

func result(t testing.TB, records []bridge.Record) desk.DrillResult {
	for _, rec := range records {
		if rec.Event.Type == desk.TypeDrillRun {
			require.True(t, rec.Event.Drill)
			require.Equal(t, bridge.Notice, rec.Event.Lane)
			return data[desk.DrillResult](t, rec)
		}
	}
	t.Fatalf("no result among %v", types(records))
	return desk.DrillResult{}
}

// TestDrillOfAPillar goes the whole way: an alarm as a real one, marked, and
// its result when everything is in.
func TestDrillOfAPillar(t *testing.T) {
	r := planned(t, withDrills)
	records, answer := r.do(desk.DrillIn{Target: "pillar:P-1", By: lead("chen"), Idempotency: "d1"})
	require.Equal(t, []string{"incident.opened", "alert.raised", "drill.begun"}, types(records))
	for _, rec := range records {
		require.True(t, rec.Event.Drill)
		require.Equal(t, bridge.Alarm, rec.Event.Lane)
	}
	require.Equal(t, "P0", records[1].Event.Severity, "it goes to headquarters on now")
	raised := data[desk.AlertRaised](t, records[1])
	require.Equal(t, []string{"gate", "shop"}, raised.Cameras)
	require.NotEmpty(t, raised.Clips)
	require.Equal(t, []string{"P-1"}, r.state.PillarsOf(answer.Incident), "its light shows the drill")
	run := r.state.Drilled("pillar:P-1").Run
	require.Equal(t, records[1].Event.ID, run.Event)
	require.Equal(t, records[1].Place, run.Place)
	require.Equal(t, []int64{2000, 60_000}, []int64{run.ShowMS, run.AnswerMS})
	_, again := r.do(desk.DrillIn{Target: "pillar:P-1", By: lead("chen"), Idempotency: "d1"})
	require.True(t, again.Duplicate)
	require.Equal(t, answer.Incident, again.Incident)
	var taken *desk.ConflictError
	_, _, err := r.try(desk.DrillIn{Target: "pillar:P-1", By: lead("wu")})
	require.True(t, errors.As(err, &taken))
	require.Equal(t, "chen", taken.By)

	r.after(5*time.Millisecond).mark(run, "stored", "")
	r.mark(run, "stored", "")
	r.after(200 * time.Millisecond).do(desk.ShownIn{Alert: answer.Alert, Screen: "tv", At: start().Add(-time.Hour)})
	r.after(time.Second).mark(run, "received", "hq")
	require.Equal(t, r.state.Drilled("pillar:P-1").Run.Limit, bridge.At(start().Add(5*time.Minute)))
	r.after(3 * time.Second).do(desk.ActionIn{Incident: answer.Incident, Verb: "claim", By: operator("li")})
	require.Equal(t, bridge.At(r.now), r.state.Deadline(), "everything is in: the result is due at once")
	records, _ = r.do(desk.Tick{})
	require.Equal(t, []string{"drill.run", "incident.closed"}, types(records))
	got := result(t, records)
	require.Equal(t, "passed", got.Result)
	require.Empty(t, got.Missing)
	require.Equal(t, "chen", got.By)
	require.Equal(t, "li", got.AcknowledgedBy)
	for i, at := range []bridge.Stamp{got.Stored, got.Shown, got.Received["hq"], got.Acknowledged} {
		require.Equal(t, []time.Duration{5 * time.Millisecond, 205 * time.Millisecond, 1205 * time.Millisecond, 4205 * time.Millisecond}[i], at.Sub(got.Begun.Time))
	}
	inc := r.state.Incident(answer.Incident)
	require.Equal(t, []any{desk.Closed, "drill"}, []any{inc.State, inc.Result})
	require.Nil(t, inc.Score, "a drill is not counted")
	d := r.state.Drilled("pillar:P-1")
	require.Nil(t, d.Run)
	require.Equal(t, got.Run, d.Last.ID)
	require.Equal(t, clock(t, "2026-03-31T16:00:00Z"), d.Next, "the scheduled one counts from here")
}

// TestDrillThatDoesNotCome: at the limit the result says what is missing.
func TestDrillThatDoesNotCome(t *testing.T) {
	r := planned(t, withDrills)
	target, known := r.rules.DrillTarget("rule:gate/yard-night")
	require.True(t, known)
	require.Equal(t, "东门 夜间有人", target.Name, "people read labels")
	_, answer := r.do(desk.DrillIn{Target: target.Target, By: lead("chen")})
	run := r.state.Drilled("rule:gate/yard-night").Run
	require.Equal(t, "P1", run.Priority)
	alert := r.state.Alert(answer.Alert)
	require.Equal(t, []any{"sighting", "intrusion", "yard-night", "yard", false}, []any{alert.Origin, alert.Kind, alert.Rule, alert.Zone, alert.Ended})
	records, _ := r.do(desk.DrillMarkIn{Target: run.Target, Run: run.ID, Mark: "snapshot", Snapshot: "abcd"})
	require.Equal(t, []string{"alert.ended"}, types(records))
	require.True(t, records[0].Event.Drill)
	require.Equal(t, "abcd", r.state.Incident(answer.Incident).Snapshot)
	r.mark(run, "stored", "")
	records, _ = r.after(5*time.Minute - time.Millisecond).do(desk.Tick{})
	require.NotContains(t, types(records), "drill.run")
	records, _ = r.after(time.Millisecond).do(desk.Tick{})
	got := result(t, records)
	require.Equal(t, "failed", got.Result)
	require.Equal(t, []string{"shown", "acknowledged", "received/hq"}, got.Missing)
	require.Equal(t, desk.Closed, r.state.Incident(answer.Incident).State)
	require.True(t, r.state.Drilled(run.Target).PassedAt.IsZero())
	records, _ = r.do(desk.DrillMarkIn{Target: run.Target, Run: run.ID, Mark: "received", Uplink: "hq", At: r.now})
	require.Empty(t, records, "it is over")
}

func TestDrillThatComesLate(t *testing.T) {
	r := planned(t, withDrills)
	_, answer := r.do(desk.DrillIn{Target: "pillar:P-2", By: lead("chen")})
	run := r.state.Drilled("pillar:P-2").Run
	r.mark(run, "stored", "")
	r.mark(run, "received", "hq")
	r.after(3 * time.Second).do(desk.ShownIn{Alert: answer.Alert, Screen: "tv"})
	r.do(desk.ActionIn{Incident: answer.Incident, Verb: "close", Result: "drill", By: operator("li")})
	records, _ := r.do(desk.Tick{})
	got := result(t, records)
	require.Equal(t, []any{"late", []string{"shown"}, []string{}}, []any{got.Result, got.Late, got.Missing})
	require.Equal(t, "li", got.AcknowledgedBy, "who closes it has answered")
	require.Equal(t, []string{"drill.run"}, types(records))
}

// TestDrillOfAnUplink: an event to that headquarters, whole and at once, and
// its receipt.
func TestDrillOfAnUplink(t *testing.T) {
	r := planned(t, withDrills)
	records, answer := r.do(desk.DrillIn{Target: "uplink:hq", By: lead("chen")})
	require.Equal(t, []string{"drill.begun"}, types(records))
	require.Equal(t, []any{"uplinks/hq", "P0", true}, []any{records[0].Event.Subject, records[0].Event.Severity, records[0].Event.Drill})
	require.Empty(t, answer.Incident)
	run := r.state.Drilled("uplink:hq").Run
	require.Equal(t, []any{records[0].Event.ID, records[0].Place}, []any{run.Event, run.Place})
	r.mark(run, "stored", "")
	_, _, err := r.try(desk.DrillMarkIn{Target: run.Target, Run: run.ID, Mark: "received", Uplink: "other"})
	require.Error(t, err)
	r.mark(run, "received", "hq")
	records, _ = r.do(desk.Tick{})
	require.Equal(t, "passed", result(t, records).Result)
}

// TestPillarsTestIsADrill: the test button at a pillar is a drill of it.
func TestPillarsTestIsADrill(t *testing.T) {
	r := planned(t, withDrills)
	records, answer := r.do(press("P-1", "t1", ingest.PressTest, r.now))
	require.Equal(t, []string{"incident.opened", "alert.raised", "drill.begun"}, types(records))
	run := r.state.Drilled("pillar:P-1").Run
	require.Equal(t, []string{"P-1", answer.Alert, "P1"}, []string{run.By, run.Alert, run.Priority})
	records, _ = r.do(press("P-1", "t2", ingest.PressTest, r.now))
	require.Equal(t, []string{"alert.raised"}, types(records), "one drill at a time")
	_, real := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	require.NotEqual(t, answer.Incident, real.Incident)
	require.Empty(t, r.state.Incident(real.Incident).Similar)
}

// TestNoDrillWhileSomebodyWaits: not by a lead, and not by the schedule.
func TestNoDrillWhileSomebodyWaits(t *testing.T) {
	r := planned(t, withDrills)
	require.Equal(t, clock(t, "2026-03-01T16:00:00Z"), r.state.Drilled("pillar:P-1").Next)
	r.now = clock(t, "2026-03-01T15:59:59Z").Time
	_, real := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	_, _, err := r.try(desk.DrillIn{Target: "pillar:P-1", By: lead("chen")})
	require.ErrorContains(t, err, real.Incident)
	records, _ := r.after(time.Second).do(desk.Tick{})
	put := data[desk.DrillPlanned](t, records[0])
	require.Equal(t, clock(t, "2026-03-01T17:00:00Z"), put.Next)
	require.Contains(t, put.Reason, real.Incident)
	r.do(desk.ActionIn{Incident: real.Incident, Verb: "claim", By: operator("li")})
	r.now = clock(t, "2026-03-01T17:00:00Z").Time
	records, _ = r.do(desk.Tick{})
	require.Contains(t, types(records), "drill.begun")
	require.Equal(t, "schedule", r.state.Drilled("pillar:P-1").Run.By)
}

// TestScheduledDrills: one after the other, at their time of day, and not at
// another because the box was down.
func TestScheduledDrills(t *testing.T) {
	three := func(s *desk.Setup) {
		withDrills(s)
		s.Drills = append(s.Drills,
			desk.Drill{ID: "north", Target: "pillar:P-2", At: "16:00", Every: 24 * time.Hour},
			desk.Drill{ID: "line", Target: "uplink:hq", At: "16:00", Every: 7 * 24 * time.Hour})
	}
	r := planned(t, three)
	r.now = clock(t, "2026-03-01T16:00:00Z").Time
	begun := []string{}
	for range 3 {
		records, _ := r.do(desk.Tick{})
		for _, rec := range records {
			if rec.Event.Type == desk.TypeDrillBegun {
				begun = append(begun, data[desk.DrillBegun](t, rec).Target)
			}
		}
		r.after(time.Minute)
	}
	require.Equal(t, []string{"pillar:P-1", "pillar:P-2", "uplink:hq"}, begun)
	for range 10 {
		r.after(time.Minute).do(desk.Tick{})
	}
	require.Empty(t, r.state.DrillsUnderWay())
	require.Equal(t, clock(t, "2026-03-02T16:00:00Z"), r.state.Drilled("pillar:P-2").Next)
	require.Equal(t, clock(t, "2026-03-08T16:00:00Z"), r.state.Drilled("uplink:hq").Next)

	r.now = clock(t, "2026-03-10T03:00:00Z").Time
	records, _ := r.do(desk.StartedIn{Version: "1", Boot: "c"})
	require.Equal(t, []string{"box.started"}, types(records))
	records, _ = r.do(desk.Tick{})
	require.NotContains(t, types(records), "drill.begun", "nobody expects it at three in the morning")
	require.Equal(t, clock(t, "2026-03-10T16:00:00Z"), r.state.Drilled("uplink:hq").Next)
	require.True(t, r.state.Deadline().After(r.now))

	r.configure(func(s *desk.Setup) { s.DrillRules, s.Pillars = nil, s.Pillars[:1] })
	r.do(desk.StartedIn{Version: "1", Boot: "d"})
	require.Nil(t, r.state.Drilled("pillar:P-2"))
	require.True(t, r.state.Drilled("pillar:P-1").Next.IsZero())
	require.NotNil(t, r.state.Drilled("pillar:P-1").Last, "what was found out stays")
}

// walkOrDrill is something of a patrol or a drill, right or wrong.
func (c *chance) walkOrDrill() desk.Input {
	targets := []string{"pillar:P-1", "pillar:P-2", "rule:gate/yard-night", "uplink:hq", "uplink:none"}
	key := []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)]
	switch c.IntN(6) {
	case 0:
		return desk.BeginRoundIn{Plan: "street", By: c.actor(), Reason: []string{"", "because"}[c.IntN(2)], Idempotency: key}
	case 1, 2, 3:
		in := desk.RoundIn{
			Round: c.pick(c.walks), Verb: []string{"see", "see", "see", "finish", "give_up"}[c.IntN(5)], Camera: []string{"gate", "shop", "roof"}[c.IntN(3)],
			Seen: c.IntN(3) > 0, Reason: "r", By: c.actor(), Idempotency: key,
		}
		if c.IntN(3) == 0 {
			in.Finding = &desk.Finding{Kind: "theft"}
		}
		return in
	case 4:
		return desk.DrillIn{Target: targets[c.IntN(5)], By: c.actor(), Idempotency: key}
	}
	if len(c.runs) == 0 {
		return desk.Tick{}
	}
	run := c.runs[max(0, len(c.runs)-1-c.IntN(3))]
	return desk.DrillMarkIn{
		Target: run.Target, Run: run.Run, Mark: []string{"stored", "received", "snapshot"}[c.IntN(3)], Uplink: "hq", Snapshot: "ab", At: c.clock.Wall(),
	}
}

func (c *chance) exercised(result desk.Result) {
	if result.Round != "" {
		c.walks = append(c.walks, result.Round)
	}
	for _, rec := range result.Events {
		var begun desk.DrillBegun
		if rec.Event.Type == desk.TypeDrillBegun && json.Unmarshal(rec.Event.Data, &begun) == nil {
			c.runs = append(c.runs, begun)
		}
	}
}

func TestDrillsAreRefused(t *testing.T) {
	r := planned(t, withDrills)
	for _, in := range []desk.Input{
		desk.DrillIn{Target: "pillar:none", By: lead("chen")},
		desk.DrillIn{Target: "pillar:P-1", By: operator("li")},
		desk.DrillMarkIn{Target: "pillar:P-1", Mark: "dreamt"},
	} {
		_, _, err := r.try(in)
		require.Error(t, err)
	}
	for want, change := range map[string]func(*desk.Drill){
		"not configured":    func(d *desk.Drill) { d.Target = "rule:none/x" },
		"of its own":        func(d *desk.Drill) { d.ID = "" },
		"a time of day":     func(d *desk.Drill) { d.At = "noon" },
		"at least a day":    func(d *desk.Drill) { d.Every = time.Hour },
		"target of its own": func(d *desk.Drill) { d.ID = "two" },
	} {
		s := setup()
		withDrills(&s)
		d := s.Drills[0]
		change(&d)
		if want == "target of its own" {
			s.Drills = append(s.Drills, d)
		} else {
			s.Drills[0] = d
		}
		_, err := desk.NewRules(s)
		require.ErrorContains(t, err, want)
	}
}

// TestDrillWhileTheClockIsPutBack: a receipt by a clock that was put back says
// nothing of how long it took; when the desk heard of it does.
func TestDrillWhileTheClockIsPutBack(t *testing.T) {
	r := planned(t, withDrills)
	r.do(desk.DrillIn{Target: "uplink:hq", By: lead("chen")})
	run := r.state.Drilled("uplink:hq").Run
	r.after(3 * time.Second).do(desk.DrillMarkIn{Target: run.Target, Run: run.ID, Mark: "received", Uplink: "hq", At: r.now.Add(-time.Hour)})
	require.Equal(t, bridge.At(r.now), r.state.Drilled("uplink:hq").Run.Received["hq"])
}

// TestDrillSupervisesNobody: an exercise that nobody answers escalates as one,
// and so does an order of it; no lead is told to see to it, and no receiver's
// orders count one more.
func TestDrillSupervisesNobody(t *testing.T) {
	r := planned(t, withDrills)
	for range 3 {
		r.issue(desk.TaskIn{To: "wu", Note: "n", Limit: r.now.Add(time.Minute)})
	}
	require.Len(t, of(r.after(time.Minute).settle(), desk.TypeTaskOverdue), 3)
	before := len(r.state.Tasks())
	_, begun := r.do(desk.DrillIn{Target: "rule:gate/yard-night", By: lead("chen")})
	order := r.issue(desk.TaskIn{To: "wu", Note: "n", Incident: begun.Incident, Limit: r.now.Add(time.Minute)})
	records := r.after(4 * time.Minute).settle()
	require.Len(t, of(records, desk.TypeIncidentEscalated), 1)
	late := data[desk.TaskChanged](t, of(records, desk.TypeTaskOverdue)[0])
	require.Equal(t, []any{order.ID, false, 0, ""}, []any{late.Task, late.Flagged, late.Overdue, late.Supervision})
	require.Len(t, r.state.Tasks(), before+1)
}
