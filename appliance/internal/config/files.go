package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Files of secrets are read when the configuration is: nothing works without
// them. Certificates, authorities and the form of a webhook's secret are read
// anew by a running box at every attempt, since they are renewed beside it; one
// that is broken costs a line, and must not cost the alarms with it. So these
// are judged by who asks for it, before anything runs on them: Supported.Secret.

const secretMaxBytes = 4096

// What is to be done about a secret's file.
const (
	passwordRemedy = "write the password into it, one line"
	webhookRemedy  = "write whsec_ and the base64 of 24 to 64 random bytes into it"
)

func secret(path, key string, ps *Problems) string { return secretLine(path, key, passwordRemedy, ps) }

func secretLine(path, key, remedy string, ps *Problems) string {
	if path == "" {
		return ""
	}
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		ps.add(key, "%s does not exist; %s", path, remedy)
	case err != nil:
		ps.add(key, "%v; let the box read it", err)
	case len(b) > secretMaxBytes:
		ps.add(key, "%s has %d bytes; %s", path, len(b), remedy)
	case strings.TrimSpace(string(b)) == "":
		ps.add(key, "%s is empty; %s", path, remedy)
	}
	return strings.TrimRight(string(b), "\r\n")
}

// checkFiles judges every file that a running box reads anew.
func (c *Config) checkFiles(webhook func(path string) error, ps *Problems) {
	certificate("http.tls", c.HTTP.TLS.CertFile, c.HTTP.TLS.KeyFile, ps)
	certificate("mqtt.tls", c.MQTT.TLS.CertFile, c.MQTT.TLS.KeyFile, ps)
	authorities("mqtt.tls.client_ca_file", c.MQTT.TLS.ClientCAFile, ps)
	authorities("mqtt.ca_file", c.MQTT.CAFile, ps)
	certificate("mqtt", c.MQTT.CertFile, c.MQTT.KeyFile, ps)
	for i := range c.Uplinks {
		u, key := &c.Uplinks[i], fmt.Sprintf("uplinks[%d]", i)
		authorities(key+".ca_file", u.CAFile, ps)
		certificate(key, u.CertFile, u.KeyFile, ps)
		signing(key+".secret_file", u.Kind, u.SecretFile, webhook, ps)
	}
	for i := range c.Routing.Partners {
		p := &c.Routing.Partners[i]
		authorities(p.key+".ca_file", p.CAFile, ps)
		certificate(p.key, p.CertFile, p.KeyFile, ps)
		signing(p.key+".secret_file", p.Kind, p.SecretFile, webhook, ps)
	}
}

// authorities checks a file of certificates that others' must be signed by.
func authorities(key, path string, ps *Problems) {
	if path == "" {
		return
	}
	pem, err := os.ReadFile(path)
	switch {
	case err != nil:
		ps.add(key, "%v; give a file with certificates in PEM", err)
	case !x509.NewCertPool().AppendCertsFromPEM(pem):
		ps.add(key, "%s holds no certificate in PEM; write those of the authorities into it", path)
	}
}

// certificate checks a certificate and its key: each is there, and the other's.
func certificate(key, cert, keyFile string, ps *Problems) {
	if cert == "" || keyFile == "" {
		return
	}
	there := true
	for name, path := range map[string]string{"cert_file": cert, "key_file": keyFile} {
		if _, err := os.ReadFile(path); err != nil {
			ps.add(key+"."+name, "%v; give a file in PEM that the box can read", err)
			there = false
		}
	}
	if !there {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert, keyFile); err != nil {
		ps.add(key+".cert_file", "%s with %s: %v; give a certificate and its own key, both in PEM", cert, keyFile, err)
	}
}

// signing checks the form of a webhook's secret. That it is there at all was
// found when it was read.
func signing(key, kind, path string, webhook func(path string) error, ps *Problems) {
	if b, err := os.ReadFile(path); kind != "webhook" || err != nil || strings.TrimSpace(string(b)) == "" {
		return
	}
	if err := webhook(path); err != nil {
		ps.add(key, "%v; %s", err, webhookRemedy)
	}
}
