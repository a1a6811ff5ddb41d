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
	switch a.IntN(8) {
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
	switch a.IntN(5) {
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

// TestInterleavingsAreLegal: two operators at once, each doing what comes to
// mind: the journal tells a legal history, and the room is whole after it.
func TestInterleavingsAreLegal(t *testing.T) {
	s, seen := seed(t), map[string]int{}
	for round := range 6 {
		m, clock := newMemory(), newHands()
		d := openDeskOf(t, standards(), m, clock, rand.NewChaCha8([32]byte{byte(round)}))
		var incidents []string
		for i := range 4 {
			in := report(operator("li"))
			in.Kind = fmt.Sprint("kind-", i)
			result, err := d.Handle(context.Background(), in)
			require.NoError(t, err)
			incidents = append(incidents, result.Incident)
		}
		var wait sync.WaitGroup
		for i, by := range []desk.Actor{operator("li"), lead("chen")} {
			wait.Go(func() {
				a := &actor{Rand: rand.New(rand.NewPCG(s, uint64(round*2+i))), by: by, d: d}
				for range 150 {
					clock.pass(time.Second)
					a.act(incidents)
				}
			})
		}
		wait.Wait()
		legal(t, m)
		for _, rec := range m.records {
			seen[rec.Event.Type]++
		}
		require.Equal(t, bytesOf(t, d), fold(t, m))
	}
	for _, typ := range []string{
		desk.TypeIncidentMerged, desk.TypeIncidentSplit, desk.TypeIncidentClosed, desk.TypeTaskKept, desk.TypeTaskCancelled, desk.TypeTaskSupervised,
		desk.TypeTaskTicked, desk.TypeTaskRepeated, desk.TypeTaskConfirmed,
	} {
		require.NotZero(t, seen[typ], typ)
	}
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
				taken := inc.ClaimedBy != "" && inc.ClaimedBy != changed.By
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
			require.Equal(t, inc.ID, s.Task(id).Incident)
		}
	}
	require.Len(t, s.Alerts(), len(held))
	for _, task := range s.Tasks() {
		owned(t, s, task)
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
	if task.Kind == desk.Supervision {
		what, id, _ := strings.Cut(task.About, "/")
		if what == "incidents" {
			require.NotEqual(t, desk.Closed, s.Incident(id).State, where)
			return
		}
		require.Contains(t, []desk.TaskState{desk.Issued, desk.Accepted, desk.Arrived, desk.Returned}, s.Task(id).State, where)
		return
	}
	if inc := s.Incident(task.Incident); inc != nil && inc.State == desk.Closed && task.IssuedAt.Before(inc.ClosedAt.Time) {
		require.NotEmpty(t, task.Owner, where)
		require.False(t, task.Limit.IsZero(), where)
	}
}
