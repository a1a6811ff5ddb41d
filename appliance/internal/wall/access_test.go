package wall_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

func TestEveryRouteIsDescribedAndHasARow(t *testing.T) {
	b := newBox(t)
	var registered []string
	table := access.DefaultTable()
	for _, route := range b.server.Routes() {
		_, known := table.Rule(route.Method, route.Path)
		require.True(t, known, "%s %s has no row in the table of roles", route.Method, route.Path)
		if route.Path != "/*" {
			registered = append(registered, route.Method+" "+route.Path)
		}
	}
	slices.Sort(registered)
	require.Equal(t, described(t), registered)

	var rows []string
	for _, rule := range table.Rules() {
		if rule.Path != "/*" {
			rows = append(rows, rule.Method+" "+rule.Path)
		}
	}
	slices.Sort(rows)
	require.Equal(t, registered, rows, "the table has no row for what does not exist")
}

// concrete fills a route's parameters in.
func concrete(path string) string {
	return strings.NewReplacer(":sha256", strings.Repeat("ab", 32), ":id", "east", ":part", "1", ":name", "hq", ":session", "s", "/*", "/").Replace(path)
}

func TestRoleTableTimesRoutes(t *testing.T) {
	b := newBox(t)
	clients := map[access.Role]*client{"": b.as(t, "")}
	for _, role := range access.Roles() {
		if role == access.Partner {
			clients[role] = b.machine(t, access.Token{Label: "works", Role: role, Partner: "east"})
			continue
		}
		if role == access.Uplink {
			clients[role] = b.machine(t, access.Token{Label: "hq", Role: role, Uplink: "hq"})
			continue
		}
		clients[role] = b.as(t, string(role))
	}
	for _, rule := range access.DefaultTable().Rules() {
		if strings.HasPrefix(rule.Path, "/api/v1/session") || strings.HasSuffix(rule.Path, "/sessions") || rule.Path == "/api/v1/events" {
			continue // would end or lock sessions; would not end
		}
		for role, c := range clients {
			answer := c.raw(rule.Method, concrete(rule.Path), nil)
			answer.Body.Close()
			name := fmt.Sprintf("%q %s %s", role, rule.Method, rule.Path)
			switch {
			case rule.Public || role != "" && rule.Allows(role):
				require.NotContains(t, []int{401, 403}, answer.StatusCode, name)
			case role == "":
				require.Equal(t, 401, answer.StatusCode, name)
			default:
				require.Equal(t, 403, answer.StatusCode, name)
			}
		}
	}
	require.Equal(t, 403, first(clients[access.Officer].do("GET", "/api/v1/events", nil)))
	require.Equal(t, 401, first(clients[""].do("GET", "/api/v1/events", nil)))
	require.NotEmpty(t, b.seen("refused"))
}

func first(status int, _ object) int { return status }

func TestAnonymousWallReadsOnly(t *testing.T) {
	b := newBox(t, func(o *wall.Options) { o.AnonymousWall = true })
	nobody := b.as(t, "")
	me := nobody.get("/api/v1/room", "Room")["me"].(object)
	require.Equal(t, "wall", me["role"])
	require.Equal(t, true, me["anonymous"])
	nobody.get("/api/v1/session", "Session")
	require.Equal(t, 401, first(nobody.do("POST", "/api/v1/alerts/x/shown", object{"screen": "1"})))
	require.Equal(t, 401, first(nobody.do("POST", "/api/v1/cameras/east/whep", nil)))
	require.Equal(t, 401, first(nobody.do("GET", "/api/v1/journal", nil)), "leads only")
}

func TestLoginAndLogout(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "")
	answer := c.raw("POST", "/api/v1/session", object{"name": "lead", "password": password})
	defer answer.Body.Close()
	require.Equal(t, 200, answer.StatusCode)
	cookie := answer.Cookies()[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	require.False(t, cookie.Secure, "plain HTTP")
	session := c.get("/api/v1/session", "Session")
	require.Equal(t, "lead", session["role"])

	again := c.raw("POST", "/api/v1/session", object{"name": "lead", "password": password}, with("X-Forwarded-Proto", "https"))
	again.Body.Close()
	require.True(t, again.Cookies()[0].Secure)
	require.NotEqual(t, cookie.Value, again.Cookies()[0].Value)
	stolen := b.as(t, "")
	require.Equal(t, 401, first(stolen.do("GET", "/api/v1/room", nil, with("Cookie", cookie.Name+"="+cookie.Value))), "a new login ends the old one")

	status, _ := stolen.do("DELETE", "/api/v1/session", nil, with("Cookie", cookie.Name+"="+again.Cookies()[0].Value))
	require.Equal(t, 204, status)
	require.Equal(t, 401, first(stolen.do("GET", "/api/v1/room", nil, with("Cookie", cookie.Name+"="+again.Cookies()[0].Value))))
	require.Len(t, b.seen("login"), 2)
}

func TestSessionIsNotTakenFromTheBrowser(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "")
	answer := c.raw("POST", "/api/v1/session", object{"name": "lead", "password": password}, with("Cookie", "watchpost_session=chosen-by-somebody-else"))
	defer answer.Body.Close()
	require.NotEqual(t, "chosen-by-somebody-else", answer.Cookies()[0].Value)
}

func TestDisabledUserIsOutAtOnce(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "operator")
	c.get("/api/v1/room", "Room")
	require.NoError(t, b.users.Disable("operator"))
	require.Equal(t, 401, first(c.do("GET", "/api/v1/room", nil)))
}

func TestGuessingPasswordsIsLimited(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "")
	for range 5 {
		status, problem := c.do("POST", "/api/v1/session", object{"name": "lead", "password": "wrong horse"})
		require.Equal(t, 401, status)
		require.Equal(t, "login_refused", problem["code"])
	}
	status, problem := c.do("POST", "/api/v1/session", object{"name": "lead", "password": password})
	require.Equal(t, 429, status, "even the right one, now")
	require.Equal(t, "login_limited", problem["code"])
	require.Positive(t, problem["retry_after_s"])
	require.Equal(t, 200, first(c.do("POST", "/api/v1/session", object{"name": "operator", "password": password})), "another account still may")
	require.Len(t, b.seen("refused"), 6)
	require.NotContains(t, fmt.Sprint(b.seen("refused")), "wrong horse")
}

func TestOtherSitesChangeNothing(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "operator")
	report := object{"source": "walk_in", "kind": "theft", "place": "南口"}
	for _, h := range []header{
		with("Origin", "http://evil.example"), with("Origin", "null"), with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Site", "same-site"),
	} {
		status, problem := c.do("POST", "/api/v1/incidents", report, h)
		require.Equal(t, 403, status)
		require.Equal(t, "origin_refused", problem["code"])
	}
	require.Equal(t, 201, first(c.do("POST", "/api/v1/incidents", report, with("Origin", b.url), with("Sec-Fetch-Site", "same-origin"))))
	status, problem := c.do("POST", "/api/v1/incidents", []byte("source=walk_in"), with("Content-Type", "application/x-www-form-urlencoded"))
	require.Equal(t, 415, status, "a form of another site cannot send JSON")
	require.Equal(t, "header_invalid", problem["code"])
}

func TestSecurityHeadersOnEveryAnswer(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "")
	for _, path := range []string{"/", "/healthz", "/api/v1/room", "/api/v1/nothing", "/api/openapi.json"} {
		answer := c.raw("GET", path, nil)
		answer.Body.Close()
		policy := answer.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "frame-ancestors 'none'", path)
		require.NotContains(t, policy, "unsafe", path)
		require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", answer.Header.Get("Referrer-Policy"), path)
		require.NotEmpty(t, answer.Header.Get("As-Of"), path)
	}
}

// away is an address of this machine that is not loopback.
func away(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	return ""
}

func TestLoopbackOnlyUnlessInsecure(t *testing.T) {
	address := away(t)
	if address == "" {
		t.Log("this machine has no address but loopback: the refusal cannot be seen here")
		return
	}
	for _, insecure := range []bool{false, true} {
		b := newBox(t, func(o *wall.Options) { o.Listen, o.Insecure = ":0", insecure })
		_, port, err := net.SplitHostPort(b.server.Addr().String())
		require.NoError(t, err)
		b.url = "http://" + net.JoinHostPort(address, port)
		c := b.as(t, "")
		require.Equal(t, 200, first(c.do("GET", "/healthz", nil)))
		status, problem := c.do("GET", "/api/v1/session", nil)
		if insecure {
			require.Equal(t, "unauthenticated", problem["code"])
			continue
		}
		require.Equal(t, 403, status)
		require.Equal(t, "loopback_only", problem["code"])
		require.Contains(t, problem["remedy"], "insecure")
	}
}

func TestPathsDoNotLeadOut(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "lead")
	for _, path := range []string{
		"/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/go.mod", "/assets/../../../wall.go", "/.keep",
		"/api/v1/snapshots/..%2f..%2fusers.json.jpg", "/api/v1/snapshots/" + strings.Repeat("z", 64) + ".jpg",
		"/api/v1/clips/..%2f..%2fusers/1.mp4", "/api/v1/cameras/..%2fusers.json/snapshot.jpg",
	} {
		answer := c.raw("GET", path, nil)
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		require.NoError(t, err)
		require.NotContains(t, string(text), "root:", path)
		require.NotContains(t, string(text), "argon2id", path)
		require.NotContains(t, string(text), "module github", path)
		require.NotContains(t, string(text), "package wall", path)
		require.True(t, answer.StatusCode >= 400 || strings.Contains(string(text), "<!doctype html>"), "%s: %d %s", path, answer.StatusCode, text)
	}
}

func TestRequestsAreBound(t *testing.T) {
	b := newBox(t)
	c := b.as(t, "operator")
	status, problem := c.do("POST", "/api/v1/incidents", make([]byte, 300<<10), with("Content-Type", "application/json"))
	require.Equal(t, 413, status)
	require.Equal(t, "body_too_large", problem["code"])
	for _, tc := range []struct {
		body any
		code string
	}{
		{[]byte("{"), "body_invalid"}, {[]byte("[]"), "field_invalid"}, {object{"source": 7}, "field_invalid"},
		{object{"source": "walk_in", "position": object{"lat": "north"}}, "field_invalid"}, {object{"source": "walk_in", "position": 7}, "field_invalid"},
		{object{"source": "rumour", "kind": "x", "place": "y"}, "field_invalid"}, {object{"source": "walk_in", "kind": "x", "place": "y", "at": "yesterday"}, "field_invalid"},
	} {
		status, problem := c.do("POST", "/api/v1/incidents", tc.body, with("Content-Type", "application/json"))
		require.GreaterOrEqual(t, status, 400)
		require.Equal(t, tc.code, problem["code"], "%v", problem)
		require.NotRegexp(t, `wall\.|float64|string|json:`, problem["remedy"], "no word of Go in %v", problem)
		if tc.code == "field_invalid" {
			require.NotEmpty(t, problem["field"], "%v", problem)
		}
	}
	require.Equal(t, 400, first(c.do("POST", "/api/v1/incidents", object{}, with("Idempotency-Key", strings.Repeat("k", 200)))))
	require.Equal(t, 404, first(c.do("GET", "/api/v1/nothing", nil)))
	require.Equal(t, 405, first(c.do("PUT", "/api/v1/room", nil)))
	require.Equal(t, 400, first(c.do("GET", "/api/v1/incidents?limit=9999", nil)))
	require.Equal(t, 400, first(c.do("GET", "/api/v1/incidents?cursor=%21", nil)))
	_, problem = b.as(t, "lead").do("GET", "/api/v1/journal?cursor=zzz", nil)
	require.Equal(t, "cursor", problem["field"])
	require.Equal(t, 400, first(c.do("GET", "/api/v1/incidents?state=sleeping", nil)))
}

// Who still sends when he is refused reads why: his connection is not reset.
func TestARefusalIsReadBySomebodyWhoSends(t *testing.T) {
	b := newBox(t)
	conn, err := net.Dial("tcp", b.server.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	const length = 600 << 10
	_, err = fmt.Fprintf(conn, "POST /api/v1/session HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
	require.NoError(t, err)
	begin := bufio.NewReader(conn)
	_, err = begin.Peek(1) // the answer is there before the body
	require.NoError(t, err)
	for range length >> 10 {
		_, err = conn.Write(make([]byte, 1<<10))
		require.NoError(t, err)
	}
	answer, err := http.ReadResponse(begin, nil)
	require.NoError(t, err)
	require.Equal(t, 413, answer.StatusCode)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "body_too_large")
}

func TestSlowClientsAreCut(t *testing.T) {
	b := newBox(t, impatient)
	b.station.set(func(s *station) { s.clip = make([]byte, 64<<20) }) // more than any socket buffer
	lead := b.as(t, "lead")

	asking, err := net.Dial("tcp", b.server.Addr().String())
	require.NoError(t, err)
	defer asking.Close()
	_, err = asking.Write([]byte("GET /api/v1/room HTTP/1.1\r\nHost: "))
	require.NoError(t, err)
	sending, err := net.Dial("tcp", b.server.Addr().String())
	require.NoError(t, err)
	defer sending.Close()
	_, err = sending.Write([]byte("POST /api/v1/session HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"))
	require.NoError(t, err)

	answer := lead.raw("GET", "/api/v1/cameras/east/clip.mp4?from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z", nil)
	defer answer.Body.Close() // and never read
	require.Eventually(t, func() bool {
		text, err := io.ReadAll(lead.raw("GET", "/metrics", nil).Body)
		return err == nil && strings.Contains(string(text), "watchpost_http_clients_cut_total 1")
	}, within, 50*time.Millisecond, "who does not read")

	for who, conn := range map[string]net.Conn{"asking": asking, "sending": sending} {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(within)))
		_, err = io.ReadAll(conn)
		require.NoError(t, err, "who does not finish %s: closed, not timed out here", who)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	server, err := wall.New(wall.Options{Listen: taken.Addr().String(), Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	err = server.Open()
	require.ErrorContains(t, err, taken.Addr().String())
	require.ErrorContains(t, err, "choose another")
}

func TestHealthProbes(t *testing.T) {
	ready := errors.New("the desk is folding the journal")
	b := newBox(t, func(o *wall.Options) { o.Ready = func() error { return ready } })
	c := b.as(t, "lead")
	require.Equal(t, 200, first(c.do("GET", "/healthz", nil)))
	status, problem := c.do("GET", "/readyz", nil)
	require.Equal(t, 503, status)
	require.Contains(t, problem["detail"], "folding")
	ready = nil
	require.Equal(t, 200, first(c.do("GET", "/readyz", nil)))

	answer := c.raw("GET", "/metrics", nil)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "watchpost_live_sessions 0")
	require.Contains(t, string(text), `route="/readyz"`)
}
