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
// in the journal before its first byte leaves; so is who approved, when the
// originals of masked clips go along. A bundle that could not be finished ends
// in a broken connection, never as a whole answer.
func (s *Server) evidence(c *fiber.Ctx, who caller) error {
	b := Bundle{Incident: c.Params("id"), By: who.name, Reason: strings.TrimSpace(c.Query("reason"))}
	unmask := c.Query("approval") != ""
	if b.Reason == "" && !unmask {
		return badField(http.StatusUnprocessableEntity, "field_missing", "reason", "", "why it is exported")
	}
	if len(b.Reason) > reasonMaxBytes {
		return badField(http.StatusUnprocessableEntity, "field_invalid", "reason", b.Reason, "at most 300 bytes")
	}
	incident, err := s.exportable(c, who, b.Incident)
	if err != nil {
		return err
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
	if err := s.tellExport(c, who, &b, unmask); err != nil {
		<-s.exports
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="evidence-%d-%s.zip"`, incident.Number, b.Incident))
	c.Context().SetBodyStream(s.export(b), -1)
	return nil
}

// exportable is the incident, if the caller sees all of its cameras and has
// the approval that he names.
func (s *Server) exportable(c *fiber.Ctx, who caller, id string) (*desk.Incident, error) {
	var incident *desk.Incident
	var cameras []string
	granted := c.Query("approval") == ""
	if _, err := s.view(func(state *desk.State) {
		incident, cameras = state.Incident(id), camerasOf(state, id)
		for _, a := range state.Approvals() {
			granted = granted || a.ID == c.Query("approval") && a.State == desk.ApprovalGranted && a.By == who.name && a.Subject == "incidents/"+id
		}
	}); err != nil {
		return nil, err
	}
	switch {
	case incident == nil:
		return nil, missing("incident_unknown", "incident", id)
	case !granted:
		return nil, desk.ErrApproval
	}
	for _, camera := range cameras {
		if !s.sees(who, camera) {
			return nil, cameraForbidden(camera)
		}
	}
	return incident, nil
}

// tellExport writes who takes the bundle; with originals, first that the grant
// was taken, once.
func (s *Server) tellExport(c *fiber.Ctx, who caller, b *Bundle, unmask bool) error {
	if unmask {
		taken, err := s.granted(c, who, "incidents/"+b.Incident, "")
		if err != nil {
			return err
		}
		b.Unmasked, b.Told = taken.Approval, &taken.Events[0].Event
		if b.Reason == "" {
			b.Reason = taken.Approval.Reason
		}
	}
	_, err := s.handle(desk.AccessIn{
		Kind: "exported", By: who.actor(), From: time.Now(), Remote: who.remote, Why: "evidence of incidents/" + b.Incident + ": " + b.Reason,
	})
	return err
}

// export makes the bundle while it is read.
func (s *Server) export(b Bundle) io.ReadCloser {
	ctx, cancel := context.WithCancel(s.ctx)
	from, to := io.Pipe()
	s.streams.Go(func() {
		defer func() { <-s.exports }()
		err := s.o.Evidence.Export(ctx, b, to)
		if err != nil {
			s.o.Log.Error("evidence not sent whole", "incident", b.Incident, "by", b.By, "err", err)
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
