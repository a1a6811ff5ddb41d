package access

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
)

// Limits on what a users file holds.
const (
	passwordMinChars = 8   // NIST SP 800-63B, section 5.1.1
	passwordMaxBytes = 256 // argon2id's cost must not depend on the asker
	usersMax         = 1000
)

// Errors of Users.
var (
	ErrUserUnknown  = errors.New("no such user")
	ErrUserExists   = errors.New("the user exists already")
	ErrUserDisabled = errors.New("the user is disabled")
	ErrPassword     = errors.New("wrong password")
	ErrLastAdmin    = errors.New("he is the last administrator: make another one first")
)

// User is one line of the users file.
type User struct {
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Hash      string    `json:"hash"` // argon2id, PHC string
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	Scope     Scope     `json:"scope,omitzero"` // whose pictures he may see
	// Serial grows with each change of password or state: sessions made
	// under an older one are void.
	Serial uint64 `json:"serial"`
}

// Users is the users file of a data directory. The box and `watchpost user`
// may use it at the same time.
type Users struct {
	file   records[User]
	params *argon2id.Params
	dummy  string        // compared with for an unknown name, so that both take the same time
	slots  chan struct{} // hashes at the same time: each takes 64 MiB

	mu   sync.Mutex
	ours map[string]claim // by name: the newest change of this process
}

// claim is a change that this process made and tells of itself.
type claim struct {
	serial uint64
	said   bool
}

// Option changes how Users works.
type Option func(*Users)

// WithParams sets the cost of argon2id.
func WithParams(p argon2id.Params) Option { return func(u *Users) { u.params = &p } }

// OpenUsers reads users.json in dir; a missing file is no users.
func OpenUsers(dir string, options ...Option) (*Users, error) {
	u := &Users{
		// RFC 9106, section 4, second recommended option.
		params: &argon2id.Params{Memory: 64 * 1024, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32},
		slots:  make(chan struct{}, 2),
		ours:   make(map[string]claim),
	}
	for _, option := range options {
		option(u)
	}
	dummy, err := argon2id.CreateHash("nobody", u.params)
	if err != nil {
		return nil, fmt.Errorf("hash password: %w", err)
	}
	u.dummy = dummy
	u.file.path = filepath.Join(dir, "users.json")
	return u, u.file.read(func([]User) {})
}

// List returns all users, sorted by name.
func (u *Users) List() (all []User, err error) {
	err = u.file.read(func(list []User) { all = slices.Clone(list) })
	return all, err
}

// Get returns one user.
func (u *Users) Get(name string) (user User, err error) {
	known := false
	err = u.file.read(func(list []User) {
		if i := indexUser(list, name); i >= 0 {
			user, known = list[i], true
		}
	})
	if err == nil && !known {
		err = fmt.Errorf("user %s: %w", name, ErrUserUnknown)
	}
	return user, err
}

// Add makes a user who sees every camera.
func (u *Users) Add(name, password string, role Role) error {
	return u.AddLimited(name, password, role, Scope{})
}

// AddLimited makes a user who sees what is in the scope.
func (u *Users) AddLimited(name, password string, role Role, scope Scope) error {
	return u.add(name, password, role, scope, func([]User) error { return nil })
}

// AddFirst makes the first user of all: an administrator. ErrUserExists when
// there is a user already.
func (u *Users) AddFirst(name, password string) error {
	return u.add(name, password, Admin, Scope{}, func(list []User) error {
		if len(list) > 0 {
			return fmt.Errorf("add first user %s: %w", name, ErrUserExists)
		}
		return nil
	})
}

func (u *Users) add(name, password string, role Role, scope Scope, may func([]User) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := checkPersonRole(role); err != nil {
		return err
	}
	if err := scope.check(); err != nil {
		return err
	}
	hash, err := u.hash(password)
	if err != nil {
		return err
	}
	return u.file.change(func(list []User) ([]User, error) {
		if err := may(list); err != nil {
			return nil, err
		}
		if indexUser(list, name) >= 0 {
			return nil, fmt.Errorf("add user %s: %w", name, ErrUserExists)
		}
		if len(list) >= usersMax {
			return nil, fmt.Errorf("add user %s: there are %d users already", name, usersMax)
		}
		u.claim(name, 1)
		list = append(list, User{
			Name: name, Role: role, Hash: hash, Scope: scope.clone(), CreatedAt: time.Now().UTC().Truncate(time.Second), Serial: 1,
		})
		slices.SortFunc(list, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
		return list, nil
	})
}

// Change is what to change of a user; nil stays as it is.
type Change struct {
	Role     *Role
	Scope    *Scope
	Disabled *bool
	Password *string
}

// Change changes a user and ends all sessions, also those of a user whose
// rights grow: what is on a screen was made for the old ones. The last
// administrator who is let in stays one.
func (u *Users) Change(name string, c Change) error {
	if c.Role != nil {
		if err := checkPersonRole(*c.Role); err != nil {
			return err
		}
	}
	if c.Scope != nil {
		if err := c.Scope.check(); err != nil {
			return err
		}
	}
	hash := ""
	if c.Password != nil {
		var err error
		if hash, err = u.hash(*c.Password); err != nil {
			return err
		}
	}
	return u.changeUser(name, func(user *User) {
		if c.Role != nil {
			user.Role = *c.Role
		}
		if c.Scope != nil {
			user.Scope = c.Scope.clone()
		}
		if c.Disabled != nil {
			user.Disabled = *c.Disabled
		}
		if hash != "" {
			user.Hash = hash
		}
	}, keepAdmin)
}

// EndSessions ends all sessions of a user.
func (u *Users) EndSessions(name string) error {
	return u.changeUser(name, func(*User) {}, nil)
}

// Passwd sets a user's password, enables the user and ends all sessions.
func (u *Users) Passwd(name, password string) error {
	hash, err := u.hash(password)
	if err != nil {
		return err
	}
	return u.changeUser(name, func(user *User) { user.Hash, user.Disabled = hash, false }, nil)
}

// Disable lets the user in no more and ends all sessions.
func (u *Users) Disable(name string) error {
	return u.changeUser(name, func(user *User) { user.Disabled = true }, nil)
}

// Verify checks a password. It takes as long for an unknown user.
func (u *Users) Verify(name, password string) (User, error) {
	user, err := u.Get(name)
	if err != nil && !errors.Is(err, ErrUserUnknown) {
		return User{}, err
	}
	hash := u.dummy
	if err == nil {
		hash = user.Hash
	}
	if len(password) > passwordMaxBytes {
		return User{}, fmt.Errorf("log in %s: %w", name, ErrPassword)
	}
	u.slots <- struct{}{}
	match, compareErr := argon2id.ComparePasswordAndHash(password, hash)
	<-u.slots
	switch {
	case err != nil:
		return User{}, fmt.Errorf("log in %s: %w", name, ErrUserUnknown)
	case compareErr != nil:
		return User{}, fmt.Errorf("log in %s: %w", name, compareErr)
	case !match:
		return User{}, fmt.Errorf("log in %s: %w", name, ErrPassword)
	case user.Disabled:
		return User{}, fmt.Errorf("log in %s: %w", name, ErrUserDisabled)
	}
	return user, nil
}

func (u *Users) hash(password string) (string, error) {
	if len([]rune(password)) < passwordMinChars || len(password) > passwordMaxBytes {
		return "", &FieldError{"password", "", fmt.Sprintf("%d characters or more and at most %d bytes", passwordMinChars, passwordMaxBytes)}
	}
	hash, err := argon2id.CreateHash(password, u.params)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// changeUser edits one user; may looks at what comes of it (nil: it may).
func (u *Users) changeUser(name string, edit func(*User), may func(list []User) error) error {
	return u.file.change(func(list []User) ([]User, error) {
		i := indexUser(list, name)
		if i < 0 {
			return nil, fmt.Errorf("change user %s: %w", name, ErrUserUnknown)
		}
		list = slices.Clone(list)
		edit(&list[i])
		list[i].Serial++
		if may != nil {
			if err := may(list); err != nil {
				return nil, fmt.Errorf("change user %s: %w", name, err)
			}
		}
		u.claim(name, list[i].Serial)
		return list, nil
	})
}

func (u *Users) claim(name string, serial uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ours[name] = claim{serial: serial}
}

// Said ends the telling of this process' newest change of a user: it is in the
// journal, or it could not be written there and Told tells of it.
func (u *Users) Said(name string, written bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	one := u.ours[name]
	if one.said = true; !written {
		one.serial = 0
	}
	u.ours[name] = one
}

// own reports whether this process made the user's newest change, and whether
// it has told of it.
func (u *Users) own(name string, serial uint64) (own, said bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	one := u.ours[name]
	return one.serial == serial, one.said
}

// keepAdmin refuses to lock everybody out of the users page.
func keepAdmin(list []User) error {
	if slices.ContainsFunc(list, func(u User) bool { return u.Role == Admin && !u.Disabled }) {
		return nil
	}
	return ErrLastAdmin
}

func checkPersonRole(role Role) error {
	if _, err := ParseRole(string(role)); err != nil {
		return err
	}
	if role == Uplink || role == Partner {
		return &FieldError{"role", string(role), "a person's role: an uplink or a partner comes with a token"}
	}
	return nil
}

func indexUser(list []User, name string) int {
	return slices.IndexFunc(list, func(user User) bool { return user.Name == name })
}

// checkName keeps names printable in logs, events and file names.
func checkName(name string) error {
	if !regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$`).MatchString(name) {
		return &FieldError{"name", name, "1 to 64 letters, digits, dots, dashes"}
	}
	return nil
}
