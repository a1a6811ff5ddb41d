package rtsp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// certificate is self-signed, as cameras have it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "camera"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// wrap puts TLS before a camera and returns its address.
func wrap(t *testing.T, to string, cert tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				open.Go(func() { // what was said last arrives: a full close would reset what was not read
					_, _ = io.Copy(out, in)
					_ = out.(*net.TCPConn).CloseWrite()
				})
				_, _ = io.Copy(in, out)
			})
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
	return l.Addr().String()
}

func TestRTSPS(t *testing.T) {
	t.Parallel()
	cert, file := certificate(t)
	sum := sha256.Sum256(cert.Certificate[0])
	pin := hex.EncodeToString(sum[:])
	for name, secure := range map[string]bool{"rtp in tls": false, "srtp in tls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &camera{t: t, film: plainFilm(t), password: "right"}
			if secure {
				c.tls = &tls.Config{Certificates: []tls.Certificate{cert}}
			}
			c.start()
			t.Cleanup(c.close)
			address := c.address
			if !secure {
				address = wrap(t, c.address, cert)
			}
			cfg := rtsp.Config{Camera: "gate", URL: "rtsps://" + address + "/main", Username: "viewer", Password: "right"}
			for _, trust := range []rtsp.TLS{{CAFile: file}, {Fingerprint: pin}, {Insecure: true}} {
				cfg.TLS = trust
				c.teardowns.Store(0)
				_, w, stop := hold(t, cfg)
				check(t, w.wait(t, 5))
				stop()
				c.tornDown(t, cfg)
			}
			asked := c.asked.Load()
			for want, trust := range map[string]rtsp.TLS{
				"give tls.ca_file, or tls.fingerprint (now " + pin: {},
				"correct tls.fingerprint":                          {Fingerprint: strings.Repeat("ab", 32)},
				"no such file":                                     {CAFile: file + "x"},
			} {
				cfg.TLS, cfg.Deliver = trust, (&wall{}).deliver
				require.ErrorContains(t, once(t, cfg), want)
			}
			require.Equal(t, asked, c.asked.Load(), "who is not trusted is told no password")
		})
	}
}

// A server that takes the connection and never ends the handshake must not
// hold the source for longer than any other silent one.
func TestHandshakeThatStandsStill(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	promptly(t, 8*time.Second, func() time.Duration {
		began := time.Now()
		require.Error(t, rtsp.New(rtsp.Config{URL: "rtsps://" + l.Addr().String() + "/main", TLS: rtsp.TLS{Insecure: true}}).Run(t.Context()))
		return time.Since(began)
	})
}
