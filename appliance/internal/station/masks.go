package station

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall/whep"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
	"github.com/watchpost-edge/watchpost/vision/render"
)

// A camera with masks is shown, recorded, cut and sent up as its masked
// rendition, under its own name. Its own pictures are held beside it, under a
// name that no route, list or upload knows: the sealed original of a clip
// leaves by an approved unmasking only.

const (
	sealedSuffix = "~original" // no camera's id can have it
	// renditionsPerCore leaves more than a third of the box to everything
	// else: one of a 1080p25 main stream was measured at 0.32 core
	// (vision/README.md).
	renditionsPerCore = 2
	renditionUnits    = 75 // that may wait for it: then it drops to the next key unit
	rendersAgain      = 2 * time.Second
	sealedWithin      = time.Minute // for the original of a part, before the part is told without
)

// errSealing says that the original of a part is not on the disk yet.
var errSealing = errors.New("its original is not sealed yet")

func sealed(camera string) string { return camera + sealedSuffix }

// unsealed is the camera or clip that a sealed one belongs to.
func unsealed(id string) (string, bool) {
	open := strings.Replace(id, sealedSuffix, "", 1)
	return open, open != id
}

// original is the id of the clip that the sealed pictures of a clip are in.
func original(id, camera string) string {
	at := strings.LastIndex(id, "-"+camera+"-")
	if at < 0 {
		return ""
	}
	return id[:at] + "-" + sealed(camera) + id[at+len(camera)+1:]
}

func maskPolygons(cam *config.Camera) [][]vision.Point {
	var masks [][]vision.Point
	for _, polygon := range cam.Masks {
		var points []vision.Point
		for _, p := range polygon {
			points = append(points, point(p))
		}
		masks = append(masks, points)
	}
	return masks
}

// renditionsMax is how many renditions are video; the others are stills.
func renditionsMax(c *config.Config) int {
	if c.RenditionsMax > 0 {
		return c.RenditionsMax
	}
	return renditionsPerCore * runtime.NumCPU()
}

// maskedCameras counts the renditions that there are.
func (s *Station) maskedCameras() int {
	n := 0
	for _, c := range s.cameras {
		if c.masked != nil {
			n++
		}
	}
	return n
}

// mask makes the camera's rendition, if it has masks; before counts those
// that come before it.
func (c *camera) mask(before int) error {
	masks := maskPolygons(&c.cfg)
	if len(masks) == 0 {
		return nil
	}
	l := c.station.leaves
	if l.Encoder == nil {
		return fmt.Errorf("camera %s has masks: %w: this box cannot encode H.264", c.cfg.ID, render.ErrNoMask)
	}
	c.stills = before >= renditionsMax(c.station.cfg)
	var err error
	c.masked, err = render.New(render.Config{
		Camera: ingest.CameraID(c.cfg.ID), Masks: masks, Stills: c.stills, Decoder: l.Decoder, Encoder: l.Encoder, Log: c.station.log,
	})
	if c.cfg.Audio {
		c.sound = newMaskedSound(c.cfg.Streams.Sub != "")
	}
	return err
}

// render makes the rendition as long as the station runs.
func (c *camera) render(ctx context.Context) error {
	for ctx.Err() == nil {
		reader := c.smallFeed().Subscribe(renditionUnits, key)
		err := c.masked.Run(ctx, reader)
		reader.Close()
		if err == nil {
			return nil
		}
		c.station.log.Error("no picture of a masked camera", "camera", c.cfg.ID, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(rendersAgain):
		}
	}
	return nil
}

// holdMasked holds what is shown of a masked camera.
func (c *camera) holdMasked(ctx context.Context) error {
	reader := c.maskedFeed().Subscribe(clip.FeedSize, key)
	defer reader.Close()
	return c.station.cutter.Hold(ctx, clip.Camera{
		ID: c.cfg.ID, Record: clip.Record(c.cfg.Record), PreRoll: time.Duration(c.cfg.PreRoll),
	}, reader)
}

// maskedVideo is what viewers get of a masked camera: nothing, before the
// first masked picture.
func (c *camera) maskedVideo() (whep.Video, bool) {
	gop := c.masked.GOP()
	if len(gop) == 0 || time.Since(gop[len(gop)-1].Received) >= staleAfter+time.Second {
		return whep.Video{}, false
	}
	return whep.Video{Feed: c.masked.Feed(), Params: gop[0].Params, GOP: gop}, true
}

// sealedPart is the original of a masked camera's part.
func (s *Station) sealedPart(id, camera, part string) (clip.Ready, error) {
	return s.cutter.Part(original(id, camera), part)
}

// sealedSum is the SHA-256 of the original of a part that is ready; empty for
// a camera without masks, and where there is none a minute later.
func (s *Station) sealedSum(r clip.Ready) (string, error) {
	if !s.isMasked(r.Camera) {
		return "", nil
	}
	o, err := s.sealedPart(r.ID, r.Camera, r.Part)
	switch {
	case err == nil:
		return o.SHA256, nil
	case time.Since(r.To) < sealedWithin:
		return "", fmt.Errorf("clip %s part %s: %w", r.ID, r.Part, errSealing)
	}
	s.log.Error("a masked clip has no original", "clip", r.ID, "part", r.Part, "err", err)
	return "", nil
}

// wantSealed asks for the original beside the clip of a masked camera.
func (s *Station) wantSealed(ctx context.Context, w clip.Want) error {
	if !s.isMasked(w.Camera) {
		return nil
	}
	w.Camera, w.Upload = sealed(w.Camera), false
	_, err := s.cutter.Want(ctx, w)
	return err
}

// isMasked reports whether the camera has masks.
func (s *Station) isMasked(camera string) bool {
	c := s.cameras[camera]
	return c != nil && c.masked != nil
}

// Original implements wall's files: the sealed original of a masked part.
func (s wallFiles) Original(id, part string) (wall.File, error) {
	var known *desk.Clip
	if _, err := s.desk.View(context.Background(), func(state *desk.State) { known = state.Clip(id, part) }); err != nil {
		return wall.File{}, fmt.Errorf("open original of clip %s part %s: %w", id, part, err)
	}
	if known == nil || known.Original == "" {
		return wall.File{}, fmt.Errorf("open original of clip %s part %s: %w", id, part, media.ErrNotFound)
	}
	r, err := s.sealedPart(id, known.Camera, part)
	if err == nil && r.SHA256 != known.Original {
		err = fmt.Errorf("it is not the one that was sealed: %w", media.ErrNotFound)
	}
	if err != nil {
		return wall.File{}, fmt.Errorf("open original of clip %s part %s: %w", id, part, err)
	}
	f, err := os.Open(r.Path)
	if err != nil {
		return wall.File{}, fmt.Errorf("open original of clip %s part %s: %w", id, part, err)
	}
	return wall.File{Body: f, Size: r.Bytes, ETag: r.SHA256}, nil
}

func maskCodes() []health.Code {
	return []health.Code{
		{ID: "masked_stills", Title: "masked camera is shown and recorded at one picture a second: no processor time for more", Severity: health.Info},
	}
}

func (c *camera) maskFindings() []health.Finding {
	if c.masked == nil || !c.stills {
		return nil
	}
	return []health.Finding{{Code: "masked_stills", Subject: c.cfg.ID, Text: fmt.Sprintf(
		"renditions_max is %d; more need more cores, or sub streams and a higher renditions_max", renditionsMax(c.station.cfg)), Params: said("n", renditionsMax(c.station.cfg))}}
}
