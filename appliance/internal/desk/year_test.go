package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// TestAYearLeavesNoTrace: a room at work day after day, with rounds, drills,
// words on duty, handovers, requests of two leads, instructions, overdue orders
// and partners that answer or do not, is after a year as large as after half of
// it: what is over leaves the state, and the index with it.
func TestAYearLeavesNoTrace(t *testing.T) {
	const days = 240 // what a year leaves is what this leaves: everything is over within 30
	f := newFlood(t)
	s := hasty()
	var err error
	f.rules, err = desk.NewRules(s)
	require.NoError(t, err)
	f.do(desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
	var size, indexed int
	for day := range days {
		f.workday(day)
		if day == days/2 {
			size, indexed = f.size(), desk.IndexSize(f.state)
		}
	}
	t.Logf("after %d days: %d bytes, %d entries; after all: %d bytes, %d entries", days/2, size, indexed, f.size(), desk.IndexSize(f.state))
	require.Less(t, f.size(), size*115/100)
	require.Less(t, desk.IndexSize(f.state), 2000, "of these up to 1,024 are swept at once")
	b, err := f.state.Bytes()
	require.NoError(t, err)
	restored, err := desk.Restore(b)
	require.NoError(t, err)
	require.Equal(t, f.state.Deadline(), restored.Deadline())
}

// workday is one day of the room.
func (f *flood) workday(day int) {
	li, chen, wu := operator("li"), lead("chen"), lead("wu")
	_, pressed := f.do(press("P-1", fmt.Sprint("e", day), ingest.PressAlarm, f.now))
	f.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: li})
	in := report(li)
	in.Kind = "street_light"
	_, lamp := f.do(in)
	_, routed := f.do(desk.RouteIn{Incident: lamp.Incident, Kind: "street-light", Close: true, By: li})
	f.deliver("lights", day%2 == 0)
	if day%3 == 0 {
		f.do(says("lights", routed.Task, desk.ReplyRefused))
		f.do(desk.ActionIn{Incident: lamp.Incident, Verb: "close", Result: "resolved", By: li})
	} else {
		f.do(says("lights", routed.Task, desk.ReplyDone))
		f.do(desk.TaskActionIn{Task: routed.Task, Verb: "confirm", By: li})
	}
	f.deliver("lights", day%2 == 0)
	for i := range 5 {
		above := fromAbove(fmt.Sprint("T-", day, "-", i))
		above.Priority = "P3"
		f.do(above)
	}
	_, task := f.do(desk.TaskIn{Template: "arrive", To: "he", Incident: pressed.Incident, By: li})
	f.do(desk.DutyIn{Person: []string{"he", "zhang", "wang"}[day%3], On: day%2 == 0, Until: f.now.Add(30 * time.Hour), Reason: "r", By: li})
	_, asked := f.do(desk.ApprovalIn{Verb: "request", Act: "unmask", Subject: pressed.Incident, Reason: "r", By: chen})
	if day%2 == 0 {
		f.do(desk.ApprovalIn{Verb: "approve", Approval: asked.Approval.ID, Grant: true, By: wu})
	}
	_, begun := f.do(desk.BeginRoundIn{Plan: "street", By: li})
	f.do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "gate", Reason: "dark", By: li})
	f.pass(6 * time.Hour)
	_, offered := f.do(desk.HandoverIn{By: li, PassClaims: true})
	f.pass(time.Hour)
	f.do(desk.TakeOverIn{Handover: offered.Handover, SHA256: f.state.Handover().SHA256, By: chen})
	for _, id := range []string{"rule:gate/yard-night", "uplink:hq"} {
		f.do(desk.DrillIn{Target: id, By: chen})
	}
	f.pass(6 * time.Hour)
	f.do(desk.TaskActionIn{Task: task.Task, Verb: "cancel", Reason: "r", By: chen})
	f.do(desk.ActionIn{Incident: pressed.Incident, Verb: "close", Result: "resolved", By: chen})
	for _, one := range f.state.Tasks() {
		if one.HQID != "" && one.EndedAt.IsZero() {
			f.do(desk.CancelOrderIn{Uplink: one.Uplink, HQID: one.HQID, Reason: "r"})
		}
		if one.Kind == desk.Supervision && one.EndedAt.IsZero() {
			f.do(desk.TaskActionIn{Task: one.ID, Verb: "report", Report: "r", By: chen})
		}
	}
	f.pass(11 * time.Hour)
}

// pass lets time pass, and ticks at what is due on the way.
func (f *flood) pass(d time.Duration) {
	end := f.now.Add(d)
	for n := 0; ; n++ {
		at := f.state.Deadline()
		if at.IsZero() || at.After(end) {
			break
		}
		require.Less(f.t, n, 10_000, "ticks without an end")
		if at.After(f.now) {
			f.now = at.Time
		}
		require.NotZero(f.t, f.fits(desk.Tick{}))
	}
	f.now = end
}

// deliver is the partner's line: it takes all, or one message never.
func (f *flood) deliver(partner string, takes bool) {
	for {
		task, news, _ := f.state.News(partner)
		if task == nil {
			return
		}
		in := desk.DeliveredIn{Task: task.ID, Message: news.Event, News: news.News}
		if !takes {
			in.Refused = "422"
		}
		f.do(in)
	}
}

// BenchmarkTick is time passing in a room with 1,000 open incidents, 1,000 open
// orders and 500 targets of drills, of which one order is overdue.
func BenchmarkTick(b *testing.B) {
	f := newFlood(b)
	s := setup()
	for i := range 500 {
		id := fmt.Sprint("pillar-", i)
		s.Pillars = append(s.Pillars, desk.Pillar{ID: id})
		s.Drills = append(s.Drills, desk.Drill{ID: id, Target: "pillar:" + id, At: "16:00", Every: 24 * time.Hour})
	}
	var err error
	f.rules, err = desk.NewRules(s)
	require.NoError(b, err)
	f.do(desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
	for i := range 1000 {
		in := report(operator("li"))
		in.Kind, in.Priority = fmt.Sprint("kind-", i), "P3"
		_, answer := f.do(in)
		f.do(desk.TaskIn{To: "wu", Note: "n", Incident: answer.Incident, Limit: f.now.Add(time.Duration(i+1) * time.Hour), By: operator("li")})
	}
	now := bridge.At(f.now.Add(time.Hour))
	for b.Loop() {
		drafts, _, err := f.rules.Step(f.state, now, [16]byte{}, desk.Tick{}, nil)
		require.NoError(b, err)
		require.NotEmpty(b, drafts)
	}
}
