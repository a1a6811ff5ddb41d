package wall_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
)

func TestTwoLeadsDoItOnce(t *testing.T) {
	var done []desk.Approval
	b := newBox(t, func(o *wall.Options) {
		o.Acts = map[string]wall.Act{wall.ActErase: {
			Check: func(_ context.Context, subject string) error {
				if subject != "alarm/1" {
					return &desk.NotFoundError{What: "event", ID: subject}
				}
				return nil
			},
			Do: func(_ context.Context, a desk.Approval) error {
				done = append(done, a)
				if a.Reason == "fails" {
					return errors.New("disk full")
				}
				return nil
			},
		}}
	})
	require.NoError(t, b.users.Add("zhou", password, access.Lead))
	first_, second, operator := b.as(t, "lead"), b.as(t, "zhou"), b.as(t, "operator")
	ask := object{"act": "erase", "subject": "alarm/1", "reason": "court order 7"}
	require.Equal(t, 403, first(operator.do("POST", "/api/v1/approvals", ask)))
	require.Equal(t, 422, first(first_.do("POST", "/api/v1/approvals", object{"act": "erase", "subject": "alarm/9", "reason": "x"})))
	require.Equal(t, 422, first(first_.do("POST", "/api/v1/approvals", object{"act": "erase", "subject": "alarm/1", "reason": " "})))
	require.Equal(t, 422, first(first_.do("POST", "/api/v1/approvals", object{"act": "format", "subject": "x", "reason": "x"})))

	status, asked := first_.do("POST", "/api/v1/approvals", ask)
	require.Equal(t, 201, status, "%v", asked)
	matches(t, "ApprovalResult", asked)
	id := asked["approval"].(object)["id"].(string)
	_, again := first_.do("POST", "/api/v1/approvals", ask)
	require.Equal(t, id, again["approval"].(object)["id"], "a second click asks nothing new")
	require.Len(t, second.get("/api/v1/approvals", "ApprovalPage")["items"], 1)

	status, problem := first_.do("POST", "/api/v1/approvals/"+id+"/approve", nil)
	require.Equal(t, 403, status)
	require.Equal(t, "second_person", problem["code"])
	require.Empty(t, done)
	require.Equal(t, 200, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil)))
	require.Equal(t, 404, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil)), "once")
	require.Len(t, done, 1)
	require.Equal(t, "zhou", done[0].Second)
	require.Len(t, b.events(t, "watchpost.access.requested"), 1)
	require.Len(t, b.events(t, "watchpost.access.approved"), 1)

	_, asked = first_.do("POST", "/api/v1/approvals", object{"act": "erase", "subject": "alarm/1", "reason": "fails"})
	id = asked["approval"].(object)["id"].(string)
	require.Equal(t, 500, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil)))
	require.Len(t, b.events(t, "watchpost.access.withdrawn"), 1, "said that it was not done")
	_, asked = first_.do("POST", "/api/v1/approvals", ask)
	id = asked["approval"].(object)["id"].(string)
	require.Equal(t, 200, first(second.do("DELETE", "/api/v1/approvals/"+id, nil)), "refused")
	require.Equal(t, 404, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil)))
	require.Len(t, done, 2)

	_, asked = first_.do("POST", "/api/v1/approvals", ask)
	id = asked["approval"].(object)["id"].(string)
	require.NoError(t, b.users.Disable("lead"))
	require.Equal(t, 404, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil)), "nothing in the name of who was let go")
	require.Len(t, done, 2)
	require.Empty(t, second.get("/api/v1/approvals", "ApprovalPage")["items"])
}

// maskedClip puts a masked clip into a pressed incident.
func (b *box) maskedClip(t *testing.T, incident string) desk.Clip {
	clip := desk.Clip{
		ID: incident + "-east-1", Part: "1", Incident: incident, Camera: "east", From: bridge.At(time.Now()), To: bridge.At(time.Now()),
		SHA256: strings.Repeat("cd", 32), Original: strings.Repeat("ef", 32), Bytes: 100, Masked: true,
	}
	_, err := b.desk.Handle(t.Context(), desk.ClipIn{Clip: clip})
	require.NoError(t, err)
	return clip
}

// Nobody asks for, or approves, what is kept from his own eyes.
func TestWhoSeesAPartUnmasksNoneOfTheRest(t *testing.T) {
	b := newBox(t)
	incident := b.press(t, "1").Incident
	clip := b.maskedClip(t, incident)
	require.NoError(t, b.users.AddLimited("part", password, access.Lead, access.Scope{Cameras: []string{"west"}}))
	asking, part := b.as(t, "lead"), b.as(t, "part")
	for _, subject := range []string{"incidents/" + incident, "clips/" + clip.ID + "/1"} {
		ask := object{"act": "unmask", "subject": subject, "reason": "检察院 12"}
		status, problem := part.do("POST", "/api/v1/approvals", ask)
		require.Equal(t, []any{403, "camera_forbidden"}, []any{status, problem["code"]}, subject)
		_, asked := asking.do("POST", "/api/v1/approvals", ask)
		approve := "/api/v1/approvals/" + asked["approval"].(object)["id"].(string) + "/approve"
		require.Equal(t, 403, first(part.do("POST", approve, nil)), subject)
		require.Equal(t, 403, first(asking.do("POST", approve, object{"name": "part", "password": password})), "at the desk of who asked")
	}
	for _, a := range asking.get("/api/v1/approvals", "ApprovalPage")["items"].([]any) {
		require.Equal(t, "waiting", a.(object)["state"])
	}
	// A clip of a camera that the incident is not bound to, any more or yet.
	require.NoError(t, b.users.AddLimited("most", password, access.Lead, access.Scope{Cameras: []string{"east"}}))
	most, path := b.as(t, "most"), "/api/v1/incidents/"+incident+"/evidence.zip?reason=r"
	may := func() int {
		answer := most.raw("HEAD", path, nil)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, 200, may())
	clip.ID, clip.Camera = incident+"-west-1", "west"
	_, err := b.desk.Handle(t.Context(), desk.ClipIn{Clip: clip})
	require.NoError(t, err)
	require.Equal(t, 403, may())
}

// A bundle with originals: asked with a reason, approved by another lead (who
// may stand at the same desk), taken once, and told before its first byte.
func TestBundleWithOriginalsIsTwoLeads(t *testing.T) {
	b := newBox(t)
	incident := b.press(t, "1").Incident
	other, err := b.desk.Handle(t.Context(), desk.ReportIn{Source: "call_110", Kind: "theft", Place: "远处", By: desk.Actor{Name: "li", Role: "operator"}})
	require.NoError(t, err)
	require.NoError(t, b.users.Add("zhou", password, access.Lead))
	asking, second := b.as(t, "lead"), b.as(t, "zhou")
	ask := object{"act": "unmask", "subject": "incidents/" + incident, "reason": "检察院 12"}
	status, problem := asking.do("POST", "/api/v1/approvals", ask)
	require.Equal(t, []any{422, "subject"}, []any{status, problem["field"]}, "nothing in it is masked")
	b.maskedClip(t, incident)
	path := "/api/v1/incidents/" + incident + "/evidence.zip"
	request := func() string {
		status, asked := asking.do("POST", "/api/v1/approvals", ask)
		require.Equal(t, 201, status, "%v", asked)
		return asked["approval"].(object)["id"].(string)
	}
	approve := "/api/v1/approvals/%s/approve"

	id := request()
	require.Equal(t, 404, first(asking.do("GET", path+"?approval="+id, nil)), "not approved")
	early := asking.raw("HEAD", path+"?approval="+id, nil)
	require.NoError(t, early.Body.Close())
	require.Equal(t, 404, early.StatusCode)
	require.Equal(t, 200, first(second.do("DELETE", "/api/v1/approvals/"+id, nil)), "refused")
	require.Equal(t, 404, first(asking.do("GET", path+"?approval="+id, nil)))
	ended := second.get("/api/v1/approvals?ended=true", "ApprovalPage")["items"].([]any)
	require.Equal(t, []any{"refused", "zhou"}, []any{ended[0].(object)["state"], ended[0].(object)["second"]}, "who asked sees what became of it")

	id = request()
	at := fmt.Sprintf(approve, id)
	require.Equal(t, 401, first(asking.do("POST", at, object{"name": "zhou", "password": "wrong"})))
	require.Equal(t, 403, first(asking.do("POST", at, object{"name": "operator", "password": password})))
	require.Equal(t, 403, first(asking.do("POST", at, object{"name": "lead", "password": password})), "the same person")
	require.Equal(t, 200, first(asking.do("POST", at, object{"name": "zhou", "password": password})))
	require.Equal(t, "lead", asking.get("/api/v1/session", "Session")["name"], "the login stays whose it was")
	require.Equal(t, 404, first(second.do("GET", path+"?approval="+id, nil)), "not who asked")
	require.Equal(t, 404, first(asking.do("GET", "/api/v1/incidents/"+other.Incident+"/evidence.zip?approval="+id, nil)), "another incident")
	require.Equal(t, 200, first(asking.do("HEAD", path+"?approval="+id, nil)))
	require.Empty(t, b.events(t, "watchpost.access.unmasked"))
	answer := asking.raw("GET", path+"?approval="+id, nil)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	told := b.events(t, "watchpost.access.unmasked")
	require.Len(t, told, 1)
	require.Equal(t, "PK unmasked by lead and zhou, told as "+told[0].ID, string(text))
	require.Contains(t, exportsOf(t, b)[0], "检察院 12")
	require.Equal(t, 404, first(asking.do("GET", path+"?approval="+id, nil)), "once")
	require.Equal(t, 200, first(asking.do("GET", path+"?reason=x", nil)), "masked, as ever")
}

func TestUnmaskedOriginalLeavesOnceToWhoAsked(t *testing.T) {
	b := newBox(t)
	pressed := b.press(t, "1")
	clip := b.maskedClip(t, pressed.Incident)
	require.NoError(t, b.users.Add("zhou", password, access.Lead))
	asking, second := b.as(t, "lead"), b.as(t, "zhou")
	path := "/api/v1/clips/" + clip.ID + "/1.mp4"
	require.Equal(t, 422, first(asking.do("POST", "/api/v1/approvals", object{"act": "unmask", "subject": clip.ID + "/1", "reason": "could never be taken"})))
	status, asked := asking.do("POST", "/api/v1/approvals", object{"act": "unmask", "subject": "clips/" + clip.ID + "/1", "reason": "prosecutor's letter 12"})
	require.Equal(t, 201, status, "%v", asked)
	id := asked["approval"].(object)["id"].(string)
	require.Equal(t, 404, first(asking.do("GET", path+"?approval="+id, nil)), "not approved yet")
	require.Equal(t, 200, first(second.do("POST", "/api/v1/approvals/"+id+"/approve", nil)))
	require.Equal(t, 404, first(second.do("GET", path+"?approval="+id, nil)), "not who asked")
	require.Equal(t, 200, first(asking.do("HEAD", path+"?approval="+id, nil)), "takes nothing")
	require.Equal(t, 200, first(asking.do("POST", "/api/v1/session/lock", nil)))
	require.Equal(t, 423, first(asking.do("GET", path+"?approval="+id, nil)), "whoever sits down at a locked desk")
	require.Equal(t, 200, first(asking.do("POST", "/api/v1/session/unlock", object{"password": password})))
	answer := asking.raw("GET", path+"?approval="+id, nil)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "unmasked", string(text))
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	require.Equal(t, 404, first(asking.do("GET", path+"?approval="+id, nil)), "once")
	unmasked := b.events(t, "watchpost.access.unmasked")
	require.Len(t, unmasked, 1)
	require.Contains(t, string(unmasked[0].Data), "prosecutor's letter 12")
	require.Contains(t, string(unmasked[0].Data), "zhou")
}
