package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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

	painted := b.first(t, "the press on the wall", func(s sight) bool { return s.Event == "incident" && s.ID == ack.Incident })
	inc, _ := r.incident(ack.Incident)
	r.promised("a recorded press is on the wall (DB15/T 3968)", inc.OpenedAt, painted.at().Sub(inc.OpenedAt), 2*time.Second)
	require.Equal(t, "P0", inc.Priority)
	require.Equal(t, []string{"gate"}, inc.Cameras, "the pillar's own camera is bound")
	b.first(t, "the P0 fills the wall", func(s sight) bool { return s.Event == "p0" && s.ID == ack.Incident })

	part1 := r.clipPart(ack.Incident, "gate", "1")
	r.promised("the seconds before a press are ready", inc.OpenedAt, part1.ReadyAt.Sub(inc.OpenedAt), time.Second)
	r.checkClip(b, part1)
	r.until("part 1 at headquarters, its SHA-256 checked", func() bool {
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
	after := r.room().Alerts
	for _, a := range decodeAll[alert](t, after)[:len(after)-before] {
		require.NotContains(t, []string{"x", "bad-1"}, a.Press)
	}
}

// roomWork: an operator takes a press, answers it and closes it; the pillar
// shows that somebody has; a 110 call is recorded.
func roomWork(t *testing.T, r *rig, b *browser) {
	id := r.press("P-001", "alarm")
	var inc string
	r.until("the pillar's ack", func() bool {
		inc = r.simState().Pillars["P-001"].Acks[id].Incident
		return inc != ""
	})
	light := func(want string) {
		r.until("the pillar's light: "+want, func() bool {
			c := r.simState().Pillars["P-001"].Command
			return c != nil && c.Light == want
		})
	}
	light("flash")
	b.do(t, nil, "act", inc, "claim")
	got, _ := r.incident(inc)
	require.Equal(t, "acknowledged", got.State, "a claim acknowledges")
	require.Equal(t, user, got.ClaimedBy)
	light("steady")
	b.do(t, nil, "act", inc, "close")
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
	r.until("the drone's position", func() bool {
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
	r.until("an alert: the drone is silent", func() bool {
		for _, a := range decodeAll[alert](t, r.room().Alerts) {
			if a.Device == "uav-1" {
				return true
			}
		}
		return false
	})
	r.control("POST", "/drone/uav-1/start", "", nil)
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
