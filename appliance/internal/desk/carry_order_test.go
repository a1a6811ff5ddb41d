package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

// The journal was set aside and the room went on in a new one: an order that
// headquarters sends again is the one that the room has, and a reply likewise.
func TestOrdersOfAnotherJournalComeOnce(t *testing.T) {
	r := newRoom(t)
	r.do(fromAbove("T-1"))
	fresh := r.carried()
	_, again := fresh.do(fromAbove("T-1"))
	require.Equal(t, r.state.Tasks()[0].ID, again.Task)
	require.Len(t, fresh.state.Tasks(), 1)
	records, more := fresh.do(fromAbove("T-1"))
	require.Empty(t, records)
	require.True(t, more.Duplicate)
}

// carried is a room that goes on in another journal: with its state as it is,
// and none of the keys.
func (r *room) carried() *room {
	b, err := r.state.Bytes()
	require.NoError(r.t, err)
	fresh := newRoom(r.t)
	fresh.rules, fresh.now = r.rules, r.now
	fresh.state, err = desk.RestoreCarried(b)
	require.NoError(r.t, err)
	return fresh
}

// An incident from above that comes again is the one that the room has, as long
// as the room has it; its id is for nothing else.
func TestIncidentsOfAnotherJournalComeOnce(t *testing.T) {
	incident := func(id string) desk.ReportIn {
		return desk.ReportIn{Source: "hq", Place: "bxj", Note: "n", By: above(), Uplink: "hq", HQID: id}
	}
	r := newRoom(t)
	r.do(fromAbove("T-1"))
	_, first := r.do(incident("I-1"))
	_, other := r.do(incident("I-2"))
	r.do(desk.ActionIn{Incident: other.Incident, Verb: "merge", Other: first.Incident, Reason: "同一起", By: operator("li")})
	for range 2 { // and again in the next one
		r = r.carried()
		records, again := r.do(incident("I-1"))
		require.Equal(t, []string{"order.answered"}, types(records))
		told := data[desk.OrderAnswered](t, records[0])
		require.Equal(t, []string{"incident", "taken", "I-1", other.Incident, first.Alert}, []string{told.Order, told.Result, told.HQID, told.Incident, told.Alert})
		require.Equal(t, []string{other.Incident, first.Alert}, []string{again.Incident, again.Alert}, "where its alert is now")
		records, again = r.do(incident("I-1"))
		require.Empty(t, records)
		require.Equal(t, []any{true, other.Incident, first.Alert}, []any{again.Duplicate, again.Incident, again.Alert})
		for _, in := range []desk.Input{fromAbove("I-1"), fromAbove("I-2"), incident("T-1")} {
			_, _, err := r.try(in)
			require.ErrorContains(t, err, "used for another kind of order")
		}
	}
	require.Len(t, r.state.Incidents(), 2)
	_, elsewhere := r.do(desk.ReportIn{Source: "hq", Place: "bxj", By: above(), Uplink: "city", HQID: "I-1"})
	require.NotEqual(t, first.Alert, elsewhere.Alert, "another headquarters has ids of its own")
	for _, inc := range r.state.OpenIncidents() {
		r.do(desk.ActionIn{Incident: inc.ID, Verb: "close", Result: "false_alarm", By: operator("li")})
	}
	r.after(8 * 24 * time.Hour).do(report(operator("li")))
	records, again := r.carried().do(incident("I-1"))
	require.Equal(t, []string{"incident.opened", "alert.raised", "order.answered"}, types(records), "what has left the room is not known")
	require.NotEqual(t, first.Alert, again.Alert)
}

// A press that a pillar sends again is the one that the room has, of the newest
// of each pillar and for a week; anything else is another press.
func TestPressesOfAnotherJournalComeOnce(t *testing.T) {
	r := newRoom(t)
	begin := r.now
	_, first := r.do(press("P-1", "e1", ingest.PressAlarm, begin))
	clockless := press("P-2", "e1", ingest.PressTalk, begin)
	clockless.Press.At, clockless.Press.AtText = time.Time{}, ""
	r.do(clockless)
	r = r.carried()
	resent := press("P-1", "e1", ingest.PressAlarm, begin)
	resent.Press.Replayed = true
	for range 2 {
		records, again := r.after(time.Minute).do(resent)
		require.Empty(t, records)
		require.Equal(t, []any{true, first.Incident, first.Alert}, []any{again.Duplicate, again.Incident, again.Alert})
		records, again = r.do(clockless)
		require.Empty(t, records)
		require.True(t, again.Duplicate)
		r = r.carried()
	}
	for name, other := range map[string]desk.PressIn{
		"kind": press("P-1", "e1", ingest.PressDuress, begin), "time": press("P-1", "e1", ingest.PressAlarm, begin.Add(time.Second)),
		"pillar": press("P-2", "e1", ingest.PressAlarm, begin),
	} {
		_, answer := r.carried().do(other)
		require.False(t, answer.Duplicate, name)
	}
	late := r.carried()
	_, answer := late.after(25 * time.Hour).do(clockless)
	require.False(t, answer.Duplicate, "without a time it is a new one after a day")
	_, answer = late.after(6 * 24 * time.Hour).do(resent)
	require.False(t, answer.Duplicate, "rather twice than never")
}

// What is remembered of presses is bounded, whatever a pillar does.
func TestHeardPressesAreBounded(t *testing.T) {
	r := newRoom(t)
	begin := r.now
	r.do(press("P-2", "e0", ingest.PressAlarm, r.now))
	for i := range 40 {
		r.after(time.Second).do(press("P-1", fmt.Sprint("e", i), ingest.PressAlarm, r.now))
	}
	r = r.carried()
	for i, known := range map[int]bool{39: true, 24: true, 23: false} {
		_, answer := r.carried().do(press("P-1", fmt.Sprint("e", i), ingest.PressAlarm, begin.Add(time.Duration(i+1)*time.Second)))
		require.Equal(t, known, answer.Duplicate, i)
	}
	_, answer := r.do(press("P-2", "e0", ingest.PressAlarm, begin))
	require.True(t, answer.Duplicate, "one that floods takes no other's room")
	r.after(8 * 24 * time.Hour).do(press("P-2", "e1", ingest.PressAlarm, r.now))
	b, err := r.state.Bytes()
	require.NoError(t, err)
	require.NotContains(t, string(b), "press/P-1/", "after a week none is left")
}
