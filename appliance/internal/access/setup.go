package access

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
)

// ErrSetup is the answer to a set-up link that is not this start's.
var ErrSetup = errors.New("the set-up link is not of this start of the box")

// Setup lets the first administrator in, with a secret that stands in the link
// which a start prints as long as there is no user. Nothing of it is on disk.
type Setup struct {
	users  *Users
	secret string
}

// NewSetup makes the secret of this start.
func NewSetup(users *Users) *Setup { return &Setup{users: users, secret: rand.Text()} }

// Needed gives the secret while there is no user; "" when there is one.
func (s *Setup) Needed() (secret string, err error) {
	list, err := s.users.List()
	if err != nil || len(list) > 0 {
		return "", err
	}
	return s.secret, nil
}

// Make makes the first administrator. It works once: ErrUserExists afterwards.
func (s *Setup) Make(secret, name, password string) error {
	if subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) != 1 {
		return fmt.Errorf("set up %s: %w", name, ErrSetup)
	}
	return s.users.AddFirst(name, password)
}
