package wall

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// keyed is a change of users or tokens under an Idempotency-Key. They are files
// of their own and the journal only tells of them, so the key goes into the
// event of the change, and is looked for before anything is done. Whoever uses
// it holds s.changes, or the same call twice at a time would be done twice.
//
// A crash between the file and the event forgets the key, not the change: the
// same call then finds that the name is taken.
type keyed struct {
	key   string // "": the caller gave none
	asked string // digest of what was asked for, without secrets
	done  bool   // under this key, before
}

// once reads the key of a call. A key is for one thing: with it, anything else
// is refused. What was asked for must hold no secret.
func (s *Server) once(c *fiber.Ctx, who caller, kind string, what ...any) (keyed, error) {
	key, err := idempotency(c)
	if err != nil || key == "" {
		return keyed{}, err
	}
	text, err := json.Marshal(what)
	if err != nil {
		return keyed{}, fmt.Errorf("write what was asked for: %w", err)
	}
	one := keyed{key: key, asked: desk.Digest(text)}
	before, found, err := s.before(desk.AccessIn{Kind: kind, By: who.actor(), Idempotency: key})
	if err != nil {
		return keyed{}, err
	}
	if one.done = found; found && !desk.Told(before.Event, kind, one.asked) {
		return keyed{}, usedKey(key)
	}
	return one, nil
}

// before is the event that was written under the input's key.
func (s *Server) before(in desk.Input) (record bridge.Record, found bool, err error) {
	for _, key := range desk.Keys(in) {
		if record, found, err = s.o.Journal.Find(key); err != nil || found {
			break
		}
	}
	if err != nil {
		err = fmt.Errorf("find what was asked for before: %w", err)
	}
	return record, found, err
}

func usedKey(key string) error {
	return badField(http.StatusUnprocessableEntity, "field_invalid", "idempotency_key", key, "a new key: this one was used for something else")
}

// samePassword refuses a repeated call that asks for another password than the
// first: no digest of one is written down, so the user's own hash tells.
func (s *Server) samePassword(key, name, password string) error {
	_, err := s.o.Users.Verify(name, password)
	if errors.Is(err, access.ErrPassword) {
		return usedKey(key)
	}
	if errors.Is(err, access.ErrUserDisabled) {
		return nil
	}
	return err
}
