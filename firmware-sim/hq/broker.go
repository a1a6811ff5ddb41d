package hq

import (
	"crypto/subtle"
	"fmt"
	"log/slog"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

// Limits of the broker: well above the 500 events a box may have unconfirmed,
// so that what is lost is lost by an outage, not by a small queue.
const (
	packetMaxBytes = 1 << 20
	queueMax       = 60000
)

// startBroker runs a broker on the port, for one account besides our own.
func startBroker(port *fault.Port, accounts map[string]string) (*mqtt.Server, error) {
	caps := mqtt.NewDefaultServerCapabilities()
	caps.MaximumPacketSize = packetMaxBytes
	caps.MaximumInflight = queueMax
	caps.MaximumClientWritesPending = queueMax
	caps.ReceiveMaximum = queueMax
	server := mqtt.New(&mqtt.Options{Capabilities: caps, Logger: slog.New(slog.DiscardHandler)})
	if err := server.AddHook(&doorkeeper{accounts: accounts}, nil); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	ln, err := port.Listen()
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	if err := server.AddListener(client.Farewell{Net: listeners.NewNet("mqtt", ln), Server: server}); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	if err := server.Serve(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	return server, nil
}

// doorkeeper checks passwords; everybody who is in may use every topic.
type doorkeeper struct {
	mqtt.HookBase
	accounts map[string]string // an empty user name lets everybody in
}

func (d *doorkeeper) ID() string { return "doorkeeper" }

func (d *doorkeeper) Provides(what byte) bool {
	return what == mqtt.OnConnectAuthenticate || what == mqtt.OnACLCheck
}

func (d *doorkeeper) OnConnectAuthenticate(_ *mqtt.Client, pk packets.Packet) bool {
	if _, open := d.accounts[""]; open && len(pk.Connect.Username) == 0 {
		return true
	}
	want, ok := d.accounts[string(pk.Connect.Username)]
	return ok && subtle.ConstantTimeCompare([]byte(want), pk.Connect.Password) == 1
}

func (d *doorkeeper) OnACLCheck(*mqtt.Client, string, bool) bool { return true }
