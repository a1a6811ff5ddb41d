package wall

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// tokenAnswer is a token without its secret, which nobody can read back.
type tokenAnswer struct {
	ID      string       `json:"id"`
	Label   string       `json:"label"`
	Role    access.Role  `json:"role"`
	Uplink  string       `json:"uplink"`
	Partner string       `json:"partner"`
	Cameras []string     `json:"cameras"`
	Groups  []string     `json:"groups"`
	By      string       `json:"by"`
	Created bridge.Stamp `json:"created_at"`
	Expires bridge.Stamp `json:"expires_at"`
	Used    bridge.Stamp `json:"used_at"` // since the box started; empty: not yet
	Expired bool         `json:"expired"`
}

type tokenBody struct {
	Label   string      `json:"label"`
	Role    access.Role `json:"role"`
	Uplink  string      `json:"uplink"`
	Partner string      `json:"partner"`
	Cameras []string    `json:"cameras"`
	Groups  []string    `json:"groups"`
	Expires string      `json:"expires_at"`
}

type madeToken struct {
	AsOf   string      `json:"as_of"`
	Token  tokenAnswer `json:"token"`
	Secret string      `json:"secret"` // shown here, once
}

func (s *Server) toToken(t access.Token) tokenAnswer {
	return tokenAnswer{
		ID: t.ID, Label: t.Label, Role: t.Role, Uplink: t.Uplink, Partner: t.Partner, Cameras: full(t.Scope.Cameras), Groups: full(t.Scope.Groups), By: t.By,
		Created: bridge.At(t.CreatedAt), Expires: bridge.At(t.ExpiresAt), Used: bridge.At(s.o.Tokens.UsedAt(t.ID)), Expired: !time.Now().Before(t.ExpiresAt),
	}
}

func (s *Server) tokens(c *fiber.Ctx, _ caller) error {
	list, err := s.o.Tokens.List()
	if err != nil {
		return err
	}
	items := make([]tokenAnswer, len(list))
	for i, t := range list {
		items[i] = s.toToken(t)
	}
	return sendPage(s, c, s.o.Journal.Last(), items, func(t tokenAnswer) string { return t.ID })
}

// makeToken answers with the secret, once.
func (s *Server) makeToken(c *fiber.Ctx, who caller) error {
	var in tokenBody
	if err := readJSON(c, &in); err != nil {
		return err
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	once, err := s.once(c, who, "token", "make", in)
	if err != nil {
		return err
	}
	if once.done {
		return fault(http.StatusConflict, "secret_shown", "if it was lost, revoke the token and make another one with a new key",
			"token %s was made by the first call with this key, and its secret was shown then", clip(in.Label, 64))
	}
	expires, err := parseTime("expires_at", in.Expires, time.Time{})
	if err != nil {
		return err
	}
	if in.Uplink != "" && !slices.ContainsFunc(s.o.Devices.Uplinks(), func(u Uplink) bool { return u.Name == in.Uplink }) {
		return missing("uplink_unknown", "uplink", in.Uplink)
	}
	if in.Partner != "" && s.o.Desk.Rules().Party(in.Partner).Kind != "partner" {
		return missing("partner_unknown", "partner", in.Partner)
	}
	if err := s.knownCameras(in.Cameras); err != nil {
		return err
	}
	secret, made, err := s.o.Tokens.Create(access.Token{
		Label: in.Label, Role: in.Role, Uplink: in.Uplink, Partner: in.Partner, Scope: access.Scope{Cameras: in.Cameras, Groups: in.Groups}, By: who.name, ExpiresAt: expires,
	})
	if err != nil {
		return err
	}
	place, err := s.record(desk.AccessIn{Kind: "token", By: who.actor(), From: time.Now(), Remote: who.remote, Idempotency: once.key, Asked: once.asked,
		Why: "made " + made.Label + " (" + made.ID + "), role " + string(made.Role) + ", until " + made.ExpiresAt.Format(time.RFC3339)})
	if err != nil {
		_, undone := s.o.Tokens.Revoke(made.ID) // what is not in the journal is not given out
		return errors.Join(err, undone)
	}
	return s.answer(c, http.StatusCreated, place, madeToken{AsOf: s.asOf(place), Token: s.toToken(made), Secret: secret})
}

func (s *Server) revokeToken(c *fiber.Ctx, who caller) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	once, err := s.once(c, who, "token", "revoke", c.Params("id"))
	if err != nil {
		return err
	}
	if place := s.o.Journal.Last(); once.done {
		return s.answer(c, http.StatusOK, place, doneAnswer{AsOf: s.asOf(place)})
	}
	gone, err := s.o.Tokens.Revoke(c.Params("id"))
	if errors.Is(err, access.ErrToken) {
		return missing("token_unknown", "token", c.Params("id"))
	}
	if err != nil {
		return err
	}
	place, err := s.record(desk.AccessIn{Kind: "token", By: who.actor(), From: time.Now(), Remote: who.remote, Idempotency: once.key, Asked: once.asked, Why: "revoked " + gone.Label + " (" + gone.ID + ")"})
	if err != nil {
		return err
	}
	return s.answer(c, http.StatusOK, place, doneAnswer{AsOf: s.asOf(place)})
}

// record writes what was done into lane local and waits until it is stored.
func (s *Server) record(in desk.AccessIn) (place uint64, err error) {
	result, err := s.handle(in)
	return result.Place, err
}

func (s *Server) knownCameras(ids []string) error {
	all := s.o.Devices.Cameras()
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(c Camera) bool { return c.ID == id }) {
			return missing("camera_unknown", "camera", id)
		}
	}
	return nil
}
