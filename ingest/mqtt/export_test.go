package mqtt

import (
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// Farewell is for brokers that tests make of mochi themselves: theirs, too, wait
// for ever when a client is just leaving.
func Farewell(l *listeners.Net, server *mochi.Server) listeners.Listener { return farewell{l, server} }
