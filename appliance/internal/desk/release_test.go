package desk_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// TestJournalsOfReleases folds a journal of every release (contracts.md,
// "Events") and finds the room that the release saw. A field may be added to a
// resource; one that was there keeps its value. The journal of a new release is
// written with WATCHPOST_RELEASE=name, once.
func TestJournalsOfReleases(t *testing.T) {
	if name := os.Getenv("WATCHPOST_RELEASE"); name != "" {
		writeRelease(t, filepath.Join("testdata", name+".jsonl"), filepath.Join("testdata", name+".state.json"))
	}
	journals, err := filepath.Glob("testdata/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, journals)
	for _, path := range journals {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			s := desk.NewState()
			lines := bufio.NewScanner(bytes.NewReader(b))
			lines.Buffer(nil, 2*bridge.EventMaxBytes)
			for place := uint64(1); lines.Scan(); place++ {
				e, err := bridge.DecodeEvent(lines.Bytes())
				require.NoError(t, err)
				require.NoError(t, s.Apply(bridge.Record{Place: place, Event: e}))
			}
			require.NoError(t, lines.Err())
			var saw, sees map[string]any
			b, err = os.ReadFile(path[:len(path)-len("jsonl")] + "state.json")
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(b, &saw))
			b, err = s.Bytes()
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(b, &sees))
			within(t, "state", saw, sees)
		})
	}
}

// within fails unless everything that the release saw is still seen.
func within(t *testing.T, path string, saw, sees any) {
	switch saw := saw.(type) {
	case map[string]any:
		now, ok := sees.(map[string]any)
		require.True(t, ok, path)
		for key, value := range saw {
			require.Contains(t, now, key, path)
			within(t, path+"."+key, value, now[key])
		}
	case []any:
		now, ok := sees.([]any)
		require.True(t, ok, path)
		require.Len(t, now, len(saw), path)
		for i := range saw {
			within(t, path, saw[i], now[i])
		}
	default:
		require.Equal(t, saw, sees, path)
	}
}

// writeRelease plays one of everything.
func writeRelease(t *testing.T, journal, state string) {
	r := newRoom(t)
	r.do(desk.StartedIn{Version: "1", Boot: "b", Config: "sha256:c"})
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.after(time.Second).do(desk.ShownIn{Alert: pressed.Alert, Screen: "tv", At: r.now})
	r.do(press("P-2", "e1", ingest.PressTest, r.now))
	_, seen := r.do(sighting("s1", vision.Raised, "gate", "intrusion", r.now, r.now))
	r.after(3 * time.Second).do(sighting("s1", vision.Updated, "gate", "intrusion", start(), r.now))
	r.after(3 * time.Second).do(sighting("s1", vision.Ended, "gate", "intrusion", start(), r.now))
	r.do(sighting("s2", vision.Raised, "gate", "intrusion", r.now, r.now))
	r.do(report(operator("li")))
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: lead("chen"), Reason: "交接班"})
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "note", Note: "到场", By: desk.Actor{Name: "wu", Role: "officer"}})
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "close", Result: "resolved", By: lead("chen")})
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "reopen", Reason: "又来了", By: lead("chen")})
	r.do(desk.ActionIn{Incident: seen.Incident, Verb: "close", Result: "false_alarm", By: operator("li")})
	clip := desk.Clip{ID: pressed.Incident + "-gate-1", Part: "1", Incident: pressed.Incident, Camera: "gate", From: bridge.At(start()), To: bridge.At(r.now), SHA256: "aa", Bytes: 7}
	r.do(desk.ClipIn{Clip: clip})
	r.do(desk.ClipUploadedIn{Clip: clip.ID, Part: "1", Location: "https://hq/1"})
	r.do(desk.ClipEvictedIn{Clip: clip.ID, Part: "1", Why: "superseded"})
	r.do(desk.DeviceIn{Device: "gate", Type: "camera", State: "offline", Since: r.now, Why: "refused"})
	r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: r.now, Why: "refused"})
	r.do(desk.BlindIn{Camera: "shop", Kind: "frozen", From: r.now})
	r.after(time.Second).do(desk.BlindIn{Camera: "shop", Kind: "frozen", To: r.now})
	r.do(desk.DeviceIn{Device: "uav-1", Type: "drone", State: "silent", Since: r.now, Position: at(28.69, 115.99)})
	r.do(desk.DeviceIn{Device: "P-1", Type: "pillar", State: "clock", OffsetMS: 2000, UncertaintyMS: 40})
	r.do(desk.AccessIn{Kind: "looked", By: operator("li"), Camera: "gate", From: start(), To: r.now})
	r.do(desk.ReceiptIn{Uplink: "hq", Epoch: "e", Lane: bridge.Alarm, ID: "x", Accepted: true, By: "wang", At: r.now})
	r.do(desk.SetAsideIn{Uplink: "hq", ID: "x", Reason: "422"})
	_, ordered := r.do(desk.TaskIn{To: "wu", Note: "到场核查", By: above(), HQID: "T-1", Uplink: "hq", Incident: pressed.Incident, Limit: r.now.Add(time.Minute)})
	r.reach(ordered.Task, officer("wu"), "accept", "arrive", "report")
	r.do(desk.ReceiptIn{Uplink: "hq", ID: r.state.Task(ordered.Task).ReportEvent, By: "zhao", Reason: "照片不清楚"})
	r.reach(ordered.Task, officer("wu"), "report")
	_, inside := r.do(desk.TaskIn{To: "he", Note: "巡逻", By: operator("li"), Limit: r.now.Add(time.Minute)})
	r.do(desk.RefusedOrderIn{Uplink: "hq", Order: "task", HQID: "T-2", Reason: "to", Digest: desk.Digest(nil)})
	r.after(time.Hour).do(desk.Tick{})
	r.reach(inside.Task, operator("li"), "hand_back")
	var lines bytes.Buffer
	for _, rec := range r.m.records {
		wire, err := rec.Event.Encode()
		require.NoError(t, err)
		lines.Write(append(wire, '\n'))
	}
	b, err := r.state.Bytes()
	require.NoError(t, err)
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, b, "", " "))
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	require.NoError(t, os.WriteFile(journal, lines.Bytes(), 0o644))
	require.NoError(t, os.WriteFile(state, append(pretty.Bytes(), '\n'), 0o644))
}
