package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of tokens.
const (
	tokensMax    = 500
	tokenLifeMax = 400 * 24 * time.Hour
	tokenIDChars = 16
	tokenPrefix  = "wp_" // so that a scan for leaked secrets finds them
)

// ErrToken is the answer to a token that is unknown, expired or revoked.
var ErrToken = errors.New("no such token")

// Token lets a machine in without a password: a kiosk's screen, a system that
// subscribes, an uplink's way down, a partner's replies. Its secret is shown once.
type Token struct {
	ID        string    `json:"id"`    // first 16 hex digits of Hash
	Label     string    `json:"label"` // what it is for; unique
	Hash      string    `json:"hash"`  // SHA-256 (hex) of the secret
	Role      Role      `json:"role"`  // wall, kiosk, uplink or partner: never a person's
	Uplink    string    `json:"uplink,omitempty"`
	Partner   string    `json:"partner,omitempty"`
	Scope     Scope     `json:"scope,omitzero"`
	By        string    `json:"by"` // who made it
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Name is how the token is called in events. No user has a name with a slash.
func (t Token) Name() string { return "token/" + t.Label }

// Machine reports whether the token is a program's that never looks: it gets no
// session and sees no pictures.
func (t Token) Machine() bool { return t.Role == Uplink || t.Role == Partner }

// TokenRoles are the roles that a token may have.
func TokenRoles() []Role { return []Role{Wall, Kiosk, Uplink, Partner} }

// Tokens is the tokens file of a data directory.
type Tokens struct {
	file records[Token]
	now  func() time.Time

	mu   sync.Mutex
	used map[string]time.Time // since the box started
}

// OpenTokens reads tokens.json in dir; a missing file is no tokens. now is the
// clock (nil: time.Now).
func OpenTokens(dir string, now func() time.Time) (*Tokens, error) {
	if now == nil {
		now = time.Now
	}
	t := &Tokens{now: now, used: make(map[string]time.Time)}
	t.file.path = filepath.Join(dir, "tokens.json")
	return t, t.file.read(func([]Token) {})
}

// Create makes a token of label, role, uplink, partner, scope, maker and expiry. The
// secret is given out here only.
func (t *Tokens) Create(want Token) (secret string, made Token, err error) {
	now := t.now().UTC().Truncate(time.Second)
	if err := want.check(now); err != nil {
		return "", Token{}, err
	}
	random := make([]byte, tokenBytes)
	if _, err := rand.Read(random); err != nil {
		return "", Token{}, fmt.Errorf("make token: %w", err)
	}
	secret = tokenPrefix + base64.RawURLEncoding.EncodeToString(random)
	hash := tokenID(secret)
	made = Token{
		ID: hash[:tokenIDChars], Label: want.Label, Hash: hash, Role: want.Role, Uplink: want.Uplink, Partner: want.Partner, Scope: want.Scope.clone(),
		By: want.By, CreatedAt: now, ExpiresAt: want.ExpiresAt.UTC().Truncate(time.Second),
	}
	err = t.file.change(func(list []Token) ([]Token, error) {
		list = slices.DeleteFunc(list, func(old Token) bool { return !now.Before(old.ExpiresAt) })
		if slices.ContainsFunc(list, func(old Token) bool { return old.Label == made.Label }) {
			return nil, &FieldError{"label", made.Label, "one that no other token has"}
		}
		if len(list) >= tokensMax {
			return nil, fmt.Errorf("make token: there are %d already: revoke some", tokensMax)
		}
		return append(list, made), nil
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, made, nil
}

func (t Token) check(now time.Time) error {
	switch {
	case checkName(t.Label) != nil:
		return &FieldError{"label", t.Label, "1 to 64 letters, digits, dots, dashes"}
	case !slices.Contains(TokenRoles(), t.Role):
		return &FieldError{"role", string(t.Role), joinRoles(TokenRoles())}
	case (t.Role == Uplink) != (t.Uplink != ""):
		return &FieldError{"uplink", t.Uplink, "the name of an uplink with role uplink, and nothing with another role"}
	case (t.Role == Partner) != (t.Partner != ""):
		return &FieldError{"partner", t.Partner, "the id of a partner with role partner, and nothing with another role"}
	case t.ExpiresAt.IsZero():
		return &FieldError{"expires_at", "", "a time within the next 400 days"}
	case !t.ExpiresAt.After(now) || t.ExpiresAt.Sub(now) > tokenLifeMax:
		return &FieldError{"expires_at", t.ExpiresAt.UTC().Format(time.RFC3339), "a time within the next 400 days"}
	case t.Machine() && !t.Scope.All():
		return &FieldError{"cameras", strings.Join(t.Scope.Cameras, ","), "nothing with role " + string(t.Role) + ": it sees no pictures"}
	}
	return t.Scope.check()
}

// Check returns the token that a secret belongs to.
func (t *Tokens) Check(secret string) (Token, error) {
	hash := tokenID(secret)
	token, err := t.CheckID(hash[:tokenIDChars])
	if err != nil {
		return Token{}, err
	}
	if subtle.ConstantTimeCompare([]byte(hash), []byte(token.Hash)) != 1 {
		return Token{}, ErrToken
	}
	t.mu.Lock()
	t.used[token.ID] = t.now()
	t.mu.Unlock()
	return token, nil
}

// CheckID is Check for a token that was checked before: whether it still
// stands.
func (t *Tokens) CheckID(id string) (found Token, err error) {
	known := false
	if err := t.file.read(func(list []Token) {
		if i := slices.IndexFunc(list, func(one Token) bool { return one.ID == id }); i >= 0 {
			found, known = list[i], true
		}
	}); err != nil {
		return Token{}, err
	}
	if !known || !t.now().Before(found.ExpiresAt) {
		return Token{}, ErrToken
	}
	return found, nil
}

// List returns all tokens, newest first.
func (t *Tokens) List() (all []Token, err error) {
	err = t.file.read(func(list []Token) { all = slices.Clone(list) })
	slices.SortStableFunc(all, func(a, b Token) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all, err
}

// UsedAt is when the token was used last since the box started; zero: not yet.
func (t *Tokens) UsedAt(id string) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used[id]
}

// Revoke ends a token, and every session that was made from it.
func (t *Tokens) Revoke(id string) (gone Token, err error) {
	err = t.file.change(func(list []Token) ([]Token, error) {
		i := slices.IndexFunc(list, func(one Token) bool { return one.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("revoke token %s: %w", id, ErrToken)
		}
		gone = list[i]
		return slices.Delete(list, i, i+1), nil
	})
	return gone, err
}
