package access_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
)

func openUsers(t *testing.T, dir string) *access.Users {
	t.Helper()
	users, err := access.OpenUsers(dir, access.WithParams(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}))
	require.NoError(t, err)
	return users
}

func openTokens(t *testing.T, dir string, c *clock) *access.Tokens {
	t.Helper()
	tokens, err := access.OpenTokens(dir, c.now)
	require.NoError(t, err)
	return tokens
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestUsersAreSeenByAnotherProcessAtOnce(t *testing.T) {
	dir := t.TempDir()
	box, tool := openUsers(t, dir), openUsers(t, dir)

	_, err := box.Verify("wang", "correct horse")
	require.ErrorIs(t, err, access.ErrUserUnknown)

	require.NoError(t, tool.Add("wang", "correct horse", access.Operator))
	require.ErrorIs(t, box.Add("wang", "correct horse", access.Lead), access.ErrUserExists)
	user, err := box.Verify("wang", "correct horse")
	require.NoError(t, err)
	require.Equal(t, access.Operator, user.Role)
	_, err = box.Verify("wang", "battery staple")
	require.ErrorIs(t, err, access.ErrPassword)

	require.NoError(t, tool.Disable("wang"))
	_, err = box.Verify("wang", "correct horse")
	require.ErrorIs(t, err, access.ErrUserDisabled)
	require.NoError(t, tool.Passwd("wang", "battery staple"))
	_, err = box.Verify("wang", "battery staple")
	require.NoError(t, err)

	text, err := os.ReadFile(filepath.Join(dir, "users.json"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "battery")
	require.Contains(t, string(text), "$argon2id$")
	info, err := os.Stat(filepath.Join(dir, "users.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestUsersRefuseWhatIsUnsafe(t *testing.T) {
	users := openUsers(t, t.TempDir())
	for name, call := range map[string]func() error{
		"short password": func() error { return users.Add("li", "1234567", access.Wall) },
		"long password":  func() error { return users.Add("li", string(make([]byte, 300)), access.Wall) },
		"no name":        func() error { return users.Add("", "correct horse", access.Wall) },
		"path as name":   func() error { return users.Add("../li", "correct horse", access.Wall) },
		"unknown role":   func() error { return users.Add("li", "correct horse", "root") },
		"unknown user":   func() error { return users.Passwd("li", "correct horse") },
	} {
		require.Error(t, call(), name)
	}
	list, err := users.List()
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestUsersTwoWritersLoseNothing(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for _, prefix := range []string{"a", "b"} {
		users := openUsers(t, dir)
		wg.Go(func() {
			for _, n := range []string{"1", "2", "3", "4", "5"} {
				if err := users.Add(prefix+n, "correct horse", access.Wall); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := openUsers(t, dir).List()
	require.NoError(t, err)
	require.Len(t, list, 10)
}

func TestUsersFileThatIsDamagedLetsNobodyIn(t *testing.T) {
	dir := t.TempDir()
	users := openUsers(t, dir)
	require.NoError(t, users.Add("wang", "correct horse", access.Lead))
	path := filepath.Join(dir, "users.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err := users.Verify("wang", "correct horse")
	require.ErrorContains(t, err, path)
}

func TestSessionsOutliveARestartAndEndWithTheUser(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	users := openUsers(t, dir)
	require.NoError(t, users.Add("wang", "correct horse", access.Operator))
	user, err := users.Verify("wang", "correct horse")
	require.NoError(t, err)
	sessions, err := access.OpenSessions(dir, users, openTokens(t, dir, c), c.now)
	require.NoError(t, err)
	token, made, err := sessions.Create(user, "127.0.0.1")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(token), 43) // 256 bits

	text, err := os.ReadFile(filepath.Join(dir, "sessions.json"))
	require.NoError(t, err)
	require.NotContains(t, string(text), token)

	again, err := access.OpenSessions(dir, users, openTokens(t, dir, c), c.now)
	require.NoError(t, err)
	got, err := again.Check(token, true)
	require.NoError(t, err)
	require.Equal(t, "wang", got.User)
	_, err = again.Check(made.ID, true)
	require.ErrorIs(t, err, access.ErrSession, "the stored hash is no token")

	require.NoError(t, users.Disable("wang"))
	_, err = again.Check(token, true)
	require.ErrorIs(t, err, access.ErrSession)
	require.NoError(t, users.Passwd("wang", "battery staple"))
	_, err = sessions.Check(token, true)
	require.ErrorIs(t, err, access.ErrSession, "a new password ends old sessions")
}

func TestSessionsExpire(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	users := openUsers(t, dir)
	require.NoError(t, users.Add("wang", "correct horse", access.Operator))
	require.NoError(t, users.Add("screen", "correct horse", access.Wall))
	sessions, err := access.OpenSessions(dir, users, openTokens(t, dir, c), c.now)
	require.NoError(t, err)
	login := func(name string) (string, access.Session) {
		user, err := users.Get(name)
		require.NoError(t, err)
		token, made, err := sessions.Create(user, "127.0.0.1")
		require.NoError(t, err)
		return token, made
	}

	idle, _ := login("wang")
	c.add(13 * time.Hour)
	_, err = sessions.Check(idle, true)
	require.ErrorIs(t, err, access.ErrSession)

	busy, _ := login("wang")
	_, screen := login("screen")
	for range 7*24/6 + 1 {
		_, err = sessions.Check(busy, true)
		require.NoError(t, err)
		_, err = sessions.CheckID(screen.ID, false)
		require.NoError(t, err, "a connected screen is not idle")
		c.add(6 * time.Hour)
	}
	_, err = sessions.Check(busy, true)
	require.ErrorIs(t, err, access.ErrSession, "absolute limit")
	_, err = sessions.CheckID(screen.ID, false)
	require.NoError(t, err)
}

func TestSessionsOfOneUserAreBounded(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	users := openUsers(t, dir)
	require.NoError(t, users.Add("wang", "correct horse", access.Operator))
	user, err := users.Get("wang")
	require.NoError(t, err)
	sessions, err := access.OpenSessions(dir, users, openTokens(t, dir, c), c.now)
	require.NoError(t, err)
	var tokens []string
	for range 25 {
		token, _, err := sessions.Create(user, "127.0.0.1")
		require.NoError(t, err)
		tokens = append(tokens, token)
		c.add(time.Second)
	}
	_, err = sessions.Check(tokens[0], true)
	require.ErrorIs(t, err, access.ErrSession)
	_, err = sessions.Check(tokens[24], true)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, sessions.Run(ctx))
}

func TestLimiterStopsGuessingWithoutLockingTheRoomOut(t *testing.T) {
	c := newClock()
	limiter := access.NewLimiter(c.now)
	for range 5 {
		require.Zero(t, limiter.Begin("wang", "10.0.0.66"))
	}
	require.Positive(t, limiter.Begin("wang", "10.0.0.66"))
	require.Zero(t, limiter.Begin("wang", "10.0.0.2"), "the room's own desk still may")
	limiter.Succeeded("wang", "10.0.0.2")

	for i := range 25 {
		limiter.Begin("name"+string(rune('a'+i)), "10.0.0.66")
	}
	require.Positive(t, limiter.Begin("li", "10.0.0.66"), "many accounts from one address")

	for i := range 200 {
		limiter.Begin("wang", "10.1.0."+string(rune('a'+i)))
	}
	require.Positive(t, limiter.Begin("wang", "10.2.0.1"), "one account from many addresses")
	require.Zero(t, limiter.Begin("wang", "10.0.0.2"), "an address it logged in from before")

	c.add(6 * time.Minute)
	require.Zero(t, limiter.Begin("wang", "10.0.0.66"))
}

func TestTableDeniesByDefault(t *testing.T) {
	table := access.DefaultTable()
	_, ok := table.Rule("POST", "/api/v1/nothing")
	require.False(t, ok)
	for _, rule := range table.Rules() {
		if rule.Public {
			continue
		}
		require.NotEmpty(t, rule.Roles, rule.Path)
		if rule.Path != "/api/v1/session" && rule.Path != "/api/v1/partners/:id/replies" {
			require.False(t, rule.Allows(access.Partner), rule.Path)
		}
		if rule.Path != "/api/v1/session" && !strings.HasPrefix(rule.Path, "/api/v1/uplinks/:name/") {
			require.False(t, rule.Allows(access.Uplink), rule.Path)
		}
	}
	head, ok := table.Rule("HEAD", "/api/v1/room")
	require.True(t, ok)
	require.True(t, head.Allows(access.Wall))
	journal, ok := table.Rule("GET", "/api/v1/journal")
	require.True(t, ok)
	require.False(t, journal.Allows(access.Operator))
}
