package wall_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// Who leaves signs in his login, who comes with his password at the same desk;
// what both signed is to be had whole for as long as the journal has it.
func TestHandoverOverHTTP(t *testing.T) {
	b := newBox(t)
	require.NoError(t, b.users.Add("zhao", password, access.Operator))
	require.NoError(t, b.users.AddLimited("part", password, access.Lead, access.Scope{Cameras: []string{"east"}}))
	pressed := b.press(t, "1")
	li := b.as(t, "operator")
	require.Equal(t, 200, first(li.do("POST", "/api/v1/incidents/"+pressed.Incident+"/claim", object{})))
	now := li.get("/api/v1/handover", "HandoverNow")
	require.Nil(t, now["open"])
	require.EqualValues(t, 1, now["claimed"])
	require.EqualValues(t, 1, now["now"].(object)["counts"].(object)["incidents"])
	require.NotEmpty(t, now["now"].(object)["uplinks"])
	status, problem := b.as(t, "part").do("GET", "/api/v1/handover", nil)
	require.Equal(t, []any{403, "handover_limited"}, []any{status, problem["code"]})
	require.Equal(t, 403, first(b.as(t, "part").do("POST", "/api/v1/handover", object{"note": "x"})))

	status, made := li.do("POST", "/api/v1/handover", object{"note": "东门坏了", "pass_claims": true})
	require.Equal(t, 201, status, "%v", made)
	matches(t, "HandoverOpen", made)
	open := made["handover"].(object)
	take, sum := "/api/v1/handover/"+open["id"].(string)+"/take", open["sha256"]
	require.Equal(t, 422, first(li.do("POST", take, object{})))
	status, problem = li.do("POST", take, object{"sha256": sum})
	require.Equal(t, []any{403, "second_person"}, []any{status, problem["code"]})
	require.Equal(t, 409, first(li.do("POST", take, object{"sha256": "00", "name": "zhao", "password": password})), "another page")
	require.Equal(t, 401, first(li.do("POST", take, object{"sha256": sum, "name": "zhao", "password": "guess"})))
	require.Equal(t, 403, first(li.do("POST", take, object{"sha256": sum, "name": "part", "password": password})))
	back := "/api/v1/handover/" + open["id"].(string) + "/withdraw"
	require.Equal(t, 403, first(b.as(t, "part").do("POST", back, object{"reason": "x"})))
	require.Equal(t, 403, first(b.as(t, "zhao").do("POST", back, object{"reason": "x"})))
	require.Equal(t, 404, first(li.do("POST", "/api/v1/handover/none/withdraw", object{"reason": "x"})))
	status, problem = li.do("POST", back, object{})
	require.Equal(t, []any{422, "reason"}, []any{status, problem["field"]})
	for range 2 {
		status, done := li.do("POST", back, object{"reason": "接班人未到"}, with("Idempotency-Key", "w"))
		require.Equal(t, 200, status, "%v", done)
		matches(t, "Done", done)
	}
	require.Equal(t, 404, first(b.as(t, "zhao").do("POST", take, object{"sha256": sum})))
	_, made = li.do("POST", "/api/v1/handover", object{"note": "东门坏了", "pass_claims": true})
	open = made["handover"].(object)
	take, sum = "/api/v1/handover/"+open["id"].(string)+"/take", open["sha256"]
	status, signed := li.do("POST", take, object{"sha256": sum, "name": "zhao", "password": password})
	require.Equal(t, 200, status, "%v", signed)
	matches(t, "HandoverPaper", signed)
	require.Equal(t, "zhao", signed["handover"].(object)["incoming"].(object)["name"])
	var claimed string
	_, err := b.desk.View(t.Context(), func(s *desk.State) { claimed = s.Incident(pressed.Incident).ClaimedBy })
	require.NoError(t, err)
	require.Equal(t, "zhao", claimed)
	require.Equal(t, 404, first(li.do("GET", "/api/v1/handovers/none", nil)))
	require.Equal(t, signed["handover"], li.get("/api/v1/handovers/"+open["id"].(string), "HandoverPaper")["handover"])

	// Older ones than the state remembers come from the journal.
	for i := range 33 {
		one, other := desk.Actor{Name: "li", Role: "operator"}, desk.Actor{Name: "zhao", Role: "operator"}
		if i%2 == 0 {
			one, other = other, one
		}
		_, err := b.desk.Handle(t.Context(), desk.HandoverIn{By: one})
		require.NoError(t, err)
		var waits *desk.Handover
		_, err = b.desk.View(t.Context(), func(s *desk.State) { waits = s.Handover() })
		require.NoError(t, err)
		_, err = b.desk.Handle(t.Context(), desk.TakeOverIn{Handover: waits.ID, SHA256: waits.SHA256, By: other})
		require.NoError(t, err)
	}
	seen, path := []any{}, "/api/v1/handovers?limit=20"
	for cursor := "first"; cursor != ""; path = "/api/v1/handovers?limit=20&cursor=" + cursor {
		page := li.get(path, "HandoverDonePage")
		seen = append(seen, page["items"].([]any)...)
		cursor, _ = page["cursor"].(string)
	}
	require.Len(t, seen, 34)
	require.Equal(t, open["id"], seen[33].(object)["id"])
}

// Guessing somebody's password at the desk of another is guessing it at the
// login; from a locked desk nobody guesses.
func TestGuessingAtTheDeskOfAnother(t *testing.T) {
	b := newBox(t)
	require.NoError(t, b.users.Add("zhao", password, access.Operator))
	li := b.as(t, "operator")
	_, made := li.do("POST", "/api/v1/handover", object{})
	open := made["handover"].(object)
	take := "/api/v1/handover/" + open["id"].(string) + "/take"
	guess := object{"sha256": open["sha256"], "name": "zhao", "password": "wrong horse"}
	codes := map[any]int{}
	for range 6 {
		_, problem := li.do("POST", take, guess)
		codes[problem["code"]]++
	}
	require.Equal(t, map[any]int{"login_refused": 5, "login_limited": 1}, codes)
	guess["password"] = password
	status, problem := li.do("POST", take, guess)
	require.Equal(t, []any{429, "login_limited"}, []any{status, problem["code"]}, "not with the right one either")
	require.NotZero(t, problem["retry_after_s"])
	status, _ = b.as(t, "").do("POST", "/api/v1/session", object{"name": "zhao", "password": password})
	require.Equal(t, 429, status, "the same limit as the login's")
	require.Len(t, b.seen("refused"), 6, "each guess is told, and the limit once")
	require.NoError(t, b.users.Add("sun", password, access.Operator))
	require.Equal(t, 200, first(li.do("POST", "/api/v1/session/lock", nil)))
	status, problem = li.do("POST", take, object{"sha256": open["sha256"], "name": "sun", "password": password})
	require.Equal(t, []any{423, "session_locked"}, []any{status, problem["code"]})
}
