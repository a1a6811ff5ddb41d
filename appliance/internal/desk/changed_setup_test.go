package desk_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// What becomes of the room's work when the configuration that it began under is
// another one after a start: nothing is lost, nothing is due for ever.

// restarted is a start with another configuration.
func (r *room) restarted(change func(*desk.Setup)) []bridge.Record {
	r.configure(change)
	return r.within(desk.StartedIn{Version: "2", Boot: "b", Config: "sha256:other"})
}

// within does the input and proves that the journal can take what comes of it.
func (r *room) within(in desk.Input) []bridge.Record {
	records, _ := r.do(in)
	size := 0
	for _, rec := range records {
		one := len(rec.Event.Data) + 600 // the envelope
		require.Less(r.t, one, bridge.EventMaxBytes, rec.Event.Type)
		size += one
	}
	require.Less(r.t, size, journal.StepBytesMax, "%d events in a step", len(records))
	require.LessOrEqual(r.t, len(records), 2000)
	return records
}

// settle ticks as the desk does, until nothing is due: every tick must get on.
func (r *room) settle() (records []bridge.Record) {
	for n := 0; ; n++ {
		if at := r.state.Deadline(); at.IsZero() || at.After(r.now) {
			return records
		}
		require.Less(r.t, n, 500, "ticks without an end at %s", r.state.Deadline())
		more := r.within(desk.Tick{})
		require.NotEmpty(r.t, more, "a tick at %s does nothing about what is due at %s", r.now, r.state.Deadline())
		records = append(records, more...)
	}
}

// of are the records of one type.
func of(records []bridge.Record, typ string) (some []bridge.Record) {
	for _, rec := range records {
		if rec.Event.Type == typ {
			some = append(some, rec)
		}
	}
	return some
}

// The times of a plan change while its round is walked: the round ends in its
// own time, and the plan goes on.
func TestPlanChangesWhileItsRoundIsWalked(t *testing.T) {
	r := planned(t, withWalk)
	r.now = clock(t, "2026-03-01T15:02:00Z").Time
	_, begun := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
	r.restarted(func(s *desk.Setup) {
		withWalk(s)
		s.Patrols[0].Times = []string{"18:00"}
	})
	require.Equal(t, begun.Round, r.state.Patrol("street").Round.ID)
	r.now = clock(t, "2026-03-01T15:30:00Z").Time
	told := rounds(t, r.settle())
	require.Len(t, told, 1)
	require.Equal(t, []any{begun.Round, desk.RoundMissed}, []any{told[0].Round, told[0].State})
	p := r.state.Patrol("street")
	require.Nil(t, p.Round)
	require.Equal(t, clock(t, "2026-03-01T18:00:00Z"), p.Due)
	require.Equal(t, clock(t, "2026-03-01T18:30:00Z"), r.state.Deadline())
}

// A plan goes while its round is walked and a supervision order about it waits:
// both end.
func TestPlanGoesWithItsRound(t *testing.T) {
	r := planned(t, withWalk)
	r.now = clock(t, "2026-03-01T15:30:00Z").Time
	r.settle()
	require.Len(t, r.state.Tasks(), 1)
	_, begun := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
	records := r.restarted(func(*desk.Setup) {})
	told := rounds(t, records)
	require.Len(t, told, 1)
	require.Equal(t, []any{begun.Round, desk.RoundGivenUp, "box"}, []any{told[0].Round, told[0].State, told[0].By})
	require.Nil(t, r.state.Patrol("street"))
	require.Equal(t, desk.Confirmed, r.state.Tasks()[0].State, "nothing is left that it is about")
	require.True(t, r.state.Deadline().IsZero())
}

// A target goes while its drill is under way: the exercise ends, and so does
// its incident.
func TestTargetGoesDuringItsDrill(t *testing.T) {
	r := planned(t, withDrills)
	_, begun := r.do(desk.DrillIn{Target: "rule:gate/yard-night", By: lead("chen")})
	r.do(desk.TaskIn{To: "wu", Note: "n", Incident: begun.Incident, By: operator("li")})
	records := r.restarted(func(*desk.Setup) {})
	require.Equal(t, desk.DrillFailed, result(t, records).Result)
	require.Nil(t, r.state.Drilled("rule:gate/yard-night"))
	require.Equal(t, desk.Closed, r.state.Incident(begun.Incident).State)
	require.Equal(t, desk.Cancelled, r.state.Tasks()[0].State)
}

// A partner goes, or loses its line, while messages wait for it: they are set
// aside, and the orders leave the state in their time.
func TestPartnerGoesWithWhatWaitsForIt(t *testing.T) {
	for name, partners := range map[string][]desk.Partner{
		"removed": nil, "called by telephone": {{ID: "lights"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			r.configure(func(s *desk.Setup) { s.Partners = []desk.Partner{{ID: "lights", Line: "webhook"}} })
			owed := r.issue(desk.TaskIn{To: "lights", Note: "n", Limit: r.now.Add(time.Hour)})
			ended := r.issue(desk.TaskIn{To: "lights", Note: "n"})
			r.do(desk.TaskActionIn{Task: ended.ID, Verb: "cancel", Reason: "r", By: operator("li")})
			r.restarted(func(s *desk.Setup) { s.Partners = partners })
			for _, task := range r.state.Tasks() {
				require.Empty(t, task.Order.Waiting)
				require.NotEmpty(t, task.Order.SetAside)
			}
			require.Empty(t, of(r.restarted(func(s *desk.Setup) { s.Partners = partners }), desk.TypeTaskUndeliverable), "once")
			require.Len(t, of(r.after(time.Hour).settle(), desk.TypeTaskOverdue), 1, "it is owed still")
			r.do(desk.TaskActionIn{Task: owed.ID, Verb: "cancel", Reason: "r", By: operator("li")})
			r.after(8 * 24 * time.Hour).do(report(operator("li")))
			require.Empty(t, r.state.Tasks())
		})
	}
}

// People, templates and kinds go while orders of theirs are open: each order
// is overdue as any other and can be ended.
func TestPeopleAndTemplatesGo(t *testing.T) {
	r := standardRoom(t)
	task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1"})
	push := r.issue(desk.TaskIn{Template: "push", To: "hq", Limit: r.now.Add(time.Hour)})
	r.restarted(func(s *desk.Setup) { s.Uplinks = nil })
	r.after(2 * time.Hour)
	require.Len(t, of(r.settle(), desk.TypeTaskOverdue), 3, "both, and the first one's step")
	for _, id := range []string{task.ID, push.ID} {
		r.do(desk.TaskActionIn{Task: id, Verb: "cancel", Reason: "r", By: operator("li")})
	}
	for _, task := range r.state.Tasks() {
		require.False(t, task.EndedAt.IsZero(), task.Kind)
	}
	r.after(24 * time.Hour).settle()
}

// big gives a station many plans, and a drill of each of many pillars at the
// same time of day.
func big(s *desk.Setup) {
	var cameras []string
	for i := range 80 {
		cameras = append(cameras, fmt.Sprint("camera-with-a-long-name-", i))
		s.Cameras = append(s.Cameras, desk.Camera{ID: cameras[i]})
	}
	for i := range 40 {
		plan := walk()
		plan.ID, plan.Cameras, plan.Times = fmt.Sprint("plan-", i), cameras, nil
		for hour := range 24 {
			plan.Times = append(plan.Times, fmt.Sprintf("%02d:00", hour))
		}
		s.Patrols = append(s.Patrols, plan)
	}
	for i := range 500 {
		id := fmt.Sprint("pillar-", i)
		s.Pillars = append(s.Pillars, desk.Pillar{ID: id})
		s.Drills = append(s.Drills, desk.Drill{ID: id, Target: "pillar:" + id, At: "16:00", Every: 24 * time.Hour})
	}
}

// A start of a big station is one call of Handle and several steps: all of it
// is in force when the call returns, and the journal takes each step.
func TestStartOfABigStation(t *testing.T) {
	s := setup()
	big(&s)
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	hands := newHands()
	d := openDeskOf(t, s, j, hands, rand.NewChaCha8([32]byte{}))
	for _, down := range []time.Duration{0, 3 * 24 * time.Hour, time.Hour} {
		hands.pass(down)
		result, err := d.Handle(t.Context(), desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
		require.NoError(t, err)
		require.Equal(t, j.Last(), result.Place)
		_, err = d.View(t.Context(), func(state *desk.State) {
			require.Len(t, d.Rules().Patrols(state), 40)
			for _, p := range d.Rules().Patrols(state) {
				require.True(t, p.Limit.After(state.Now().Time))
			}
			for _, target := range s.Drills {
				require.NotNil(t, state.Drilled(target.Target))
			}
		})
		require.NoError(t, err)
	}
}

// A long outage of a station with many plans and drills: the journal takes the
// start and every tick after it.
func TestLongOutageOfABigStation(t *testing.T) {
	for _, down := range []time.Duration{3 * time.Hour, 9 * 24 * time.Hour} {
		t.Run(down.String(), func(t *testing.T) {
			f := newFlood(t)
			s := setup()
			big(&s)
			var err error
			f.rules, err = desk.NewRules(s)
			require.NoError(t, err)
			f.fits(desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
			for f.fits(desk.PlanIn{}) > 0 {
			}
			f.now = f.now.Add(down)
			since := bridge.At(f.now.Add(-down))
			f.fits(desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
			for steps := 0; f.fits(desk.PlanIn{Since: since}) > 0; steps++ {
				require.Less(t, steps, 100)
			}
			f.settle()
		})
	}
}

// fits does the input and proves that the journal can take what comes of it.
func (f *flood) fits(in desk.Input) int {
	drafts, _ := f.do(in)
	size := 0
	for _, d := range drafts {
		require.Less(f.t, len(d.Data)+600, bridge.EventMaxBytes, d.Type)
		size += len(d.Data) + 600
	}
	require.Less(f.t, size, journal.StepBytesMax, "%d events in a step", len(drafts))
	require.LessOrEqual(f.t, len(drafts), 2000)
	return len(drafts)
}

// settle ticks until nothing is due.
func (f *flood) settle() {
	for n := 0; !f.state.Deadline().IsZero() && !f.state.Deadline().After(f.now); n++ {
		require.Less(f.t, n, 1000, "ticks without an end")
		require.NotZero(f.t, f.fits(desk.Tick{}), "a tick does nothing about what is due at %s", f.state.Deadline())
	}
}

// A round of many cameras with a word on each can be signed off, and missed.
func TestLongRoundHasRoom(t *testing.T) {
	for _, finish := range []bool{true, false} {
		r := newRoom(t)
		r.configure(func(s *desk.Setup) {
			withWalk(s)
			s.Patrols[0].Cameras = nil
			for i := range 200 {
				id := fmt.Sprint("camera-", i)
				s.Cameras = append(s.Cameras, desk.Camera{ID: id})
				s.Patrols[0].Cameras = append(s.Patrols[0].Cameras, id)
			}
		})
		r.do(desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
		r.now = clock(t, "2026-03-01T15:02:00Z").Time
		_, begun := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
		why := fmt.Sprintf("%0500d", 1)
		for i := range 200 {
			r.do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: fmt.Sprint("camera-", i), Reason: why, By: operator("li")})
		}
		if finish {
			r.within(desk.RoundIn{Round: begun.Round, Verb: "finish", By: operator("li")})
			require.Equal(t, desk.RoundDone, r.state.Patrol("street").Last[0].State)
			continue
		}
		r.within(desk.BeginRoundIn{Plan: "street", By: lead("chen"), Reason: "r"})
		r.now = clock(t, "2026-03-01T15:30:00Z").Time
		r.settle()
		require.Equal(t, desk.RoundMissed, r.state.Patrol("street").Last[0].State)
	}
}
