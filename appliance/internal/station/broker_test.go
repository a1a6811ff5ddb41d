package station

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
	"github.com/watchpost-edge/watchpost/ingest/pillar"
)

const outsideConfig = `
station: {id: jd, box: a}
data: {dir: data, journal: {reserve: 64MiB}}
http: {listen: "127.0.0.1:0"}
mqtt: {broker: "mqtt://%s", username: jd-a, password_file: box}
webrtc: {udp: 0, tcp: 0}
pillars: [{id: P-1, name: 南口, position: {lat: 28.69, lon: 115.99}}]
persons: [{id: wu, name: 吴}]
routing:
  partners: [{id: works, kind: mqtt}]
  classes: [{id: c, kinds: [{id: road, name: 路面塌陷, partners: [works], limit: 1h}]}]
`

// outsideAccess is the access list that configs/README.md shows.
func outsideAccess(t *testing.T) string {
	text, err := os.ReadFile("../../../configs/README.md")
	require.NoError(t, err)
	_, list, found := strings.Cut(string(text), "```\nuser jd-a\n")
	require.True(t, found)
	list, _, _ = strings.Cut(list, "```")
	return "user jd-a\n" + list
}

// outsidePillar is a pillar at the external broker; what it is told comes on
// the channels.
type outsidePillar struct {
	paho.Client
	t      *testing.T
	acks   chan pillar.Ack
	lights chan string
}

func newOutsidePillar(t *testing.T, addr string) *outsidePillar {
	p := &outsidePillar{t: t, acks: make(chan pillar.Ack, 10), lights: make(chan string, 10)}
	p.Client = paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + addr).SetClientID("P-1").SetUsername("P-1").SetPassword("p").SetAutoReconnect(false))
	p.done(p.Connect())
	t.Cleanup(func() { p.Disconnect(10) })
	p.done(p.Subscribe("pillar/P-1/ack", 1, func(_ paho.Client, m paho.Message) {
		var ack pillar.Ack
		_ = json.Unmarshal(m.Payload(), &ack)
		p.acks <- ack
	}))
	p.done(p.Subscribe("pillar/P-1/command", 1, func(_ paho.Client, m paho.Message) {
		var c pillar.Command
		_ = json.Unmarshal(m.Payload(), &c)
		p.lights <- c.Light
	}))
	return p
}

func (p *outsidePillar) done(token paho.Token) {
	p.t.Helper()
	require.True(p.t, token.WaitTimeout(chainWithin))
	require.NoError(p.t, token.Error())
}

// press returns when the broker has it.
func (p *outsidePillar) press(id string) {
	p.done(p.Publish("pillar/P-1/press", 1, false, fmt.Sprintf(`{"id":%q,"kind":"alarm","seq":1}`, id)))
}

// acked waits for the ack of that press; those of others may come before.
func (p *outsidePillar) acked(id string) pillar.Ack {
	p.t.Helper()
	for {
		select {
		case ack := <-p.acks:
			if ack.ID == id {
				return ack
			}
		case <-time.After(chainWithin):
			require.FailNow(p.t, "no ack", id)
		}
	}
}

func (w *whole) atBroker() bool { return w.pillars.outside.Connected() }

func outsideBox(t *testing.T) (*uplinktest.Mosquitto, string, string) {
	theirs := uplinktest.NewMosquitto(t)
	theirs.Bare = true
	theirs.Protect(outsideAccess(t), "jd-a", "P-1", "works", "wu")
	theirs.Start()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "box"), []byte("p\n"), 0o600))
	return theirs, folder, fmt.Sprintf(outsideConfig, theirs.Addr())
}

// TestPressesThroughAnExternalBroker: a press is stored and acknowledged over
// another's broker, where partners and phones are too; one that was pressed while the box was down waits there; a
// broker that is killed is missed in health, and found again.
func TestPressesThroughAnExternalBroker(t *testing.T) {
	theirs, folder, text := outsideBox(t)
	w := openWhole(t, folder, text, time.Minute)
	require.Eventually(t, w.atBroker, chainWithin, 10*time.Millisecond)
	require.Empty(t, w.brokerFindings())
	p := newOutsidePillar(t, theirs.Addr())
	p.press("e1")
	first := p.acked("e1")
	require.Equal(t, "stored", first.Result)
	_, err := w.desk.View(t.Context(), func(s *desk.State) { require.NotNil(t, s.Incident(first.Incident)) })
	require.NoError(t, err)
	select {
	case light := <-p.lights:
		require.Equal(t, "flash", light)
	case <-time.After(chainWithin):
		require.FailNow(t, "no light")
	}
	w.routedOutside(theirs.Addr())
	w.locatedOutside(theirs.Addr())

	w.stop()
	p.press("e2")
	require.Empty(t, p.acks, "the broker's word is not the box's")
	w = openWhole(t, folder, text, time.Minute)
	require.Equal(t, "stored", p.acked("e2").Result)
	p.press("e1")
	require.Equal(t, "duplicate", p.acked("e1").Result, "it was stored before the restart")

	theirs.Kill()
	require.Eventually(t, func() bool { return len(w.brokerFindings()) == 1 }, chainWithin, 10*time.Millisecond)
	require.Equal(t, "broker_away", w.brokerFindings()[0].Code)
	require.Contains(t, w.brokerFindings()[0].Text, theirs.Addr())
	theirs.Start()
	require.Eventually(t, w.atBroker, chainWithin, 10*time.Millisecond)
	require.Empty(t, w.brokerFindings())
	again := newOutsidePillar(t, theirs.Addr())
	again.press("e3")
	require.Equal(t, "stored", again.acked("e3").Result)
}

// routedOutside: an order goes to a partner at the external broker, and his
// reply comes back.
func (w *whole) routedOutside(addr string) {
	partnersProgram(w.t, addr, "works", "p", "partner/works")
	var made struct{ Incident *desk.Incident }
	w.do(http.MethodPost, "/incidents", map[string]string{"source": "call_110", "kind": "road_damage", "place": "建设路"}, &made)
	w.do(http.MethodPost, "/incidents/"+made.Incident.ID+"/route", map[string]any{"kind": "road", "close": true}, &made)
	require.Eventually(w.t, func() bool {
		accepted := false
		_, err := w.desk.View(w.t.Context(), func(s *desk.State) {
			for _, id := range s.Incident(made.Incident.ID).Tasks {
				accepted = accepted || s.Task(id).State == desk.Accepted
			}
		})
		return err == nil && accepted
	}, chainWithin, 10*time.Millisecond)
}

// locatedOutside: a phone at the external broker says where it is.
func (w *whole) locatedOutside(addr string) {
	phone := paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + addr).SetClientID("phone").SetUsername("wu").SetPassword("p"))
	token := phone.Connect()
	require.True(w.t, token.WaitTimeout(chainWithin))
	require.NoError(w.t, token.Error())
	defer phone.Disconnect(10)
	at := fmt.Sprintf(`{"_type":"location","lat":28.69,"lon":115.99,"tst":%d}`, time.Now().Unix())
	require.True(w.t, phone.Publish("owntracks/wu/phone", 1, false, at).WaitTimeout(chainWithin))
	require.Eventually(w.t, func() bool { return w.phones.adapter.Stats().Fixes == 1 }, chainWithin, 10*time.Millisecond)
}

// TestExternalBrokerThatRefusesTheBox: health says so and what to do, and the
// right password is taken without a restart.
func TestExternalBrokerThatRefusesTheBox(t *testing.T) {
	_, folder, text := outsideBox(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "box"), []byte("wrong\n"), 0o600))
	w := openWhole(t, folder, text, time.Minute)
	require.Eventually(t, func() bool {
		found := w.brokerFindings()
		return len(found) == 1 && found[0].Code == "broker_refused" && strings.Contains(found[0].Text, "check mqtt.username and mqtt.password_file")
	}, chainWithin, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "box"), []byte("p\n"), 0o600))
	require.Eventually(t, w.atBroker, chainWithin, 10*time.Millisecond)
	require.Empty(t, w.brokerFindings())
}
