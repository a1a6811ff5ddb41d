package desk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
)

// What somebody wrote anew under a key that was used is not lost as a repeat of
// the first: it is refused, so that he sends it under its own.
func TestOtherWordsUnderAKeyAreNoRepeat(t *testing.T) {
	r := standardRoom(t)
	li, chen := operator("li"), lead("chen")
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	id := pressed.Incident
	r.do(desk.ActionIn{Incident: id, Verb: "claim", By: li})
	_, other := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	_, held := r.do(desk.HoldIn{Incident: id, Reason: "r", By: chen, Idempotency: "hold-1"})
	_, second := r.do(desk.HoldIn{Incident: other.Incident, Reason: "r", By: chen})
	task := r.issue(desk.TaskIn{To: "wu", Note: "去"})
	r.reach(task.ID, officer("wu"), "accept", "arrive")
	points, more := 3, 4

	for what, pair := range map[string][2]desk.Input{
		"report":    {report(li), desk.ReportIn{Source: "call_110", Kind: "theft", Place: "bxj", Note: "两辆电动车被盗", By: li}},
		"its place": {report(li), desk.ReportIn{Source: "call_110", Kind: "theft", Place: "河边", Note: "电动车被盗", By: li}},
		"note":      {desk.ActionIn{Incident: id, Verb: "note", Note: "一人受伤", By: li}, desk.ActionIn{Incident: id, Verb: "note", Note: "两人受伤", By: li}},
		"order":     {desk.TaskIn{To: "wu", Note: "去东门", By: li}, desk.TaskIn{To: "wu", Note: "去西门", By: li}},
		"feedback": {
			desk.TaskActionIn{Task: task.ID, Verb: "report", Report: "无异常", By: officer("wu")},
			desk.TaskActionIn{Task: task.ID, Verb: "report", Report: "有异常", By: officer("wu")},
		},
		"hold":     {desk.HoldIn{Device: "gate", From: r.now, To: r.now.Add(1), Reason: "r", By: chen}, desk.HoldIn{Incident: id, Reason: "r", By: chen}},
		"release":  {desk.ReleaseIn{Hold: held.Hold, Reason: "r", By: chen, Second: "zhou"}, desk.ReleaseIn{Hold: second.Hold, Reason: "r", By: chen, Second: "zhou"}},
		"handover": {desk.HandoverIn{Note: "无事", By: li}, desk.HandoverIn{Note: "东门坏了", By: li}},
	} {
		first, changed := under(pair[0], what), under(pair[1], what)
		r.do(first)
		_, again := r.do(first)
		require.True(t, again.Duplicate, what)
		records, answer, err := r.try(changed)
		var invalid *desk.InvalidError
		require.ErrorAs(t, err, &invalid, what)
		require.Equal(t, "idempotency_key", invalid.Field, what)
		require.Empty(t, records)
		require.False(t, answer.Duplicate, what)
	}

	closing := desk.ActionIn{Incident: id, Verb: "close", Result: "resolved", By: li, Idempotency: "close"}
	r.do(closing)
	closing.Result = "false_alarm"
	_, _, err := r.try(closing)
	require.ErrorContains(t, err, "this one was used for something else")
	score := desk.ActionIn{Incident: id, Verb: "score", Points: &points, Reason: "r", By: chen, Idempotency: "score"}
	r.do(score)
	score.Points = &more
	_, _, err = r.try(score)
	require.ErrorContains(t, err, "this one was used for something else")
}

// under is the input with an idempotency key.
func under(in desk.Input, key string) desk.Input {
	switch in := in.(type) {
	case desk.ReportIn:
		in.Idempotency = key
		return in
	case desk.ActionIn:
		in.Idempotency = key
		return in
	case desk.TaskIn:
		in.Idempotency = key
		return in
	case desk.TaskActionIn:
		in.Idempotency = key
		return in
	case desk.HoldIn:
		in.Idempotency = key
		return in
	case desk.ReleaseIn:
		in.Idempotency = key
		return in
	case desk.HandoverIn:
		in.Idempotency = key
		return in
	}
	return in
}
