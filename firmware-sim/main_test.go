package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const sampleConfig = `
data: {dir: data}
cameras:
  - {id: gate-east, file: film.mp4, username: viewer, password: secret}
  - {id: yard, file: film.mp4, start: false}
pillars:
  - {id: P-001, password: secret}
drones:
  - {id: uav-1, center: {lat: 28.69, lon: 115.99}}
hq:
  - {station: jingdong, box: a, mqtt: {username: box, password: secret}}
`

// sim is a running station, with the help of its control.
type sim struct {
	t       *testing.T
	dir     string
	addr    addresses
	stopped func()
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	film := filepath.Join(dir, "film.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25", "-frames:v", "25",
		"-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "25", "-bf", "0", film).CombinedOutput()
	require.NoError(t, err, string(out))
	path := filepath.Join(dir, "sim.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func startSim(t *testing.T, path string) *sim {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- simulate(ctx, path, 7, slog.New(slog.DiscardHandler)) }()
	s := &sim{t: t, dir: filepath.Join(filepath.Dir(path), "data")}
	once := false
	s.stopped = func() {
		if once {
			return
		}
		once = true
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			require.Fail(t, "the station did not stop")
		}
	}
	t.Cleanup(s.stopped)
	require.Eventually(t, func() bool {
		raw, err := os.ReadFile(filepath.Join(s.dir, addressesFile))
		return err == nil && json.Unmarshal(raw, &s.addr) == nil && s.answers()
	}, time.Minute, 20*time.Millisecond)
	return s
}

// answers tells a fresh file from one of an earlier run.
func (s *sim) answers() bool {
	conn, err := net.Dial("tcp4", s.addr.Control)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func (s *sim) call(method, path, body string) (int, map[string]any) {
	s.t.Helper()
	status, raw := s.raw(method, path, body)
	var out map[string]any
	require.NoError(s.t, json.Unmarshal(raw, &out), string(raw))
	return status, out
}

func (s *sim) raw(method, path, body string) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.addr.Control+path, strings.NewReader(body))
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res.StatusCode, raw
}

// get walks the state by keys.
func (s *sim) get(keys ...string) any {
	s.t.Helper()
	_, state := s.call(http.MethodGet, "/state", "")
	var at any = state
	for _, key := range keys {
		at = at.(map[string]any)[key]
	}
	return at
}

func TestWholeStation(t *testing.T) {
	path := writeConfig(t, sampleConfig)
	goroutines := runtime.NumGoroutine()
	s := startSim(t, path)
	require.Equal(t, 7.0, s.get("seed"))
	require.Equal(t, true, s.get("cameras", "gate-east", "running"))
	require.Equal(t, false, s.get("cameras", "yard", "running"))
	require.NotEmpty(t, s.addr.Cameras["yard"], "an address also for what is off")
	require.Equal(t, s.addr.Cameras["gate-east"], s.get("cameras", "gate-east", "url"))
	require.Equal(t, true, s.get("pillars", "P-001", "running"))
	require.Equal(t, true, s.get("drones", "uav-1", "running"))
	require.Equal(t, true, s.get("hq", "hq", "running"))

	host := strings.TrimSuffix(strings.TrimPrefix(s.addr.Cameras["gate-east"], "rtsp://"), "/main")
	for _, verb := range []string{"stop", "start", "kill", "start", "start"} {
		status, out := s.call(http.MethodPost, "/camera/gate-east/"+verb, "")
		require.Equal(t, http.StatusOK, status, out)
		conn, err := net.Dial("tcp4", host)
		if verb == "start" {
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		} else {
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		}
	}
	status, out := s.call(http.MethodPost, "/camera/gate-east/fault", `{"name":"silent","seconds":60}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "silent", out["name"])
	require.Equal(t, "silent", s.get("cameras", "gate-east", "fault", "name"))

	status, press := s.call(http.MethodPost, "/pillar/P-001/press", `{"kind":"alarm"}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1.0, press["seq"])
	require.Len(t, s.get("pillars", "P-001", "pending"), 1)
	status, _ = s.call(http.MethodPost, "/pillar/P-001/broker", `{"url":"`+s.addr.HQ["hq"].MQTT+`"}`)
	require.Equal(t, http.StatusOK, status)
	status, _ = s.call(http.MethodPost, "/drone/uav-1/target", `{"url":"udp:127.0.0.1:9"}`)
	require.Equal(t, http.StatusOK, status)
	require.Eventually(t, func() bool { return s.get("drones", "uav-1", "sent").(float64) > 3 }, time.Minute, 20*time.Millisecond)
	status, sent := s.call(http.MethodPost, "/hq/hq/incident", `{"kind":"theft"}`)
	require.Equal(t, http.StatusOK, status)
	require.NotEmpty(t, sent["id"])
	for _, list := range []string{"/hq/ledger", "/hq/ledger?name=hq&after=3", "/hq/clips"} {
		status, raw := s.raw(http.MethodGet, list, "")
		require.Equal(t, http.StatusOK, status)
		require.JSONEq(t, `[]`, string(raw))
	}

	before := s.addr
	s.stopped()
	again := startSim(t, path)
	require.Equal(t, before.Cameras, again.addr.Cameras)
	require.Equal(t, before.HQ, again.addr.HQ)
	require.Len(t, again.get("pillars", "P-001", "pending"), 1)
	for range 5 {
		for _, device := range []string{"camera/yard", "hq/hq", "pillar/P-001", "drone/uav-1"} {
			for _, verb := range []string{"kill", "start", "stop", "start"} {
				status, out := again.call(http.MethodPost, "/"+device+"/"+verb, "")
				require.Equal(t, http.StatusOK, status, out)
			}
		}
	}
	again.stopped()
	http.DefaultClient.CloseIdleConnections()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 }, time.Minute, 20*time.Millisecond, "goroutines were left behind")
}

func TestControlExplainsRefusals(t *testing.T) {
	s := startSim(t, writeConfig(t, sampleConfig))
	s.call(http.MethodPost, "/pillar/P-001/stop", "")
	s.call(http.MethodPost, "/hq/hq/stop", "")
	for _, c := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"POST", "/camera/gate/stop", "", 404, `camera "gate": known are gate-east, yard`},
		{"POST", "/camera/yard/dance", "", 404, `camera "dance": want start, stop, kill, fault`},
		{"POST", "/robot/r2/stop", "", 404, `"robot": want camera, pillar, drone, phone, partner or hq`},
		{"POST", "/camera/yard/fault", `{"name":"sleepy"}`, 400, `want one of none, silent, slow, closing, expiring, losing`},
		{"POST", "/camera/yard/fault", `{"nam":"silent"}`, 400, `unknown field "nam"`},
		{"POST", "/camera/yard/fault", `{"name":"silent","seconds":-1}`, 400, `want 0`},
		{"POST", "/pillar/P-001/press", `{"kind":"hello"}`, 400, `kind "hello": want one of alarm, duress, test, talk, tamper`},
		{"POST", "/pillar/P-001/press", ``, 409, `the pillar is off`},
		{"POST", "/pillar/P-001/broker", `{"url":"http://x"}`, 400, `want mqtt://host:port`},
		{"POST", "/drone/uav-1/target", `{"url":"x"}`, 400, `want udp:host:port`},
		{"POST", "/hq/hq/accept", `{"id":"1"}`, 409, `headquarters is off`},
		{"POST", "/hq/hq/accept", `{}`, 400, `id: missing`},
		{"POST", "/hq/hq/receipts", `{"mode":"x"}`, 400, `want auto or off`},
		{"GET", "/hq/ledger?name=other", "", 404, `hq "other": known are hq`},
		{"GET", "/hq/ledger?after=x", "", 400, `want a number`},
		{"GET", "/", "", 404, `want GET /state`},
		{"GET", "/camera/yard/stop", "", 404, `want GET /state`},
	} {
		status, out := s.call(c.method, c.path, c.body)
		require.Equal(t, c.status, status, "%s %s: %v", c.method, c.path, out)
		require.Contains(t, out["error"], c.text)
	}
}

func TestConfigurationNamesEveryProblem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sim.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
control: {listen: "0.0.0.0:0"}
cameras:
  - {id: "a b", file: missing.mp4, colour: red}
  - {id: gate, file: missing.mp4, listen: here, path: /main, password: x}
  - {id: gate}
pillars:
  - {id: P-001, broker: "http://x"}
drones:
  - {id: uav, target: nowhere, system_id: 300, speed_mps: 900}
hq:
  - {receipts: sometimes}
`), 0o600))
	_, err := loadConfig(path)
	require.Error(t, err)
	for _, want := range []string{
		"field colour not found", "data.dir: missing", `control.listen: "0.0.0.0:0": want an address of this machine`, `cameras[0].id: "a b"`,
		"cameras[0].file: stat", `cameras[1].listen: "here"`, `cameras[1].path: "/main"`, "cameras[1].username: missing", `cameras[2].id: "gate": used twice`,
		"cameras[2].file: missing", `pillars[0].broker: broker "http://x"`, `drones[0].target: target "nowhere"`, "drones[0].system_id: 300", "drones[0].center",
		"drones[0].speed_mps: 900", "hq[0].station", "hq[0].box", `hq[0].receipts: "sometimes"`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{nil, exitUsage, "usage:"},
		{[]string{"-colour"}, exitUsage, "-colour"},
		{[]string{"-h"}, exitOK, "-config"},
		{[]string{"-config", filepath.Join(t.TempDir(), "none.yaml")}, exitError, "no such file"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, c.code, run(c.args, &out, &errs), c.args)
		require.Contains(t, errs.String(), c.text)
	}
}

func TestReadmeExampleIsValid(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(readme), "```yaml\n")
	require.True(t, ok)
	example, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	dir := t.TempDir()
	for _, line := range strings.Split(example, "\n") {
		if _, file, ok := strings.Cut(line, "file: "); ok {
			file, _, _ = strings.Cut(file, ",")
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o750))
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), nil, 0o600))
		}
	}
	path := filepath.Join(dir, "sim.yaml")
	require.NoError(t, os.WriteFile(path, []byte(example), 0o600))
	conf, err := loadConfig(path)
	require.NoError(t, err)
	require.Len(t, conf.Cameras, 2)
}
