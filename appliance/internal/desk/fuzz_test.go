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

// FuzzApply: whatever a journal holds, the fold neither panics nor leaves a
// state that a checkpoint cannot give back. Each line is a type and its data.
func FuzzApply(f *testing.F) {
	r := routedRoom(f)
	r.do(desk.DutyIn{Team: "t1", On: true, Reason: "r", By: lead("li")})
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.do(sighting("s1", vision.Raised, "gate", "intrusion", r.now, r.now))
	r.after(2 * time.Second).do(sighting("s1", vision.Ended, "gate", "intrusion", r.now, r.now))
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	r.do(desk.ShownIn{Alert: pressed.Alert, Screen: "tv"})
	r.do(desk.DeviceIn{Device: "uav-1", Type: "drone", State: "silent", Since: r.now})
	r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: r.now})
	r.do(desk.ClipIn{Clip: desk.Clip{ID: pressed.Incident + "-gate-1", Part: "1", Incident: pressed.Incident, Camera: "gate"}})
	_, other := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "merge", Other: other.Incident, Reason: "one", By: operator("li")})
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "split", Alerts: []string{other.Alert}, Reason: "two", By: operator("li")})
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "close", Result: "resolved", By: operator("li")})
	r.do(desk.ApprovalIn{Verb: desk.ApprovalRequest, Act: "unmask", Subject: "incidents/x", Reason: "r", By: lead("chen")})
	r.do(desk.HandoverIn{By: operator("li")})
	r.do(desk.TakeOverIn{Handover: r.state.Handover().ID, SHA256: r.state.Handover().SHA256, By: operator("zhao")})
	orderedAbout(r)
	r.configure(func(s *desk.Setup) { withWalk(s); withDrills(s) })
	r.do(desk.StartedIn{Version: "1", Boot: "b"})
	_, walk := r.do(desk.BeginRoundIn{Plan: "street", By: operator("li")})
	r.do(desk.RoundIn{Round: walk.Round, Verb: "see", Camera: "gate", Seen: true, Finding: &desk.Finding{Kind: "fire"}, By: operator("li")})
	r.do(desk.DrillIn{Target: "pillar:P-1", By: lead("chen")})
	r.mark(r.state.Drilled("pillar:P-1").Run, "stored", "")
	r.after(72 * time.Hour).do(desk.Tick{})
	var lines []string
	for _, rec := range r.m.records {
		lines = append(lines, rec.Event.Type+" "+string(rec.Event.Data))
	}
	f.Add(strings.Join(lines, "\n"))
	f.Add(strings.Join(append(lines, lines...), "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		s := desk.NewState()
		for i, line := range strings.Split(text, "\n") {
			typ, body, _ := strings.Cut(line, " ")
			now := bridge.At(start().Add(time.Duration(i) * time.Hour))
			rec := bridge.Record{Place: uint64(i + 1), Event: bridge.Event{ID: "x", Type: typ, Time: now, RecordedTime: now, Severity: "P1", Data: []byte(body)}}
			if s.Apply(rec) != nil {
				return // the desk stops there
			}
			desk.ClipWants(rec)
		}
		b, err := s.Bytes()
		require.NoError(t, err)
		again, err := desk.Restore(b)
		require.NoError(t, err)
		same, err := again.Bytes()
		require.NoError(t, err)
		require.Equal(t, string(b), string(same))
	})
}
