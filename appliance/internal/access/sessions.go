package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Limits of sessions. A screen (roles wall and kiosk) is renewed by being
// connected and lives long; a person's ends with the shift.
const (
	idleMax           = 12 * time.Hour
	absoluteMax       = 7 * 24 * time.Hour
	screenAbsoluteMax = 90 * 24 * time.Hour
	sessionsMax       = 1000
	sessionsPerUser   = 20
	tokenBytes        = 32
	touchSaved        = time.Minute // how much of a session's last use a crash may forget
)

// ErrSession is the answer to a token that is unknown, expired, or void since
// its user was disabled or got another password.
var ErrSession = errors.New("no such session")

// Session is one login.
type Session struct {
	ID        string    `json:"id"` // SHA-256 (hex) of the token
	User      string    `json:"user"`
	Role      Role      `json:"role"`
	Serial    uint64    `json:"serial"`          // of the user when it was made
	Token     string    `json:"token,omitempty"` // id of the token that it was made from, instead of by a user
	Scope     Scope     `json:"-"`               // of the user or token, as it is now
	Locked    bool      `json:"locked,omitempty"`
	Remote    string    `json:"remote"`
	CreatedAt time.Time `json:"created_at"`
	UsedAt    time.Time `json:"used_at"`
}

// Expires is when the session ends however busy, and when it ends if nothing
// is asked until then.
func (s Session) Expires() (absolute, idle time.Time) {
	life := absoluteMax
	if s.Role.screen() {
		life = screenAbsoluteMax
	}
	return s.CreatedAt.Add(life), s.UsedAt.Add(idleMax)
}

// Sessions is the sessions file of a data directory: a restart logs nobody
// out. Only the box itself uses it.
type Sessions struct {
	path   string
	users  *Users
	tokens *Tokens
	now    func() time.Time

	mu    sync.Mutex
	byID  map[string]*Session
	dirty bool
}

// OpenSessions reads sessions.json in dir. now is the clock (nil: time.Now).
func OpenSessions(dir string, users *Users, tokens *Tokens, now func() time.Time) (*Sessions, error) {
	if now == nil {
		now = time.Now
	}
	s := &Sessions{path: filepath.Join(dir, "sessions.json"), users: users, tokens: tokens, now: now, byID: make(map[string]*Session)}
	data, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	var list []*Session
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("read %s: %w (delete it: everybody logs in again)", s.path, err)
	}
	for _, one := range list {
		s.byID[one.ID] = one
	}
	return s, nil
}

// Create makes a session for a user that was verified; the token is given out
// here only.
func (s *Sessions) Create(user User, remote string) (token string, made Session, err error) {
	return s.create(Session{User: user.Name, Role: user.Role, Serial: user.Serial, Scope: user.Scope, Remote: remote})
}

// Exchange makes a session for a machine's token that was checked: a kiosk's
// browser keeps a cookie, not the token. It ends with the token.
func (s *Sessions) Exchange(from Token, remote string) (token string, made Session, err error) {
	return s.create(Session{User: from.Name(), Role: from.Role, Token: from.ID, Scope: from.Scope, Remote: remote})
}

func (s *Sessions) create(made Session) (string, Session, error) {
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return "", Session{}, fmt.Errorf("make session: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(secret)
	now := s.now()
	made.ID, made.CreatedAt, made.UsedAt = tokenID(token), now, now
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropExpired(now)
	s.makeRoom(made.User)
	kept := made
	s.byID[made.ID] = &kept
	return token, made, s.save()
}

// Check returns the session of a token. touch renews its idle time.
func (s *Sessions) Check(token string, touch bool) (Session, error) {
	if token == "" {
		return Session{}, ErrSession
	}
	return s.CheckID(tokenID(token), touch)
}

// CheckID is Check for a session that was checked before: a stream asks with
// it whether it may go on. A screen is renewed by being connected.
func (s *Sessions) CheckID(id string, touch bool) (Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byID[id]
	if !ok {
		return Session{}, ErrSession
	}
	now := s.now()
	stands, err := s.stands(one)
	if err != nil {
		return Session{}, err
	}
	if !stands || expired(one, now) {
		delete(s.byID, id)
		s.dirty = true
		return Session{}, ErrSession
	}
	if touch || one.Role.screen() {
		s.dirty = s.dirty || now.Sub(one.UsedAt) > 0
		one.UsedAt = now
	}
	return *one, nil
}

// stands asks whether who the session was made for may still come in, and as
// what.
func (s *Sessions) stands(one *Session) (bool, error) {
	if one.Token != "" {
		token, err := s.tokens.CheckID(one.Token)
		if errors.Is(err, ErrToken) {
			return false, nil
		}
		one.Role, one.Scope = token.Role, token.Scope
		return err == nil, err
	}
	user, err := s.users.Get(one.User)
	if errors.Is(err, ErrUserUnknown) {
		return false, nil
	}
	one.Role, one.Scope = user.Role, user.Scope
	return err == nil && !user.Disabled && user.Serial == one.Serial, err
}

// Lock locks or unlocks a session's screen.
func (s *Sessions) Lock(id string, locked bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byID[id]
	if !ok {
		return ErrSession
	}
	one.Locked = locked
	return s.save()
}

// End ends one session.
func (s *Sessions) End(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byID[id]; !ok {
		return nil
	}
	delete(s.byID, id)
	return s.save()
}

// Run saves the times of last use once a minute and at the end.
func (s *Sessions) Run(ctx context.Context) error {
	tick := time.NewTicker(touchSaved)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.flush()
		case <-tick.C:
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
}

func (s *Sessions) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropExpired(s.now())
	if !s.dirty {
		return nil
	}
	return s.save()
}

func (s *Sessions) save() error {
	list := make([]*Session, 0, len(s.byID))
	for _, one := range s.byID {
		list = append(list, one)
	}
	data, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	if err := replaceFile(s.path, data); err != nil {
		return err
	}
	s.dirty = false
	return nil
}

func (s *Sessions) dropExpired(now time.Time) {
	for id, one := range s.byID {
		if expired(one, now) {
			delete(s.byID, id)
			s.dirty = true
		}
	}
}

// makeRoom ends the sessions that were unused longest: of the user, then of
// all.
func (s *Sessions) makeRoom(user string) {
	for {
		var oldest, oldestOfUser *Session
		ofUser := 0
		for _, one := range s.byID {
			if oldest == nil || one.UsedAt.Before(oldest.UsedAt) {
				oldest = one
			}
			if one.User != user {
				continue
			}
			ofUser++
			if oldestOfUser == nil || one.UsedAt.Before(oldestOfUser.UsedAt) {
				oldestOfUser = one
			}
		}
		switch {
		case ofUser >= sessionsPerUser:
			delete(s.byID, oldestOfUser.ID)
		case len(s.byID) >= sessionsMax:
			delete(s.byID, oldest.ID)
		default:
			return
		}
	}
}

func expired(s *Session, now time.Time) bool {
	absolute, idle := s.Expires()
	return now.After(absolute) || now.After(idle)
}

func tokenID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Count is how many sessions each user has.
func (s *Sessions) Count() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropExpired(s.now())
	count := make(map[string]int)
	for _, one := range s.byID {
		if ok, err := s.stands(one); ok && err == nil {
			count[one.User]++
		}
	}
	return count
}
