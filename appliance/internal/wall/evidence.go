package wall

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

const (
	exportsMax     = 2   // bundles at a time: each reads the journal and every clip
	reasonMaxBytes = 300 // of an export: it is kept in one line with the incident
)

// evidence sends a signed bundle of an incident. Who takes it away and why is
// in the journal before its first byte leaves. A bundle that could not be
// finished ends in a broken connection, never as a whole answer.
func (s *Server) evidence(c *fiber.Ctx, who caller) error {
	id, reason := c.Params("id"), strings.TrimSpace(c.Query("reason"))
	if reason == "" {
		return badField(http.StatusUnprocessableEntity, "field_missing", "reason", "", "why it is exported")
	}
	if len(reason) > reasonMaxBytes {
		return badField(http.StatusUnprocessableEntity, "field_invalid", "reason", reason, "at most 300 bytes")
	}
	var incident *desk.Incident
	if _, err := s.view(func(state *desk.State) { incident = state.Incident(id) }); err != nil {
		return err
	}
	if incident == nil {
		return missing("incident_unknown", "incident", id)
	}
	for _, camera := range incident.Cameras {
		if !s.sees(who, camera) {
			return cameraForbidden(camera)
		}
	}
	if c.Method() == fiber.MethodHead { // nothing leaves: a page asks first, to say in words why not
		c.Set(fiber.HeaderContentType, "application/zip")
		return c.SendStatus(http.StatusOK)
	}
	select {
	case s.exports <- struct{}{}:
	default:
		return later(fault(http.StatusServiceUnavailable, "exports_exhausted", "wait until another export has ended", "%d bundles are being made", exportsMax), 10*time.Second)
	}
	if _, err := s.handle(desk.AccessIn{
		Kind: "exported", By: who.actor(), From: time.Now(), Remote: who.remote, Why: "evidence of incidents/" + id + ": " + reason,
	}); err != nil {
		<-s.exports
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="evidence-%d-%s.zip"`, incident.Number, id))
	c.Context().SetBodyStream(s.export(id, who.name, reason), -1)
	return nil
}

// export makes the bundle while it is read.
func (s *Server) export(id, by, reason string) io.ReadCloser {
	ctx, cancel := context.WithCancel(s.ctx)
	from, to := io.Pipe()
	s.streams.Go(func() {
		defer func() { <-s.exports }()
		err := s.o.Evidence.Export(ctx, id, by, reason, to)
		if err != nil {
			s.o.Log.Error("evidence not sent whole", "incident", id, "by", by, "err", err)
		}
		to.CloseWithError(err)
	})
	return &bundle{PipeReader: from, cancel: cancel}
}

// bundle is the answer's body; the server closes it.
type bundle struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *bundle) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}
