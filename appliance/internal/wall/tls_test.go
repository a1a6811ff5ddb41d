package wall_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/certs"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// withTLS is a box with certificates of its own CA, on all addresses.
func withTLS(t *testing.T, change ...settings) (*box, *certs.CA) {
	t.Helper()
	dir := t.TempDir()
	ca, err := certs.OpenCA(dir, "test-a", certs.Names())
	require.NoError(t, err)
	keeper, err := certs.NewKeeper(certs.Options{
		Use: "http", CA: ca, Dir: dir, Log: slog.New(slog.DiscardHandler), Names: func() []string { return append(certs.Names(), certs.Addresses()...) },
	})
	require.NoError(t, err)
	return newBox(t, append(change, func(o *wall.Options) {
		o.Listen, o.TLSListen, o.TLS, o.CA = ":0", ":0", keeper.Config(), ca.PEM()
	})...), ca
}

// secure is a client that trusts the box's CA, and follows no redirect.
func (b *box) secure(t *testing.T, ca *certs.CA, name, host string) *client {
	t.Helper()
	_, port, err := net.SplitHostPort(b.server.TLSAddr().String())
	require.NoError(t, err)
	c := b.as(t, "")
	c.url = "https://" + net.JoinHostPort(host, port)
	c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: ca.Pool()}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if name != "" {
		status, _ := c.do("POST", "/api/v1/session", object{"name": name, "password": password})
		require.Equal(t, 200, status)
	}
	return c
}

func TestTLSServesEverythingWithSecureCookies(t *testing.T) {
	b, ca := withTLS(t)
	c := b.secure(t, ca, "", "localhost")
	answer := c.raw("POST", "/api/v1/session", object{"name": "lead", "password": password})
	answer.Body.Close()
	require.Equal(t, 200, answer.StatusCode)
	cookie := answer.Cookies()[0]
	require.True(t, cookie.Secure)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	c.get("/api/v1/room", "Room")
	stream := c.listen("")
	pressed := b.press(t, "1")
	for one := stream.any(t); !strings.Contains(one.data, pressed.Incident); one = stream.any(t) {
	}
	clip := c.raw("GET", "/api/v1/cameras/east/clip.mp4?from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z", nil)
	defer clip.Body.Close()
	bytes, err := io.ReadAll(clip.Body)
	require.NoError(t, err)
	require.Len(t, bytes, 100_000)
}

func TestPlainSendsOthersToTLS(t *testing.T) {
	address := away(t)
	if address == "" {
		t.Log("this machine has no address but loopback: the redirect cannot be seen here")
		return
	}
	b, ca := withTLS(t)
	_, port, err := net.SplitHostPort(b.server.Addr().String())
	require.NoError(t, err)
	c := b.secure(t, ca, "", address)
	secureURL := c.url
	c.url = "http://" + net.JoinHostPort(address, port)
	for _, path := range []string{"/", "/wall", "/api/v1/room?x=1", "/metrics"} {
		answer := c.raw("GET", path, nil)
		answer.Body.Close()
		require.Equal(t, 307, answer.StatusCode, path)
		require.Equal(t, secureURL+path, answer.Header.Get("Location"))
		require.Empty(t, answer.Cookies())
	}
	for _, header := range []string{"X-Forwarded-Protocol", "X-Url-Scheme", "X-Forwarded-Proto"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/api/v1/session", nil)
		require.NoError(t, err)
		request.Header.Set(header, "https")
		answer, err := c.http.Do(request)
		require.NoError(t, err)
		answer.Body.Close()
		want := 307
		if header == "X-Forwarded-Proto" {
			want = 403 // a redirect would go round and round
		}
		require.Equal(t, want, answer.StatusCode, "%s is anybody's word", header)
	}
	status, problem := c.do("POST", "/api/v1/session", object{"name": "lead", "password": password})
	require.Equal(t, 403, status, "a password that came in the clear is not taken")
	require.Equal(t, "tls_only", problem["code"])
	require.Equal(t, 200, first(c.do("GET", "/healthz", nil)))
	require.Equal(t, 200, first(c.do("GET", "/readyz", nil)))
	answer := c.raw("GET", "/ca.crt", nil)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, ca.PEM(), text)
	require.Equal(t, "application/x-x509-ca-cert", answer.Header.Get("Content-Type"))
}

func TestPhoneLearnsWhereTheCAIs(t *testing.T) {
	b, _ := withTLS(t)
	c := b.as(t, "")
	trust := c.get("/api/v1/trust", "Trust")
	require.Regexp(t, `^http://[^/]+/ca\.crt$`, trust["url"])
	require.Regexp(t, `^([0-9A-F]{2}:){31}[0-9A-F]{2}$`, trust["fingerprint"])
	answer := c.raw("GET", "/ca.svg", nil)
	defer answer.Body.Close()
	require.Equal(t, "image/svg+xml", answer.Header.Get("Content-Type"))
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "<svg")

	without := newBox(t).as(t, "")
	require.Empty(t, without.get("/api/v1/trust", "Trust")["url"])
	require.Equal(t, 404, first(without.do("GET", "/ca.crt", nil)))
}

// A client that begins a handshake and says no more is cut like one that
// begins a request.
func TestSlowHandshakeIsCut(t *testing.T) {
	b, _ := withTLS(t, impatient)
	_, port, err := net.SplitHostPort(b.server.TLSAddr().String())
	require.NoError(t, err)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte{0x16, 0x03, 0x01}) // the beginning of a ClientHello
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(within)))
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "closed, not timed out here")
}

func TestOneMachineCannotHoldAllConnections(t *testing.T) {
	address := away(t)
	if address == "" {
		t.Log("this machine has no address but loopback: the bound cannot be seen here")
		return
	}
	b, _ := withTLS(t)
	_, port, err := net.SplitHostPort(b.server.Addr().String())
	require.NoError(t, err)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	var last net.Conn
	for range 129 {
		last, err = dialer.Dial("tcp", net.JoinHostPort(address, port))
		require.NoError(t, err)
		defer last.Close()
	}
	require.NoError(t, last.SetReadDeadline(time.Now().Add(within)))
	_, err = last.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the one too many is closed")
	require.Equal(t, 200, first(b.as(t, "").do("GET", "/healthz", nil)), "others still come in")
}
