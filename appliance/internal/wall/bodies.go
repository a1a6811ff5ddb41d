package wall

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/watchpost-edge/watchpost/appliance/internal/picture"
)

// How large bodies are read: no route takes more than bodyMaxBytes but that of
// pictures, and that only from who may bring one, so many at a time.
const (
	picturesPath = apiV1 + "/pictures"
	largeMax     = 4                // bodies being read or drawn at a time
	largeWithin  = 60 * time.Second // for one: an officer's telephone may have a thin line
)

// large are the large bodies that are under way. One whose connection breaks
// is counted until its time is over.
type large struct {
	mu    sync.Mutex
	until []time.Time // oldest first
}

// take reports whether there is room for one more.
func (l *large) take(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.until) > 0 && !now.Before(l.until[0]) {
		l.until = l.until[1:]
	}
	if len(l.until) >= largeMax {
		return false
	}
	l.until = append(l.until, now.Add(largeWithin))
	return true
}

// done ends one; which of them does not matter.
func (l *large) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.until) > 0 {
		l.until = l.until[1:]
	}
}

// isLarge reports whether a request brings a picture that other routes would
// not take. It must say how long it is.
func isLarge(h *fasthttp.RequestHeader) bool {
	path, _, _ := bytes.Cut(h.RequestURI(), []byte("?"))
	return h.IsPost() && string(path) == picturesPath && h.ContentLength() > bodyMaxBytes
}

// admit says, before a body is read, how large it may be.
func (s *Server) admit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if !isLarge(h) || h.ContentLength() > picture.BytesMax || !s.mayBring(h) || !s.large.take(time.Now()) {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{ReadTimeout: max(largeWithin, s.o.Limits.Read), MaxRequestBodySize: picture.BytesMax}
}

// mayBring reports whether the caller's role may bring pictures; all else
// about him is asked when the body is there.
func (s *Server) mayBring(h *fasthttp.RequestHeader) bool {
	rule, known := s.table.Rule(http.MethodPost, picturesPath)
	if kind, secret, _ := strings.Cut(string(h.Peek(fiber.HeaderAuthorization)), " "); strings.EqualFold(kind, "Bearer") {
		token, err := s.o.Tokens.Check(strings.TrimSpace(secret))
		return known && err == nil && rule.Allows(token.Role)
	}
	session, err := s.o.Sessions.Check(string(h.Cookie(cookieName)), false)
	return known && err == nil && rule.Allows(session.Role)
}

// tooLarge says why a body was not read.
func (s *Server) tooLarge(h *fasthttp.RequestHeader) *problem {
	switch {
	case !isLarge(h):
		return fault(http.StatusRequestEntityTooLarge, "body_too_large", "send less", "the body is larger than %d bytes", bodyMaxBytes)
	case h.ContentLength() > picture.BytesMax:
		return pictureTooLarge(&picture.LimitError{What: "bytes", Value: h.ContentLength(), Max: picture.BytesMax})
	case !s.mayBring(h):
		return fault(http.StatusUnauthorized, "unauthenticated", "log in as somebody who may report", "nobody is logged in who may bring pictures")
	}
	return later(fault(http.StatusServiceUnavailable, "pictures_busy", "try again", "%d pictures are being taken in", largeMax), 2*time.Second)
}

// release ends a large body, whatever becomes of its request: one that got here
// was admitted, or it would not have been read.
func (s *Server) release(c *fiber.Ctx) error {
	if isLarge(&c.Request().Header) {
		defer s.large.done()
	}
	return c.Next()
}

// unpacked refuses compressed bodies: nobody knows how large they become.
func (s *Server) unpacked(c *fiber.Ctx) error {
	if packed := c.Get(fiber.HeaderContentEncoding); packed != "" && !strings.EqualFold(packed, "identity") {
		return s.refuse(c, caller{}, badField(http.StatusUnsupportedMediaType, "header_invalid", fiber.HeaderContentEncoding, packed, "none: bodies are taken as they are"))
	}
	return c.Next()
}
