// Package e2e plays the room's day against the built programs: watchpost and
// firmware-sim as processes, a real browser, real footage, on ports that the
// system chose.
package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var seed = flag.Uint64("seed", 0, "seed of everything random here; 0: a new one")

// rig is one whole station under test.
type rig struct {
	t     *testing.T // of the part that plays now
	day   *testing.T // of the whole: programs live as long
	root  string     // of the repository
	dir   string     // of this run
	rand  *rand.Rand
	load  *load
	sim   *process
	box   *process
	simAt simAddresses
	boxAt boxAddresses

	street incident // of the press from the street
	before clipPart // the seconds before it

	simChanges, boxChanges [][2]string // of the configurations: what stands there, and what instead

	client http.Client
	cookie *http.Cookie
}

type simAddresses struct {
	Control string            `json:"control"`
	Cameras map[string]string `json:"cameras"`
	HQ      map[string]struct {
		MQTT string `json:"mqtt"`
		TUS  string `json:"tus"`
	} `json:"hq"`
}

type boxAddresses struct {
	HTTP   string            `json:"http"`
	HTTPS  string            `json:"https"`
	MQTT   string            `json:"mqtt"`
	WebRTC map[string]int    `json:"webrtc"`
	Drones map[string]string `json:"drones"`
	PID    int               `json:"pid"`
}

const (
	user     = "wang"
	password = "e2e-password-1"
	// untouched is for a long day on which nobody touches the browser's desk.
	untouched = "auth: {idle_lock: 0s}\n"
)

// seeded makes a seed where none was given, once for all tests.
var seeded = sync.OnceFunc(func() {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
})

// beside lets a station play beside the others that say so: most of a shift is
// waiting. TestDay, which holds the promised times, plays alone, and so does
// everything where each time is held.
func beside(t *testing.T) {
	t.Helper()
	if !*soak {
		t.Parallel()
	}
}

// bareRig is a rig in which nothing runs yet.
func bareRig(t *testing.T) *rig {
	seeded()
	t.Logf("seed %d (go test ./appliance/e2e -seed %d)", *seed, *seed)
	_, file, _, _ := runtime.Caller(0)
	r := &rig{t: t, day: t, root: filepath.Join(filepath.Dir(file), "..", ".."), dir: t.TempDir(), rand: rand.New(rand.NewPCG(*seed, 1)), load: watchLoad(t)}
	r.client.Timeout = patience
	for _, name := range []string{"watchpost", "firmware-sim"} {
		require.FileExists(t, r.bin(name), "run: make build")
	}
	return r
}

// newRig starts firmware-sim and the box and logs in.
func newRig(t *testing.T, changes ...func(*rig)) *rig {
	r := bareRig(t)
	for _, change := range changes {
		change(r)
	}
	r.writeSecrets()
	r.startSim()
	r.write("box.yaml", r.boxConfig(0, 0, 0, 0, 0)+untouched)
	r.addUser(user, "lead")
	r.startBox()
	// Restarts come back where devices look for the box.
	r.write("box.yaml", r.boxConfig(port(t, r.boxAt.HTTP), port(t, r.boxAt.MQTT), r.boxAt.WebRTC["udp"], r.boxAt.WebRTC["tcp"], port(t, r.boxAt.Drones["uav-1"]))+untouched)
	for _, p := range []string{"P-001", "P-002"} {
		r.control("POST", "/pillar/"+p+"/broker", fmt.Sprintf(`{"url":"mqtt://%s"}`, r.boxAt.MQTT), nil)
	}
	for _, p := range people() {
		r.control("POST", "/phone/"+p+"/broker", fmt.Sprintf(`{"url":"mqtt://%s"}`, r.boxAt.MQTT), nil)
	}
	r.control("POST", "/drone/uav-1/target", fmt.Sprintf(`{"url":"udp:%s"}`, r.boxAt.Drones["uav-1"]), nil)
	r.login()
	return r
}

// addUser makes a user of the box, running or not.
func (r *rig) addUser(name, role string) {
	add := exec.Command(r.bin("watchpost"), "user", "add", "-config", r.path("box.yaml"), "-role", role, name)
	add.Stdin = strings.NewReader(password + "\n")
	out, err := add.CombinedOutput()
	require.NoError(r.t, err, string(out))
}

// writeSecrets gives each device and partner of the demo a password of its own,
// and the partners' file its place beside the box's.
func (r *rig) writeSecrets() {
	routing, err := os.ReadFile(filepath.Join(r.root, "configs", "routing.yaml"))
	require.NoError(r.t, err)
	r.write("routing.yaml", string(routing))
	for _, partner := range []string{"municipal", "parking", "traffic-police"} {
		r.write("secrets/"+partner, partner+"-password")
	}
	r.write("secrets/camera", "camera-password")
	r.write("secrets/hq", "hq-password")
	for _, id := range append([]string{"P-001", "P-002", "P-003"}, people()...) {
		r.write("secrets/"+id, id+"-password")
	}
}

// bin is a built program: in bin, or where WATCHPOST_BIN says.
func (r *rig) bin(name string) string {
	return filepath.Join(cmp.Or(os.Getenv("WATCHPOST_BIN"), filepath.Join(r.root, "bin")), name)
}

func (r *rig) path(name string) string    { return filepath.Join(r.dir, name) }
func (r *rig) write(name, content string) { writeFile(r.t, r.path(name), content) }

func writeFile(t *testing.T, path, content string) {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

func (r *rig) startSim() {
	yard, gate := footage(r.t, r.root)
	r.write("sim.yaml", r.changed(fmt.Sprintf(`
data: {dir: sim}
cameras:
  - {id: yard, file: %q, username: viewer, password: camera-password, start: false}
  - {id: gate, file: %q, username: viewer, password: camera-password}
pillars:
  - {id: P-001, password: P-001-password}
  - {id: P-002, password: P-002-password}
drones:
  - {id: uav-1, target: "udp:127.0.0.1:9", center: {lat: 28.6903, lon: 115.9915}}
phones:
  - {id: zhang, password: zhang-password, center: {lat: 28.6903, lon: 115.9913}, radius_m: 60, every_s: 2}
  - {id: liu, password: liu-password, center: {lat: 28.6920, lon: 115.9940}, radius_m: 40, every_s: 2}
hq:
  - {name: hq, station: jingdong, box: a, mqtt: {username: jingdong-a, password: hq-password}}
`, yard, gate), r.simChanges))
	r.sim = start(r.day, "firmware-sim", r.dir, r.bin("firmware-sim"), "-config", r.path("sim.yaml"), "-seed", fmt.Sprint(*seed))
	r.sim.ready(r, r.path("sim/addresses.json"), &r.simAt)
}

// boxConfig is the demo's configuration on this run's addresses.
func (r *rig) boxConfig(httpPort, mqttPort, udp, tcp, dronePort int) string {
	text, err := os.ReadFile(filepath.Join(r.root, "configs", "demo.yaml"))
	require.NoError(r.t, err)
	hq := r.simAt.HQ["hq"]
	replaced := r.changed(string(text), [][2]string{
		{"dir: ../.demo/data", "dir: data"},
		{"127.0.0.1:8080", fmt.Sprintf("127.0.0.1:%d", httpPort)},
		{"127.0.0.1:1883", fmt.Sprintf("127.0.0.1:%d", mqttPort)},
		{"udp:127.0.0.1:14550", fmt.Sprintf("udp:127.0.0.1:%d", dronePort)},
		{"rtsp://127.0.0.1:18554/main", r.simAt.Cameras["yard"]},
		{"rtsp://127.0.0.1:18555/main", r.simAt.Cameras["gate"]},
		{"mqtt://127.0.0.1:18883", hq.MQTT},
		{"http://127.0.0.1:18890/files/", hq.TUS},
		{"demo-secrets/", "secrets/"},
		{"\ndrones:", "\n  - {id: P-003, name: 试验柱, position: {lat: 28.6904, lon: 115.9913}, cameras: [gate], password_file: secrets/P-003}\ndrones:"},
	})
	return r.changed(replaced, r.boxChanges) + fmt.Sprintf("webrtc: {udp: %d, tcp: %d}\n", udp, tcp)
}

// changed is a configuration with other words in it.
func (r *rig) changed(text string, pairs [][2]string) string {
	for _, pair := range pairs {
		require.Contains(r.t, text, pair[0], "the configuration has changed: follow it here")
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

func (r *rig) startBox() {
	at := r.path("data/addresses.json")
	_ = os.Remove(at)
	r.box = start(r.day, "watchpost", r.dir, r.bin("watchpost"), "run", "-config", r.path("box.yaml"))
	r.box.ready(r, at, &r.boxAt)
}

// killBox is a power cut for the process: no handler runs.
func (r *rig) killBox() {
	r.box.kill()
}

// login keeps a session of this test's own.
func (r *rig) login() { r.loginAs(user) }

func (r *rig) loginAs(name string) {
	body := fmt.Sprintf(`{"name":%q,"password":%q}`, name, password)
	req, err := http.NewRequest("POST", r.url("/api/v1/session"), strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", fmt.Sprint(r.rand.Uint64()))
	res, err := r.client.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	require.Less(r.t, res.StatusCode, 300)
	require.NotEmpty(r.t, res.Cookies())
	r.cookie = res.Cookies()[0]
}

func (r *rig) url(path string) string { return "http://" + r.boxAt.HTTP + path }

// api asks the box and decodes the answer; it returns the status.
func (r *rig) api(method, path, body string, out any) int {
	status, content := r.apiBytes(method, path, body)
	if out != nil && status < 300 {
		require.NoError(r.t, json.Unmarshal(content, out), string(content))
	}
	return status
}

func (r *rig) apiBytes(method, path, body string) (int, []byte) {
	return r.ask(r.cookie, method, path, body)
}

// ask asks the box as whoever has the session, with JSON or a picture.
func (r *rig) ask(session *http.Cookie, method, path, body string) (int, []byte) {
	req, err := http.NewRequest(method, r.url(path), strings.NewReader(body))
	require.NoError(r.t, err)
	req.AddCookie(session)
	if method != http.MethodGet {
		kind := "application/json"
		if strings.HasPrefix(body, "\xff\xd8") {
			kind = "image/jpeg"
		}
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Idempotency-Key", fmt.Sprint(r.rand.Uint64()))
	}
	res, err := r.client.Do(req)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return res.StatusCode, content
}

// control works firmware-sim's switchboard.
func (r *rig) control(method, path, body string, out any) {
	req, err := http.NewRequest(method, "http://"+r.simAt.Control+path, strings.NewReader(body))
	require.NoError(r.t, err)
	res, err := r.client.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	require.Less(r.t, res.StatusCode, 300, "%s %s: %s", method, path, content)
	if out != nil {
		require.NoError(r.t, json.Unmarshal(content, out))
	}
}

// patience is how long anything that comes by itself may take, on whatever
// machine this runs: a wait is for a condition. Times that are promised are held
// by promised.
const patience = 3 * time.Minute

// until waits for a condition, asked on this goroutine so that it may fail the
// test itself.
func (r *rig) until(what string, condition func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !condition(); wait(50 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// process is a program under test; its output is shown when the test fails.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan struct{}
}

func start(t *testing.T, name, dir, bin string, args ...string) *process {
	p := &process{t: t, name: name, log: &lockedBuffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(bin, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, p.cmd.Start())
	go func() { defer close(p.done); _ = p.cmd.Wait() }()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("---- %s (pid %d) ----\n%s", name, p.cmd.Process.Pid, p.log.tail(40))
		}
	})
	return p
}

func (p *process) ready(r *rig, file string, into any) {
	r.t.Helper()
	r.until(p.name+" is ready", func() bool {
		select {
		case <-p.done:
			r.t.Fatalf("%s ended:\n%s", p.name, p.log.tail(40))
		default:
		}
		b, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(b, into) == nil
	})
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		<-p.done
		p.t.Errorf("%s did not stop within a minute:\n%s", p.name, p.log.tail(2000))
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(l.b.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func port(t *testing.T, address string) int {
	var p int
	_, err := fmt.Sscanf(address[strings.LastIndex(address, ":")+1:], "%d", &p)
	require.NoError(t, err)
	return p
}
