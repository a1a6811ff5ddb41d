package mqtt

import (
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// window is what a connection has sent and nobody has confirmed, in memory.
// paho marks what it takes out of it as sent again, be it under way just now:
// it gets a copy.
type window struct{ *paho.MemoryStore }

func newWindow() window { return window{paho.NewMemoryStore()} }

// Get is the packet of the key, or nil.
func (w window) Get(key string) packets.ControlPacket {
	packet := w.MemoryStore.Get(key)
	if p, ok := packet.(*packets.PublishPacket); ok {
		c := *p
		return &c
	}
	return packet
}
