package desk_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// Blanks are no words: where a reason, a note or a place is wanted they do not
// pass for one, and what is kept has none around it.
func TestBlanksAreNoWords(t *testing.T) {
	r := standardRoom(t)
	li, chen := operator("li"), lead("chen")
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	_, other := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	task := r.issue(desk.TaskIn{To: " wu ", Note: " 去 "})
	require.Equal(t, []string{"wu", "去"}, []string{task.To, task.Note})
	r.reach(task.ID, officer("wu"), "accept", "arrive")
	_, held := r.do(desk.HoldIn{Incident: pressed.Incident, Reason: "法院要求", By: chen})
	const blank = " \t\n　"
	for what, in := range map[string]desk.Input{
		"note":     desk.ActionIn{Incident: pressed.Incident, Verb: "note", Note: blank, By: li},
		"merge":    desk.ActionIn{Incident: pressed.Incident, Verb: "merge", Other: other.Incident, Reason: blank, By: li},
		"place":    desk.ReportIn{Source: "call_110", Kind: "theft", Place: blank, By: li},
		"order":    desk.TaskIn{To: "wu", Note: blank, By: li},
		"to":       desk.TaskIn{To: blank, Note: "去", By: li},
		"report":   desk.TaskActionIn{Task: task.ID, Verb: "report", Report: blank, By: officer("wu")},
		"handback": desk.TaskActionIn{Task: task.ID, Verb: "hand_back", Reason: blank, By: officer("wu")},
		"hold":     desk.HoldIn{Incident: other.Incident, Reason: blank, By: chen},
		"release":  desk.ReleaseIn{Hold: held.Hold, Reason: blank, By: chen, Second: "zhou"},
		"duty":     desk.DutyIn{Person: "wu-jun", On: true, Reason: blank, By: li},
		"cancel":   desk.CancelOrderIn{Uplink: "hq", HQID: "T-1", Reason: blank},
	} {
		_, _, err := r.try(in)
		var invalid *desk.InvalidError
		require.ErrorAs(t, err, &invalid, what)
	}
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: li})
	_, _, err := r.try(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", Reason: blank, By: chen})
	var conflict *desk.ConflictError
	require.ErrorAs(t, err, &conflict, "a lead takes over with a reason")
}

// What is refused for its length is named in whole characters.
func TestRefusalsAreReadable(t *testing.T) {
	r := newRoom(t)
	long := strings.Repeat("路", 2000)
	for _, in := range []desk.Input{
		desk.ReportIn{Source: "call_110", Place: "bxj", Note: long, By: operator("li")},
		desk.RouteIn{Incident: "x", Kind: long, By: operator("li")},
	} {
		_, _, err := r.try(in)
		require.Error(t, err)
		require.True(t, utf8.ValidString(err.Error()), err.Error())
	}
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	_, _, err := r.try(desk.ActionIn{Incident: pressed.Incident, Verb: "note", Note: long, By: operator("li")})
	require.ErrorContains(t, err, "路")
	require.True(t, utf8.ValidString(err.Error()))
}

// An order of the room is not late when it is given. One of headquarters' may
// have been on its way for long, and its clock may be ahead of ours.
func TestTimesOfOrders(t *testing.T) {
	r := newRoom(t)
	for _, past := range []time.Duration{0, -time.Second, -time.Hour} {
		_, _, err := r.try(desk.TaskIn{To: "wu", Note: "去", Limit: r.now.Add(past), By: operator("li")})
		require.ErrorContains(t, err, "a time to come")
	}
	above := fromAbove("T-1")
	above.Limit = r.now.Add(-time.Hour)
	r.issue(above)
	require.NotEmpty(t, of(r.settle(), desk.TypeTaskOverdue))

	task := r.reported(desk.TaskIn{To: "wu", Note: "去", By: operator("li")})
	back := desk.TaskActionIn{Task: task.ID, Verb: "return", Reason: "再去", Limit: r.now.Add(-time.Minute), By: operator("li")}
	_, _, err := r.try(back)
	require.ErrorContains(t, err, "a time to come")
	back.Limit = time.Time{}
	r.do(back)

	told := desk.ReportIn{Source: "hq", Kind: "theft", Place: "bxj", At: r.now.Add(time.Hour), By: desk.Actor{Name: "hq", Role: "uplink"}, HQID: "I-1", Uplink: "hq"}
	_, answer := r.do(told)
	require.Equal(t, bridge.At(r.now), r.state.Incident(answer.Incident).OccurredAt)
	told.HQID, told.Uplink, told.Source, told.By = "", "", "call_110", operator("li")
	_, _, err = r.try(told)
	require.ErrorContains(t, err, "not in the future")
}

// A partner's word that it is done names the steps of the order that nobody
// ticked.
func TestPartnersReportNamesWhatIsMissing(t *testing.T) {
	r := standardRoom(t)
	task := r.issue(desk.TaskIn{Template: "arrive", To: "lamps"})
	require.Equal(t, desk.WorkOrder, task.Kind)
	records, _ := r.do(desk.ReplyIn{Partner: "lamps", Order: task.ID, Result: desk.ReplyDone, Report: "修好了", By: operator("li")})
	require.Equal(t, []int{1, 2}, data[desk.TaskChanged](t, of(records, desk.TypeTaskReported)[0]).Missing)
}
