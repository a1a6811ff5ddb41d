package station

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	leadsPassword = "correct horse battery staple"
	chainWithin   = time.Minute // generous: shared machines
)

// whole is a station that runs as in the room, with a headquarters behind a
// real broker, a pillar on its own broker, and a lead who is logged in.
type whole struct {
	*Station
	t    *testing.T
	http *http.Client
	stop func()

	mu     sync.Mutex
	lights []string // that the pillar was told
}

const wholeConfig = `
station: {id: %s, box: %s}
data: {dir: data, journal: {reserve: 64MiB}}
http: {listen: "127.0.0.1:0"}
mqtt: {listen: "127.0.0.1:0"}
webrtc: {udp: 0, tcp: 0}
pillars: [{id: P-1, name: 南口, position: {lat: 28.69, lon: 115.99}, password_file: P-1}]
uplinks: [{name: hq, url: "mqtt://%s", drills: true}]
`

// newWhole opens one; more is added to its configuration.
func newWhole(t *testing.T, hq string, within time.Duration, more ...string) *whole {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "P-1"), []byte("p"), 0o600))
	w := openWhole(t, folder, fmt.Sprintf(wholeConfig, uplinktest.Station, uplinktest.BoxName, hq)+strings.Join(more, ""), within)
	w.pillar()
	return w
}

// openWhole opens a box whose configuration and data are in the folder.
func openWhole(t *testing.T, folder, text string, within time.Duration) *whole {
	cfg, err := config.Parse([]byte(text), folder, config.Supported{})
	require.NoError(t, err)
	cfg.DrillWithin = config.Duration(within)
	dir := cfg.Data.Dir
	require.NoError(t, os.MkdirAll(dir, 0o700))
	users, err := access.OpenUsers(dir)
	require.NoError(t, err)
	if _, err := users.Get("chen"); err != nil {
		require.NoError(t, users.Add("chen", leadsPassword, access.Lead))
	}
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	w := &whole{Station: New(Options{Config: cfg, Version: "test", Log: slog.New(slog.DiscardHandler)}), t: t, http: &http.Client{Jar: jar}}
	require.NoError(t, w.Open(t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		w.fitsContracts()
		stop()
		require.NoError(t, <-ended)
	})
	t.Cleanup(w.stop)
	w.do(http.MethodPost, "/session", map[string]string{"name": "chen", "password": leadsPassword}, nil)
	return w
}

// pillar connects a pillar that notes what its light is told.
func (w *whole) pillar() {
	client := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + w.pillars.broker.Addr()).SetClientID("P-1").SetUsername("P-1").SetPassword("p"))
	token := client.Connect()
	require.True(w.t, token.WaitTimeout(chainWithin))
	require.NoError(w.t, token.Error())
	w.t.Cleanup(func() { client.Disconnect(10) })
	token = client.Subscribe("pillar/P-1/command", 1, func(_ paho.Client, m paho.Message) {
		var said struct{ Light string }
		_ = json.Unmarshal(m.Payload(), &said)
		w.mu.Lock()
		w.lights = append(w.lights, said.Light)
		w.mu.Unlock()
	})
	require.True(w.t, token.WaitTimeout(chainWithin))
}

// do calls the API; into may be nil.
func (w *whole) do(method, path string, body, into any) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(w.t, err)
		text = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.wall.Addr().String()+"/api/v1"+path, text)
	require.NoError(w.t, err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := w.http.Do(request)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	require.Less(w.t, answer.StatusCode, 300, "%s %s: %s", method, path, b)
	if into != nil {
		require.NoError(w.t, json.Unmarshal(b, into))
	}
}

// drill begins one over the API.
func (w *whole) drill(target string) desk.DrillRun {
	var begun struct{ Drill struct{ Run desk.DrillRun } }
	w.do(http.MethodPost, "/drills/"+target+"/run", nil, &begun)
	require.NotEmpty(w.t, begun.Drill.Run.ID)
	return begun.Drill.Run
}

// result waits until the drill has ended.
func (w *whole) result(run desk.DrillRun) (ended desk.DrillRun) {
	require.Eventually(w.t, func() bool {
		_, err := w.desk.View(w.t.Context(), func(s *desk.State) {
			if d := s.Drilled(run.Target); d.Last != nil && d.Last.ID == run.ID {
				ended = *d.Last
			}
		})
		return err == nil && ended.ID != ""
	}, chainWithin, 10*time.Millisecond)
	return ended
}

// TestDrillThroughTheWholeChain: from a lead's click to headquarters' receipt,
// over the real broker of each side.
func TestDrillThroughTheWholeChain(t *testing.T) {
	above := uplinktest.NewMosquitto(t)
	above.Start()
	all := eavesdrop(t, above.Addr())
	w := newWhole(t, above.Addr(), 5*time.Minute)
	run := w.drill("pillar:P-1")
	w.do(http.MethodPost, "/alerts/"+run.Alert+"/shown", map[string]string{"screen": "tv"}, nil)
	w.do(http.MethodPost, "/incidents/"+run.Incident+"/claim", nil, nil)
	ended := w.result(run)
	require.Empty(t, ended.Missing)
	require.Contains(t, []string{desk.DrillPassed, desk.DrillLate}, ended.Result, "late on a loaded machine")
	ms := func(at bridge.Stamp) int64 { return at.Sub(ended.BegunAt.Time).Milliseconds() }
	t.Logf("stored %d ms, shown %d ms, acknowledged %d ms, received %d ms", ms(ended.StoredAt), ms(ended.ShownAt), ms(ended.AcknowledgedAt), ms(ended.Received["hq"]))
	require.Equal(t, "chen", ended.AcknowledgedBy)
	above.HQ().WaitFor(func(hq *uplinktest.HQ) bool {
		drill, now := 0, !hq.Now[run.Event].IsZero()
		for _, e := range hq.Took {
			if e.Drill && len(e.Data) > 0 {
				drill++
			}
		}
		return now && drill >= 6 // opened, raised, begun, claimed, acknowledged, result
	}, "headquarters has the alarm on now, and all of the drill in its lanes")
	require.Eventually(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := len(w.lights)
		return n > 1 && w.lights[n-1] == "off"
	}, chainWithin, 10*time.Millisecond, "the pillar's light went the way of a real press")

	run = w.drill("uplink:hq")
	ended = w.result(run)
	require.Empty(t, ended.Missing)
	above.HQ().WaitFor(func(hq *uplinktest.HQ) bool { return !hq.Now[run.Event].IsZero() }, "at once, and not behind the lane")
	all.described("state", "up/now", "up/alarm", "up/notice", "down/presence", "down/receipt")
}

// TestDrillOfAMutedLine: a headquarters that is not there is what the drill
// finds out.
func TestDrillOfAMutedLine(t *testing.T) {
	w := newWhole(t, "127.0.0.1:1", time.Second)
	run := w.drill("pillar:P-1")
	w.do(http.MethodPost, "/alerts/"+run.Alert+"/shown", map[string]string{"screen": "tv"}, nil)
	ended := w.result(run)
	require.Equal(t, desk.DrillFailed, ended.Result)
	require.Contains(t, ended.Missing, "received/hq")
	var inc *desk.Incident
	_, err := w.desk.View(t.Context(), func(s *desk.State) { inc = s.Incident(run.Incident) })
	require.NoError(t, err)
	require.Equal(t, []any{desk.Closed, "drill"}, []any{inc.State, inc.Result})
}
