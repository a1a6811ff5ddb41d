package station

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/ingest/mqtt"
)

// withCertificates is a station that has opened its certificates only.
func withCertificates(t *testing.T) *Station {
	t.Helper()
	cfg := config.Default()
	cfg.Station.ID, cfg.Data.Dir = "test", t.TempDir()
	s := New(Options{Config: &cfg, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, s.openCertificates())
	return s
}

func TestPillarsCertificateStandsForItsPassword(t *testing.T) {
	s := withCertificates(t)
	broker := mqtt.New(mqtt.Options{TLSListen: "127.0.0.1:0", TLS: s.certs.clients, Accounts: func(user string) (mqtt.Account, bool) {
		return mqtt.Account{Password: user + "-secret", Prefix: "pillar/" + user + "/"}, user == "P-001" || user == "P-002"
	}})
	got := make(chan string, 10)
	broker.Handle("pillar/+/press", func(_ context.Context, user, _ string, _ []byte) error {
		got <- user
		return nil
	})
	require.NoError(t, broker.Open())
	require.Empty(t, broker.Addr(), "the plain port is closed by one key")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- broker.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	certFile, keyFile, err := s.certs.ca.IssueClient(t.TempDir(), "P-001")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	connect := func(user, password string, certificates ...tls.Certificate) (paho.Client, error) {
		client := paho.NewClient(paho.NewClientOptions().AddBroker("ssl://" + broker.TLSAddr()).SetUsername(user).SetPassword(password).
			SetClientID("c-" + user).SetAutoReconnect(false).SetConnectTimeout(chainWithin).
			SetTLSConfig(&tls.Config{RootCAs: s.certs.ca.Pool(), Certificates: certificates}))
		token := client.Connect()
		require.True(t, token.WaitTimeout(chainWithin))
		return client, token.Error()
	}
	for _, user := range []string{"P-001", ""} {
		client, err := connect(user, "", pair)
		require.NoError(t, err, "user %q with the certificate of P-001", user)
		require.True(t, client.Publish("pillar/P-001/press", 1, false, "{}").WaitTimeout(chainWithin))
		require.Equal(t, "P-001", <-got)
		client.Disconnect(100)
	}
	_, err = connect("P-002", "P-002-secret", pair)
	require.Error(t, err, "another's name with the certificate of P-001")
	_, err = connect("P-001", "wrong")
	require.Error(t, err, "no certificate, wrong password")
	client, err := connect("P-002", "P-002-secret")
	require.NoError(t, err, "a password still does")
	client.Disconnect(100)

	other := withCertificates(t) // another box
	certFile, keyFile, err = other.certs.ca.IssueClient(t.TempDir(), "P-001")
	require.NoError(t, err)
	foreign, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	_, err = connect("P-001", "", foreign)
	require.Error(t, err, "a certificate of another CA")
}

func TestCertificateFindings(t *testing.T) {
	s := withCertificates(t)
	require.Empty(t, s.certificateFindings())
	s.cfg.HTTP.TLS = config.TLS{CertFile: "/nowhere", KeyFile: "/nowhere"}
	require.ErrorIs(t, s.openCertificates(), os.ErrNotExist)
}
