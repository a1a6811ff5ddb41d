package wall

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// Limits of what is cut or read at a time.
const (
	trackMax = 24 * time.Hour
)

// picture is the newest picture of a camera.
func (s *Server) picture(c *fiber.Ctx, who caller) error {
	id, err := s.cameraOf(c)
	if err != nil {
		return err
	}
	defer s.looks.begin(who, id, "picture")()
	ctx, cancel := s.within()
	defer cancel()
	jpeg, err := s.o.Files.Picture(ctx, id)
	if absent(err) {
		return later(fault(http.StatusConflict, "camera_not_live", "wait until it is back", "camera %s has no picture now", id), 2*time.Second)
	}
	if err != nil {
		return fmt.Errorf("take picture of camera %s: %w", id, err)
	}
	return sendBytes(c, "image/jpeg", jpeg)
}

// snapshot is a still of a sighting or a picture of a report. Its name is its content: it never changes.
func (s *Server) snapshot(c *fiber.Ctx, who caller) error {
	hash := c.Params("sha256")
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != 32 {
		return badField(http.StatusBadRequest, "field_invalid", "sha256", hash, "64 hex digits")
	}
	jpeg, err := s.stillFor(who, hash)
	if absent(err) {
		return missing("snapshot_unknown", "snapshot", hash)
	}
	if err != nil {
		return fmt.Errorf("read snapshot %s: %w", hash, err)
	}
	defer s.looks.begin(who, "", "snapshot "+hash)()
	c.Set(fiber.HeaderCacheControl, "private, max-age=31536000, immutable")
	return sendBytes(c, "image/jpeg", jpeg)
}

func sendBytes(c *fiber.Ctx, kind string, b []byte) error {
	c.Set(fiber.HeaderContentType, kind)
	return c.Send(b)
}

// clip is a part of a clip of an incident.
func (s *Server) clip(c *fiber.Ctx, who caller) error {
	id, part := c.Params("id"), c.Params("part")
	var known *desk.Clip
	if _, err := s.view(func(state *desk.State) { known = state.Clip(id, part) }); err != nil {
		return err
	}
	if known == nil {
		return missing("clip_unknown", "clip", id+"/"+part)
	}
	if !s.sees(who, known.Camera) {
		return cameraForbidden(known.Camera)
	}
	remedy := "look at the other part, or ask headquarters"
	if known.Evicted != "" {
		remedy += ": " + known.Evicted
	}
	gone := fault(http.StatusGone, "clip_evicted", remedy, "the bytes of clip %s/%s are no longer kept", id, part)
	if known.Evicted != "" {
		return gone
	}
	open, what := s.o.Files.Clip, "clip "+id+"/"+part
	if c.Query("approval") != "" {
		if c.Method() == fiber.MethodHead { // nothing leaves: the grant stays whole
			c.Set(fiber.HeaderContentType, "video/mp4")
			return c.SendStatus(http.StatusOK)
		}
		if _, err := s.granted(c, who, "clips/"+id+"/"+part, known.Camera); err != nil {
			return err
		}
		open, what = s.o.Files.Original, "original of "+what
	}
	file, err := open(id, part)
	if absent(err) {
		return gone
	}
	if err != nil {
		return fmt.Errorf("open clip %s/%s: %w", id, part, err)
	}
	end := s.looks.begin(who, known.Camera, what)
	if c.Query("approval") == "" {
		c.Set(fiber.HeaderCacheControl, "private, max-age=86400")
	}
	return sendFile(c, file, end)
}

// track is where a drone was.
func (s *Server) track(c *fiber.Ctx, _ caller) error {
	id := c.Params("id")
	if !slices.ContainsFunc(s.o.Devices.Drones(), func(d Drone) bool { return d.ID == id }) {
		return missing("drone_unknown", "drone", id)
	}
	from, to, err := interval(c, time.Now().Add(-time.Hour), time.Now(), trackMax)
	if err != nil {
		return err
	}
	points, err := s.o.Files.Track(id, from, to)
	if err != nil && !absent(err) {
		return fmt.Errorf("read track of drone %s: %w", id, err)
	}
	place := s.o.Journal.Last()
	return s.answer(c, http.StatusOK, place, trackAnswer{AsOf: s.asOf(place), Drone: id, From: bridge.At(from), To: bridge.At(to), Points: full(points)})
}

func (s *Server) cameraOf(c *fiber.Ctx) (string, error) {
	id := c.Params("id")
	if !slices.ContainsFunc(s.o.Devices.Cameras(), func(one Camera) bool { return one.ID == id }) {
		return "", missing("camera_unknown", "camera", id)
	}
	return id, nil
}

func interval(c *fiber.Ctx, from, to time.Time, longest time.Duration) (time.Time, time.Time, error) {
	for field, into := range map[string]*time.Time{"from": &from, "to": &to} {
		t, err := parseTime(field, c.Query(field), *into)
		if err != nil {
			return from, to, err
		}
		if t.IsZero() {
			return from, to, badField(http.StatusBadRequest, "field_missing", field, "", "a time as RFC 3339")
		}
		*into = t
	}
	if d := to.Sub(from); d <= 0 || d > longest {
		return from, to, badField(http.StatusUnprocessableEntity, "field_invalid", "to", c.Query("to"), "a time after from, at most "+longest.String()+" later")
	}
	return from, to, nil
}

// sendFile sends an MP4 or the one range of it that was asked for. end is
// called when the last byte was taken.
func sendFile(c *fiber.Ctx, file File, end func()) error {
	body := &ranged{file: file, left: file.Size, end: end, asked: time.Now()}
	body.still, _ = c.Locals(stillKey).(func() bool)
	c.Set(fiber.HeaderContentType, "video/mp4")
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	tag := ""
	if file.ETag != "" {
		tag = `"` + file.ETag + `"`
		c.Set(fiber.HeaderETag, tag)
		if c.Get(fiber.HeaderIfNoneMatch) == tag {
			return errors.Join(body.Close(), c.SendStatus(http.StatusNotModified))
		}
	}
	asked := c.Get(fiber.HeaderRange)
	if condition := c.Get(fiber.HeaderIfRange); condition != "" && condition != tag {
		asked = ""
	}
	if !singleRange(asked) {
		asked = "" // several ranges, or another unit: the whole (RFC 9110, 14.2)
	}
	if asked != "" {
		first, last, err := fasthttp.ParseByteRange([]byte(asked), int(file.Size))
		if err != nil {
			c.Set(fiber.HeaderContentRange, "bytes */"+strconv.FormatInt(file.Size, 10))
			return errors.Join(badField(http.StatusRequestedRangeNotSatisfiable, "header_invalid", "Range", asked, "a range within the clip"), body.Close())
		}
		if _, err := file.Body.Seek(int64(first), io.SeekStart); err != nil {
			return errors.Join(fmt.Errorf("seek clip: %w", err), body.Close())
		}
		body.left = int64(last - first + 1)
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", first, last, file.Size))
		c.Status(http.StatusPartialContent)
	}
	c.Context().SetBodyStream(body, int(body.left))
	return nil
}

func singleRange(header string) bool {
	return regexp.MustCompile(`^bytes=(\d+-\d*|-\d+)$`).MatchString(header)
}

// ranged is a part of a file as an answer's body; the server closes it.
type ranged struct {
	file  File
	left  int64
	end   func()
	still func() bool // whether the login stands; nil: nobody is logged in
	asked time.Time
}

// stillEvery is how often a download asks whether it may go on.
const stillEvery = time.Second

func (r *ranged) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	if r.still != nil && time.Since(r.asked) >= stillEvery {
		if r.asked = time.Now(); !r.still() {
			return 0, errLoginEnded // and the connection breaks: it is not the whole
		}
	}
	n, err := r.file.Body.Read(b[:min(int64(len(b)), r.left)])
	r.left -= int64(n)
	return n, err
}

func (r *ranged) Close() error {
	r.end()
	return r.file.Body.Close()
}
