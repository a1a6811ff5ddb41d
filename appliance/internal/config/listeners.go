package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// listen notes what is no host:port to listen on.
func listen(key, address string, ps *Problems) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		ps.add(key, "%q; write host:port, like :8080 or 127.0.0.1:8080", address)
		return
	}
	if port, err := strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		ps.add(key, "%q has the port %q; write 0 (any) to 65535", address, text)
	}
}

func optional(key, address string, ps *Problems) {
	if address != "" {
		listen(key, address, ps)
	}
}

// validateApart notes listeners that would take each other's port: the second
// could not open. TCP and UDP are apart by themselves.
func (c *Config) validateApart(ps *Problems) {
	var tcp, udp taken
	tcp.take("http.listen", c.HTTP.Listen, ps)
	tcp.take("http.tls.listen", c.HTTP.TLS.Listen, ps)
	tcp.take("mqtt.listen", c.MQTT.Listen, ps)
	tcp.take("mqtt.tls.listen", c.MQTT.TLS.Listen, ps)
	tcp.take("webrtc.tcp", fmt.Sprintf(":%d", c.WebRTC.TCP), ps)
	udp.take("webrtc.udp", fmt.Sprintf(":%d", c.WebRTC.UDP), ps)
	for i, d := range c.Drones {
		if address, is := strings.CutPrefix(d.Listen, "udp:"); is {
			udp.take(fmt.Sprintf("drones[%d].listen", i), address, ps)
		}
	}
}

// taken are the listeners so far, of one protocol.
type taken []struct{ key, host, port string }

// take adds one; an address that is none is told of elsewhere.
func (t *taken) take(key, address string, ps *Problems) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || port == "0" {
		return
	}
	for _, other := range *t {
		if other.port == port && (other.host == host || everywhere(other.host) || everywhere(host)) {
			ps.add(key, "%q is the port of %s too; give each its own", address, other.key)
			return
		}
	}
	*t = append(*t, struct{ key, host, port string }{key, host, port})
}

func everywhere(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}
