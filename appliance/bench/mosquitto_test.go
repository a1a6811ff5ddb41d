package bench_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge/uplink/uplinktest"
)

const bridgeTopic = "alarms"

// mosquitto is Debian's mosquitto as a station's store-and-forward: a bridge
// with a session that is kept, persistence on, its limits as they come.
type mosquitto struct {
	t       testing.TB
	dir     string
	addr    string
	process *exec.Cmd
	client  paho.Client
}

func newBridge(t testing.TB) *mosquitto {
	return &mosquitto{t: t, dir: t.TempDir(), addr: uplinktest.FreeAddr(t)}
}

func (m *mosquitto) start(broker string) {
	m.t.Helper()
	_, port, err := net.SplitHostPort(m.addr)
	require.NoError(m.t, err)
	config := "listener " + port + " 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location " + m.dir + "/\nlog_dest none\n"
	if os.Geteuid() == 0 {
		config += "user root\n"
	}
	config += "connection hq\naddress " + broker + "\ntopic " + bridgeTopic + " out 1\ncleansession false\nrestart_timeout 1\nnotifications false\n"
	file := filepath.Join(m.dir, "mosquitto.conf")
	require.NoError(m.t, os.WriteFile(file, []byte(config), 0o600))
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not on everybody's path
	}
	m.process = exec.Command(path, "-c", file)
	m.process.Stderr = os.Stderr
	m.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(m.t, m.process.Start())
	m.t.Cleanup(m.kill)
	m.client = paho.NewClient(paho.NewClientOptions().AddBroker("mqtt://" + m.addr).SetClientID("pillar").SetAutoReconnect(false).
		SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond))
	done(m.t, m.client.Connect())
}

// store waits for the PUBACK.
func (m *mosquitto) store(alarm string) {
	m.t.Helper()
	done(m.t, m.client.Publish(bridgeTopic, 1, false, payload(alarm)))
}

func (m *mosquitto) begin(alarm string) { m.client.Publish(bridgeTopic, 1, false, payload(alarm)) }

func (m *mosquitto) kill() {
	_ = m.process.Process.Kill()
	_ = m.process.Wait()
}

var (
	_ sender = (*mosquitto)(nil)
	_ sender = (*watchpost)(nil)
)
