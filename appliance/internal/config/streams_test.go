package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStreams(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "none.pem"), []byte("nothing"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("-----BEGIN CERTIFICATE-----\n"), 0o600))
	const plain = "{main: rtsp://10.0.0.11/main}"
	const secure = "{main: rtsps://10.0.0.11/main, sub: rtsps://10.0.0.11/sub}"
	print := strings.Repeat("aB", 32)
	for _, c := range []struct{ streams, more, want string }{
		{plain, "", ""},
		{"{main: rtsp://10.0.0.11/main, sub: rtsp://10.0.0.11/sub}", "audio: true", ""},
		{secure, "tls: {insecure: true}", ""},
		{secure, "tls: {ca_file: ca.pem}", ""},
		{secure, "tls: {fingerprint: " + print + "}", ""},
		{secure, `tls: {fingerprint: "` + strings.Repeat("ab:", 31) + `ab"}`, ""},
		{"{main: rtsp://10.0.0.11/main, sub: rtsp://u:p@10.0.0.11/sub}", "", "streams.sub: holds credentials"},
		{"{main: rtsp://10.0.0.11/main, sub: http://10.0.0.11/}", "", `streams.sub: "http://10.0.0.11/" is no RTSP address`},
		{"{main: rtsp://10.0.0.11/main, sub: rtsp://10.0.0.11/main}", "", "streams.sub: is the main stream"},
		{secure, "transport: udp", "transport: is udp, but rtsps"},
		{plain, "tls: {insecure: true}", "tls: is for rtsps, and no stream of this camera is"},
		{secure, "tls: {insecure: true, ca_file: ca.pem}", "tls: has more than one of"},
		{secure, "tls: {fingerprint: abcd}", `tls.fingerprint: "abcd"; write the 64`},
		{secure, "tls: {ca_file: absent.pem}", "tls.ca_file: open "},
		{secure, "tls: {ca_file: none.pem}", "holds no certificate in PEM"},
	} {
		text := "station: {id: jingdong}\ncameras:\n  - id: gate\n    streams: " + c.streams + "\n"
		if c.more != "" {
			text += "    " + c.more + "\n"
		}
		_, err := Parse([]byte(text), dir, Supported{})
		if c.want == "" {
			require.NoError(t, err, "%s %s", c.streams, c.more)
			continue
		}
		require.ErrorContains(t, err, "cameras[0]."+strings.SplitN(c.want, "holds no", 2)[0])
		require.ErrorContains(t, err, c.want)
	}
}
