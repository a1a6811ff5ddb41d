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

// A P0 that headquarters has not received escalates once per uplink, beside
// the steps of its state's limit.
func TestUnreceivedEscalatesOnce(t *testing.T) {
	r := newRoom(t)
	_, theft := r.do(report(operator("li")))
	_, life := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	before := *r.state.Incident(life.Incident)
	missing := desk.UnreceivedIn{Incident: life.Incident, Uplink: "hq", Since: r.now}

	records, _ := r.after(30 * time.Second).do(missing)
	require.Equal(t, []string{"incident.escalated"}, types(records))
	require.Equal(t, bridge.Alarm, records[0].Event.Lane)
	said := data[desk.IncidentChanged](t, records[0])
	require.Equal(t, "unreceived", said.Reason)
	require.Equal(t, "hq", said.Uplink)
	require.Equal(t, bridge.At(start()), said.Since)
	inc := r.state.Incident(life.Incident)
	require.Equal(t, []string{"hq"}, inc.Unreceived)
	require.Equal(t, []any{before.State, before.Limit, before.Next, before.Escalated}, []any{inc.State, inc.Limit, inc.Next, inc.Escalated})
	require.Empty(t, before.Unreceived, "what was handed out never changes")

	records, again := r.do(missing)
	require.Empty(t, records)
	require.True(t, again.Duplicate)
	records, _ = r.do(desk.UnreceivedIn{Incident: theft.Incident, Uplink: "hq", Since: r.now})
	require.Empty(t, records, "a theft is no life in danger")
	_, _, err := r.try(desk.UnreceivedIn{Incident: life.Incident, Uplink: "nobody"})
	require.ErrorContains(t, err, "nobody")

	_, other := r.do(press("P-2", "e2", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: other.Incident, Verb: "close", Result: "false_alarm", By: operator("li")})
	records, _ = r.do(desk.UnreceivedIn{Incident: other.Incident, Uplink: "hq", Since: r.now})
	require.Empty(t, records, "the room is done with it")
}

// What headquarters refused is known until a lead has sent it again.
func TestSetAsideUntilResent(t *testing.T) {
	r := newRoom(t)
	refused := desk.SetAsideIn{Uplink: "hq", ID: "e1", Reason: "400", Epoch: "E", Lane: bridge.Alarm, Sequence: "7", Type: desk.TypeAlertRaised, Subject: "incidents/i"}
	r.do(refused)
	r.do(desk.SetAsideIn{Uplink: "city", ID: "e1", Reason: "422"})
	require.Equal(t, desk.SetAside{
		Uplink: "hq", ID: "e1", At: bridge.At(r.now), Reason: "400", Epoch: "E", Lane: bridge.Alarm, Sequence: "7", Type: desk.TypeAlertRaised, Subject: "incidents/i",
	}, r.state.SetAside()[0])

	resend := desk.ResentIn{Uplink: "hq", ID: "e1", Reason: "their form was mended", By: operator("li"), Idempotency: "k"}
	_, _, err := r.try(resend)
	var forbidden *desk.ForbiddenError
	require.ErrorAs(t, err, &forbidden)
	resend.By = lead("wu")
	records, _ := r.do(resend)
	require.Equal(t, []string{"uplink.resent"}, types(records))
	require.Equal(t, bridge.Local, records[0].Event.Lane)
	require.Len(t, r.state.SetAside(), 1, "the other uplink's stays")
	records, answer := r.do(resend)
	require.Empty(t, records)
	require.True(t, answer.Duplicate)

	resend.Idempotency = ""
	_, _, err = r.try(resend)
	var unknown *desk.NotFoundError
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, "set_aside", unknown.What)

	for i := range 600 {
		r.do(desk.SetAsideIn{Uplink: "hq", ID: fmt.Sprint("x", i), Reason: "400"})
	}
	require.Len(t, r.state.SetAside(), 500)
	require.Equal(t, "x599", r.state.SetAside()[499].ID)
}
