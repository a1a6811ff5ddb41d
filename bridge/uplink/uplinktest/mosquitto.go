package uplinktest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
)

const topicRoot = "watchpost/" + Station + "/" + BoxName + "/"

// Mosquitto is Debian's broker with a headquarters that subscribes, says that
// it listens and sends receipts.
type Mosquitto struct {
	// Bare: nobody subscribes; HQ stays empty.
	Bare bool

	t       testing.TB
	addr    string
	config  string
	process *exec.Cmd
	hq      *HQ
	client  paho.Client
}

var (
	_ Peer     = (*Mosquitto)(nil)
	_ Ordering = (*Mosquitto)(nil)
)

// NewMosquitto chooses a port; Start does the rest.
func NewMosquitto(t testing.TB) *Mosquitto {
	t.Helper()
	addr := FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	m := &Mosquitto{t: t, addr: addr, config: filepath.Join(t.TempDir(), "mosquitto.conf"), hq: newHQ(t)}
	text := "listener " + port + " 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\nlog_type error\n"
	if os.Geteuid() == 0 {
		text += "user root\n"
	}
	require.NoError(t, os.WriteFile(m.config, []byte(text), 0o600))
	t.Cleanup(func() {
		m.Kill()
		if m.client != nil {
			m.client.Disconnect(50)
		}
	})
	return m
}

// Protect lets in only these users, each with the password p, to what the
// access list (mosquitto.conf(5), acl_file) says.
func (m *Mosquitto) Protect(access string, users ...string) {
	m.t.Helper()
	dir := filepath.Dir(m.config)
	passwords, list := filepath.Join(dir, "passwords"), filepath.Join(dir, "access")
	require.NoError(m.t, os.WriteFile(passwords, nil, 0o600))
	require.NoError(m.t, os.WriteFile(list, []byte(access), 0o600))
	for _, user := range users {
		out, err := exec.Command("mosquitto_passwd", "-b", passwords, user, "p").CombinedOutput()
		require.NoError(m.t, err, string(out))
	}
	text, err := os.ReadFile(m.config)
	require.NoError(m.t, err)
	guarded := strings.Replace(string(text), "allow_anonymous true", "allow_anonymous false\npassword_file "+passwords+"\nacl_file "+list, 1)
	require.NoError(m.t, os.WriteFile(m.config, []byte(guarded), 0o600))
}

// FreeAddr is an address that is free now. A server that must come back at the
// same one cannot be given port 0; below the range from which the system takes
// the ports of connections, nobody takes it meanwhile.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	require.Fail(t, "no free port")
	return ""
}

// Addr implements Peer.
func (m *Mosquitto) Addr() string { return m.addr }

// HQ implements Peer.
func (m *Mosquitto) HQ() *HQ { return m.hq }

// Start implements Peer.
func (m *Mosquitto) Start() {
	m.t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not on everybody's path
	}
	m.process = exec.Command(path, "-c", m.config)
	m.process.Stderr = os.Stderr
	require.NoError(m.t, m.process.Start())
	require.Eventually(m.t, func() bool {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, patience, pause)
	if m.client == nil && !m.Bare {
		m.subscribe()
	}
}

// Kill implements Peer.
func (m *Mosquitto) Kill() {
	if m.process != nil {
		_ = m.process.Process.Kill()
		_ = m.process.Wait()
		m.process = nil
	}
}

func (m *Mosquitto) subscribe() {
	m.client = paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + m.addr).SetClientID("hq").SetCleanSession(true).
		SetMaxReconnectInterval(100 * time.Millisecond).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).
		SetDefaultPublishHandler(func(_ paho.Client, p paho.Message) { m.receive(p) }).
		SetOnConnectHandler(func(c paho.Client) {
			token := c.Subscribe(topicRoot+"up/#", 1, nil)
			go func() { // presence is true only once the subscription stands
				<-token.Done()
				c.Publish(topicRoot+"down/presence", 1, true, `{"listening":true}`)
			}()
		}))
	m.client.Connect()
}

func (m *Mosquitto) receive(p paho.Message) {
	leaf := strings.TrimPrefix(p.Topic(), topicRoot+"up/")
	way := bridge.WayLane
	switch {
	case leaf == "now":
		way = bridge.WayNow
	case strings.HasPrefix(leaf, "replay/"):
		way = bridge.WayReplay
	}
	e, last := m.hq.receive(way, p.Payload())
	switch way {
	case bridge.WayNow:
		m.Send(bridge.KindReceipt, fmt.Sprintf(`{"id":%q,"result":"received"}`, e.ID))
	case bridge.WayLane:
		m.Send(bridge.KindReceipt, fmt.Sprintf(`{"epoch":%q,"lane":%q,"through":%d,"result":"received"}`, e.Epoch, e.Lane, last))
	}
}

// Send implements Ordering.
func (m *Mosquitto) Send(kind bridge.MessageKind, payload string) {
	m.client.Publish(topicRoot+"down/"+string(kind), 1, false, payload)
}
