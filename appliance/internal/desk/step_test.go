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

func TestDroneSilenceIsOneAlert(t *testing.T) {
	r := newRoom(t)
	silent := desk.DeviceIn{Device: "uav-1", Type: "drone", State: "silent", Since: r.now, Why: "no telemetry for 5 s", Position: at(28.69, 115.9912)}
	records, answer := r.do(silent)
	require.Equal(t, []string{"device.silent", "incident.opened", "alert.raised"}, types(records))
	require.Equal(t, bridge.Notice, records[0].Event.Lane)
	require.Equal(t, "P2", records[2].Event.Severity)
	require.Equal(t, "drone_silent", r.state.Alert(answer.Alert).Kind)
	records, _ = r.do(silent)
	require.Empty(t, records, "what did not change gives no event")

	records, _ = r.after(time.Minute).do(desk.DeviceIn{Device: "uav-1", Type: "drone", State: "online", Since: r.now})
	require.Equal(t, []string{"device.online", "alert.ended"}, types(records))
	silent.Since = r.now
	records, second := r.after(time.Minute).do(silent)
	require.Equal(t, []string{"device.silent", "alert.raised"}, types(records), "the next silence joins the open incident")
	require.Equal(t, answer.Incident, second.Incident)
	require.NotEqual(t, answer.Alert, second.Alert)
}

func TestDevicesAndBlindIntervals(t *testing.T) {
	r := newRoom(t)
	records, _ := r.do(desk.DeviceIn{Device: "gate", Type: "camera", State: "offline", Since: r.now, Why: "refused"})
	require.Equal(t, []string{"device.offline"}, types(records))
	records, _ = r.do(desk.DeviceIn{Device: "gate", Type: "camera", State: "offline", Since: r.now, Why: strings.Repeat("timed out ", 90)})
	require.Empty(t, records, "another reason for the same state")
	records, _ = r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: r.now, Why: "refused"})
	require.Equal(t, []string{"blind.opened"}, types(records))
	records, _ = r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: r.now})
	require.Empty(t, records)
	r.do(desk.BlindIn{Camera: "gate", Kind: "unrecorded", From: r.now})
	require.Equal(t, "unseen", r.state.Device("gate").Blind.Why)
	r.after(time.Minute)
	records, _ = r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: start(), To: r.now})
	require.Equal(t, desk.BlindChanged{Schema: 1, Camera: "gate", Kind: "unseen", From: bridge.At(start()), To: bridge.At(r.now), Why: "refused"},
		data[desk.BlindChanged](t, records[0]))
	require.Equal(t, "unrecorded", r.state.Device("gate").Blind.Why)
	records, _ = r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: start(), To: r.now})
	require.Empty(t, records)

	devices := r.rules.Devices(r.state)
	require.Len(t, devices, 9)
	require.Equal(t, "offline", devices[0].State)
	require.Equal(t, "unknown", devices[1].State)
	require.Equal(t, "商店", devices[1].Name)

	records, _ = r.do(desk.DeviceIn{Device: "P-1", Type: "pillar", State: "clock", OffsetMS: 2000, UncertaintyMS: 40})
	require.Equal(t, []string{"device.clock"}, types(records))
	records, _ = r.do(desk.DeviceIn{Device: "P-1", Type: "pillar", State: "clock", OffsetMS: 2100, UncertaintyMS: 40})
	require.Empty(t, records)
}

func TestClipsAreRecordedOnce(t *testing.T) {
	r := newRoom(t)
	raised, answer := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	wants := desk.ClipWants(raised[1])
	require.Equal(t, []desk.ClipWant{
		{Incident: answer.Incident, Alert: answer.Alert, Priority: "P0", Camera: "gate", At: bridge.At(r.now),
			From: bridge.At(r.now.Add(-30 * time.Second)), To: bridge.At(r.now.Add(30 * time.Second))},
		{Incident: answer.Incident, Alert: answer.Alert, Priority: "P0", Camera: "shop", At: bridge.At(r.now),
			From: bridge.At(r.now.Add(-10 * time.Second)), To: bridge.At(r.now.Add(20 * time.Second))},
	}, wants)
	require.Empty(t, desk.ClipWants(raised[0]))

	id := answer.Incident + "-gate-1"
	clip := desk.Clip{ID: id, Part: "1", Incident: answer.Incident, Camera: "gate", From: wants[0].From, To: bridge.At(r.now), SHA256: "aa", Bytes: 9}
	records, _ := r.do(desk.ClipIn{Clip: clip})
	require.Equal(t, []string{"clip.ready"}, types(records))
	require.Equal(t, bridge.Clip, records[0].Event.Lane)
	records, _ = r.do(desk.ClipIn{Clip: clip})
	require.Empty(t, records)
	clip.SHA256 = "bb"
	_, _, err := r.try(desk.ClipIn{Clip: clip})
	require.ErrorContains(t, err, "a part is never changed")

	whole := clip
	whole.Part, whole.Supersedes = "whole", "1"
	r.do(desk.ClipIn{Clip: whole})
	require.Equal(t, []string{id}, r.state.Incident(answer.Incident).Clips)
	require.Len(t, r.state.ClipsOf(answer.Incident), 2)
	records, _ = r.do(desk.ClipUploadedIn{Clip: id, Part: "whole", Location: "https://hq/files/1"})
	require.Equal(t, []string{"clip.uploaded"}, types(records))
	records, _ = r.do(desk.ClipEvictedIn{Clip: id, Part: "1", Why: "superseded"})
	require.Equal(t, []string{"clip.evicted"}, types(records))
	require.Equal(t, "superseded", r.state.Clip(id, "1").Evicted)
	require.Equal(t, "https://hq/files/1", r.state.Clip(id, "whole").UploadedTo)
	records, _ = r.do(desk.ClipEvictedIn{Clip: id, Part: "1", Why: "superseded"})
	require.Empty(t, records)
}

// A camera that flaps makes more gaps than an event can hold: the clip is
// recorded all the same.
func TestClipWithManyGapsIsRecorded(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	c := desk.Clip{ID: answer.Incident + "-gate-1", Part: "whole", Incident: answer.Incident, Camera: "gate", SHA256: "aa"}
	for i := range 5000 {
		from := r.now.Add(time.Duration(i) * time.Second)
		c.Gaps = append(c.Gaps, desk.Interval{From: bridge.At(from), To: bridge.At(from.Add(time.Second / 2)), Why: "packets were lost on the way"})
	}
	records, _ := r.do(desk.ClipIn{Clip: c})
	require.Less(t, len(records[0].Event.Data), bridge.EventMaxBytes/2)
	gaps := r.state.Clip(c.ID, "whole").Gaps
	last := gaps[len(gaps)-1]
	require.Equal(t, c.Gaps[0], gaps[0])
	require.Equal(t, c.Gaps[len(gaps)-1].From, last.From)
	require.Equal(t, c.Gaps[4999].To, last.To)
	require.Equal(t, "4801 gaps", last.Why)
}

// Who failed to log in is recorded, whatever he wrote into the form.
func TestAccessIsRecordedHoweverLong(t *testing.T) {
	r := newRoom(t)
	records, _ := r.do(desk.AccessIn{Kind: "refused", By: desk.Actor{Name: strings.Repeat("x", 5000)}, Remote: strings.Repeat("y", 5000), Camera: strings.Repeat("z", 5000)})
	require.Equal(t, []string{"access.refused"}, types(records))
	require.Len(t, data[desk.AccessFact](t, records[0]).By, 512)
}

func TestFactsGoToTheirLanes(t *testing.T) {
	r := newRoom(t)
	_, answer := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	for name, c := range map[string]struct {
		in   desk.Input
		lane bridge.Lane
	}{
		"alert.shown":      {desk.ShownIn{Alert: answer.Alert, Screen: "tv", At: r.now}, bridge.Local},
		"access.looked":    {desk.AccessIn{Kind: "looked", By: operator("li"), Camera: "gate", From: r.now, To: r.now}, bridge.Local},
		"receipt.accepted": {desk.ReceiptIn{Uplink: "hq", Epoch: "e", Lane: bridge.Alarm, ID: "x", Accepted: true, By: "wang", At: r.now}, bridge.Local},
		"receipt.rejected": {desk.ReceiptIn{Uplink: "hq", Epoch: "e", Lane: bridge.Alarm, ID: "x", By: "wang", At: r.now, Reason: "no"}, bridge.Local},
		"uplink.set_aside": {desk.SetAsideIn{Uplink: "hq", ID: "x", Reason: strings.Repeat("long ", 400)}, bridge.Local},
		"box.started":      {desk.StartedIn{Version: "1", Boot: "b"}, bridge.Notice},
	} {
		records, _ := r.do(c.in)
		require.Equal(t, []string{name}, types(records))
		require.Equal(t, c.lane, records[0].Event.Lane)
		require.Equal(t, "P3", records[0].Event.Severity)
	}
	records, again := r.do(desk.ShownIn{Alert: answer.Alert, Screen: "tv", At: r.now})
	require.Empty(t, records, "once per alert and screen")
	require.True(t, again.Duplicate)
	records, _ = r.do(desk.ReceiptIn{Uplink: "hq", Epoch: "e", ID: "x", Accepted: true})
	require.Empty(t, records)
}
