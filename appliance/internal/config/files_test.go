package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const filed = good + `
http: {tls: {cert_file: box.crt, key_file: box.key}}
mqtt: {tls: {client_ca_file: ca.crt}}
routing:
  partners:
    - {id: lighting, kind: webhook, url: "https://lights.example", secret_file: hook, ca_file: ca.crt, cert_file: box.crt, key_file: box.key}
`

// keyed is a folder with a certificate, its key, another key, and a secret.
func keyed(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	write := func(name, kind string, der []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	own := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	for _, name := range []string{"box", "other"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		write(name+".key", "PRIVATE KEY", raw)
		raw, err = x509.CreateCertificate(rand.Reader, own, own, key.Public(), key)
		require.NoError(t, err)
		write(name+".crt", "CERTIFICATE", raw)
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "other.crt"), filepath.Join(dir, "ca.crt")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hook"), []byte("whsec_good\n"), 0o600))
	return dir
}

// checking stands for the package that reads webhooks' secrets.
func checking(path string) error {
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "whsec_") {
		return errors.New("line 1 is no secret")
	}
	return nil
}

// Whoever asks is told of every file that the box would stumble over later: by
// its key, with its path, and what to do. A start is not refused for it.
func TestFilesThatAreReadLaterAreJudged(t *testing.T) {
	const mqttUplink = `{name: hq, url: "mqtt://127.0.0.1:1883"`
	for _, tc := range []struct{ old, new, key, file, want string }{
		{"box.crt, key_file: box.key}}", "none.crt, key_file: box.key}}", "http.tls.cert_file", "none.crt", "give a file in PEM that the box can read"},
		{"box.crt, key_file: box.key}}", "box.crt, key_file: other.key}}", "http.tls.cert_file", "other.key", "give a certificate and its own key"},
		{"client_ca_file: ca.crt", "client_ca_file: empty", "mqtt.tls.client_ca_file", "empty", "holds no certificate in PEM; write those"},
		{"client_ca_file: ca.crt", "cert_file: box.crt, key_file: empty", "mqtt.tls.cert_file", "empty", "give a certificate and its own key"},
		{mqttUplink, mqttUplink + ", ca_file: none", "uplinks[0].ca_file", "none", "give a file with certificates in PEM"},
		{mqttUplink, mqttUplink + ", cert_file: box.crt, key_file: none", "uplinks[0].key_file", "none", "give a file in PEM that the box can read"},
		{mqttUplink, `{name: hq, kind: webhook, url: "https://hq.example", secret_file: P-001`, "uplinks[0].secret_file", "", "line 1 is no secret; write whsec_ and the base64"},
		{"secret_file: hook", "secret_file: P-001", "routing.partners[0].secret_file", "", "line 1 is no secret; write whsec_ and the base64"},
		{"hook, ca_file: ca.crt", "hook, ca_file: P-001", "routing.partners[0].ca_file", "P-001", "holds no certificate in PEM"},
		{"ca.crt, cert_file: box.crt, key_file: box.key", "ca.crt, cert_file: hook, key_file: box.key", "routing.partners[0].cert_file", "hook", "give a certificate and its own key"},
	} {
		dir := keyed(t)
		_, err := Parse([]byte(filed), dir, Supported{Secret: checking})
		require.NoError(t, err)
		require.Contains(t, filed, tc.old)
		bad := []byte(strings.Replace(filed, tc.old, tc.new, 1))
		_, err = Parse(bad, dir, Supported{})
		require.NoError(t, err, "a start is not refused for it")
		_, err = Parse(bad, dir, Supported{Secret: checking})
		var ps Problems
		require.ErrorAs(t, err, &ps, tc.new)
		require.Len(t, ps, 1, tc.new)
		require.Equal(t, tc.key, ps[0].Key)
		require.Contains(t, ps[0].Text, tc.file)
		require.Contains(t, ps[0].Text, tc.want)
	}
}

// A secret that is not there keeps the box from its start, and the remedy is
// that of a secret, not of a password.
func TestSecretThatIsNotThere(t *testing.T) {
	for name, want := range map[string]string{"none": "none does not exist; write whsec_", "empty": "empty is empty; write whsec_"} {
		_, err := Parse([]byte(strings.Replace(filed, "secret_file: hook", "secret_file: "+name, 1)), keyed(t), Supported{})
		require.ErrorContains(t, err, "routing.partners[0].secret_file: ")
		require.ErrorContains(t, err, want)
	}
}

// No key that names a file is left out of what is judged.
func TestEveryFileKeyIsJudged(t *testing.T) {
	judged := []string{"password_file", "secret_file", "ca_file", "cert_file", "key_file", "client_ca_file", "routing_file"}
	for _, key := range keys(reflect.TypeFor[Config](), map[reflect.Type]bool{}) {
		if strings.HasSuffix(key, "_file") {
			require.Contains(t, judged, key, "judge it in files.go, and name it here")
		}
	}
}
