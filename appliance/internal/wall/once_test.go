package wall_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
)

// TestEveryChangeTakesAKey: each call that changes something names its key, but
// for those that cannot be repeated wrongly.
func TestEveryChangeTakesAKey(t *testing.T) {
	without := []string{
		"shown", "whepOpen", "whepPatch", "whepClose", // contracts.md
		"login", "logout", "lock", "unlock", // of one's own desk: where it stands after is what counts
		"changePassword",                                           // the old one is right once
		"downReceipts", "downReplay", "downTasks", "downIncidents", // headquarters' own ids
	}
	paths := document(t)["paths"].(object)
	require.NotEmpty(t, paths)
	for path, methods := range paths {
		for method, one := range methods.(object) {
			if !slices.Contains([]string{"post", "put", "patch", "delete"}, method) {
				continue
			}
			call, _ := one.(object)
			names := []any{}
			for _, parameter := range list(call["parameters"]) {
				names = append(names, parameter.(object)["name"])
			}
			if !slices.Contains(without, call["operationId"].(string)) {
				require.Contains(t, names, "Idempotency-Key", "%s %s", method, path)
			}
		}
	}
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

func TestUsersAreChangedOnce(t *testing.T) {
	b := newBox(t)
	admin := b.as(t, "admin")
	key := func(name string) header { return with("Idempotency-Key", name) }
	want := object{"name": "李雷", "password": password, "role": "operator"}
	for range 2 {
		status, made := admin.do("POST", "/api/v1/users", want, key("u1"))
		require.Equal(t, 201, status, "%v", made)
		matches(t, "UserAnswer", made)
	}
	for name, other := range map[string]object{
		"role": {"name": "李雷", "password": password, "role": "lead"}, "name": {"name": "韩梅梅", "password": password, "role": "operator"},
		"password": {"name": "李雷", "password": "another horse", "role": "operator"},
	} {
		status, problem := admin.do("POST", "/api/v1/users", other, key("u1"))
		require.Equal(t, 422, status, name)
		require.Equal(t, "idempotency_key", problem["field"], name)
	}
	require.Equal(t, 409, first(admin.do("POST", "/api/v1/users", want, key("u2"))), "another call")

	secret := "battery staple"
	change := object{"role": "lead", "password": secret}
	require.Equal(t, 200, first(admin.do("PATCH", "/api/v1/users/李雷", change, key("c1"))))
	require.Equal(t, 401, first(b.as(t, "").do("POST", "/api/v1/session", object{"name": "李雷", "password": password})))
	li := b.as(t, "")
	require.Equal(t, 200, first(li.do("POST", "/api/v1/session", object{"name": "李雷", "password": secret})))
	status, changed := admin.do("PATCH", "/api/v1/users/李雷", change, key("c1"))
	require.Equal(t, 200, status)
	require.Equal(t, "lead", changed["user"].(object)["role"])
	li.get("/api/v1/room", "Room") // not thrown out again
	require.Equal(t, 422, first(admin.do("PATCH", "/api/v1/users/李雷", object{"role": "lead", "password": password}, key("c1"))))
	require.Equal(t, 422, first(admin.do("PATCH", "/api/v1/users/operator", change, key("c1"))))
	require.Equal(t, 422, first(admin.do("POST", "/api/v1/tokens", object{"label": "x"}, key("c1"))), "a key is for one thing")

	require.Equal(t, 200, first(admin.do("DELETE", "/api/v1/users/李雷/sessions", nil, key("s1"))))
	require.Equal(t, 401, first(li.do("GET", "/api/v1/room", nil)))
	require.Equal(t, 200, first(li.do("POST", "/api/v1/session", object{"name": "李雷", "password": secret})))
	require.Equal(t, 200, first(admin.do("DELETE", "/api/v1/users/李雷/sessions", nil, key("s1"))))
	li.get("/api/v1/room", "Room")
	told := b.events(t, "watchpost.access.user")
	require.Len(t, told, 3)
	for _, e := range told {
		require.NotContains(t, string(e.Data), secret)
		require.NotContains(t, string(e.Data), desk.Digest([]byte(secret)))
	}
}

func TestATokenIsMadeOnce(t *testing.T) {
	b := newBox(t)
	admin := b.as(t, "admin")
	want := object{"label": "lobby", "role": "kiosk", "expires_at": time.Now().Add(24 * time.Hour).Format(time.RFC3339)}
	var mu sync.Mutex
	var wait sync.WaitGroup
	answers, codes, secrets := map[int]int{}, map[any]int{}, 0
	for range 8 { // at the same time
		wait.Go(func() {
			status, body := admin.do("POST", "/api/v1/tokens", want, with("Idempotency-Key", "t1"))
			mu.Lock()
			defer mu.Unlock()
			answers[status]++
			codes[body["code"]]++
			if body["secret"] != nil {
				secrets++
			}
		})
	}
	wait.Wait()
	require.Equal(t, map[int]int{201: 1, 409: 7}, answers)
	require.Equal(t, map[any]int{nil: 1, "secret_shown": 7}, codes)
	require.Equal(t, 1, secrets)
	tokens := admin.get("/api/v1/tokens", "TokenPage")["items"].([]any)
	require.Len(t, tokens, 1)
	other := object{"label": "hall", "role": "kiosk", "expires_at": want["expires_at"]}
	require.Equal(t, 422, first(admin.do("POST", "/api/v1/tokens", other, with("Idempotency-Key", "t1"))))
	path := "/api/v1/tokens/" + tokens[0].(object)["id"].(string)
	for range 2 {
		require.Equal(t, 200, first(admin.do("DELETE", path, nil, with("Idempotency-Key", "r1"))))
	}
	require.Equal(t, 404, first(admin.do("DELETE", path, nil, with("Idempotency-Key", "r2"))))
	require.Equal(t, 409, first(admin.do("POST", "/api/v1/tokens", want, with("Idempotency-Key", "t1"))), "not even now that it is gone")
	require.Len(t, b.events(t, "watchpost.access.token"), 2)
}

func TestTwoLeadsSayItOnce(t *testing.T) {
	did, there := 0, true
	b := newBox(t, func(o *wall.Options) {
		o.Acts = map[string]wall.Act{wall.ActErase: {
			Check: func(_ context.Context, subject string) error {
				if !there {
					return &desk.NotFoundError{What: "event", ID: subject}
				}
				return nil
			},
			Do: func(_ context.Context, a desk.Approval) error {
				if did++; strings.HasPrefix(a.Reason, "fails") {
					return errors.New("disk full")
				}
				return nil
			},
		}}
	})
	require.NoError(t, b.users.Add("zhou", password, access.Lead))
	one, second := b.as(t, "lead"), b.as(t, "zhou")
	ask := func(key, reason string, want int) string {
		status, asked := one.do("POST", "/api/v1/approvals", object{"act": "erase", "subject": "alarm/1", "reason": reason}, with("Idempotency-Key", key))
		require.Equal(t, want, status, "%v", asked)
		if want != 201 {
			return ""
		}
		return asked["approval"].(object)["id"].(string)
	}
	id := ask("a1", "court order 7", 201)
	path := "/api/v1/approvals/" + id
	for range 2 {
		status, done := second.do("POST", path+"/approve", nil, with("Idempotency-Key", "b1"))
		require.Equal(t, 200, status)
		require.Equal(t, "done", done["approval"].(object)["state"])
	}
	require.Equal(t, 1, did, "once")
	require.Equal(t, 404, first(second.do("POST", path+"/approve", nil, with("Idempotency-Key", "b2"))))
	there = false
	require.Equal(t, id, ask("a1", "court order 7", 201), "as the first, though there is nothing to erase any more")
	ask("a2", "court order 8", 422)
	there = true

	id = ask("a3", "fails", 201)
	for _, want := range []int{500, 404} {
		require.Equal(t, want, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil, with("Idempotency-Key", "b3"))))
	}
	require.Equal(t, 2, did)
	id = ask("a4", "r", 201)
	for range 2 {
		require.Equal(t, 200, first(second.do("DELETE", "/api/v1/approvals/"+id, nil, with("Idempotency-Key", "w1"))))
	}
	require.Equal(t, 422, first(second.do("DELETE", path, nil, with("Idempotency-Key", "w1"))))
	require.Equal(t, 422, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil, with("Idempotency-Key", "w1"))))
}
