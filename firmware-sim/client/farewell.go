package client

import (
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Farewell is a listener of a simulated broker with an end of its own: mochi
// asks for the clients under their lock and again for their number, and waits
// for ever when one leaves between the two (v2.7.9, Clients.GetByListener).
type Farewell struct {
	*listeners.Net
	Server *mqtt.Server
}

// Close disconnects everybody and listens no more.
func (f Farewell) Close(listeners.CloseFn) {
	f.Net.Close(func(string) {
		for _, one := range f.Server.Clients.GetAll() {
			if !one.Closed() {
				_ = f.Server.DisconnectClient(one, packets.ErrServerShuttingDown)
			}
		}
	})
}
