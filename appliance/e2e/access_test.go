package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAccess is the first day of a new box: nobody can log in, TLS is on.
func TestAccess(t *testing.T) {
	r := newLockedRig(t)
	for _, part := range []struct {
		name string
		play func(*testing.T, *rig)
	}{
		{"NothingWithoutALogin", crawl},
		{"ABrowserThatTrustsTheBox", trustingBrowser},
		{"ALookEndsWithTheBox", cutLook},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			parent := r.t
			r.t = t
			defer func() { r.t = parent }()
			part.play(t, r)
		})
		if !ok {
			return
		}
	}
}

// newLockedRig starts firmware-sim and a box with TLS and without any user.
func newLockedRig(t *testing.T) *rig {
	beside(t)
	r := bareRig(t)
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r.writeSecrets()
	r.startSim()
	plain := `http: {listen: "127.0.0.1:0"}`
	config := r.boxConfig(0, 0, 0, 0, 0)
	require.Contains(t, config, plain)
	r.write("box.yaml", strings.Replace(config, plain, `http: {listen: "127.0.0.1:0", tls: {listen: "127.0.0.1:0"}}`, 1))
	r.startBox()
	return r
}

// trusted is what a client needs that has the box's CA.
func (r *rig) trusted() *tls.Config {
	text, err := os.ReadFile(r.path("data/tls/ca.crt"))
	require.NoError(r.t, err)
	pool := x509.NewCertPool()
	require.True(r.t, pool.AppendCertsFromPEM(text))
	return &tls.Config{RootCAs: pool}
}

func (r *rig) https() string {
	_, port, err := net.SplitHostPort(r.boxAt.HTTPS)
	require.NoError(r.t, err)
	return "https://127.0.0.1:" + port
}

// crawl asks the running box for everything it describes, and for what people
// try, without a login.
func crawl(t *testing.T, r *rig) {
	transport := &http.Transport{TLSClientConfig: r.trusted()}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(base, method, path string) (int, http.Header, string) {
		req, err := http.NewRequest(method, base+path, nil)
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err, "%s %s", method, path)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, res.Header, string(text)
	}
	_, _, text := ask(r.https(), "GET", "/api/openapi.json")
	var document struct {
		Paths map[string]map[string]struct {
			Security *[]any `json:"security"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &document))
	require.Greater(t, len(document.Paths), 40)
	open := []string{
		"GET /healthz", "GET /readyz", "GET /ca.crt", "GET /ca.svg", "GET /api/openapi.json", "GET /api/asyncapi.json", "GET /api/schemas/", "GET /api/schemas/{name}", "GET /api/v1/trust", "GET /api/v1/setup",
		"POST /api/v1/session", "POST /api/v1/setup",
	}
	params := regexp.MustCompile(`\{\w+\}`)
	asked := 0
	for path, methods := range document.Paths {
		at := params.ReplaceAllString(path, "yard")
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			status, header, body := ask(r.https(), method, at)
			asked++
			about := fmt.Sprintf("%s %s: %d %s", method, at, status, body)
			require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'", about)
			_, described := methods[strings.ToLower(strings.Replace(method, "HEAD", "GET", 1))]
			if slices.Contains(open, strings.Replace(method, "HEAD", "GET", 1)+" "+path) {
				require.NotEqual(t, 401, status, about)
			} else if described {
				require.Equal(t, 401, status, about)
			} else {
				require.GreaterOrEqual(t, status, 400, about)
			}
		}
	}
	for _, path := range []string{
		"/debug/pprof/", "/debug/vars", "/api/v1/debug", "/api/v2/room", "/.git/config", "/.env", "/users.json", "/tls/ca.key", "/../data/users.json",
		"/assets/../../users.json", "/%2e%2e/%2e%2e/data/tls/ca.key", "/metrics/", "//metrics", "/api//v1/room", "/API/v1/room", "/api/v1/room/", "/api/v1/room%2f",
	} {
		status, _, body := ask(r.https(), "GET", path)
		require.NotContains(t, body, "PRIVATE KEY", path)
		require.NotContains(t, body, "watchpost_", path)
		require.NotContains(t, body, `"station"`, path)
		require.True(t, status >= 400 || strings.HasPrefix(strings.ToLower(body), "<!doctype html>"), "%s: %d %s", path, status, body)
	}
	t.Logf("%d requests without a login", asked)
}

// trustingBrowser is Debian's Chromium with the box's CA in its store, and
// nothing else changed.
func trustingBrowser(t *testing.T, r *rig) {
	home, ca := t.TempDir(), filepath.Join(t.TempDir(), "ca.crt")
	status, text := r.get("/ca.crt")
	require.Equal(t, 200, status)
	require.NoError(t, os.WriteFile(ca, text, 0o600))
	store := filepath.Join(home, ".pki", "nssdb")
	require.NoError(t, os.MkdirAll(store, 0o700))
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-t", "C,,", "-n", "watchpost", "-i", ca}} {
		out, err := exec.Command("certutil", append([]string{"-d", "sql:" + store}, args...)...).CombinedOutput()
		require.NoError(t, err, "certutil of libnss3-tools is needed (make deps): %s", out)
	}
	var link []string
	r.until("the box prints the set-up link", func() bool {
		link = regexp.MustCompile(`url=(https://\S+/setup#\S+)`).FindStringSubmatch(r.box.log.tail(200))
		return link != nil
	})
	script := filepath.Join(r.root, "appliance/internal/wall/web/test/e2e/access.mjs")
	cmd := exec.Command("node", script, r.https(), link[1], "gate", os.Getenv("WATCHPOST_SHOTS"))
	cmd.Dir = filepath.Dir(script)
	cmd.Env = append(os.Environ(), "HOME="+home)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	require.NoError(t, err, errors.String())
	type cookie struct {
		Name             string
		Secure, HTTPOnly bool
		SameSite         string
	}
	var saw struct {
		Security, Violations, Errors, Pages, Axe, Alone []string
		Cookies                                         []cookie
		Kiosk                                           struct {
			URL     string
			Cookies []cookie
		}
		Locked               int
		Unlocked, Idle, Live bool
	}
	require.NoError(t, json.Unmarshal(out, &saw), string(out))
	require.GreaterOrEqual(t, len(saw.Security), len(saw.Pages))
	for _, state := range saw.Security {
		require.Equal(t, "secure", state, "what the browser says of the connection: %v", saw.Security)
	}
	require.Empty(t, saw.Violations)
	require.Empty(t, saw.Errors)
	require.Empty(t, saw.Axe)
	require.Len(t, saw.Pages, 10)
	for _, c := range append(saw.Cookies, saw.Kiosk.Cookies...) {
		require.Equal(t, cookie{"watchpost_session", true, true, "Strict"}, c)
	}
	require.Len(t, saw.Kiosk.Cookies, 1)
	require.NotContains(t, saw.Kiosk.URL, "token", "it is gone from the address")
	require.Equal(t, []string{"撤回"}, saw.Alone, "what one lead alone may do with his own request")
	require.Equal(t, 423, saw.Locked)
	require.True(t, saw.Unlocked && saw.Idle && saw.Live)
}

// get asks the plain port on loopback, without a login.
func (r *rig) get(path string) (int, []byte) {
	res, err := r.client.Get(r.url(path))
	require.NoError(r.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	return res.StatusCode, text
}

// cutLook kills the box while somebody looks: its next start says until when.
func cutLook(t *testing.T, r *rig) {
	r.loginAs("chief")
	r.until("a picture of the gate", func() bool {
		status, _ := r.apiBytes("GET", "/api/v1/cameras/gate/snapshot.jpg", "")
		return status == 200
	})
	r.killBox()
	r.startBox()
	r.loginAs("chief")
	var page struct {
		Items []struct {
			Kind, Camera, Why, Note, From, To string
		}
	}
	require.Equal(t, 200, r.api("GET", "/api/v1/audit?kind=looked&camera=gate", "", &page))
	require.True(t, slices.ContainsFunc(page.Items, func(one struct{ Kind, Camera, Why, Note, From, To string }) bool {
		return one.Why == "picture" && strings.Contains(one.Note, "the box ended first") && one.To >= one.From
	}), "%+v", page.Items)
}
