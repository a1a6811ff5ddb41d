package wall

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

const cookieName = "watchpost_session"

// caller is who asks. The zero caller is nobody: on public routes only.
type caller struct {
	name      string
	role      access.Role
	session   access.Session // of a browser
	token     string         // id of the token of a machine that shows it with every request
	uplink    string         // with role uplink: the only one that is meant
	partner   string         // with role partner: likewise
	scope     access.Scope   // whose pictures he may see
	anonymous bool           // role wall without a login
	remote    string
}

func (c caller) actor() desk.Actor { return desk.Actor{Name: c.name, Role: string(c.role)} }

// owner keys what belongs to one login.
func (c caller) owner() string {
	switch {
	case c.session.ID != "":
		return c.session.ID
	case c.token != "":
		return "token " + c.token
	}
	return "anonymous"
}

// callerKey and stillKey are where a request keeps its caller, and the question
// whether his login stands.
const (
	callerKey = "watchpost.caller"
	stillKey  = "watchpost.still"
)

// callerOf is who asks, for what has only the request.
func callerOf(c *fiber.Ctx) caller {
	who, _ := c.Locals(callerKey).(caller)
	return who
}

type handler func(c *fiber.Ctx, who caller) error

// route registers a handler behind its row of the table. Without a row nobody
// may call it.
func (s *Server) route(app *fiber.App, method, path string, h handler) {
	rule, known := s.table.Rule(method, path)
	guarded := func(c *fiber.Ctx) error {
		if !known {
			return s.refuse(c, caller{}, fault(http.StatusForbidden, "forbidden", "nobody may", "the route has no row in the table of roles"))
		}
		if err := s.checkOrigin(c); err != nil {
			return s.refuse(c, caller{}, err)
		}
		who, err := s.identify(c, rule)
		if err != nil {
			return s.refuse(c, who, err)
		}
		c.Locals(callerKey, who)
		c.Locals(stillKey, func() bool { return s.still(who) })
		return h(c, who)
	}
	app.Add(method, path, guarded)
	if method == fiber.MethodGet {
		app.Add(fiber.MethodHead, path, guarded)
	}
}

// reads reports whether the request changes nothing.
func reads(c *fiber.Ctx) bool {
	return c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
}

// identify finds the caller and whether the row lets him in.
func (s *Server) identify(c *fiber.Ctx, rule access.Rule) (caller, error) {
	who, err := s.credentials(c)
	switch {
	case err == nil && who.name != "":
	case err != nil && !errors.Is(err, access.ErrSession) && !errors.Is(err, access.ErrToken):
		return who, err
	case rule.Public:
		return caller{remote: who.remote}, nil
	case err == nil && s.o.AnonymousWall && reads(c) && rule.Allows(access.Wall):
		who.name, who.role, who.anonymous = "anonymous", access.Wall, true
	case errors.Is(err, access.ErrToken):
		return who, fault(http.StatusUnauthorized, "token_refused", "ask the administrator for another token", "the token is unknown, expired or revoked")
	default:
		return who, fault(http.StatusUnauthorized, "unauthenticated", "log in", "nobody is logged in")
	}
	if !rule.Allows(who.role) {
		return who, fault(http.StatusForbidden, "forbidden", "ask somebody who may", "role %s may not %s %s", who.role, c.Method(), rule.Path)
	}
	return who, s.limit(c, who, rule)
}

// credentials reads the token of a machine, or else the cookie of a browser;
// a cookie that is no session any more is no login. A token that is shown and
// does not stand is refused, whatever cookie comes with it.
func (s *Server) credentials(c *fiber.Ctx) (caller, error) {
	who := caller{remote: remoteOf(c)}
	// Another kind of credentials is a proxy's in front of us.
	if kind, secret, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " "); strings.EqualFold(kind, "Bearer") {
		token, err := s.o.Tokens.Check(strings.TrimSpace(secret))
		if err != nil {
			return who, err
		}
		who.name, who.role, who.token, who.uplink, who.partner, who.scope = token.Name(), token.Role, token.ID, token.Uplink, token.Partner, token.Scope
		return who, nil
	}
	session, err := s.o.Sessions.Check(c.Cookies(cookieName), true)
	if errors.Is(err, access.ErrSession) {
		return who, nil
	}
	who.name, who.role, who.session, who.scope = session.User, session.Role, session, session.Scope
	return who, err
}

// limit holds a caller whose role may to the cameras, the uplink, the partner
// and the unlocked screen that are his. It stands here, by the names of parameters, so
// that no route can forget it.
func (s *Server) limit(c *fiber.Ctx, who caller, rule access.Rule) error {
	if who.session.Locked && !rule.Locked && !rule.Allows(access.Wall) { // a locked desk is a screen
		return fault(http.StatusLocked, "session_locked", "unlock it with your password", "the desk of %s is locked", who.name)
	}
	if who.role == access.Uplink && strings.Contains(rule.Path, "/uplinks/:name") && c.Params("name") != who.uplink {
		return fault(http.StatusForbidden, "forbidden", "use the token of that uplink", "the token is for uplink %s only", who.uplink)
	}
	if who.role == access.Partner && strings.Contains(rule.Path, "/partners/:id") && c.Params("id") != who.partner {
		return fault(http.StatusForbidden, "forbidden", "use the token of that partner", "the token is for partner %s only", who.partner)
	}
	if strings.Contains(rule.Path, "/cameras/:id") && !s.sees(who, c.Params("id")) {
		return cameraForbidden(c.Params("id"))
	}
	return nil
}

// refuse counts and records a refusal; repeated ones are folded.
func (s *Server) refuse(c *fiber.Ctx, who caller, err error) error {
	p := problemOf(err)
	s.m.refused.WithLabelValues(p.Code).Inc()
	switch {
	case p.Code == "unauthenticated" && c.Route().Path != "/api/v1/session": // which a page asks to know whether to show the login
		s.looks.stranger(remoteOf(c))
	case p.Code != "unauthenticated" && p.Status < http.StatusInternalServerError:
		s.looks.refused(who, remoteOf(c), p.Code+" "+c.Method()+" "+c.Route().Path)
	}
	return p
}

// checkOrigin keeps other sites from acting in the name of who is logged in.
// SameSite=Strict does so already; this is for browsers and proxies that do
// not keep it. A client without either header is no browser.
func (s *Server) checkOrigin(c *fiber.Ctx) error {
	if reads(c) {
		return nil
	}
	refused := func(header, value string) error {
		p := fault(http.StatusForbidden, "origin_refused", "use the wall's own pages", "%s is %q: another site may not change anything here", header, clip(value, 64))
		p.Field, p.Value = header, clip(value, 64)
		return p
	}
	if site := c.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refused("Sec-Fetch-Site", site)
	}
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, string(c.Request().Host())) {
		return refused("Origin", origin)
	}
	return nil
}

// dress sets what every answer carries.
func (s *Server) dress(c *fiber.Ctx) {
	for _, header := range [][2]string{
		{"Content-Security-Policy", contentPolicy},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"X-Frame-Options", "DENY"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"},
		{"Cache-Control", "no-store"},
		{"As-Of", s.asOf(s.o.Journal.Last())},
	} {
		c.Set(header[0], header[1])
	}
}

// protect is in front of every route: the headers, and what goes without TLS.
func (s *Server) protect(c *fiber.Ctx) error {
	s.dress(c)
	switch path := c.Path(); {
	// Not c.Secure(): that believes what anybody says of a proxy in front of us.
	case c.Context().IsTLS() || s.o.Insecure || loopback(c) || path == "/healthz" || path == "/readyz" || path == "/ca.crt":
		return c.Next()
	case s.secure == nil:
		return s.refuse(c, caller{}, fault(http.StatusForbidden, "loopback_only",
			"open the wall on the box itself, set http.tls.listen, or set http.insecure: true behind a proxy that adds TLS",
			"without TLS the wall serves the box itself only; you come from %s", remoteOf(c)))
	case strings.EqualFold(c.Get(fiber.HeaderXForwardedProto), "https"): // a redirect would come back here for ever
		return s.refuse(c, caller{}, fault(http.StatusForbidden, "tls_only", "set http.insecure: true if a proxy in front adds TLS, or let it use the TLS port",
			"%s says that it speaks TLS and sends plain HTTP", remoteOf(c)))
	case reads(c):
		return c.Redirect(s.toTLS(c), http.StatusTemporaryRedirect)
	}
	// What was sent has been read by whoever listens; a redirect would hide it.
	return s.refuse(c, caller{}, fault(http.StatusForbidden, "tls_only", "use "+s.toTLS(c), "without TLS nothing is taken from %s", remoteOf(c)))
}

const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self'; connect-src 'self'; " +
	"img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:; child-src blob:; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func remoteOf(c *fiber.Ctx) string {
	addr, ok := netip.AddrFromSlice(c.Context().RemoteIP())
	if !ok {
		return ""
	}
	return addr.Unmap().String()
}

func loopback(c *fiber.Ctx) bool { return c.Context().RemoteIP().IsLoopback() }
