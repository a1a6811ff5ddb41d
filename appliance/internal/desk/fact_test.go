package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

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
