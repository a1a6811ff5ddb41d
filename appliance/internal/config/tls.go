package config

import (
	"net"
	"net/url"
)

// Where TLS listens unless the configuration says otherwise.
const (
	httpsListen = ":8443"
	mqttsListen = ":8883"
)

// unsaid stands for a listener that the file does not name: to name the default
// is to want it.
const unsaid = "\x00"

// completeTLS leaves out a TLS listener that nobody asked for beside a plain
// one that only this machine can reach, and makes paths absolute.
func (c *Config) completeTLS(abs func(*string)) {
	complete := func(secure *string, plain, otherwise string) {
		switch {
		case *secure != unsaid:
		case onLoopback(plain):
			*secure = ""
		default:
			*secure = otherwise
		}
	}
	complete(&c.HTTP.TLS.Listen, c.HTTP.Listen, httpsListen)
	complete(&c.MQTT.TLS.Listen, c.MQTT.Listen, mqttsListen)
	for _, path := range []*string{&c.HTTP.TLS.CertFile, &c.HTTP.TLS.KeyFile, &c.MQTT.TLS.CertFile, &c.MQTT.TLS.KeyFile, &c.MQTT.TLS.ClientCAFile} {
		abs(path)
	}
}

// PublicHost is the host of PublicURL; empty when there is none.
func (h HTTP) PublicHost() string {
	u, err := url.Parse(h.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (c *Config) validateTLS(ps *Problems) {
	optional("http.tls.listen", c.HTTP.TLS.Listen, ps)
	optional("mqtt.tls.listen", c.MQTT.TLS.Listen, ps)
	pair("http.tls", c.HTTP.TLS.CertFile, c.HTTP.TLS.KeyFile, ps)
	pair("mqtt.tls", c.MQTT.TLS.CertFile, c.MQTT.TLS.KeyFile, ps)
	c.validateBroker(ps)
	if u, err := url.Parse(c.HTTP.PublicURL); c.HTTP.PublicURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Path != "" && u.Path != "/") {
		ps.add("http.public_url", "%q; write it like https://watchpost.example:8443, without a path", c.HTTP.PublicURL)
	} else if u != nil && u.Scheme == "http" && c.HTTP.TLS.Listen != "" && !c.HTTP.Insecure {
		ps.add("http.public_url", "%q; browsers are sent from http to TLS, and so to it again: write https, or insecure: true behind a proxy", c.HTTP.PublicURL)
	}
}

func pair(key, cert, keyFile string, ps *Problems) {
	if (cert == "") != (keyFile == "") {
		ps.add(key+".cert_file", "needs key_file beside it, and the other way round")
	}
}
