package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// zoneFrame is the picture of the yard's footage in which the first person
// stands in the zone (configs/demo.yaml).
const zoneFrame = 347

// TestDay plays one day in the room, one part after the other, on one station.
func TestDay(t *testing.T) {
	r := newRig(t)
	b := r.newBrowser()
	b.do(t, 60*time.Second, nil, "watch")
	for _, part := range []struct {
		name string
		play func(*testing.T, *rig, *browser)
	}{
		{"AWalkerEntersTheZone", walker},
		{"LiveTilesAreLive", liveTiles},
		{"APressFromTheStreet", streetPress},
		{"WrongDevicesHarmNobody", wrongDevices},
		{"TheRoomWorksOnIt", roomWork},
		{"ADroneIsOnTheMapAndFallsSilent", droneSilence},
		{"TheClipIsWholeInTime", wholeClip},
		{"ACameraGoesAndComesBack", cameraReturns},
		{"TheLineIsCutAndThePowerTwice", outage},
		{"KilledItStandsAsItWas", killed},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			parent := r.t
			r.t = t
			defer func() { r.t = parent }()
			part.play(t, r, b)
		})
		if !ok {
			return // what follows stands on what came before
		}
	}
}

// walker: on the wall within 1 s of the picture that shows it, the clip
// playable, the event in headquarters' ledger.
func walker(t *testing.T, r *rig, b *browser) {
	r.control("POST", "/camera/yard/start", "", nil)
	var seen incident
	r.until(60*time.Second, "an incident of the yard's rule", func() bool {
		room := r.room()
		for _, a := range decodeAll[alert](t, room.Alerts) {
			if a.Rule != "on-the-road" {
				continue
			}
			for _, inc := range decodeAll[incident](t, room.Incidents) {
				if inc.ID == a.Incident {
					seen = inc
					return true
				}
			}
		}
		return false
	})
	painted := b.first(t, 5*time.Second, "the incident on the wall", func(s sight) bool { return s.Event == "incident" && s.ID == seen.ID })
	cam := r.simState().Cameras["yard"]
	require.Zero(t, cam.Loop, "the first loop shows the person first")
	shown := cam.LoopStarted.Add(time.Duration(float64(zoneFrame) / cam.FPS * float64(time.Second)))
	late := painted.at().Sub(shown)
	t.Logf("on the wall %v after the picture that shows the person was sent (desk: %v)", late.Round(time.Millisecond), seen.OpenedAt.Sub(shown).Round(time.Millisecond))
	// Trackers may be sure a few pictures before the ground truth is.
	require.Greater(t, late, -time.Second, "nobody was there yet")
	require.Less(t, late, time.Second)
	require.Equal(t, "P1", seen.Priority)

	inc, _ := r.incident(seen.ID)
	status, jpeg := r.apiBytes("GET", "/api/v1/snapshots/"+inc.Snapshot+".jpg", "")
	require.Equal(t, 200, status)
	require.True(t, strings.HasPrefix(string(jpeg), "\xff\xd8"), "the snapshot is a JPEG")
	part1 := r.clipPart(seen.ID, "yard", "1", 10*time.Second)
	r.checkClip(b, part1)

	r.until(10*time.Second, "the sighting in headquarters' ledger", func() bool {
		for _, line := range r.ledger() {
			if data, is := line.raised(t); is && data.Sighting != nil && data.Incident == seen.ID {
				return data.Sighting.Rule == "on-the-road"
			}
		}
		return false
	})
}

// clipPart waits for a part of an incident's clip.
func (r *rig) clipPart(incident, camera, part string, within time.Duration) clipPart {
	r.t.Helper()
	var found clipPart
	r.until(within, "part "+part+" of "+camera, func() bool {
		_, clips := r.incident(incident)
		for _, c := range clips {
			if c.Camera == camera && c.Part == part {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// checkClip plays a part in the browser and holds what it says of itself
// against ffprobe.
func (r *rig) checkClip(b *browser, c clipPart) {
	r.t.Helper()
	status, content := r.apiBytes("GET", c.Location, "")
	require.Equal(r.t, 200, status)
	file := filepath.Join(r.t.TempDir(), "clip.mp4")
	require.NoError(r.t, os.WriteFile(file, content, 0o600))
	seconds, frames := probe(r.t, file)
	require.InDelta(r.t, c.To.Sub(c.From).Seconds(), seconds, 0.041, "the file is as long as the clip says, to a picture")
	var played struct {
		Duration    float64 `json:"duration"`
		StartTime   float64 `json:"startTime"`
		CurrentTime float64 `json:"currentTime"`
		Frames      int     `json:"frames"`
		Error       string  `json:"error"`
	}
	b.do(r.t, 30*time.Second, &played, "play-clip", c.Location)
	require.Empty(r.t, played.Error)
	require.InDelta(r.t, seconds, played.Duration, 0.041, "Chromium presents what ffprobe sees")
	require.Greater(r.t, played.CurrentTime, 0.5, "it plays")
	r.t.Logf("clip %s part %s: %.2f s, %d pictures, wanted from %v before its beginning", c.Camera, c.Part, seconds, frames, c.From.Sub(c.WantedFrom).Round(time.Millisecond))
}

// liveTiles: pictures are decoded at the camera's rate; polled stills would
// fail this.
func liveTiles(t *testing.T, _ *rig, b *browser) {
	for _, camera := range []string{"yard", "gate"} {
		rate := b.rate(t, camera)
		t.Logf("%s: %.1f pictures decoded a second", camera, rate)
		require.GreaterOrEqual(t, rate, 20.0)
	}
}

// streetPress: a pillar that is nothing but mosquitto_pub.
func streetPress(t *testing.T, r *rig, b *browser) {
	acks := r.subscribe("P-003", "pillar/P-003/ack")
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	press := fmt.Sprintf(`{"id":"street-1","kind":"alarm","at":%q,"seq":1,"replayed":false}`, at)
	pressed := time.Now()
	require.NoError(t, r.publish("P-003", "P-003-password", "pillar/P-003/press", press))
	var ack struct{ ID, Result, Incident string }
	require.NoError(t, json.Unmarshal(acks.next(t), &ack))
	t.Logf("ack %v after mosquitto_pub was started", time.Since(pressed).Round(time.Millisecond))
	require.Equal(t, "street-1", ack.ID)
	require.Equal(t, "stored", ack.Result)

	painted := b.first(t, 5*time.Second, "the press on the wall", func(s sight) bool { return s.Event == "incident" && s.ID == ack.Incident })
	inc, _ := r.incident(ack.Incident)
	t.Logf("on the wall %v after it was recorded", painted.at().Sub(inc.OpenedAt).Round(time.Millisecond))
	require.Less(t, painted.at().Sub(inc.OpenedAt), 2*time.Second, "DB15/T 3968: shown within 2 s")
	require.Equal(t, "P0", inc.Priority)
	require.Equal(t, []string{"gate"}, inc.Cameras, "the pillar's own camera is bound")
	b.first(t, 5*time.Second, "the P0 fills the wall", func(s sight) bool { return s.Event == "p0" && s.ID == ack.Incident })

	part1 := r.clipPart(ack.Incident, "gate", "1", 5*time.Second)
	require.Less(t, part1.ReadyAt.Sub(inc.OpenedAt), time.Second, "the seconds before it are ready within 1 s")
	r.checkClip(b, part1)
	r.until(15*time.Second, "part 1 at headquarters, its SHA-256 checked", func() bool {
		for _, c := range r.hqClips() {
			if c.ID == part1.ID && c.Part == "1" && c.OK {
				return true
			}
		}
		return false
	})

	// The same press again is a duplicate, told so, and changes nothing.
	require.NoError(t, r.publish("P-003", "P-003-password", "pillar/P-003/press", strings.Replace(press, `"replayed":false`, `"replayed":true`, 1)))
	require.NoError(t, json.Unmarshal(acks.next(t), &ack))
	require.Equal(t, "duplicate", ack.Result)
	again, _ := r.incident(inc.ID)
	require.Equal(t, inc.Alerts, again.Alerts)
	r.street, r.before = inc, part1
}

// wholeClip: the clip of the street's press is whole ≤ 0.5 s after its
// post-roll of 30 s, contains part 1, and has replaced it.
func wholeClip(t *testing.T, r *rig, b *browser) {
	whole := r.clipPart(r.street.ID, "gate", "whole", 45*time.Second)
	end := r.street.OccurredAt.Add(30 * time.Second)
	t.Logf("whole %v after its post-roll", whole.ReadyAt.Sub(end).Round(time.Millisecond))
	require.Less(t, whole.ReadyAt.Sub(end), 500*time.Millisecond)
	require.WithinDuration(t, end, whole.To, 41*time.Millisecond)
	require.Equal(t, r.before.From, whole.From, "it contains part 1")
	require.Empty(t, whole.Gaps)
	r.checkClip(b, whole)
}

// wrongDevices get what contracts.md says, and harm nobody.
func wrongDevices(t *testing.T, r *rig, _ *browser) {
	acks := r.subscribe("P-003", "pillar/P-003/ack")
	before := len(r.room().Alerts)
	err := r.publish("P-003", "wrong", "pillar/P-003/press", `{"id":"x","kind":"alarm","seq":2}`)
	require.ErrorContains(t, err, "not authorised", "CONNACK 5")
	require.Error(t, r.publish("P-003", "P-003-password", "pillar/P-001/press", `{"id":"x","kind":"alarm","seq":2}`), "a foreign topic disconnects")

	require.NoError(t, r.publish("P-003", "P-003-password", "pillar/P-003/press", `{"id":"bad-1","kind":"party","seq":2}`))
	var ack struct{ ID, Result, Reason string }
	require.NoError(t, json.Unmarshal(acks.next(t), &ack))
	require.Equal(t, "rejected", ack.Result)
	require.Equal(t, "bad-1", ack.ID)
	require.Contains(t, ack.Reason, "party", "the reason names the value")
	require.NoError(t, r.publish("P-003", "P-003-password", "pillar/P-003/press", `{{{`))
	require.NoError(t, json.Unmarshal(acks.next(t), &ack))
	require.Equal(t, "rejected", ack.Result)

	for _, p := range []string{"P-001", "P-002"} {
		require.True(t, r.simState().Pillars[p].Connected, "%s is unharmed", p)
	}
	for _, a := range decodeAll[alert](t, r.room().Alerts)[:len(r.room().Alerts)-before] {
		require.NotContains(t, []string{"x", "bad-1"}, a.Press)
	}
}

// roomWork: an operator takes a press, answers it and closes it; the pillar
// shows that somebody has; a 110 call is recorded.
func roomWork(t *testing.T, r *rig, b *browser) {
	id := r.press("P-001", "alarm")
	var inc string
	r.until(5*time.Second, "the pillar's ack", func() bool {
		inc = r.simState().Pillars["P-001"].Acks[id].Incident
		return inc != ""
	})
	light := func(want string) {
		r.until(5*time.Second, "the pillar's light: "+want, func() bool {
			c := r.simState().Pillars["P-001"].Command
			return c != nil && c.Light == want
		})
	}
	light("flash")
	b.do(t, 60*time.Second, nil, "act", inc, "claim")
	got, _ := r.incident(inc)
	require.Equal(t, "acknowledged", got.State, "a claim acknowledges")
	require.Equal(t, user, got.ClaimedBy)
	light("steady")
	b.do(t, 60*time.Second, nil, "act", inc, "close")
	got, _ = r.incident(inc)
	require.Equal(t, "closed", got.State)
	light("off")

	var made struct {
		Incident incident `json:"incident"`
	}
	status := r.api("POST", "/api/v1/incidents", `{"source":"call_110","kind":"theft","place":"bxj-south","note":"摩托车被盗"}`, &made)
	require.Equal(t, 201, status)
	require.NotEmpty(t, made.Incident.Cameras, "cameras near the place are bound")
}

// droneSilence: last known state on the map, and a drone that falls silent
// says so.
func droneSilence(t *testing.T, r *rig, _ *browser) {
	r.until(10*time.Second, "the drone's position", func() bool {
		d := r.room().Drones
		return len(d) == 1 && d[0].Telemetry != nil && d[0].Telemetry.Position != nil
	})
	var track struct {
		Points []json.RawMessage `json:"points"`
	}
	from := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	to := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	require.Equal(t, 200, r.api("GET", "/api/v1/drones/uav-1/track?from="+from+"&to="+to, "", &track))
	require.NotEmpty(t, track.Points)
	r.control("POST", "/drone/uav-1/stop", "", nil)
	r.until(15*time.Second, "an alert: the drone is silent", func() bool {
		for _, a := range decodeAll[alert](t, r.room().Alerts) {
			if a.Device == "uav-1" {
				return true
			}
		}
		return false
	})
	r.control("POST", "/drone/uav-1/start", "", nil)
}

// cameraReturns: the tile says since when it is stale, and comes back by
// itself.
func cameraReturns(t *testing.T, r *rig, b *browser) {
	phase := func(what string, within time.Duration, fits func(phase, veil string) bool) time.Duration {
		began := time.Now()
		var last struct{ Phase, Veil string }
		r.until(within, "the tile is "+what, func() bool {
			b.do(t, 15*time.Second, &last, "tile", "gate")
			return fits(last.Phase, last.Veil)
		})
		t.Logf("%s after %v: %q", what, time.Since(began).Round(10*time.Millisecond), last.Veil)
		return time.Since(began)
	}
	phase("live", 20*time.Second, func(phase, _ string) bool { return phase == "live" })
	r.control("POST", "/camera/gate/stop", "", nil)
	phase("stale, says since when", 8*time.Second, func(phase, veil string) bool { return phase != "live" && strings.Contains(veil, "自") })
	r.until(8*time.Second, "a blind interval of the gate", func() bool {
		_, body := r.apiBytes("GET", "/api/v1/blind", "")
		return strings.Contains(string(body), `"gate"`)
	})
	r.control("POST", "/camera/gate/start", "", nil)
	began := time.Now()
	r.until(5*time.Second, "the box sees the camera again", func() bool {
		for _, c := range r.room().Cameras {
			if c.ID == "gate" {
				return c.Live.Live
			}
		}
		return false
	})
	t.Logf("the box is live again %v after the camera answers", time.Since(began).Round(10*time.Millisecond))
	phase("live again by itself", 15*time.Second, func(phase, _ string) bool { return phase == "live" })
}

// outage: headquarters stopped for 60 s while 50 presses arrive, the box
// killed with kill -9 twice in between: afterwards the ledger has every
// acknowledged press, in order, chain valid, each once in effect.
func outage(t *testing.T, r *rig, _ *browser) {
	const presses = 50
	r.control("POST", "/hq/hq/stop", "", nil)
	began := time.Now()
	ids := map[string]string{} // press → pillar
	kills := map[int]bool{10 + r.rand.IntN(10): true, 30 + r.rand.IntN(10): true}
	for i := range presses {
		pillar := []string{"P-001", "P-002"}[r.rand.IntN(2)]
		ids[r.press(pillar, "alarm")] = pillar
		if kills[i] {
			t.Logf("kill -9 after press %d", i+1)
			r.killBox()
			r.startBox()
		}
		wait(time.Duration(500+r.rand.IntN(1000)) * time.Millisecond)
	}
	r.until(30*time.Second, "every press acknowledged to its pillar", func() bool {
		s := r.simState()
		return len(s.Pillars["P-001"].Pending)+len(s.Pillars["P-002"].Pending) == 0
	})
	wait(time.Until(began.Add(60 * time.Second)))
	r.control("POST", "/hq/hq/start", "", nil)
	r.until(30*time.Second, "the ledger has every press", func() bool {
		have := map[string]bool{}
		for _, line := range r.ledger() {
			if data, is := line.raised(t); is && data.Press != nil {
				have[data.Press.ID] = true
			}
		}
		for id := range ids {
			if !have[id] {
				return false
			}
		}
		return true
	})
	effect := map[string]int{}
	alarms := 0
	for _, line := range r.ledger() {
		require.Contains(t, []string{"ok", "duplicate", "gap"}, line.Verdict, "%+v", line)
		if line.Taken && line.Lane == "alarm" {
			alarms++ // the ledger takes a line only when it is last + 1 and the hash fits
		}
		if data, is := line.raised(t); is && data.Press != nil {
			effect[data.Press.ID]++
		}
	}
	for id := range ids {
		require.Equal(t, 1, effect[id], "press %s is once in effect", id)
	}
	t.Logf("%d presses through the outage; %d alarms in an unbroken chain; drained %v after headquarters was back", presses, alarms, time.Since(began.Add(60*time.Second)).Round(100*time.Millisecond))
}

// killed: kill -9 at any time, start: desk, clips and cursors are as they were.
func killed(t *testing.T, r *rig, b *browser) {
	r.until(30*time.Second, "headquarters has everything", r.upToDate)
	before := r.room()
	taken := r.taken()
	r.killBox()
	r.startBox()
	after := r.room()
	same := before.unchanged(t, after)
	t.Logf("%d incidents, alerts and clips are byte for byte as they were", same)
	require.Greater(t, same, len(before.Alerts)/2)
	for _, c := range decodeAll[clipPart](t, before.Clips) {
		if c.Part != "whole" {
			continue // part 1 goes once its whole is there
		}
		status, _ := r.apiBytes("GET", c.Location, "")
		require.Equal(t, 200, status, "clip %s is as it was", c.ID)
	}
	r.until(20*time.Second, "the line is up to date again", r.upToDate)
	require.GreaterOrEqual(t, r.taken(), taken)
	for _, line := range r.ledger() {
		require.Contains(t, []string{"ok", "duplicate", "gap"}, line.Verdict)
	}
	require.GreaterOrEqual(t, b.rate(t, "yard"), 20.0, "the browser's tile came back by itself")
}

func (r *rig) upToDate() bool {
	for _, u := range r.room().Uplinks {
		if !u.Listening {
			return false
		}
		for _, n := range u.Lag {
			if n > 0 {
				return false
			}
		}
	}
	return true
}

func (r *rig) taken() int {
	n := 0
	for _, line := range r.ledger() {
		if line.Taken {
			n++
		}
	}
	return n
}

// unchanged holds every resource against what it was, unless something has
// happened to it since: a limit passed, the camera saw somebody. Nothing may be
// missing. It returns how many were the same.
func (before room) unchanged(t *testing.T, after room) (same int) {
	_, number, _ := strings.Cut(before.AsOf, ".")
	place, err := strconv.ParseUint(number, 10, 64)
	require.NoError(t, err)
	type resource struct {
		ID      string `json:"id"`
		Part    string `json:"part"`
		Touched uint64 `json:"touched"`
	}
	for _, lists := range [][2][]json.RawMessage{{before.Incidents, after.Incidents}, {before.Alerts, after.Alerts}, {before.Clips, after.Clips}} {
		now := map[string]json.RawMessage{}
		touched := map[string]uint64{}
		for i, res := range decodeAll[resource](t, lists[1]) {
			now[res.ID+"/"+res.Part], touched[res.ID+"/"+res.Part] = lists[1][i], res.Touched
		}
		for i, res := range decodeAll[resource](t, lists[0]) {
			key := res.ID + "/" + res.Part
			require.Contains(t, now, key)
			if touched[key] > place {
				continue
			}
			require.Equal(t, string(lists[0][i]), string(now[key]))
			same++
		}
	}
	return same
}

// wait lets real time pass where time itself is what is played: the minute of
// an outage, the seconds between presses.
func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// publish is mosquitto_pub as a pillar; its error is what it said.
func (r *rig) publish(pillar, pass, topic, payload string) error {
	out, err := exec.Command("mosquitto_pub", r.mosquitto(pillar, pass, "pub", topic, "-m", payload)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	return nil
}

var clients atomic.Int64

func (r *rig) mosquitto(pillar, pass, what, topic string, more ...string) []string {
	return append([]string{
		"-h", "127.0.0.1", "-p", fmt.Sprint(port(r.t, r.boxAt.MQTT)), "-u", pillar, "-P", pass, "-q", "1", "-t", topic,
		"-i", fmt.Sprintf("%s-%s-%d", pillar, what, clients.Add(1)),
	}, more...)
}
