package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
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
)

// User is one line of the users file.
type User struct {
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Hash      string    `json:"hash"` // argon2id, PHC string
	Disabled  bool      `json:"disabled,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	// Serial grows with each change of password or state: sessions made
	// under an older one are void.
	Serial uint64 `json:"serial"`
}

// Users is the users file of a data directory. The box and `watchpost user`
// may use it at the same time: each change is made under a lock file on what
// is on disk, and a reader sees it at its next question.
type Users struct {
	path   string
	params *argon2id.Params
	dummy  string        // compared with for an unknown name, so that both take the same time
	slots  chan struct{} // hashes at the same time: each takes 64 MiB

	mu    sync.Mutex
	seen  os.FileInfo
	users []User
}

// Option changes how Users works.
type Option func(*Users)

// WithParams sets the cost of argon2id.
func WithParams(p argon2id.Params) Option { return func(u *Users) { u.params = &p } }

// OpenUsers reads users.json in dir; a missing file is no users.
func OpenUsers(dir string, options ...Option) (*Users, error) {
	u := &Users{
		path: filepath.Join(dir, "users.json"),
		// RFC 9106, section 4, second recommended option.
		params: &argon2id.Params{Memory: 64 * 1024, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32},
		slots:  make(chan struct{}, 2),
	}
	for _, option := range options {
		option(u)
	}
	dummy, err := argon2id.CreateHash("nobody", u.params)
	if err != nil {
		return nil, fmt.Errorf("hash password: %w", err)
	}
	u.dummy = dummy
	u.mu.Lock()
	defer u.mu.Unlock()
	return u, u.refresh()
}

// List returns all users, sorted by name.
func (u *Users) List() ([]User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.refresh(); err != nil {
		return nil, err
	}
	return slices.Clone(u.users), nil
}

// Get returns one user.
func (u *Users) Get(name string) (User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.refresh(); err != nil {
		return User{}, err
	}
	if i := u.index(name); i >= 0 {
		return u.users[i], nil
	}
	return User{}, fmt.Errorf("user %s: %w", name, ErrUserUnknown)
}

// Add makes a user.
func (u *Users) Add(name, password string, role Role) error {
	if err := checkName(name); err != nil {
		return err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return err
	}
	hash, err := u.hash(password)
	if err != nil {
		return err
	}
	return u.change(func() error {
		if u.index(name) >= 0 {
			return fmt.Errorf("add user %s: %w", name, ErrUserExists)
		}
		if len(u.users) >= usersMax {
			return fmt.Errorf("add user %s: there are %d users already", name, usersMax)
		}
		u.users = append(u.users, User{Name: name, Role: role, Hash: hash, CreatedAt: time.Now().UTC().Truncate(time.Second), Serial: 1})
		slices.SortFunc(u.users, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
}

// Passwd sets a user's password, enables the user and ends all sessions.
func (u *Users) Passwd(name, password string) error {
	hash, err := u.hash(password)
	if err != nil {
		return err
	}
	return u.changeUser(name, func(user *User) { user.Hash, user.Disabled = hash, false })
}

// Disable lets the user in no more and ends all sessions.
func (u *Users) Disable(name string) error {
	return u.changeUser(name, func(user *User) { user.Disabled = true })
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
		return "", fmt.Errorf("password: want %d characters or more and at most %d bytes", passwordMinChars, passwordMaxBytes)
	}
	hash, err := argon2id.CreateHash(password, u.params)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

func (u *Users) changeUser(name string, edit func(*User)) error {
	return u.change(func() error {
		i := u.index(name)
		if i < 0 {
			return fmt.Errorf("change user %s: %w", name, ErrUserUnknown)
		}
		edit(&u.users[i])
		u.users[i].Serial++
		return nil
	})
}

// change edits what is on disk now, under the lock file.
func (u *Users) change(edit func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	lock, err := os.OpenFile(u.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock users: %w", err)
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	u.seen = nil
	if err := u.refresh(); err != nil {
		return err
	}
	if err := edit(); err != nil {
		u.seen = nil
		return err
	}
	data, err := json.MarshalIndent(u.users, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", u.path, err)
	}
	u.seen = nil // read back at the next question
	return replaceFile(u.path, append(data, '\n'))
}

// refresh reads the file if it is another one than was read last.
func (u *Users) refresh() error {
	info, err := os.Stat(u.path)
	if errors.Is(err, fs.ErrNotExist) {
		u.users, u.seen = nil, nil
		return nil
	}
	if err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	if u.seen != nil && os.SameFile(u.seen, info) && u.seen.ModTime().Equal(info.ModTime()) && u.seen.Size() == info.Size() {
		return nil
	}
	data, err := os.ReadFile(u.path)
	if err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	var users []User
	if err := json.Unmarshal(data, &users); err != nil {
		return fmt.Errorf("read %s: %w", u.path, err)
	}
	u.users, u.seen = users, info
	return nil
}

func (u *Users) index(name string) int {
	return slices.IndexFunc(u.users, func(user User) bool { return user.Name == name })
}

// checkName keeps names printable in logs, events and file names.
func checkName(name string) error {
	if !regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$`).MatchString(name) {
		return fmt.Errorf("user name %q: want 1 to 64 letters, digits, dots, dashes", name)
	}
	return nil
}
