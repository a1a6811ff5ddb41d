package desk_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

func everyDay() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

// walk is a plan of two cameras, at 15:00 and 20:00 UTC; the tests begin at
// 14:00 on a Sunday.
func walk() desk.PatrolPlan {
	return desk.PatrolPlan{
		ID: "street", Name: "步行街", Cameras: []string{"gate", "shop"}, DwellMS: 15_000, Times: []string{"15:00", "20:00"}, Days: everyDay(), WithinMS: 30 * 60_000,
	}
}

func planned(t testing.TB, change func(*desk.Setup)) *room {
	r := newRoom(t)
	r.configure(change)
	r.do(desk.StartedIn{Version: "1", Boot: "b", Config: "sha256:config"})
	return r
}

// configure gives the room another configuration, as a start does.
func (r *room) configure(change func(*desk.Setup)) {
	s := setup()
	change(&s)
	var err error
	r.rules, err = desk.NewRules(s)
	require.NoError(r.t, err)
}

func withWalk(s *desk.Setup) { s.Patrols = []desk.PatrolPlan{walk()} }

func clock(t testing.TB, text string) bridge.Stamp {
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return bridge.At(at)
}

// rounds are the patrol rounds among the records.
func rounds(t testing.TB, records []bridge.Record) []desk.PatrolRound {
	var all []desk.PatrolRound
	for _, rec := range records {
		if rec.Event.Type == desk.TypePatrolRound {
			all = append(all, data[desk.PatrolRound](t, rec))
		}
	}
	return all
}

func TestRoundIsWalkedAndSignedOff(t *testing.T) {
	r := planned(t, withWalk)
	p := r.state.Patrol("street")
	require.Equal(t, clock(t, "2026-03-01T15:00:00Z"), p.Due)
	require.Equal(t, clock(t, "2026-03-01T15:30:00Z"), r.state.Deadline())

	r.now = clock(t, "2026-03-01T15:02:00Z").Time
	records, begun := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li"), Idempotency: "b1"})
	require.Equal(t, []string{"patrol.round"}, types(records))
	require.Equal(t, bridge.Notice, records[0].Event.Lane)
	require.Equal(t, p.Due, rounds(t, records)[0].Due)
	_, again := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li"), Idempotency: "b1"})
	require.True(t, again.Duplicate)
	require.Equal(t, begun.Round, again.Round)

	_, _, err := r.try(desk.RoundIn{Round: begun.Round, Verb: "finish", By: operator("li")})
	require.ErrorContains(t, err, "gate, shop")
	records, _ = r.after(15 * time.Second).do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "gate", Seen: true, By: operator("li")})
	require.Equal(t, []string{"patrol.looked"}, types(records))
	require.Equal(t, bridge.Local, records[0].Event.Lane)
	require.Equal(t, int64(15_000), data[desk.PatrolLooked](t, records[0]).LookedMS)

	r.do(desk.BlindIn{Camera: "shop", Kind: "unseen", From: r.now})
	records, _ = r.after(5 * time.Second).do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "shop", Seen: true, By: operator("li")})
	looked := data[desk.PatrolLooked](t, records[0])
	require.False(t, looked.Seen, "nobody sees a camera that is blind, whatever he says")
	require.Equal(t, "unseen", looked.Why)

	records, _ = r.do(desk.RoundIn{Round: begun.Round, Verb: "finish", Note: "平安", By: operator("li"), Idempotency: "f1"})
	done := rounds(t, records)[0]
	require.Equal(t, desk.RoundDone, done.State)
	require.Equal(t, []bool{true, false}, []bool{done.Cameras[0].Seen, done.Cameras[1].Seen})
	require.Equal(t, clock(t, "2026-03-01T20:00:00Z"), done.NextDue)
	p = r.state.Patrol("street")
	require.Nil(t, p.Round)
	require.Equal(t, "li", p.Last[0].By)
	require.Equal(t, clock(t, "2026-03-01T20:30:00Z"), r.state.Deadline())
	_, again = r.do(desk.RoundIn{Round: begun.Round, Verb: "finish", By: operator("li"), Idempotency: "f1"})
	require.True(t, again.Duplicate)
	_, _, err = r.try(desk.RoundIn{Round: begun.Round, Verb: "give_up", Reason: "x", By: operator("li"), Idempotency: "b1"})
	require.ErrorContains(t, err, "idempotency_key")
}

func TestRoundBelongsToOne(t *testing.T) {
	r := planned(t, withWalk)
	r.now = clock(t, "2026-03-01T14:50:00Z").Time // early, and it counts for 15:00
	_, begun := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
	require.Equal(t, clock(t, "2026-03-01T15:00:00Z"), r.state.Patrol("street").Round.Due)
	var taken *desk.ConflictError
	_, _, err := r.try(desk.BeginRoundIn{Plan: "street", By: operator("wang")})
	require.True(t, errors.As(err, &taken))
	require.Equal(t, "li", taken.By)
	_, _, err = r.try(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "gate", Seen: true, By: operator("wang")})
	require.True(t, errors.As(err, &taken))
	_, _, err = r.try(desk.BeginRoundIn{Plan: "street", By: lead("chen")})
	require.True(t, errors.As(err, &taken), "a lead needs a reason")
	r.after(20 * time.Second).do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "gate", Seen: true, By: operator("li")})
	records, over := r.do(desk.BeginRoundIn{Plan: "street", By: lead("chen"), Reason: "li was called away"})
	require.Equal(t, begun.Round, over.Round)
	require.Equal(t, "li", rounds(t, records)[0].From)
	require.True(t, r.state.Patrol("street").Round.Cameras[0].Seen, "what was signed stays")

	r.do(desk.RoundIn{Round: begun.Round, Verb: "give_up", Reason: "P0", By: lead("chen")})
	require.Nil(t, r.state.Patrol("street").Round)
	_, again := r.do(desk.BeginRoundIn{Plan: "street", By: operator("wang")})
	require.NotEqual(t, begun.Round, again.Round, "it is due again until its limit")
	require.Equal(t, clock(t, "2026-03-01T15:00:00Z"), r.state.Patrol("street").Round.Due)
	for _, in := range []desk.Input{
		desk.BeginRoundIn{Plan: "none", By: operator("li")},
		desk.BeginRoundIn{Plan: "street", By: desk.Actor{Name: "tv", Role: "wall"}},
		desk.RoundIn{Round: again.Round, Verb: "dance", By: operator("wang")},
		desk.RoundIn{Round: again.Round, Verb: "see", Camera: "roof", Seen: true, By: operator("wang")},
		desk.RoundIn{Round: again.Round, Verb: "see", Camera: "gate", By: operator("wang")},
		desk.RoundIn{Round: again.Round, Verb: "give_up", By: operator("wang")},
	} {
		_, _, err := r.try(in)
		require.Error(t, err, "%+v", in)
	}
}

// TestFindingOpensAReport: what is found on a camera is a report at its place,
// with the camera bound first.
func TestFindingOpensAReport(t *testing.T) {
	r := planned(t, withWalk)
	_, begun := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
	records, found := r.after(time.Minute).do(desk.RoundIn{
		Round: begun.Round, Verb: "see", Camera: "shop", Seen: true, Finding: &desk.Finding{Kind: "theft", Note: "撬锁"}, By: operator("li"), Idempotency: "s1",
	})
	require.Equal(t, []string{"incident.opened", "alert.raised", "patrol.looked"}, types(records))
	inc, alert := r.state.Incident(found.Incident), r.state.Alert(found.Alert)
	require.Equal(t, "shop", inc.Cameras[0])
	require.Equal(t, "商店", inc.Place.Name)
	require.Equal(t, "b2", inc.Place.Beat)
	require.Equal(t, []string{"report", "patrol", "theft", "P2"}, []string{alert.Origin, alert.Kind, alert.Reported, alert.Priority})
	require.NotEmpty(t, data[desk.AlertRaised](t, records[1]).Clips)
	require.Equal(t, 1, r.state.Patrol("street").Round.Findings)
	_, again := r.do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "shop", Seen: true, By: operator("li"), Idempotency: "s1"})
	require.True(t, again.Duplicate)
	require.Equal(t, found.Incident, again.Incident)
	_, seen := r.do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "shop", Seen: true, By: operator("li")})
	require.True(t, seen.Duplicate, "it is signed already")
	_, _, err := r.try(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "gate", Seen: true, Finding: &desk.Finding{}, By: operator("li")})
	require.ErrorContains(t, err, "finding.kind")
}

// TestMissedRounds: a round past its limit is told, and why.
func TestMissedRounds(t *testing.T) {
	r := planned(t, withWalk)
	r.now = clock(t, "2026-03-01T15:29:59Z").Time
	records, _ := r.do(desk.Tick{})
	require.Empty(t, records)
	records, _ = r.after(time.Second).do(desk.Tick{})
	missed := rounds(t, records)[0]
	require.Equal(t, desk.RoundMissed, missed.State)
	require.Equal(t, "nobody began it", missed.Reason)
	require.Equal(t, "P2", records[0].Event.Severity)
	require.Equal(t, clock(t, "2026-03-01T20:00:00Z"), missed.NextDue)

	r.now = clock(t, "2026-03-01T20:10:00Z").Time
	_, begun := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
	r.after(15 * time.Second).do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "gate", Seen: true, By: operator("li")})
	records, _ = r.after(20 * time.Minute).do(desk.Tick{})
	missed = rounds(t, records)[0]
	require.Equal(t, begun.Round, missed.Round)
	require.Contains(t, missed.Reason, "li began it")
	require.True(t, missed.Cameras[0].Seen)
	require.True(t, missed.Cameras[1].At.IsZero())
	require.Nil(t, r.state.Patrol("street").Round)

	r.now = clock(t, "2026-03-02T15:05:00Z").Time
	_, begun = r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
	r.do(desk.RoundIn{Round: begun.Round, Verb: "give_up", Reason: "no time", By: operator("li")})
	records, _ = r.after(time.Hour).do(desk.Tick{})
	require.Contains(t, rounds(t, records)[0].Reason, "given up by li: no time")

	_, begun = r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")}) // beyond the plan
	require.True(t, r.state.Patrol("street").Round.Due.IsZero())
	records, _ = r.after(30 * time.Minute).do(desk.Tick{})
	given := rounds(t, records)[0]
	require.Equal(t, []any{begun.Round, desk.RoundGivenUp, "box"}, []any{given.Round, given.State, given.By})
}

// TestRoundsOfADownTime: each round that fell into it is one event with the
// reason, those of long ago are one together, and the round that is due when
// the box comes back can still be walked.
func TestRoundsOfADownTime(t *testing.T) {
	for _, c := range []struct {
		down        time.Duration
		single, all int // rounds told by themselves, and in all
	}{
		{10 * time.Minute, 0, 0},
		{65 * time.Minute, 0, 0}, // 15:05: due, and not missed yet
		{2 * time.Hour, 1, 1},
		{3 * 24 * time.Hour, 6, 6},
		{30 * 24 * time.Hour, 14, 60},
		{400 * 24 * time.Hour, 14, 184}, // counted 92 days back
		{20 * 366 * 24 * time.Hour, 14, 184},
	} {
		t.Run(c.down.String(), func(t *testing.T) {
			r := planned(t, withWalk)
			records, _ := r.after(c.down).do(desk.StartedIn{Version: "1", Boot: "c", Config: "sha256:config"})
			single, all := 0, 0
			last := bridge.Stamp{}
			for _, m := range rounds(t, records) {
				require.Equal(t, desk.RoundMissed, m.State)
				require.Contains(t, m.Reason, "down")
				require.True(t, m.Due.After(last.Time))
				last = m.Due
				if m.Rounds == 0 {
					single++
				}
				all += max(1, m.Rounds)
			}
			require.InDelta(t, c.single, single, 1)
			require.InDelta(t, c.all, all, 1)
			require.True(t, r.state.Deadline().After(r.now))
			records, _ = r.do(desk.Tick{})
			require.Empty(t, records, "all was told at the start")
			require.True(t, r.state.Patrol("street").Limit.After(r.now))
		})
	}
}

// TestPlanChanges: rounds of a down time belong to the plan as it was; a plan
// that changed begins now, and one that is removed ends.
func TestPlanChanges(t *testing.T) {
	r := planned(t, withWalk)
	r.configure(func(s *desk.Setup) {
		changed := walk()
		changed.Times, changed.Cameras = []string{"18:00"}, []string{"gate"}
		s.Patrols = []desk.PatrolPlan{changed}
	})
	r.now = clock(t, "2026-03-01T19:00:00Z").Time
	records, _ := r.do(desk.StartedIn{Version: "1", Boot: "c", Config: "sha256:other"})
	require.Equal(t, []string{"box.started", "patrol.round", "task.issued", "patrol.planned"}, types(records))
	require.Equal(t, clock(t, "2026-03-01T15:00:00Z"), rounds(t, records)[0].Due, "18:00 was not planned then")
	require.Equal(t, clock(t, "2026-03-02T18:00:00Z"), r.state.Patrol("street").Due)
	require.Equal(t, []string{"gate"}, r.state.Patrol("street").Cameras)

	r.now = clock(t, "2026-03-02T18:05:00Z").Time
	r.configure(func(s *desk.Setup) {
		changed := walk()
		changed.Times, changed.Name = []string{"18:00"}, "新名"
		s.Patrols = []desk.PatrolPlan{changed}
	})
	r.do(desk.StartedIn{Version: "1", Boot: "d"})
	require.Equal(t, clock(t, "2026-03-02T18:00:00Z"), r.state.Patrol("street").Due, "what is due stays due")
	r.configure(func(*desk.Setup) {})
	records, _ = r.after(24 * time.Hour).do(desk.StartedIn{Version: "1", Boot: "e"})
	require.Equal(t, []string{"box.started", "patrol.round", "task.confirmed", "patrol.planned"}, types(records))
	require.Nil(t, r.state.Patrol("street"))
	require.True(t, r.state.Deadline().IsZero())
}

// TestTimesOfDayInZones: a zone without summer time, and the two days of one
// with it; each time comes once a day, whatever the clock does.
func TestTimesOfDayInZones(t *testing.T) {
	for _, c := range []struct {
		zone, from string
		times      []string
		days       []string
		due        []string
	}{
		{"Asia/Shanghai", "2026-03-01T08:00:00+08:00", []string{"08:00", "23:30"}, everyDay(),
			[]string{"2026-03-01T23:30:00+08:00", "2026-03-02T08:00:00+08:00", "2026-03-02T23:30:00+08:00"}},
		{"Asia/Shanghai", "2026-03-01T08:00:00+08:00", []string{"08:00"}, []string{"sat", "wed"}, // from a Sunday
			[]string{"2026-03-04T08:00:00+08:00", "2026-03-07T08:00:00+08:00", "2026-03-11T08:00:00+08:00"}},
		{"Europe/Berlin", "2026-03-28T12:00:00+01:00", []string{"02:30"}, everyDay(), // 02:30 never comes on the 29th
			[]string{"2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"Europe/Berlin", "2026-03-28T12:00:00+01:00", []string{"02:30", "03:30"}, everyDay(), // one moment is one round
			[]string{"2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00", "2026-03-30T03:30:00+02:00"}},
		{"Europe/Berlin", "2026-10-24T12:00:00+02:00", []string{"02:30"}, everyDay(), // and twice on the 25th
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"America/Havana", "2026-03-07T12:00:00-05:00", []string{"00:30"}, everyDay(), // midnight is skipped
			[]string{"2026-03-08T01:30:00-04:00", "2026-03-09T00:30:00-04:00"}},
		{"Australia/Lord_Howe", "2026-04-04T12:00:00+11:00", []string{"01:45"}, everyDay(), // half an hour comes twice
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
	} {
		t.Run(fmt.Sprint(c.zone, c.from, c.times), func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			require.NoError(t, err)
			r := newRoom(t)
			r.configure(func(s *desk.Setup) {
				p := walk()
				p.Times, p.Days, p.WithinMS = c.times, c.days, 10*60_000
				s.Zone, s.Patrols = zone, []desk.PatrolPlan{p}
			})
			r.now = clock(t, c.from).Time
			r.do(desk.StartedIn{Version: "1", Boot: "b"})
			for _, due := range c.due {
				p := r.state.Patrol("street")
				require.Equal(t, clock(t, due), p.Due)
				r.now = p.Limit.Time
				records, _ := r.do(desk.Tick{})
				require.Len(t, rounds(t, records), 1)
			}
		})
	}
}

func TestPlansAreChecked(t *testing.T) {
	for want, change := range map[string]func(*desk.PatrolPlan){
		"an id of its own": func(p *desk.PatrolPlan) { p.ID = "" },
		"0 cameras":        func(p *desk.PatrolPlan) { p.Cameras = nil },
		"not configured":   func(p *desk.PatrolPlan) { p.Cameras = []string{"none"} },
		"a time of day":    func(p *desk.PatrolPlan) { p.Times = []string{"8:00"} },
		"mon to sun":       func(p *desk.PatrolPlan) { p.Days = []string{"today"} },
		"more than 0":      func(p *desk.PatrolPlan) { p.WithinMS = 0 },
	} {
		s, p := setup(), walk()
		change(&p)
		s.Patrols = []desk.PatrolPlan{p}
		_, err := desk.NewRules(s)
		require.ErrorContains(t, err, want)
	}
}
