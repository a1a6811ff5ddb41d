package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const good = `
station: {id: jingdong, name: 京东派出所, position: {lat: 28.69, lon: 115.99}}
data: {dir: data, clips: {budget: 512MiB, max_age: 2d}}
cameras:
  - id: gate
    streams: {main: rtsp://10.0.0.11/main}
    pre_roll: 10s
    zones: {yard: [[0.1,0.5],[0.9,0.5],[0.9,1.0]]}
    rules: [{name: yard, label: 院内有人, kind: intrusion, zone: yard, schedule: "22:00-06:00"}]
pillars: [{id: P-001, cameras: [gate], password_file: P-001}]
drones: [{id: uav-1, listen: "udp:127.0.0.1:0"}]
uplinks: [{name: hq, url: "mqtt://127.0.0.1:1883"}]
limits: {P0: {open: 30s}}
`

func folder(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "P-001"), []byte("secret\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "empty"), nil, 0o600))
	return dir
}

func TestGoodConfigurationIsCompletedWithDefaults(t *testing.T) {
	dir := folder(t)
	c, err := Parse([]byte(good), dir, Supported{})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "data", "journal"), c.Data.Journal.Dir)
	require.Equal(t, 512*Size(1<<20), c.Data.Clips.Budget)
	require.Equal(t, 48*time.Hour, time.Duration(c.Data.Clips.MaxAge))
	cam := c.Cameras[0]
	require.Equal(t, "gate", cam.Name)
	require.Equal(t, 10*time.Second, time.Duration(cam.PreRoll))
	require.Equal(t, 30*time.Second, time.Duration(cam.PostRoll))
	require.Equal(t, "P2", cam.Rules[0].Priority)
	require.Equal(t, "院内有人", cam.Rules[0].Label)
	require.Equal(t, "secret", c.Pillars[0].Password)
	require.Equal(t, "receipt", c.Uplinks[0].Confirm)
	require.Equal(t, 30*time.Second, time.Duration(c.Limits.P0.Open))
	require.Equal(t, 5*time.Minute, time.Duration(c.Limits.P0.Acknowledged), "the other fields keep their defaults")
	require.Equal(t, "Asia/Shanghai", c.Location().String())
	require.Contains(t, c.Digest(), "sha256:")
}

// A plain port that only the box itself reaches has no TLS beside it, unless
// the file asks for it, by the default's name or another.
func TestTLSBesideAPortOnLoopback(t *testing.T) {
	for http, want := range map[string]string{
		"{}": ":8443", `{listen: "127.0.0.1:8080"}`: "", `{listen: "127.0.0.1:8080", tls: {listen: ":8443"}}`: ":8443",
		`{listen: "127.0.0.1:8080", tls: {listen: ":443"}}`: ":443", `{tls: {listen: ""}}`: "",
	} {
		c, err := Parse([]byte(good+"http: "+http+"\n"), folder(t), Supported{})
		require.NoError(t, err, http)
		require.Equal(t, want, c.HTTP.TLS.Listen, http)
	}
}

func TestEveryProblemNamesKeyValueAndRemedy(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"id: jingdong", "id: 京东", `station.id: "京东"; write 1 to 64 letters`},
		{"lat: 28.69", "lat: 128.69", "station.position.lat: 128.69 is not within -90 and 90"},
		{"lat: 28.69", "lat: north", `station.position.lat: "north" is not a number (line 2)`},
		{"{dir: data", "{dri: x, dir: data", "data.dri: unknown key (line 3); known here: dir, journal"},
		{"512MiB", "512 MB", `data.clips.budget: "512 MB" is no size`},
		{"2d", "2 days", `data.clips.max_age: "2 days" is no duration`},
		{"rtsp://10.0.0.11/main", "rtsp://u:p@10.0.0.11/main", "cameras[0].streams.main: holds credentials"},
		{"rtsp://10.0.0.11/main", "http://u:p@10.0.0.11/", "cameras[0].streams.main: holds credentials"},
		{"limits: {P0", "http: {public_url: \"http://box.example\"}\nlimits: {P0", "http.public_url: \"http://box.example\"; browsers are sent from http to TLS, and so to it again"},
		{"limits: {P0", "http: {tls: {cert_file: a.crt}}\nlimits: {P0", "http.tls.cert_file: needs key_file beside it"},
		{`"mqtt://127.0.0.1:1883"`, `"ftp://u:p@hq.example"`, "uplinks[0].url: holds credentials"},
		{"rtsp://10.0.0.11/main", "http://10.0.0.11/", `cameras[0].streams.main: "http://10.0.0.11/" is no RTSP address`},
		{"pre_roll: 10s", "pre_roll: 10s\n    masks: [[[0.1,0.1],[0.2,0.2]]]", "cameras[0].masks[0]: has 2 corners"},
		{"pre_roll: 10s", "pre_roll: 10s\n    masks: [[[0,0],[0.5,0.5],[0.5,0],[0,0.5]]]", "cameras[0].masks[0]: its sides [0, 0]–[0.5, 0.5] and [0.5, 0]–[0, 0.5] cross; write the corners in the order"},
		{"pre_roll: 10s", "pre_roll: 10s\n    masks: [[[0,0],[0.5,0.5],[1,1]]]", "cameras[0].masks[0]: covers next to nothing of the picture"},
		{"[0.1,0.5],[0.9,0.5]", "[0.1,0.5],[0.9,1.0],[0.9,0.5],[0.1,1.0]", "cameras[0].zones.yard: its sides"},
		{"pre_roll: 10s", "pre_roll: 10s\n    mask: []", "cameras[0].mask: unknown key"},
		{"pre_roll: 10s", "pre_roll: 1h", "cameras[0].pre_roll: 1h; write 1s to 5m"},
		{"[0.9,0.5],[0.9,1.0]", "[0.9,1.5],[0.9,1.0]", "cameras[0].zones.yard[1]: [0.9, 1.5] is outside the picture"},
		{"kind: intrusion", "kind: faces", `cameras[0].rules[0].kind: "faces"; write one of motion`},
		{"kind: intrusion", "kind: intrusion, label: " + strings.Repeat("院", 65), "cameras[0].rules[0].label: has 65 characters; write at most 64"},
		{"kind: intrusion", `kind: intrusion, label: "a\nb"`, "cameras[0].rules[0].label: \"a\\nb\" holds a line break"},
		{"kind: intrusion", "kind: crowd", `cameras[0].rules[0].count: too few`},
		{"kind: intrusion", "kind: intrusion, min_height: 2", "cameras[0].rules[0].min_height: 2 is not within 0 and 1"},
		{"kind: intrusion", "kind: intrusion, count: -1", "cameras[0].rules[0].count: -1 is not within 0 and 1000"},
		{"zone: yard", "zone: roof", `cameras[0].rules[0].zone: "roof" is not among the camera's zones`},
		{`"22:00-06:00"`, `"22-6"`, `cameras[0].rules[0].schedule: "22-6"; write it like 22:00-06:00`},
		{"cameras: [gate]", "cameras: [gaet]", `pillars[0].cameras[0]: "gaet" is not among the cameras`},
		{"password_file: P-001", "password_file: P-002", "P-002 does not exist; write the password into it"},
		{"password_file: P-001", "password_file: empty", "empty is empty; write the password"},
		{"udp:127.0.0.1:0", "127.0.0.1:0", `drones[0].listen: "127.0.0.1:0"; write it like udp:0.0.0.0:14550`},
		{`"mqtt://127.0.0.1:1883"`, "hq.example", `uplinks[0].url: "hq.example"; write it like mqtts://hq.example`},
		{"name: hq", "name: hq, kind: pigeon", `uplinks[0].kind: "pigeon"; write one of mqtt, webhook, nats`},
		{"name: hq", "name: hq, kind: webhook", `uplinks[0].url: "mqtt://127.0.0.1:1883"; write it like https://hq.example`},
		{"name: hq", "name: hq, kind: webhook", "uplinks[0].secret_file: is empty; write whsec_"},
		{"name: hq", "name: hq, kind: webhook, confirm: receipt", `uplinks[0].confirm: "receipt"; write one of transport`},
		{"name: hq", "name: hq, kind: nats", `uplinks[0].stream: ""; write the JetStream stream's name`},
		{"name: hq", "name: hq, secret_file: P-001", "P-001\" has no meaning with kind mqtt; remove it"},
		{"name: hq", "name: hq, filter: {types: [faces]}", `uplinks[0].filter.types[0]: "faces"; write an event's type`},
		{"name: hq", "name: hq, filter: {priorities: [P7]}", `uplinks[0].filter.priorities[0]: "P7"; write one of P0`},
		{"[{name: hq,", `[{name: city, url: "mqtt://127.0.0.1:1883"}, {name: hq,`, `uplinks[1].url: "mqtt://127.0.0.1:1883" is the broker of "city" too`},
		{"limits: {P0", "alerts: {shown_within: 5m}\nlimits: {P0", "alerts.shown_within: 5m0s; write 500ms to 1m, or 0"},
		{"limits: {P0", "alerts: {span: 30s}\nlimits: {P0", "alerts.span: 30s; write at least alerts.window (2m0s)"},
		{"limits: {P0", "alerts: {fold_after: 1}\nlimits: {P0", "alerts.fold_after: 1 is not within 2 and 1000"},
		{"limits: {P0", "handover: {take_within: 1s}\nlimits: {P0", "handover.take_within: 1s; write 1m to 12h"},
		{"limits: {P0", "points: {late: 200}\nlimits: {P0", "points.late: 200 is not within 0 and 100"},
		{"limits: {P0", "limits: {P9", `limits.P9: unknown key (line 13); known here: P0, P1, P2, P3, overdue, judge`},
		{"limits: {P0", "limits: {judge: 10s, P0", "limits.judge: 10s; write 1m to 30d, or 0"},
		{"pre_roll: 10s", "pre_roll: 10s\n    pre_roll: 11s", "cameras[0].pre_roll: stands twice"},
		{"\ndata:", "\n  data: [", "yaml: "},
		{"\ncameras:", "\n---\ncameras:", "yaml: line 4 begins a second document (---)"},
		{good, "- station", "yaml: line 1 is no key; a configuration begins with keys"},
		{"limits: {P0", "http: {listen: \":99999\"}\nlimits: {P0", `http.listen: ":99999" has the port "99999"; write 0 (any) to 65535`},
		{"limits: {P0", "http: {listen: \"127.0.0.1:http\"}\nlimits: {P0", `http.listen: "127.0.0.1:http" has the port "http"; write 0`},
		{"udp:127.0.0.1:0", "udp:127.0.0.1:123456", `drones[0].listen: "127.0.0.1:123456" has the port "123456"`},
		{"limits: {P0", "http: {listen: \"127.0.0.1:1883\"}\nlimits: {P0", `mqtt.listen: ":1883" is the port of http.listen too; give each its own`},
		{"udp:127.0.0.1:0", "udp:127.0.0.1:8189", `drones[0].listen: "127.0.0.1:8189" is the port of webrtc.udp too`},
		{`{id: uav-1, listen: "udp:127.0.0.1:0"}`, `{id: a, listen: "udp:127.0.0.1:1"}, {id: b, listen: "udp::1"}`, `drones[1].listen: ":1" is the port of drones[0].listen too`},
		{"limits: {P0", "upload: {when: [P0]}\nlimits: {P0", `upload.url: ""; write it like https://hq.example`},
		{"name: hq", "name: hq, receipt_within: 2ns", "uplinks[0].receipt_within: 2ns; write 1s to 1h"},
		{"name: hq", "name: hq, max_backlog: {age: 1s}", "uplinks[0].max_backlog.age: 1s; write 1h to 3650d"},
		{"name: hq", "name: hq, max_backlog: {size: 1}", "uplinks[0].max_backlog.size: 1 bytes is below 1MiB"},
	} {
		text := strings.Replace(good, tc.old, tc.new, 1)
		require.NotEqual(t, good, text, tc.old)
		_, err := Parse([]byte(text), folder(t), Supported{Rule: func(_ *Camera, r *Rule) error {
			if r.Kind == "crowd" {
				return errors.Join(errors.New("count: too few"))
			}
			return nil
		}})
		require.ErrorContains(t, err, tc.want)
	}
}

func TestUplinksOfEveryKind(t *testing.T) {
	const text = `
station: {id: jingdong}
uplinks:
  - {name: hq, url: "mqtt://10.0.0.1:1883", filter: {types: [watchpost.alert.raised], priorities: [P0, P1]}}
  - {name: city, kind: webhook, url: "https://city.example/events", secret_file: P-001}
  - {name: bus, kind: nats, url: "nats://10.0.0.2:4222", stream: STATIONS}
`
	dir := folder(t)
	c, err := Parse([]byte(text), dir, Supported{})
	require.NoError(t, err)
	require.Equal(t, Filter{Types: []string{"watchpost.alert.raised"}, Priorities: []string{"P0", "P1"}}, c.Uplinks[0].Filter)
	require.Equal(t, "receipt", c.Uplinks[0].Confirm)
	require.Equal(t, "transport", c.Uplinks[1].Confirm)
	require.Equal(t, filepath.Join(dir, "P-001"), c.Uplinks[1].SecretFile)
	require.Equal(t, "transport", c.Uplinks[2].Confirm)

	_, err = Parse([]byte(strings.Replace(text, "jingdong", "jing.dong", 1)), dir, Supported{})
	require.ErrorContains(t, err, "uplinks[2].kind: nats needs station.id and station.box without dots")
}

func TestAllProblemsComeAtOnce(t *testing.T) {
	_, err := Parse([]byte("station: {id: '', nope: 1}\nhttp: {listen: x}\ncameras: [{}]\n"), t.TempDir(), Supported{})
	var ps Problems
	require.ErrorAs(t, err, &ps)
	require.GreaterOrEqual(t, len(ps), 5, err)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("cameras: {x: 1}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = Parse(text, ".", Supported{})
	})
}
