package wall_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

func TestTokenIsShownOnceListedAndRevoked(t *testing.T) {
	b := newBox(t)
	admin := b.as(t, "admin")
	want := object{"label": "lobby", "role": "kiosk", "expires_at": time.Now().Add(24 * time.Hour).Format(time.RFC3339)}
	status, made := admin.do("POST", "/api/v1/tokens", want)
	require.Equal(t, 201, status, "%v", made)
	matches(t, "MadeToken", made)
	secret := made["secret"].(string)
	require.True(t, strings.HasPrefix(secret, "wp_"))

	kiosk := b.as(t, "")
	status, session := kiosk.do("POST", "/api/v1/session", object{"token": secret})
	require.Equal(t, 200, status, "%v", session)
	matches(t, "Session", session)
	require.Equal(t, "kiosk", session["role"])
	kiosk.get("/api/v1/room", "Room")
	api := b.as(t, "")
	api.bearer = secret
	api.get("/api/v1/room", "Room")

	list := admin.get("/api/v1/tokens", "TokenPage")["items"].([]any)
	require.Len(t, list, 1)
	require.NotContains(t, list[0], "hash")
	require.NotEmpty(t, list[0].(object)["used_at"])

	require.Equal(t, 403, first(kiosk.do("POST", "/api/v1/session/lock", nil)), "a screen has no desk")
	require.Equal(t, 200, first(admin.do("DELETE", "/api/v1/tokens/"+list[0].(object)["id"].(string), nil)))
	require.Equal(t, 401, first(kiosk.do("GET", "/api/v1/room", nil)), "the cookie ends with the token")
	status, problem := api.do("GET", "/api/v1/room", nil)
	require.Equal(t, 401, status)
	require.Equal(t, "token_refused", problem["code"])
	require.Equal(t, 401, first(b.as(t, "").do("POST", "/api/v1/session", object{"token": secret})))
	require.Len(t, b.events(t, "watchpost.access.token"), 2)
}

func TestTokenScope(t *testing.T) {
	b := newBox(t)
	admin := b.as(t, "admin")
	soon := time.Now().Add(time.Hour).Format(time.RFC3339)
	for name, bad := range map[string]object{
		"a person's role":    {"label": "a", "role": "lead", "expires_at": soon},
		"no expiry":          {"label": "a", "role": "wall"},
		"beyond 400 days":    {"label": "a", "role": "wall", "expires_at": time.Now().AddDate(2, 0, 0).Format(time.RFC3339)},
		"no uplink":          {"label": "a", "role": "uplink", "expires_at": soon},
		"another's uplink":   {"label": "a", "role": "uplink", "uplink": "nobody", "expires_at": soon},
		"an unknown camera":  {"label": "a", "role": "wall", "cameras": []string{"nowhere"}, "expires_at": soon},
		"a name with slash":  {"label": "a/b", "role": "wall", "expires_at": soon},
		"uplink with camera": {"label": "a", "role": "uplink", "uplink": "hq", "cameras": []string{"east"}, "expires_at": soon},
	} {
		status, problem := admin.do("POST", "/api/v1/tokens", bad)
		require.Contains(t, []int{404, 422}, status, "%s: %v", name, problem)
		require.NotContains(t, problem["detail"], "0001-01-01", "%s: nobody said that", name)
	}
	uplink := b.machine(t, access.Token{Label: "hq", Role: access.Uplink, Uplink: "hq"})
	require.Equal(t, 403, first(uplink.do("GET", "/api/v1/room", nil)))
	require.Equal(t, 200, first(uplink.do("GET", "/api/v1/session", nil)))
	require.Equal(t, 401, first(uplink.do("POST", "/api/v1/session", object{"token": uplink.bearer})), "no cookie for an uplink")
	other := b.as(t, "operator")
	other.bearer = "wp_wrong"
	require.Equal(t, 401, first(other.do("GET", "/api/v1/room", nil)), "a bad token is not healed by a cookie")
	require.Equal(t, 401, first(b.as(t, "").do("GET", "/api/v1/room", nil, with("Authorization", "Basic b3BlcmF0b3I6eA=="))))
}

func TestWhoMayNotSeeACameraSeesNoneOfIt(t *testing.T) {
	b := newBox(t)
	pressed := b.press(t, "1")
	clip := desk.Clip{ID: pressed.Incident + "-east-1", Part: "1", Incident: pressed.Incident, Camera: "east", From: bridge.At(time.Now()), To: bridge.At(time.Now()), SHA256: strings.Repeat("cd", 32), Bytes: 100}
	_, err := b.desk.Handle(t.Context(), desk.ClipIn{Clip: clip})
	require.NoError(t, err)
	_, err = b.desk.Handle(t.Context(), desk.BlindIn{Camera: "east", Kind: "unseen", From: time.Now(), Why: "no answer"})
	require.NoError(t, err)
	for _, role := range []access.Role{access.Operator, access.Lead} {
		require.NoError(t, b.users.AddLimited("limited-"+string(role), password, role, access.Scope{Cameras: []string{"west"}}))
	}
	c := b.as(t, "limited-operator")
	require.Equal(t, true, c.get("/api/v1/session", "Session")["limited"])
	room := c.get("/api/v1/room", "Room")
	require.Len(t, room["incidents"], 1, "the room's work is his")
	for _, key := range []string{"cameras", "clips"} {
		require.Empty(t, room[key], key)
	}
	for _, d := range room["devices"].([]any) {
		require.NotEqual(t, "east", d.(object)["id"])
	}
	require.Empty(t, c.get("/api/v1/cameras", "CameraPage")["items"])
	require.Empty(t, c.get("/api/v1/blind", "BlindPage")["items"])
	require.Empty(t, c.get("/api/v1/incidents/"+pressed.Incident, "IncidentAnswer")["clips"])
	require.Equal(t, 403, first(c.do("GET", "/api/v1/clips/"+clip.ID+"/1.mp4", nil)))
	require.Equal(t, 404, first(c.do("GET", "/api/v1/snapshots/"+strings.Repeat("ab", 32)+".jpg", nil)))
	require.Equal(t, 403, first(b.as(t, "limited-lead").do("GET", "/api/v1/incidents/"+pressed.Incident+"/evidence.zip?reason=x", nil)))
	for _, rule := range access.DefaultTable().Rules() {
		if !strings.Contains(rule.Path, "/cameras/:id") || !rule.Allows(access.Operator) {
			continue
		}
		status, problem := c.do(rule.Method, concrete(rule.Path), nil)
		require.Equal(t, 403, status, rule.Path)
		require.Equal(t, "camera_forbidden", problem["code"], rule.Path)
	}
	stream := c.listen("")
	for one := stream.any(t); ; one = stream.any(t) {
		if one.event == "state" {
			require.NotContains(t, one.data, "east")
			break
		}
	}
}

func TestWhoMaySeeAGroupSeesItsCameras(t *testing.T) {
	b := newBox(t)
	for group, sees := range map[string]int{"步行街": 200, "市场": 403} {
		c := b.machine(t, access.Token{Label: group, Role: access.Wall, Scope: access.Scope{Groups: []string{group}}})
		require.Equal(t, sees, first(c.do("GET", "/api/v1/cameras/east/snapshot.jpg", nil)), group)
	}
}

func TestLockedDeskIsAScreen(t *testing.T) {
	b := newBox(t, func(o *wall.Options) { o.IdleLock = 15 * time.Minute })
	c := b.as(t, "operator")
	require.EqualValues(t, 900, c.get("/api/v1/session", "Session")["idle_lock_s"])
	require.Equal(t, 200, first(c.do("POST", "/api/v1/session/lock", nil)))
	for _, rule := range access.DefaultTable().Rules() {
		if rule.Public || rule.Locked || rule.Allows(access.Wall) || !rule.Allows(access.Operator) {
			continue
		}
		status, problem := c.do(rule.Method, concrete(rule.Path), nil)
		require.Equal(t, 423, status, rule.Path)
		require.Equal(t, "session_locked", problem["code"])
	}
	c.get("/api/v1/room", "Room")
	require.Equal(t, true, c.get("/api/v1/session", "Session")["locked"])
	require.Equal(t, 401, first(c.do("POST", "/api/v1/session/unlock", object{"password": "wrong horse"})))
	require.Equal(t, 200, first(c.do("POST", "/api/v1/session/unlock", object{"password": password})))
	require.Equal(t, 201, first(c.do("POST", "/api/v1/incidents", object{"source": "walk_in", "kind": "theft", "place": "南口"})))
}
