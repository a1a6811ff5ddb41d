package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// arrivalRoom is a station in whose template a step is done by arriving.
func arrivalRoom(t *testing.T) *room {
	r := newRoom(t)
	r.configure(func(s *desk.Setup) {
		*s = standards()
		s.Templates[0].Steps[0].DoneBy = "arrive"
	})
	return r
}

// The word that somebody is there is the step that means it: in the same event,
// late or not, and once.
func TestArrivalTicksItsStep(t *testing.T) {
	r, by := arrivalRoom(t), officer("wu")
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1", Incident: pressed.Incident})
	require.Equal(t, "arrive", task.Steps[0].DoneBy)
	r.reach(task.ID, by, "accept")
	records, _ := r.after(10 * time.Minute).do(desk.Tick{})
	require.Contains(t, types(records), "task.overdue", "the step is late")
	records, _ = r.do(desk.TaskActionIn{Task: task.ID, Verb: "arrive", By: by})
	require.Equal(t, []string{"task.arrived", "task.confirmed"}, types(records)[:2], "and nobody has to see to it any more")
	require.Equal(t, []int{1}, data[desk.TaskChanged](t, records[0]).Ticked)
	task = r.state.Task(task.ID)
	require.Equal(t, []any{bridge.At(r.now), "wu"}, []any{task.Steps[0].DoneAt, task.Steps[0].By})
	require.True(t, task.Steps[1].DoneAt.IsZero(), "what arriving does not do")
	arrived := task.Steps[0].DoneAt

	r.after(time.Minute).do(desk.TaskActionIn{Task: task.ID, Verb: "report", Report: "已处置", Steps: []int{2}, Pictures: []string{picture()}, By: by})
	r.do(desk.TaskActionIn{Task: task.ID, Verb: "return", Reason: "再去一次", By: operator("li")})
	records, _ = r.after(time.Minute).do(desk.TaskActionIn{Task: task.ID, Verb: "arrive", By: by})
	require.Empty(t, data[desk.TaskChanged](t, records[0]).Ticked, "it is done already")
	require.Equal(t, arrived, r.state.Task(task.ID).Steps[0].DoneAt)
	replayed(t, r)
}

// A step of other templates, and of orders issued before, waits for its tick.
func TestArrivalTicksNoOtherStep(t *testing.T) {
	r := standardRoom(t)
	task := r.issue(desk.TaskIn{Template: "arrive", To: "patrol-1"})
	r.reach(task.ID, officer("wu"), "accept", "arrive")
	require.True(t, r.state.Task(task.ID).Steps[0].DoneAt.IsZero())

	s := standards()
	s.Templates[0].Steps[0].DoneBy = "report"
	_, err := desk.NewRules(s)
	require.ErrorContains(t, err, `template arrive: step 到场: done by "report": want arrive, or nothing`)
}

// replayed checks that the journal gives the state again, byte for byte.
func replayed(t *testing.T, r *room) {
	t.Helper()
	b, err := r.state.Bytes()
	require.NoError(t, err)
	require.Equal(t, fold(t, r.m), string(b))
}
