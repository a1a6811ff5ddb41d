package wall

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/picture"
)

// namedMax is how many pictures of a report are looked at: the desk takes no more.
const namedMax = 16

type pictureAnswer struct {
	AsOf   string `json:"as_of"`
	SHA256 string `json:"sha256"` // of what is kept: /snapshots/{sha256}.jpg
	Width  int    `json:"width"`  // pixels
	Height int    `json:"height"`
	Bytes  int    `json:"bytes"`
}

// bringPicture takes a photograph that a report will name. It is known by what
// it shows: the same one again is the same answer, under whatever key.
func (s *Server) bringPicture(c *fiber.Ctx, who caller) error {
	if _, err := idempotency(c); err != nil {
		return err
	}
	if kind := string(c.Request().Header.ContentType()); kind != "image/jpeg" && kind != "image/png" {
		return pictureKind(kind)
	}
	drawn, err := s.draw(c.BodyRaw())
	if err != nil {
		s.m.pictures.WithLabelValues("refused").Inc()
		return err
	}
	hash, err := s.o.Files.PutPicture(who.name, drawn.JPEG)
	if errors.Is(err, media.ErrPictures) {
		s.m.pictures.WithLabelValues("full").Inc()
		return later(fault(http.StatusTooManyRequests, "pictures_waiting", "send the reports that they belong to; those of none go after "+media.PictureWaits.String(),
			"too many pictures of %s wait for a report", who.name), time.Minute)
	}
	if err != nil {
		return fmt.Errorf("keep picture: %w", err)
	}
	s.m.pictures.WithLabelValues("taken").Inc()
	place := s.o.Journal.Last()
	return s.answer(c, http.StatusCreated, place, pictureAnswer{AsOf: s.asOf(place), SHA256: hash, Width: drawn.Width, Height: drawn.Height, Bytes: len(drawn.JPEG)})
}

// draw draws a picture anew, one at a time: each may need 250 MB for a moment.
func (s *Server) draw(raw []byte) (picture.Picture, error) {
	ctx, cancel := s.within()
	defer cancel()
	select {
	case s.drawing <- struct{}{}:
		defer func() { <-s.drawing }()
	case <-ctx.Done():
		return picture.Picture{}, later(fault(http.StatusServiceUnavailable, "pictures_busy", "try again", "other pictures are being drawn"), 2*time.Second)
	}
	drawn, err := picture.Clean(raw)
	var limit *picture.LimitError
	switch {
	case errors.As(err, &limit):
		return drawn, pictureTooLarge(limit)
	case errors.Is(err, picture.ErrKind):
		return drawn, pictureKind(http.DetectContentType(raw))
	case errors.Is(err, picture.ErrBroken):
		p := fault(http.StatusUnprocessableEntity, "picture_broken", "take or save it again", "the picture %s", err.Error())
		p.Field = "picture"
		return drawn, p
	}
	return drawn, err
}

func pictureKind(kind string) *problem {
	p := fault(http.StatusUnsupportedMediaType, "picture_kind", "send a JPEG or a PNG", "the picture is %q", clip(kind, 64))
	p.Field, p.Value = "picture", clip(kind, 64)
	return p
}

// pictureTooLarge is a picture that costs too much: its bytes are, or what they
// would become.
func pictureTooLarge(limit *picture.LimitError) *problem {
	p := fault(http.StatusRequestEntityTooLarge, "picture_too_large", "send it smaller", "the picture has %s", limit.Error())
	p.Field, p.Value = "picture", strconv.Itoa(limit.Value)+" "+limit.What
	return p
}

// mayName refuses a report with a picture that is not there, or that its
// author may not see: by naming it he would show it to all who see the order.
func (s *Server) mayName(who caller, hashes []string) error {
	for _, hash := range hashes[:min(len(hashes), namedMax)] {
		if _, err := s.stillFor(who, hash); absent(err) {
			return badField(http.StatusUnprocessableEntity, "field_invalid", "pictures", hash, "a picture that you brought (POST "+picturesPath+") or see: bring it again")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// keepNamed keeps the pictures of a report that stands. What fails here is
// done by the box a minute later.
func (s *Server) keepNamed(hashes []string) {
	if len(hashes) == 0 {
		return
	}
	if err := s.o.Files.KeepPictures(hashes); err != nil {
		s.o.Log.Error("pictures of a report are not kept yet", "err", err)
	}
}

// stillFor is a still that the caller may see: one that he brought himself
// and that waits for its report, else as seesSnapshot says. Otherwise it is
// absent.
func (s *Server) stillFor(who caller, hash string) ([]byte, error) {
	if jpeg, err := s.o.Files.OwnPicture(who.name, hash); !absent(err) {
		return jpeg, err
	}
	sees, err := s.seesSnapshot(who, hash)
	if err != nil {
		return nil, err
	}
	if !sees {
		return nil, media.ErrNotFound
	}
	return s.o.Files.Snapshot(hash)
}

// seesSnapshot reports whether the caller may see a still. A picture that a
// person brought belongs to its order: who reads that sees it, whatever cameras
// are his. A camera's still is for who may see the camera; one that no alert
// names any more is of none. An officer sees only what his own orders name.
func (s *Server) seesSnapshot(who caller, hash string) (bool, error) {
	officer := who.role == access.Officer
	if who.scope.All() && !officer {
		return true, nil
	}
	brought := s.o.Files.Brought(hash)
	sees := false
	_, err := s.view(func(state *desk.State) {
		if officer || brought {
			named := slices.ContainsFunc(state.Tasks(), func(task *desk.Task) bool { return s.mayRead(who, task) && names(task, hash) })
			if sees = named; !named || brought || who.scope.All() {
				return
			}
		}
		sees = slices.ContainsFunc(state.Alerts(), func(a *desk.Alert) bool { return a.Snapshot == hash && s.sees(who, a.Device) })
	})
	return sees, err
}

// names reports whether a picture goes with the order or with a report on it.
func names(task *desk.Task, hash string) bool {
	return task.Along != nil && task.Along.Snapshot == hash || slices.Contains(task.AllPictures(), hash)
}

// brought are the pictures that people bring.
type brought interface {
	// PutPicture keeps a person's JPEG until a report names it; media.ErrPictures
	// says that too many of his wait. It returns the SHA-256 in hex.
	PutPicture(person string, jpeg []byte) (string, error)
	// OwnPicture is one of his that waits.
	OwnPicture(person, sha256 string) ([]byte, error)
	// Brought reports whether a report named the picture: Snapshot has it then.
	Brought(sha256 string) bool
	// KeepPictures keeps those that wait: a report names them.
	KeepPictures(sha256 []string) error
}
