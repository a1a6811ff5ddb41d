package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

// A key that was used for one thing is refused for another, and never answered
// as if that had been done.
func TestAKeyIsForOneThing(t *testing.T) {
	r := newRoom(t)
	r.configure(func(s *desk.Setup) {
		withWalk(s)
		s.Partners, s.Classes = partners()
		s.Persons = []desk.Person{{ID: "he"}, {ID: "wang"}}
	})
	r.do(desk.StartedIn{Version: "1", Boot: "b", Config: "c"})
	li := operator("li")
	_, first := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	_, second := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	for _, id := range []string{first.Incident, second.Incident} {
		r.do(desk.ActionIn{Incident: id, Verb: "claim", By: li})
	}
	_, routed := r.do(desk.RouteIn{Incident: first.Incident, Kind: "street-light", By: li, Idempotency: "route"})
	r.do(desk.TaskIn{To: "he", Note: "n", By: li, Idempotency: "task"})
	r.do(desk.DutyIn{Person: "he", On: true, Reason: "r", By: li, Idempotency: "duty"})
	_, begun := r.do(desk.BeginRoundIn{Plan: "street", By: li, Idempotency: "begin"})
	r.do(desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "gate", Seen: true, By: li, Idempotency: "see"})
	r.do(says("lights", routed.Task, desk.ReplyDone))
	r.do(desk.TaskActionIn{Task: routed.Task, Verb: "return", Reason: "r", By: li, Idempotency: "return"})
	for _, id := range []string{first.Incident, second.Incident} {
		r.do(desk.ActionIn{Incident: id, Verb: "close", Result: "resolved", Tasks: "keep", By: li})
	}
	follow := desk.ActionIn{Incident: first.Incident, Verb: "follow_up", To: "he", Note: "n", By: li, Idempotency: "follow"}
	_, visit := r.do(follow)
	_, again := r.do(follow)
	require.True(t, again.Duplicate)
	require.Equal(t, visit.Task, again.Task)

	late := says("lights", routed.Task, desk.ReplyDone)
	late.ID, late.By = "", li
	for what, in := range map[string]func(key string) desk.Input{
		"a visit after another incident": func(key string) desk.Input {
			return desk.ActionIn{Incident: second.Incident, Verb: "follow_up", To: "he", Note: "n", By: li, Idempotency: key}
		},
		"an order to somebody else": func(key string) desk.Input {
			return desk.TaskIn{To: "wang", Note: "n", By: li, Idempotency: key}
		},
		"a word on somebody else": func(key string) desk.Input {
			return desk.DutyIn{Person: "wang", On: true, Reason: "r", By: li, Idempotency: key}
		},
		"another camera": func(key string) desk.Input {
			return desk.RoundIn{Round: begun.Round, Verb: "see", Camera: "shop", Seen: true, By: li, Idempotency: key}
		},
		"a reply": func(key string) desk.Input {
			in := late
			in.Idempotency = key
			return in
		},
	} {
		for _, key := range []string{"route", "task", "duty", "begin", "see", "return", "follow"} {
			_, answer, err := r.try(in(key))
			var invalid *desk.InvalidError
			require.ErrorAs(t, err, &invalid, "%s under the key of %s", what, key)
			require.False(t, answer.Duplicate)
		}
		_, answer, err := r.try(in("its own"))
		require.NoError(t, err, what)
		require.False(t, answer.Duplicate, what)
		delete(r.m.keys, "idem/li/its own")
	}
	_, _, err := r.try(desk.RouteIn{Incident: second.Incident, Kind: "road", By: li, Idempotency: "route"})
	require.Error(t, err)
}

// Words that have lapsed are in nobody's way.
func TestLapsedWordsLeaveRoom(t *testing.T) {
	r := newRoom(t)
	r.configure(func(s *desk.Setup) {
		for i := range 2001 {
			s.Persons = append(s.Persons, desk.Person{ID: "p" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))})
		}
	})
	say := func(person string) error {
		_, _, err := r.rules.Step(r.state, r.state.Now(), [16]byte{}, desk.DutyIn{Person: person, On: true, Until: r.now.Add(time.Hour), Reason: "r", By: operator("li")}, nil)
		return err
	}
	f := &flood{t: t, rules: r.rules, state: r.state, now: r.now}
	people := r.rules.Units(r.state, r.now)
	for _, one := range people[:2000] {
		f.do(desk.DutyIn{Person: one.ID, On: true, Until: r.now.Add(time.Hour), Reason: "r", By: operator("li")})
	}
	require.ErrorContains(t, say(people[2000].ID), "too many words")
	f.now = f.now.Add(2 * time.Hour)
	f.do(desk.DutyIn{Person: people[2000].ID, On: true, Reason: "r", By: operator("li")})
	require.True(t, r.rules.PersonDuty(r.state, people[2000].ID, f.now).On)
}

// What two leads say, and what an administrator did with users and tokens, has
// its key like any other call.
func TestKeysOfApprovalsAndAccess(t *testing.T) {
	r := newRoom(t)
	chen, wu := lead("chen"), lead("wu")
	ask := desk.ApprovalIn{Verb: desk.ApprovalRequest, Act: "unmask", Subject: "incidents/x", Reason: "r", By: chen, Idempotency: "ask"}
	_, asked := r.do(ask)
	approve := desk.ApprovalIn{Verb: desk.ApprovalApprove, Approval: asked.Approval.ID, Grant: true, By: wu, Idempotency: "approve"}
	r.do(approve)
	r.do(desk.ApprovalIn{Verb: desk.ApprovalTake, Approval: asked.Approval.ID, Act: "unmask", Subject: "incidents/x", By: chen})
	other := ask
	other.Subject, other.Idempotency = "incidents/y", "other"
	_, waits := r.do(other)
	withdraw := desk.ApprovalIn{Verb: desk.ApprovalWithdraw, Approval: waits.Approval.ID, By: chen, Idempotency: "withdraw"}
	r.do(withdraw)
	made := desk.AccessIn{Kind: "token", By: chen, Why: "made lobby", Idempotency: "token", Asked: desk.Digest([]byte("lobby"))}
	r.do(made)
	for name, one := range map[string]struct {
		in    desk.Input
		state desk.ApprovalState
	}{
		"ask": {ask, desk.ApprovalDone}, "approve": {approve, desk.ApprovalDone}, "withdraw": {withdraw, desk.ApprovalWithdrawn}, "token": {made, ""},
	} {
		records, answer := r.do(one.in)
		require.Empty(t, records, name)
		require.True(t, answer.Duplicate, name)
		if one.state != "" {
			require.Equal(t, one.state, answer.Approval.State, "what became of it since")
		}
	}
	again := ask
	again.Idempotency = "again"
	_, answer := r.do(again)
	require.NotEqual(t, asked.Approval.ID, answer.Approval.ID, "another key, another request")
	hall := made
	hall.Asked = desk.Digest([]byte("hall"))
	user := made
	user.Kind = "user"
	wrong, second := ask, ask
	wrong.Subject = "incidents/z"
	second.Verb, second.Approval, second.By, second.Idempotency = desk.ApprovalApprove, answer.Approval.ID, wu, "approve"
	crossed := made
	crossed.Idempotency = "ask"
	for name, in := range map[string]desk.Input{"another token": hall, "a user": user, "another subject": wrong, "another request": second, "a token": crossed} {
		_, _, err := r.try(in)
		require.ErrorContains(t, err, "idempotency_key", name)
	}
}
