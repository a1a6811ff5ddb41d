package wall

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"rsc.io/qr"
)

// How phones and kiosks come to trust the box: its CA over plain HTTP, since
// they do not trust its TLS yet, and the fingerprint to compare, shown on a
// page that somebody trusts already.

type trustAnswer struct {
	AsOf        string `json:"as_of"`
	Wall        string `json:"wall"`        // by which other machines open it
	URL         string `json:"url"`         // of the CA; empty: the box has certificates of others
	Fingerprint string `json:"fingerprint"` // SHA-256 of the CA, as devices show it
}

func (s *Server) trust(c *fiber.Ctx, _ caller) error {
	place := s.o.Journal.Last()
	body := trustAnswer{AsOf: s.asOf(place), Wall: s.URL()}
	if block, _ := pem.Decode(s.o.CA); block != nil {
		sum := sha256.Sum256(block.Bytes)
		body.URL, body.Fingerprint = s.caURL(c), strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
	}
	return s.answer(c, http.StatusOK, place, body)
}

func (s *Server) caFile(c *fiber.Ctx, _ caller) error {
	if len(s.o.CA) == 0 {
		return noCA()
	}
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="watchpost-ca.crt"`)
	return sendBytes(c, "application/x-x509-ca-cert", s.o.CA)
}

// caCode is the address of the CA for a phone's camera.
func (s *Server) caCode(c *fiber.Ctx, _ caller) error {
	if len(s.o.CA) == 0 {
		return noCA()
	}
	code, err := qr.Encode(s.caURL(c), qr.M)
	if err != nil {
		return fmt.Errorf("encode address of the CA: %w", err)
	}
	const quiet = 4 // modules around it: ISO/IEC 18004, section 6.3.8
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	size := code.Size + 2*quiet
	return sendBytes(c, "image/svg+xml", fmt.Appendf(nil,
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="%s"/></svg>`,
		size, size, size, size, path.String()))
}

func noCA() error {
	return fault(http.StatusNotFound, "ca_unknown", "ask who made the certificate", "this wall has no CA of its own")
}

// caURL is where another device gets the CA: by the name that the caller used,
// or by an address of this machine when he sits at it.
func (s *Server) caURL(c *fiber.Ctx) string {
	host := hostOf(string(c.Request().Host()))
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		host = ownAddress(host)
	}
	return "http://" + net.JoinHostPort(host, portOf(s.plain.Addr())) + "/ca.crt"
}

// toTLS is the address of the same page with TLS.
func (s *Server) toTLS(c *fiber.Ctx) string {
	base := strings.TrimSuffix(s.o.PublicURL, "/")
	if base == "" {
		base = "https://" + net.JoinHostPort(hostOf(string(c.Request().Host())), portOf(s.secure.Addr()))
	}
	return base + c.OriginalURL()
}

func hostOf(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	return strings.Trim(host, "[]")
}

func portOf(a net.Addr) string {
	_, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return ""
	}
	return port
}

// ownAddress is an address of this machine that others can reach; fallback
// when it has none.
func ownAddress(fallback string) string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return fallback
	}
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	return fallback
}

// URL is where a browser opens the wall; after Open.
func (s *Server) URL() string {
	switch {
	case s.o.PublicURL != "":
		return strings.TrimSuffix(s.o.PublicURL, "/")
	case s.secure == nil:
		return "http://" + net.JoinHostPort(reachable(s.plain.Addr()), portOf(s.plain.Addr()))
	}
	return "https://" + net.JoinHostPort(reachable(s.secure.Addr()), portOf(s.secure.Addr()))
}

// reachable is a host by which a listener is reached.
func reachable(a net.Addr) string {
	host := hostOf(a.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		return ownAddress("127.0.0.1")
	}
	return host
}
