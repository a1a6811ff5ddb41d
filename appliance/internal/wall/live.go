package wall

import (
	"context"
	"mime"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
)

const (
	mimeSDP      = "application/sdp"
	mimeFragment = "application/trickle-ice-sdpfrag"
)

func contextWithin(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(parent, d)
}

func bodyKind(c *fiber.Ctx) string {
	kind, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil {
		return ""
	}
	return kind
}

// whepOpen begins a live picture.
func (s *Server) whepOpen(c *fiber.Ctx, who caller) error {
	id, err := s.cameraOf(c)
	if err != nil {
		return err
	}
	if kind := bodyKind(c); kind != mimeSDP {
		return badField(http.StatusUnsupportedMediaType, "header_invalid", "Content-Type", kind, mimeSDP)
	}
	stream := c.Query("stream", "main")
	if stream != "main" && stream != "sub" {
		return badField(http.StatusBadRequest, "field_invalid", "stream", stream, "main or sub")
	}
	var end func()
	ctx, cancel := s.within()
	defer cancel()
	answer, err := s.live.Offer(ctx, whep.Request{
		Camera: id, Small: stream == "sub", Owner: who.owner(), Offer: c.Body(),
		Began: func() { end = s.looks.begin(who, id, "live") },
		Ended: func() { end() },
		Valid: func() bool { return s.still(who) },
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, "/api/v1/cameras/"+id+"/whep/"+answer.Session)
	c.Set(fiber.HeaderContentType, mimeSDP)
	c.Status(http.StatusCreated)
	if answer.Counter {
		c.Status(http.StatusNotAcceptable)
	}
	return c.SendString(answer.SDP)
}

// still reports whether the caller's login stands.
func (s *Server) still(who caller) bool {
	var err error
	switch {
	case who.token != "":
		_, err = s.o.Tokens.CheckID(who.token)
	case !who.anonymous:
		_, err = s.o.Sessions.CheckID(who.session.ID, false)
	}
	return err == nil
}

// whepPatch takes the viewer's answer to a counter-offer, or its candidates.
func (s *Server) whepPatch(c *fiber.Ctx, who caller) error {
	var err error
	switch kind := bodyKind(c); kind {
	case mimeSDP:
		err = s.live.PatchSDP(c.Params("session"), c.Params("id"), who.owner(), c.Body())
	case mimeFragment:
		err = s.live.PatchCandidates(c.Params("session"), c.Params("id"), who.owner(), c.Body())
	default:
		err = badField(http.StatusUnsupportedMediaType, "header_invalid", "Content-Type", kind, mimeSDP+" or "+mimeFragment)
	}
	if err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// whepClose ends a live picture.
func (s *Server) whepClose(c *fiber.Ctx, who caller) error {
	if err := s.live.End(c.Params("session"), c.Params("id"), who.owner()); err != nil {
		return err
	}
	return c.SendStatus(http.StatusOK)
}
