package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

func TestPressOpensAnIncidentBoundToItsCameras(t *testing.T) {
	for _, c := range []struct {
		pillar   string
		kind     ingest.PressKind
		priority string
		drill    bool
		cameras  []string
	}{
		{"P-1", ingest.PressAlarm, "P0", false, []string{"gate", "shop"}}, // the nearest that see it
		{"P-1", ingest.PressDuress, "P0", false, []string{"gate", "shop"}},
		{"P-1", ingest.PressTalk, "P1", false, []string{"gate", "shop"}},
		{"P-2", ingest.PressTamper, "P1", false, []string{"roof", "far"}}, // the configured ones
		{"P-1", ingest.PressTest, "P1", true, []string{"gate", "shop"}},
	} {
		t.Run(c.pillar+" "+string(c.kind), func(t *testing.T) {
			r := newRoom(t)
			records, answer := r.do(press(c.pillar, "e1", c.kind, r.now))
			if c.drill {
				require.Equal(t, "drill.begun", types(records)[2])
				records = records[:2]
			}
			require.Equal(t, []string{"incident.opened", "alert.raised"}, types(records))
			for _, rec := range records {
				require.Equal(t, bridge.Alarm, rec.Event.Lane)
				require.Equal(t, c.priority, rec.Event.Severity)
				require.Equal(t, c.drill, rec.Event.Drill)
				require.Equal(t, "incidents/"+answer.Incident, rec.Event.Subject)
			}
			inc, alert := r.state.Incident(answer.Incident), r.state.Alert(answer.Alert)
			require.Equal(t, c.cameras, inc.Cameras)
			require.Equal(t, []string{alert.ID}, inc.Alerts)
			require.Equal(t, desk.Open, inc.State)
			require.Equal(t, c.priority, inc.Priority)
			require.Equal(t, c.drill, inc.Drill)
			require.Equal(t, desk.PlaceRef{ID: "bxj", Name: inc.Place.Name, AddressCode: "360111", Beat: "b2"}, inc.Place)
			require.Equal(t, "press", alert.Origin)
			require.False(t, alert.Late)
			opened := data[desk.IncidentOpened](t, records[0])
			require.Equal(t, "sha256:config", opened.Config)
			require.Equal(t, inc.Limit, opened.Limit)
			require.Equal(t, []string{alert.ID}, opened.Alerts)
			require.Equal(t, "press/"+c.pillar+"/e1/2026-03-01T14:00:00Z/1", records[1].Key)
		})
	}
}

func TestPressesJoinByPillarOnly(t *testing.T) {
	r := newRoom(t)
	_, first := r.do(press("P-1", "e1", ingest.PressTalk, r.now))
	_, other := r.after(time.Second).do(press("P-2", "e1", ingest.PressAlarm, r.now))
	require.NotEqual(t, first.Incident, other.Incident, "pillars never merge by themselves")
	_, drill := r.do(press("P-1", "e2", ingest.PressTest, r.now))
	require.NotEqual(t, first.Incident, drill.Incident, "a drill never joins a real one")

	records, again := r.after(time.Second).do(press("P-1", "e3", ingest.PressAlarm, r.now))
	require.Equal(t, []string{"alert.raised"}, types(records))
	require.Equal(t, first.Incident, again.Incident)
	inc := r.state.Incident(first.Incident)
	require.Equal(t, "P0", inc.Priority, "the highest of its alerts")
	require.Equal(t, bridge.At(r.now.Add(time.Minute)), inc.Limit, "and the limit follows")
	require.Len(t, inc.Alerts, 2)

	r.do(desk.ActionIn{Incident: first.Incident, Verb: "close", Result: "false_alarm", By: operator("li")})
	records, fresh := r.do(press("P-1", "e4", ingest.PressAlarm, r.now))
	require.Equal(t, []string{"incident.opened", "alert.raised"}, types(records))
	require.NotEqual(t, first.Incident, fresh.Incident)
	require.Equal(t, []string{first.Incident}, r.state.Incident(fresh.Incident).Similar)
}

func TestPressIsStoredOnceHoweverOld(t *testing.T) {
	r := newRoom(t)
	in := press("P-1", "e1", ingest.PressAlarm, r.now)
	_, first := r.do(in)
	in.Press.Replayed = true
	records, answer := r.after(30 * 24 * time.Hour).do(in)
	require.Empty(t, records)
	require.Equal(t, desk.Answer{Incident: first.Incident, Alert: first.Alert, Duplicate: true}, answer)

	other := in
	other.Press.Seq = 2
	records, answer = r.do(other)
	require.Equal(t, []string{"alert.raised"}, types(records))
	require.Contains(t, answer.Warning, "again with other content")
	require.True(t, data[desk.AlertRaised](t, records[0]).Press.Reused)
}

// A resend differs in replayed only: with the same id, time and number but
// another kind it is another press, and an alarm must not pass for a talk.
func TestPressOfAnotherKindIsNoDuplicate(t *testing.T) {
	r := newRoom(t)
	r.do(press("P-1", "e1", ingest.PressTalk, r.now))
	records, answer := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	require.Equal(t, []string{"alert.raised"}, types(records))
	require.False(t, answer.Duplicate)
	require.Contains(t, answer.Warning, "again with other content")
	require.Equal(t, "P0", records[0].Event.Severity)
	records, answer = r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	require.Empty(t, records)
	require.True(t, answer.Duplicate)
}

// A pillar without a clock whose counter began again gives old keys to new
// presses: rather twice than never.
func TestPressWithoutATimeIsNewAfterADay(t *testing.T) {
	r := newRoom(t)
	in := press("P-1", "e1", ingest.PressAlarm, r.now)
	in.Press.At, in.Press.AtText = time.Time{}, ""
	_, first := r.do(in)
	records, answer := r.after(24 * time.Hour).do(in)
	require.Empty(t, records)
	require.True(t, answer.Duplicate)

	in.Press.Received = r.after(time.Millisecond).now
	records, answer = r.do(in)
	require.Equal(t, []string{"alert.raised"}, types(records))
	require.False(t, answer.Duplicate)
	require.NotEqual(t, first.Alert, answer.Alert)
	require.Contains(t, answer.Warning, "taken as a new press")
	require.Equal(t, bridge.At(r.now), records[0].Event.Time)
	records, again := r.after(23 * time.Hour).do(in)
	require.Empty(t, records, "a resend of the new one")
	require.Equal(t, answer.Alert, again.Alert)
}

// A pillar's id may have 128 characters, of any script.
func TestPressIDIsCountedInCharacters(t *testing.T) {
	r := newRoom(t)
	records, _ := r.do(press("P-1", strings.Repeat("警", 128), ingest.PressAlarm, r.now))
	require.Len(t, records, 2)
	_, _, err := r.try(press("P-1", strings.Repeat("警", 129), ingest.PressAlarm, r.now))
	require.ErrorContains(t, err, "1 to 128 characters")
}

func TestPressTimeIsBelievedWhenItCanBe(t *testing.T) {
	now := start()
	for name, c := range map[string]struct {
		at, want time.Time
		late     bool
	}{
		"on time":       {now.Add(-time.Second), now.Add(-time.Second), false},
		"from outage":   {now.Add(-3 * time.Hour), now.Add(-3 * time.Hour), true},
		"from the past": {now.Add(-8 * 24 * time.Hour), now, false},
		"future":        {now.Add(time.Minute), now, false},
		"no clock":      {time.Time{}, now, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			in := press("P-1", "e1", ingest.PressAlarm, c.at)
			in.Press.Received = now
			records, answer := r.do(in)
			require.Equal(t, bridge.At(c.want), records[1].Event.Time)
			require.Equal(t, bridge.At(now), records[1].Event.RecordedTime)
			require.Equal(t, c.late, r.state.Alert(answer.Alert).Late)
			require.Equal(t, c.late, data[desk.AlertRaised](t, records[1]).Late)
		})
	}
}

func TestBadInputIsRefusedBeforeAnyEvent(t *testing.T) {
	now := start()
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		in   desk.Input
		want string
	}{
		"unknown pillar":    {press("P-9", "e1", ingest.PressAlarm, now), `pillar "P-9": not found`},
		"press without id":  {press("P-1", "", ingest.PressAlarm, now), `id "": want`},
		"press kind":        {press("P-1", "e", "shout", now), `kind "shout": want alarm`},
		"press seq":         {desk.PressIn{Press: ingest.Press{Pillar: "P-1", ID: "e", Kind: "alarm", Seq: 1 << 60}}, `seq`},
		"unknown camera":    {sighting("s", vision.Raised, "nope", "intrusion", now, now), `camera "nope": not found`},
		"sighting priority": {desk.SightingIn{Sighting: vision.Sighting{ID: "s", Camera: "gate", Phase: vision.Raised, Priority: "P7"}}, `priority "P7"`},
		"report place":      {desk.ReportIn{Source: "walk_in", By: operator("li")}, `place "": want`},
		"report source":     {desk.ReportIn{Source: "rumour", Place: "bxj", By: operator("li")}, `source "rumour"`},
		"report role":       {desk.ReportIn{Source: "walk_in", Place: "bxj", By: desk.Actor{Name: "tv", Role: "wall"}}, `role "wall" may not`},
		"report future":     {desk.ReportIn{Source: "walk_in", Place: "bxj", By: operator("li"), At: now.Add(time.Hour)}, `not in the future`},
		"report position":   {desk.ReportIn{Source: "walk_in", Position: at(91, 0), By: operator("li")}, `position`},
		"report note":       {desk.ReportIn{Source: "walk_in", Place: "bxj", Note: long, By: operator("li")}, `at most 4096 bytes`},
		"no such incident":  {desk.ActionIn{Incident: "01", Verb: "claim", By: operator("li")}, `incident "01": not found`},
		"no such verb":      {desk.ActionIn{Incident: "01", Verb: "delete", By: operator("li")}, `verb "delete"`},
		"no such alert":     {desk.ShownIn{Alert: "01", Screen: "tv"}, `alert "01": not found`},
		"unknown device":    {desk.DeviceIn{Device: "x", Type: "camera", State: "online"}, `camera "x": not found`},
		"device state":      {desk.DeviceIn{Device: "gate", Type: "camera", State: "dancing"}, `state "dancing"`},
		"blind kind":        {desk.BlindIn{Camera: "gate", Kind: "sad", From: now}, `kind "sad"`},
		"clip of nothing":   {desk.ClipIn{Clip: desk.Clip{ID: "c", Part: "1", Incident: "01"}}, `incident "01": not found`},
		"clip id":           {desk.ClipEvictedIn{Clip: "gate-1", Part: "1"}, `clip "gate-1/1": not found`},
		"access kind":       {desk.AccessIn{Kind: "peeked"}, `kind "peeked"`},
		"receipt id":        {desk.ReceiptIn{Uplink: "hq"}, `id "": want`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			records, _, err := r.try(c.in)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, records)
		})
	}
}

func TestSightingsExtendAndNeverMultiply(t *testing.T) {
	r := newRoom(t)
	began := r.now
	records, first := r.do(sighting("s1", vision.Raised, "gate", "intrusion", began, began))
	require.Equal(t, []string{"incident.opened", "alert.raised"}, types(records))
	inc := r.state.Incident(first.Incident)
	require.Equal(t, "P1", inc.Priority)
	require.Equal(t, "intrusion", inc.Kind)
	require.Equal(t, []string{"gate", "shop"}, inc.Cameras, "itself, and who sees the same")
	require.Equal(t, "abs1", inc.Snapshot)

	_, again := r.do(sighting("s1", vision.Raised, "gate", "intrusion", began, began))
	require.True(t, again.Duplicate)
	records, _ = r.after(5 * time.Second).do(sighting("s1", vision.Updated, "gate", "intrusion", began, r.now))
	require.Empty(t, records, "a stay that goes on is no news before 10 s")
	records, _ = r.after(5 * time.Second).do(sighting("s1", vision.Updated, "gate", "intrusion", began, r.now))
	require.Equal(t, []string{"alert.updated"}, types(records))
	records, _ = r.after(5 * time.Second).do(sighting("s1", vision.Ended, "gate", "intrusion", began, r.now))
	require.Equal(t, []string{"alert.ended"}, types(records))
	alert := r.state.Alert(first.Alert)
	require.True(t, alert.Ended)
	require.Equal(t, 1, alert.Count)
	require.Equal(t, bridge.At(began.Add(15*time.Second)), alert.To)
	records, _ = r.do(sighting("s1", vision.Updated, "gate", "intrusion", began, r.now))
	require.Empty(t, records, "after the end there is nothing more")

	// The same again within the window is the same alert, counted.
	records, second := r.after(time.Minute).do(sighting("s2", vision.Raised, "gate", "intrusion", r.now, r.now))
	require.Equal(t, []string{"alert.updated"}, types(records))
	require.Equal(t, first.Alert, second.Alert)
	require.Equal(t, 2, r.state.Alert(first.Alert).Count)
	require.False(t, r.state.Alert(first.Alert).Ended)
	require.Len(t, desk.ClipWants(records[0]), 1)

	// Another rule on the camera is another incident; another camera at the
	// same place joins with an alert of its own.
	_, other := r.do(sighting("s3", vision.Raised, "gate", "loitering", r.now, r.now))
	require.NotEqual(t, first.Incident, other.Incident)
	records, near := r.do(sighting("s4", vision.Raised, "shop", "intrusion", r.now, r.now))
	require.Equal(t, []string{"alert.raised"}, types(records))
	require.Equal(t, first.Incident, near.Incident)

	// Long after the last sign it is a new incident.
	_, later := r.after(10 * time.Minute).do(sighting("s5", vision.Raised, "gate", "intrusion", r.now, r.now))
	require.NotEqual(t, first.Incident, later.Incident)
}

func TestSightingWhoseRaiseWasLostIsRaised(t *testing.T) {
	r := newRoom(t)
	records, _ := r.do(sighting("s1", vision.Updated, "gate", "intrusion", r.now, r.now))
	require.Equal(t, []string{"incident.opened", "alert.raised"}, types(records))
	records, answer := r.after(time.Hour).do(sighting("s2", vision.Ended, "gate", "intrusion", r.now, r.now))
	require.Equal(t, []string{"incident.opened", "alert.raised", "alert.ended"}, types(records))
	require.True(t, r.state.Alert(answer.Alert).Ended)
}

func TestStartEndsWhatWasStillSeen(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(sighting("s1", vision.Raised, "gate", "intrusion", r.now, r.now))
	records, _ := r.do(desk.StartedIn{Version: "1", Boot: "b", Config: "sha256:new"})
	require.Equal(t, []string{"box.started", "alert.ended"}, types(records))
	require.True(t, r.state.Alert(answer.Alert).Ended)
	require.Equal(t, "sha256:new", r.state.Config())
	records, _ = r.do(desk.StartedIn{Version: "1", Boot: "c"})
	require.Equal(t, []string{"box.started"}, types(records))
}

func TestReportOpensAnIncidentOnce(t *testing.T) {
	r := newRoom(t)
	in := report(operator("li"))
	in.Idempotency = "k1"
	records, first := r.do(in)
	require.Equal(t, []string{"incident.opened", "alert.raised"}, types(records))
	require.Equal(t, "idem/li/k1", records[0].Key)
	inc := r.state.Incident(first.Incident)
	require.Equal(t, "P2", inc.Priority)
	require.Equal(t, "theft", inc.Kind)
	require.Equal(t, "b2", inc.Place.Beat)
	require.NotNil(t, inc.Position, "the middle of the place")
	require.GreaterOrEqual(t, len(inc.Cameras), 2)
	require.Equal(t, "call_110", r.state.Alert(first.Alert).Kind)

	records, again := r.do(in)
	require.Empty(t, records)
	require.Equal(t, desk.Answer{Incident: first.Incident, Alert: first.Alert, Duplicate: true}, again)
	_, _, err := r.try(desk.ActionIn{Incident: first.Incident, Verb: "claim", By: operator("li"), Idempotency: "k1"})
	require.ErrorContains(t, err, "a new key")

	hq := desk.ReportIn{Source: "hq", Place: "河边", Priority: "P1", HQID: "77", Uplink: "hq", By: desk.Actor{Name: "hq", Role: "uplink"}}
	records, fromHQ := r.do(hq)
	require.Equal(t, "hq/hq/77", records[1].Key)
	_, again = r.do(hq)
	require.Equal(t, fromHQ.Incident, again.Incident)
	require.True(t, again.Duplicate)
}
