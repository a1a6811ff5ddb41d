package station

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// unmaskedBy is what a manifest says of who let the originals go; nil: nobody.
func unmaskedBy(b wall.Bundle) *evidence.Unmasking {
	if b.Unmasked == nil || b.Told == nil {
		return nil
	}
	return &evidence.Unmasking{
		By: b.Unmasked.By, Reason: b.Unmasked.Reason, Second: b.Unmasked.Second, Approval: b.Unmasked.ID,
		At: b.Told.RecordedTime, Event: b.Told.ID,
	}
}

// original adds the sealed original beside a masked clip, when two leads
// decided so.
func (b *caseBuilder) original(c *desk.Clip, masked evidence.Clip) {
	switch {
	case b.unmask == nil || !c.Masked:
	case b.joined(c):
		b.c.Missing = append(b.c.Missing, evidence.Missing{
			What: "original of clip " + c.ID + " part " + c.Part, Why: "its incident was merged into this one after the unmasking was asked for",
		})
	case c.Original == "":
		b.c.Missing = append(b.c.Missing, evidence.Missing{What: "original of clip " + c.ID + " part " + c.Part, Why: "none was sealed"})
	default:
		masked.Masked, masked.Original, masked.OriginalSHA256 = false, true, ""
		masked.Open = b.s.openOriginal(c)
		b.c.Clips = append(b.c.Clips, masked)
	}
}

// joined reports whether the clip came into the incident, with one that was
// merged, after the two leads spoke of it: of that they have decided nothing.
func (b *caseBuilder) joined(c *desk.Clip) bool {
	id := c.ID[:min(len(c.ID), ulid.EncodedSize)]
	for range len(b.parts) {
		part := b.parts[id]
		if part == nil || part.ID == b.id { // it has left the state: that was long ago
			return false
		}
		if !part.ClosedAt.Before(b.unmask.At.Time) {
			return true
		}
		id = part.MergedInto
	}
	return false
}

// openOriginal opens the sealed original of a part: the one that the journal
// recorded, and no other.
func (s *Station) openOriginal(c *desk.Clip) evidence.Opener {
	return func(context.Context) (io.ReadSeekCloser, error) {
		r, err := s.sealedPart(c.ID, c.Camera, c.Part)
		switch {
		case errors.Is(err, media.ErrNotFound):
			return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		case err != nil:
			return nil, err
		case strings.TrimPrefix(r.SHA256, "sha256:") != strings.TrimPrefix(c.Original, "sha256:"):
			return nil, fmt.Errorf("open original of clip %s part %s: it is not the one that was sealed", c.ID, c.Part)
		}
		return os.Open(r.Path)
	}
}
