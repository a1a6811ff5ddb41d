package mqtt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/uplink/mqtt"
)

// authority signs certificates into a directory.
type authority struct {
	t           *testing.T
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.certificate, a.key = a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	a.write(name+".crt", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", raw)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return certificate, key
}

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// A broker that asks for a client certificate takes the box with one, and not
// without; the box does not take a broker of another authority.
func TestTLS(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	ca.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	ca.issue("box", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	broker := newBroker(t, "allow_anonymous true", "cafile "+ca.file("ca.crt"), "certfile "+ca.file("server.crt"), "keyfile "+ca.file("server.key"), "require_certificate true")
	broker.start()
	for name, c := range map[string]struct {
		authority string
		pair      string
		want      string // of the error; "" connects
	}{
		"both":             {ca.file("ca.crt"), "box", ""},
		"no certificate":   {ca.file("ca.crt"), "", broker.addr},
		"another's broker": {stranger.file("ca.crt"), "box", "unknown authority"},
		"no authority":     {filepath.Join(ca.dir, "absent"), "box", "absent"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.run("", func(_ *bridge.UplinkConfig, o *mqtt.Options) {
				o.URL, o.CAFile = "mqtts://"+broker.addr, c.authority
				if c.pair != "" {
					o.CertFile, o.KeyFile = ca.file(c.pair+".crt"), ca.file(c.pair+".key")
				}
			})
			if c.want == "" {
				require.Eventually(t, func() bool { return b.status().Connected }, patience, pause)
				return
			}
			require.Eventually(t, func() bool { return b.status().LastError != "" }, patience, pause)
			require.Contains(t, b.status().LastError, c.want)
		})
	}
}
