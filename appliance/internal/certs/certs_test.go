package certs_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"

	"io"
	"log/slog"
	"math/big"

	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/certs"
)

const within = time.Minute // generous: shared machines

func own(t *testing.T, dir string, names ...string) (*certs.CA, *certs.Keeper) {
	t.Helper()
	ca, err := certs.OpenCA(dir, "jingdong-a", []string{"localhost", "box.example"})
	require.NoError(t, err)
	keeper, err := certs.NewKeeper(certs.Options{Use: "http", CA: ca, Dir: dir, Names: func() []string { return names }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return ca, keeper
}

// listen echoes over TLS until the test ends.
func listen(t *testing.T, config *tls.Config) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return ln.Addr().String()
}

func dial(address string, config *tls.Config) (*x509.Certificate, error) {
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

// What testssl.sh looks at: protocols and suites that are offered.
func TestNothingWeakIsOffered(t *testing.T) {
	ca, keeper := own(t, t.TempDir(), "localhost", "127.0.0.1")
	address := listen(t, keeper.Config())
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} { //nolint:staticcheck // that they are refused is the point
		_, err := dial(address, &tls.Config{RootCAs: ca.Pool(), MinVersion: version, MaxVersion: version})
		require.Error(t, err, tls.VersionName(version))
	}
	strong := 0
	for _, suite := range append(tls.InsecureCipherSuites(), tls.CipherSuites()...) {
		if len(suite.SupportedVersions) == 1 && suite.SupportedVersions[0] == tls.VersionTLS13 {
			continue // none of them can be chosen, all are good
		}
		_, err := dial(address, &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		good := suite.Name == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" || suite.Name == "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" ||
			suite.Name == "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
		if good {
			require.NoError(t, err, suite.Name)
			strong++
		} else {
			require.Error(t, err, suite.Name)
		}
	}
	require.Equal(t, 3, strong)
	_, err := dial(address, &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	_, err = dial(address, &tls.Config{MinVersion: tls.VersionTLS12})
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown, "who does not trust the CA")
}

func TestOwnCertificateOutlivesARestartAndFollowsTheAddresses(t *testing.T) {
	dir := t.TempDir()
	ca, first := own(t, dir, "localhost", "127.0.0.1")
	address := listen(t, first.Config())
	shown, err := dial(address, &tls.Config{RootCAs: ca.Pool()})
	require.NoError(t, err)
	require.LessOrEqual(t, shown.NotAfter.Sub(shown.NotBefore), 397*24*time.Hour)
	for _, file := range []string{"ca.key", "http.key"} {
		info, err := os.Stat(filepath.Join(dir, file))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}

	again, second := own(t, dir, "localhost", "127.0.0.1")
	require.Equal(t, ca.PEM(), again.PEM())
	same, err := dial(listen(t, second.Config()), &tls.Config{RootCAs: ca.Pool()})
	require.NoError(t, err)
	require.Equal(t, shown.SerialNumber, same.SerialNumber)

	_, third := own(t, dir, "localhost", "127.0.0.1", "192.0.2.7", "box.example", "elsewhere.example")
	moved, err := dial(listen(t, third.Config()), &tls.Config{RootCAs: ca.Pool(), ServerName: "192.0.2.7"})
	require.NoError(t, err)
	require.NotEqual(t, shown.SerialNumber, moved.SerialNumber)
	require.NoError(t, moved.VerifyHostname("box.example"))
	require.Error(t, moved.VerifyHostname("elsewhere.example"), "not among the names of the CA")
}

// Who steals the box's key and reads the phones' traffic gains nothing: what
// it signs for others is not believed.
func TestTheCASignsForNobodyElse(t *testing.T) {
	dir := t.TempDir()
	ca, _ := own(t, dir, "localhost")
	require.True(t, ca.Covers("10.1.2.3"))
	require.False(t, ca.Covers("bank.example"))
	stolen, err := tls.LoadX509KeyPair(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"))
	require.NoError(t, err)
	for name, believed := range map[string]bool{"localhost": true, "bank.example": false} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		raw, err := x509.CreateCertificate(rand.Reader, template, stolen.Leaf, stolen.Leaf.PublicKey, stolen.PrivateKey)
		require.NoError(t, err)
		leaf, err := x509.ParseCertificate(raw)
		require.NoError(t, err)
		_, err = leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: name})
		require.Equal(t, believed, err == nil, "%s: %v", name, err)
	}
}

func TestFilesChangeWithoutARestart(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	files := func(sub string) (*certs.CA, string) {
		at := filepath.Join(dir, sub)
		require.NoError(t, os.MkdirAll(at, 0o700))
		ca, _ := own(t, at, "localhost", "127.0.0.1")
		return ca, at
	}
	oldCA, oldAt := files("old")
	newCA, newAt := files("new")
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put := func(from string) {
		for _, pair := range [][2]string{{"http.key", keyFile}, {"http.crt", certFile}} {
			text, err := os.ReadFile(filepath.Join(from, pair[0]))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(pair[1], text, 0o600))
		}
	}
	put(oldAt)
	keeper, err := certs.NewKeeper(certs.Options{Use: "http", CertFile: certFile, KeyFile: keyFile, Log: log})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- keeper.Run(ctx) }()
	address := listen(t, keeper.Config())
	_, err = dial(address, &tls.Config{RootCAs: oldCA.Pool()})
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(certFile, []byte("no certificate"), 0o600))
	require.Eventually(t, func() bool { return keeper.Trouble() != "" }, within, 20*time.Millisecond)
	_, err = dial(address, &tls.Config{RootCAs: oldCA.Pool()})
	require.NoError(t, err, "the one before stays in force")

	put(newAt)
	require.Eventually(t, func() bool {
		_, err := dial(address, &tls.Config{RootCAs: newCA.Pool()})
		return err == nil && keeper.Trouble() == ""
	}, within, 20*time.Millisecond)
	cancel()
	require.NoError(t, <-ended)

	_, err = certs.NewKeeper(certs.Options{Use: "http", CertFile: "/nowhere/cert.pem", KeyFile: keyFile, Log: log})
	require.ErrorContains(t, err, "/nowhere/cert.pem")
}

func TestClientCertificateIsOfTheCA(t *testing.T) {
	dir := t.TempDir()
	ca, keeper := own(t, dir, "localhost", "127.0.0.1")
	certFile, keyFile, err := ca.IssueClient(dir, "P-001")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	config := keeper.Config()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	said := make(chan string, 1)
	config.VerifyConnection = func(state tls.ConnectionState) error {
		said <- state.VerifiedChains[0][0].Subject.CommonName
		return nil
	}
	_, err = dial(listen(t, config), &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{pair}})
	require.NoError(t, err)
	require.Equal(t, "P-001", <-said)

}
