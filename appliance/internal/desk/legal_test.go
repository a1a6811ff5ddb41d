package desk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// from is which states each event of an incident's life may find it in; the
// test's own table, written from domain.md.
func from() map[string][]desk.IncidentState {
	working := []desk.IncidentState{desk.Acknowledged, desk.Dispatched, desk.OnScene}
	living := append([]desk.IncidentState{desk.Open}, working...)
	return map[string][]desk.IncidentState{
		desk.TypeIncidentClaimed: living, desk.TypeIncidentAcknowledged: living, desk.TypeIncidentClosed: living,
		desk.TypeIncidentReopened: {desk.Closed}, desk.TypeIncidentDispatched: {desk.Acknowledged},
		desk.TypeIncidentOnScene: {desk.Acknowledged, desk.Dispatched}, desk.TypeIncidentMerged: living, desk.TypeIncidentSplit: living,
	}
}

// actor is one operator at work on a few incidents: whatever he likes, right
// or wrong.
type actor struct {
	*rand.Rand
	by desk.Actor
	d  *desk.Desk
}

func (a *actor) act(incidents []string) {
	id, other := incidents[a.IntN(len(incidents))], incidents[a.IntN(len(incidents))]
	verbs := desk.IncidentVerbs()
	points := a.IntN(20)
	in := desk.ActionIn{
		Incident: id, Verb: verbs[a.IntN(len(verbs))], By: a.by, Reason: []string{"", "because"}[a.IntN(2)], Note: "n", Other: other,
		Result: []string{"resolved", "false_alarm", "transferred"}[a.IntN(3)], Points: &points,
	}
	in.Tasks, in.To = []string{"", "keep", "cancel"}[a.IntN(3)], "wu"
	var inputs []desk.Input
	switch a.IntN(12) {
	case 8:
		inputs = append(inputs, a.handover())
	case 9:
		inputs = append(inputs, a.exercise())
	case 10:
		inputs = append(inputs, a.walk())
	case 11:
		inputs = append(inputs, desk.DutyIn{Person: "wu-jun", On: a.IntN(2) == 0, Reason: "r", By: a.by, Idempotency: fmt.Sprint("k", a.IntN(9))})
	case 0:
		inputs = append(inputs, press("P-"+fmt.Sprint(1+a.IntN(2)), fmt.Sprint(a.by.Name, a.Uint64()), ingest.PressAlarm, start()))
	case 1, 2:
		inputs = append(inputs, a.order(id))
	case 3, 4:
		_, _ = a.d.View(context.Background(), func(s *desk.State) {
			for _, task := range s.Tasks() {
				verb := desk.TaskVerbs()[a.IntN(len(desk.TaskVerbs()))]
				one := desk.TaskActionIn{Task: task.ID, Verb: verb, By: a.by, Reason: "r", Report: "r"}
				if len(task.Steps) > 0 && (verb == "tick" || verb == "report") {
					one.Steps = []int{1}
				}
				inputs = append(inputs, one)
			}
		})
	case 5:
		inputs = append(inputs, desk.Tick{})
	}
	if in.Verb == "split" {
		_, _ = a.d.View(context.Background(), func(s *desk.State) {
			if alerts := s.Incident(id).Alerts; len(alerts) > 1 {
				in.Alerts = alerts[1:]
			}
		})
	}
	for _, input := range append(inputs, in) {
		_, _ = a.d.Handle(context.Background(), input) // refusals are part of it
	}
}

// order is one from the room or from above, or one that headquarters takes
// back.
func (a *actor) order(incident string) desk.Input {
	above := fromAbove(fmt.Sprint("T-", a.IntN(20)))
	above.Incident = incident
	limit := start().Add(time.Duration(a.IntN(600)) * time.Second)
	switch a.IntN(7) {
	case 5:
		return desk.RouteIn{Incident: incident, Kind: []string{"street-light", "road"}[a.IntN(2)], Close: a.IntN(3) == 0, By: a.by, Idempotency: fmt.Sprint("k", a.IntN(9))}
	case 6:
		return a.reply()
	case 0:
		return desk.TaskIn{To: "wu", Note: "n", Incident: incident, By: a.by}
	case 1:
		return desk.TaskIn{Template: "arrive", To: "patrol-1", Incident: incident, Limit: limit, By: a.by}
	case 2:
		return desk.TaskIn{To: "lamps", Note: "n", Incident: incident, Limit: limit, By: a.by}
	case 3:
		return desk.CancelOrderIn{Uplink: "hq", HQID: above.HQID, Reason: "r"}
	}
	return above
}

// reply is a partner's word on one of its orders, or that its line took news.
func (a *actor) reply() (in desk.Input) {
	in = desk.Tick{}
	_, _ = a.d.View(context.Background(), func(s *desk.State) {
		partner := []string{"lights", "works", "council"}[a.IntN(3)]
		if task, news, _ := s.News(partner); task != nil && a.IntN(2) == 0 {
			in = desk.DeliveredIn{Task: task.ID, Message: news.Event, News: news.News, Refused: []string{"", "", "422"}[a.IntN(3)]}
			return
		}
		if orders := s.Orders()[partner]; len(orders) > 0 {
			in = says(partner, orders[a.IntN(len(orders))].ID, []string{desk.ReplyAccepted, desk.ReplyDone, desk.ReplyRefused}[a.IntN(3)])
		}
	})
	return in
}

// handover is one half of a shift's change.
func (a *actor) handover() (in desk.Input) {
	in = desk.HandoverIn{By: a.by, PassClaims: true, Note: "n"}
	_, _ = a.d.View(context.Background(), func(s *desk.State) {
		if open := s.Handover(); open != nil && open.Outgoing.Name != a.by.Name {
			in = desk.TakeOverIn{Handover: open.ID, SHA256: open.SHA256, By: a.by}
		}
	})
	return in
}

// exercise begins a drill, or brings one on.
func (a *actor) exercise() (in desk.Input) {
	in = desk.DrillIn{Target: []string{"pillar:P-1", "rule:gate/yard-night", "uplink:hq"}[a.IntN(3)], By: a.by, Idempotency: fmt.Sprint("k", a.IntN(9))}
	_, _ = a.d.View(context.Background(), func(s *desk.State) {
		for _, run := range s.DrillsUnderWay() {
			switch a.IntN(4) {
			case 0:
				in = desk.DrillMarkIn{Target: run.Target, Run: run.ID, Mark: "stored"}
			case 1:
				in = desk.ShownIn{Alert: run.Alert, Screen: "tv"}
			case 2:
				in = desk.TaskIn{To: "wu", Note: "n", Incident: run.Incident, Limit: s.Now().Add(time.Second), By: a.by}
			}
		}
	})
	return in
}

// walk begins a round, or signs a camera of one.
func (a *actor) walk() (in desk.Input) {
	in = desk.BeginRoundIn{Plan: "street", By: a.by, Reason: "r", Idempotency: fmt.Sprint("k", a.IntN(9))}
	_, _ = a.d.View(context.Background(), func(s *desk.State) {
		if p := s.Patrol("street"); p.Round != nil && a.IntN(4) > 0 {
			in = desk.RoundIn{
				Round: p.Round.ID, Verb: []string{"see", "see", "finish", "give_up"}[a.IntN(4)], Camera: p.Cameras[a.IntN(2)], Seen: a.IntN(2) == 0,
				Reason: "r", Finding: []*desk.Finding{nil, {Kind: "fire"}}[a.IntN(2)], By: a.by,
			}
		}
	})
	return in
}

// everything is a configuration with all that a room can do.
func everything() desk.Setup {
	s := standards()
	partners, classes := partners()
	s.Partners, s.Classes = append(s.Partners, partners...), classes
	s.ShownWithin, s.JudgeWithin = 2*time.Second, time.Minute
	withWalk(&s)
	s.Patrols[0].Times, s.Patrols[0].WithinMS = []string{"14:02", "14:06", "14:10", "14:14"}, 60_000
	withDrills(&s)
	s.Drills[0].At = "14:05"
	return s
}

// TestInterleavingsAreLegal: two operators at once, each doing what comes to
// mind: the journal tells a legal history, and the room is whole after it.
func TestInterleavingsAreLegal(t *testing.T) {
	s, seen := seed(t), map[string]int{}
	for round := 0; round < 6 || round < 100 && len(missing(seen)) > 0; round++ { // what is rare may take more
		m, clock := newMemory(), newHands()
		d := openDeskOf(t, everything(), m, clock, rand.NewChaCha8([32]byte{byte(round)}))
		_, err := d.Handle(context.Background(), desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
		require.NoError(t, err)
		var incidents []string
		for i := range 4 {
			in := report(operator("li"))
			in.Kind = fmt.Sprint("kind-", i)
			result, err := d.Handle(context.Background(), in)
			require.NoError(t, err)
			incidents = append(incidents, result.Incident)
		}
		_, err = d.Handle(context.Background(), desk.DrillIn{Target: "rule:gate/yard-night", By: lead("chen")})
		require.NoError(t, err, "later a real alarm is in the way")
		var wait sync.WaitGroup
		for i, by := range []desk.Actor{operator("li"), lead("chen")} {
			wait.Go(func() {
				a := &actor{Rand: rand.New(rand.NewPCG(s, uint64(round*2+i))), by: by, d: d}
				for range 220 {
					clock.pass(time.Second)
					if a.IntN(50) == 0 { // somebody mends the clock
						clock.set(time.Duration(a.IntN(120)-60) * time.Minute)
					}
					a.act(incidents)
				}
			})
		}
		wait.Wait()
		calm(t, d, clock)
		legal(t, m)
		for _, rec := range m.records {
			seen[rec.Event.Type]++
			if rec.Event.Type == desk.TypeTaskOverdue {
				seen[rec.Event.Type+"/"+data[desk.TaskChanged](t, rec).What]++
			}
		}
		require.Equal(t, bytesOf(t, d), fold(t, m))
	}
	require.Empty(t, missing(seen))
}

// missing is what two operators at work are to have brought about, and have not
// yet.
func missing(seen map[string]int) []string {
	return slices.DeleteFunc([]string{
		desk.TypeIncidentMerged, desk.TypeIncidentSplit, desk.TypeIncidentClosed, desk.TypeTaskKept, desk.TypeTaskCancelled, desk.TypeTaskSupervised,
		desk.TypeTaskTicked, desk.TypeTaskRepeated, desk.TypeTaskConfirmed, desk.TypePatrolRound, desk.TypePatrolLooked, desk.TypeDrillBegun,
		desk.TypeDrillRun, desk.TypeShiftHandedOver, desk.TypeDutyChanged,
		desk.TypeTaskOverdue + "/", desk.TypeTaskOverdue + "/judge", desk.TypeTaskOverdue + "/step",
	}, func(typ string) bool { return seen[typ] > 0 })
}

// calm: left alone, the room comes to rest: every tick does something about
// what is due, and after a month nothing is but rounds and drills.
func calm(t *testing.T, d *desk.Desk, clock *hands) {
	for range 60 {
		clock.pass(12 * time.Hour)
		_, err := d.Handle(context.Background(), desk.AccessIn{Kind: "login", By: operator("li")}) // the state's time is now
		require.NoError(t, err)
		for n := 0; ; n++ {
			var at, now bridge.Stamp
			result, err := d.Handle(context.Background(), desk.Tick{})
			require.NoError(t, err)
			_, err = d.View(context.Background(), func(s *desk.State) { at, now = s.Deadline(), s.Now() })
			require.NoError(t, err)
			if at.IsZero() || at.After(now.Time) {
				break
			}
			require.NotEmpty(t, result.Events, "a tick at %s does nothing about what is due at %s", now, at)
			require.Less(t, n, 200)
		}
	}
	_, err := d.View(context.Background(), func(s *desk.State) {
		require.Empty(t, s.DrillsUnderWay())
		require.Nil(t, s.Patrol("street").Round)
		for _, inc := range s.OpenIncidents() {
			require.True(t, inc.Next.IsZero(), "incident %d is late for ever", inc.Number)
		}
		for _, task := range s.Tasks() {
			require.True(t, task.Next.IsZero(), "task %d is late for ever", task.Number)
		}
	})
	require.NoError(t, err)
}

// legal folds the journal and looks at each event before it is folded, and at
// the room after it.
func legal(t *testing.T, journal bridge.Reader) {
	s := desk.NewState()
	records, err := journal.Read(0, 1<<20)
	require.NoError(t, err)
	for i, rec := range records {
		if states, ok := from()[rec.Event.Type]; ok {
			inc := s.Incident(strings.TrimPrefix(rec.Event.Subject, "incidents/"))
			require.NotNil(t, inc)
			require.Contains(t, states, inc.State, rec.Event.Type)
			if rec.Event.Type == desk.TypeIncidentClaimed {
				changed := data[desk.IncidentChanged](t, rec)
				taken := inc.ClaimedBy != "" && inc.ClaimedBy != changed.By && (changed.Handover == "" || changed.From != inc.ClaimedBy)
				require.False(t, taken && (changed.By != "chen" || changed.Reason == ""), "taken over by a lead with a reason only")
			}
		}
		require.NoError(t, s.Apply(rec))
		if i+1 == len(records) || !records[i+1].Event.RecordedTime.Equal(rec.Event.RecordedTime.Time) {
			whole(t, s)
		}
	}
}

// whole: every incident that was not merged away has an alert, every alert is
// in its one incident, every task has an end or an owner.
func whole(t *testing.T, s *desk.State) {
	held := map[string]string{}
	for _, inc := range s.Incidents() {
		require.Equal(t, inc.MergedInto != "", len(inc.Alerts) == 0, "incident %s %s", inc.ID, inc.State)
		for _, id := range inc.Alerts {
			require.Empty(t, held[id], "alert %s is in two incidents", id)
			held[id] = inc.ID
			require.Equal(t, inc.ID, s.Alert(id).Incident)
		}
		for _, id := range inc.Tasks {
			if task := s.Task(id); task != nil { // one that ended long ago has left
				require.Equal(t, inc.ID, task.Incident)
			}
		}
	}
	require.Len(t, s.Alerts(), len(held))
	for _, task := range s.Tasks() {
		owned(t, s, task)
	}
	for _, run := range s.DrillsUnderWay() {
		if inc := s.Incident(run.Incident); inc != nil {
			require.True(t, inc.Drill)
			require.Nil(t, inc.Score)
		}
	}
}

// owned: a task has ended, or somebody owes it and somebody answers for it; one
// of an incident that was closed has an owner or a limit of its own, and what
// it supervises is late still.
func owned(t *testing.T, s *desk.State, task *desk.Task) {
	where := fmt.Sprintf("task %d, %s, %s", task.Number, task.Kind, task.State)
	ended := slices.Contains([]desk.TaskState{desk.Confirmed, desk.HandedBack, desk.Cancelled}, task.State)
	require.Equal(t, ended, !task.EndedAt.IsZero(), where)
	if ended {
		require.True(t, task.Next.IsZero(), where)
		return
	}
	require.NotEmpty(t, task.To, where)
	require.NotEmpty(t, task.By, where)
	require.False(t, task.Drill && task.Kind == desk.Supervision, "an exercise supervises nobody")
	if task.Kind == desk.Supervision {
		what, id, _ := strings.Cut(task.About, "/")
		if what == "patrols" {
			require.NotNil(t, s.Patrol(id), where)
			return
		}
		if what == "incidents" {
			require.NotEqual(t, desk.Closed, s.Incident(id).State, where)
			return
		}
		about := s.Task(id)
		late := about.State == desk.Reported && !about.UnjudgedAt.IsZero() || slices.Contains([]desk.TaskState{desk.Issued, desk.Accepted, desk.Arrived, desk.Returned}, about.State)
		require.True(t, late, where)
		return
	}
	if inc := s.Incident(task.Incident); inc != nil && inc.State == desk.Closed && task.IssuedAt.Before(inc.ClosedAt.Time) {
		require.NotEmpty(t, task.Owner, where)
		require.False(t, task.Limit.IsZero(), where)
	}
}
