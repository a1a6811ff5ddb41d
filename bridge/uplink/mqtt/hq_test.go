package mqtt_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const (
	patience = 2 * time.Minute // of a loaded machine
	pause    = 5 * time.Millisecond
)

// broker is Debian's mosquitto, on a port the system chose.
type broker struct {
	t       *testing.T
	addr    string
	config  string
	process *exec.Cmd
}

func newBroker(t *testing.T, lines ...string) *broker {
	t.Helper()
	addr := uplinktest.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	b := &broker{t: t, addr: addr, config: filepath.Join(t.TempDir(), "mosquitto.conf")}
	text := "listener " + port + " 127.0.0.1\npersistence false\nlog_dest stderr\nlog_type error\n"
	if os.Geteuid() == 0 {
		text += "user root\n"
	}
	if len(lines) == 0 {
		lines = []string{"allow_anonymous true"}
	}
	require.NoError(t, os.WriteFile(b.config, []byte(text+strings.Join(lines, "\n")+"\n"), 0o600))
	t.Cleanup(b.kill)
	return b
}

func (b *broker) start() {
	b.t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not on everybody's path
	}
	b.process = exec.Command(path, "-c", b.config)
	b.process.Stderr = os.Stderr
	require.NoError(b.t, b.process.Start())
	require.Eventually(b.t, func() bool {
		c, err := net.Dial("tcp", b.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, patience, pause)
}

func (b *broker) kill() {
	if b.process != nil {
		_ = b.process.Process.Kill()
		_ = b.process.Wait()
		b.process = nil
	}
}

// hq follows the receiving rules and answers with receipts.
type hq struct {
	t      *testing.T
	client paho.Client

	mu         sync.Mutex
	subscribed bool
	listening  bool
	mute       bool // no receipts
	last       map[bridge.Lane]uint64
	hash       map[bridge.Lane]string
	took       []bridge.Event
	copies     int // ≤ last
	gaps       int
	now        []bridge.Event
	replay     []bridge.Event
	states     []map[string]any
	problem    error
}

const root = "watchpost/jingdong/a/"

func newHQ(t *testing.T, addr string) *hq {
	t.Helper()
	h := &hq{t: t, last: map[bridge.Lane]uint64{}, hash: map[bridge.Lane]string{}}
	h.client = paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + addr).SetClientID("hq").SetCleanSession(true).
		SetMaxReconnectInterval(100 * time.Millisecond).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { h.receive(m) }).
		SetOnConnectHandler(func(c paho.Client) {
			token := c.SubscribeMultiple(map[string]byte{root + "up/#": 1, root + "state": 1}, nil)
			go func() { // presence is true only once the subscription stands
				<-token.Done()
				h.mu.Lock()
				defer h.mu.Unlock()
				h.subscribed = true
				if h.listening {
					h.say(true)
				}
			}()
		}).
		SetConnectionLostHandler(func(paho.Client, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.subscribed = false
		}))
	h.client.Connect()
	require.Eventually(t, h.client.IsConnectionOpen, patience, pause)
	t.Cleanup(func() { h.client.Disconnect(50) })
	return h
}

func (h *hq) send(leaf string, retained bool, payload string) {
	h.client.Publish(root+"down/"+leaf, 1, retained, payload)
}

// listen says now and after every reconnect whether headquarters listens.
func (h *hq) listen(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listening = yes
	if h.subscribed {
		h.say(yes)
	}
}

func (h *hq) say(listening bool) {
	h.send("presence", true, fmt.Sprintf(`{"listening":%v}`, listening))
}

func (h *hq) receive(m paho.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	leaf := strings.TrimPrefix(m.Topic(), root)
	if leaf == "state" {
		var state map[string]any
		_ = json.Unmarshal(m.Payload(), &state)
		h.states = append(h.states, state)
		return
	}
	e, err := bridge.DecodeEvent(m.Payload())
	if err != nil {
		h.problem = err
		return
	}
	switch {
	case leaf == "up/now":
		h.now = append(h.now, e)
		if !h.mute {
			h.send("receipt", false, fmt.Sprintf(`{"id":%q,"result":"received"}`, e.ID))
		}
	case strings.HasPrefix(leaf, "up/replay/"):
		h.replay = append(h.replay, e)
	default:
		h.lane(e)
	}
}

func (h *hq) lane(e bridge.Event) {
	n, err := bridge.SequenceNumber(e.Sequence)
	if err != nil {
		h.problem = err
		return
	}
	switch {
	case n <= h.last[e.Lane]:
		h.copies++
	case n > h.last[e.Lane]+1:
		h.gaps++
	default:
		if n > 1 && e.PrevHash != h.hash[e.Lane] {
			h.problem = fmt.Errorf("chain broken at %s %d", e.Lane, n)
		}
		h.last[e.Lane], h.hash[e.Lane] = n, e.Hash()
		h.took = append(h.took, e)
	}
	if !h.mute {
		h.send("receipt", false, fmt.Sprintf(`{"epoch":%q,"lane":%q,"through":%d,"result":"received"}`, e.Epoch, e.Lane, h.last[e.Lane]))
	}
}

func (h *hq) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.took)
}

func (h *hq) waitFor(what func() bool, why string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return what()
	}, patience, pause, why)
}

// cable is a line that can be cut: the broker sees its client vanish.
type cable struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{listener: l}
	t.Cleanup(func() { _ = l.Close(); c.cut() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				_ = a.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, a, b)
			c.mu.Unlock()
			go pump(a, b)
			go pump(b, a)
		}
	}()
	return c
}

func pump(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}
