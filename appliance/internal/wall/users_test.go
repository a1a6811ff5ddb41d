package wall_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

func TestUsersAreMadeAndChangedByAnAdmin(t *testing.T) {
	b := newBox(t)
	admin := b.as(t, "admin")
	status, made := admin.do("POST", "/api/v1/users", object{"name": "李雷", "password": password, "role": "operator", "cameras": []string{"east"}})
	require.Equal(t, 201, status, "%v", made)
	matches(t, "UserAnswer", made)
	require.Equal(t, 409, first(admin.do("POST", "/api/v1/users", object{"name": "李雷", "password": password, "role": "operator"})))
	for _, bad := range []object{
		{"name": "a b", "password": password, "role": "operator"}, {"name": "x", "password": "short", "role": "operator"},
		{"name": "x", "password": password, "role": "king"}, {"name": "x", "password": password, "role": "uplink"},
	} {
		require.Equal(t, 422, first(admin.do("POST", "/api/v1/users", bad)), "%v", bad)
	}
	require.Equal(t, 404, first(admin.do("POST", "/api/v1/users", object{"name": "x", "password": password, "role": "wall", "cameras": []string{"nowhere"}})))

	li := b.as(t, "李雷")
	li.get("/api/v1/room", "Room")
	status, changed := admin.do("PATCH", "/api/v1/users/李雷", object{"role": "lead", "cameras": []string{}})
	require.Equal(t, 200, status, "%v", changed)
	require.Equal(t, "lead", changed["user"].(object)["role"])
	require.Equal(t, 401, first(li.do("GET", "/api/v1/room", nil)), "what is on the screen was made for the old role")
	li = b.as(t, "李雷")
	page := admin.get("/api/v1/users", "UserPage")
	for _, one := range page["items"].([]any) {
		require.NotContains(t, one, "hash")
		if one.(object)["name"] == "李雷" {
			require.EqualValues(t, 1, one.(object)["sessions"])
		}
	}
	require.Equal(t, 200, first(admin.do("DELETE", "/api/v1/users/李雷/sessions", nil)))
	require.Equal(t, 401, first(li.do("GET", "/api/v1/room", nil)))
	require.Equal(t, 404, first(admin.do("PATCH", "/api/v1/users/nobody", object{"disabled": true})))
	require.Equal(t, 422, first(admin.do("PATCH", "/api/v1/users/李雷", object{})))
	status, problem := admin.do("PATCH", "/api/v1/users/admin", object{"disabled": true})
	require.Equal(t, 409, status)
	require.Equal(t, "last_admin", problem["code"])
	require.Len(t, b.events(t, "watchpost.access.user"), 3)
}

func TestOwnPassword(t *testing.T) {
	b := newBox(t)
	c, elsewhere := b.as(t, "operator"), b.as(t, "operator")
	require.Equal(t, 401, first(c.do("POST", "/api/v1/session/password", object{"password": "wrong horse", "new_password": "battery staple"})))
	require.Equal(t, 422, first(c.do("POST", "/api/v1/session/password", object{"password": password, "new_password": "short"})))
	require.Equal(t, 200, first(c.do("POST", "/api/v1/session/password", object{"password": password, "new_password": "battery staple"})))
	c.get("/api/v1/room", "Room")
	require.Equal(t, 401, first(elsewhere.do("GET", "/api/v1/room", nil)))
	require.Equal(t, 401, first(elsewhere.do("POST", "/api/v1/session", object{"name": "operator", "password": password})))
}

func TestDisabledUserLosesHisStreamsAtOnce(t *testing.T) {
	b := newBox(t)
	c, admin := b.as(t, "operator"), b.as(t, "admin")
	stream := c.listen("")
	stream.any(t)
	require.Equal(t, 200, first(admin.do("PATCH", "/api/v1/users/operator", object{"disabled": true})))
	for range stream.events { // until the box ends it: the test would hang here
	}
	require.Equal(t, 401, first(c.do("GET", "/api/v1/room", nil)))
}

func TestSetupLinkMakesTheFirstAdminOnce(t *testing.T) {
	dir := t.TempDir()
	users, err := access.OpenUsers(dir, cheap())
	require.NoError(t, err)
	setup := access.NewSetup(users)
	tokens, err := access.OpenTokens(dir, nil)
	require.NoError(t, err)
	sessions, err := access.OpenSessions(dir, users, tokens, nil)
	require.NoError(t, err)
	b := newBox(t, func(o *wall.Options) { o.Users, o.Sessions, o.Setup = users, sessions, setup })
	c := b.as(t, "")
	require.Equal(t, true, c.get("/api/v1/setup", "SetupNeeded")["needed"])
	secret, err := setup.Needed()
	require.NoError(t, err)
	status, problem := c.do("POST", "/api/v1/setup", object{"secret": "guessed", "name": "root", "password": password})
	require.Equal(t, 403, status)
	require.Equal(t, "setup_refused", problem["code"])
	require.Equal(t, 422, first(c.do("POST", "/api/v1/setup", object{"secret": secret, "name": "chief", "password": "short"})))
	want, key := object{"secret": secret, "name": "chief", "password": password}, with("Idempotency-Key", "s1")
	status, session := c.do("POST", "/api/v1/setup", want, key)
	require.Equal(t, 200, status, "%v", session)
	require.Equal(t, "admin", session["role"])
	c.get("/api/v1/users", "UserPage")
	status, problem = b.as(t, "").do("POST", "/api/v1/setup", object{"secret": secret, "name": "second", "password": password})
	require.Equal(t, 409, status)
	require.Equal(t, "setup_done", problem["code"])
	again := b.as(t, "") // whose answer was lost
	status, session = again.do("POST", "/api/v1/setup", want, key)
	require.Equal(t, []any{200, "admin"}, []any{status, session["role"]})
	again.get("/api/v1/users", "UserPage")
	require.Equal(t, 401, first(b.as(t, "").do("POST", "/api/v1/setup", object{"secret": secret, "name": "chief", "password": "battery staple"}, key)), "it is a login")
	require.NoError(t, users.Add("other", password, access.Admin))
	off := true
	require.NoError(t, users.Change("chief", access.Change{Disabled: &off}))
	require.Equal(t, 401, first(b.as(t, "").do("POST", "/api/v1/setup", want, key)), "and no way round being disabled")
	require.Equal(t, false, c.get("/api/v1/setup", "SetupNeeded")["needed"])
}

func TestDisabledUserLosesHisDownloadAtOnce(t *testing.T) {
	b := newBox(t)
	b.station.set(func(s *station) { s.clip = make([]byte, 256<<20) }) // more than any socket buffer
	c := b.as(t, "operator")
	answer := c.raw("GET", "/api/v1/cameras/east/clip.mp4?from=2026-01-01T00:00:00Z&to=2026-01-01T00:10:00Z", nil)
	defer answer.Body.Close()
	require.NoError(t, b.users.Disable("operator"))
	tick := time.NewTicker(20 * time.Millisecond) // slower than loopback, so that it lasts
	defer tick.Stop()
	taken, piece := 0, make([]byte, 1<<20)
	var err error
	for err == nil {
		var n int
		n, err = io.ReadFull(answer.Body, piece)
		taken += n
		<-tick.C
	}
	require.Less(t, taken, 256<<20)
	require.NotErrorIs(t, err, io.EOF, "the connection breaks: it is not the whole")
}

// What the wall has told of a user is not told again by who watches the file.
func TestWallTellsOfItsOwnChanges(t *testing.T) {
	b := newBox(t)
	dir := t.TempDir()
	told, err := access.OpenTold(dir, b.users)
	require.NoError(t, err)
	require.Equal(t, 201, first(b.as(t, "admin").do("POST", "/api/v1/users", object{"name": "zhao", "password": password, "role": "operator"})))
	require.NoError(t, told.Tell(func(name, _ string) error {
		require.NotEqual(t, "zhao", name)
		return nil
	}))
	known, err := os.ReadFile(filepath.Join(dir, "users.told.json"))
	require.NoError(t, err)
	require.Contains(t, string(known), "zhao")
}
