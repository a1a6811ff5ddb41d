package desk_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
)

// TestAShiftIsHandedOver: what the outgoing signed is what the incoming reads
// and signs, byte for byte; claims go along; the next shift begins there.
func TestAShiftIsHandedOver(t *testing.T) {
	r := newRoom(t)
	_, pressed := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	r.do(desk.ActionIn{Incident: pressed.Incident, Verb: "claim", By: operator("li")})
	_, other := r.do(press("P-2", "e1", ingest.PressAlarm, r.now))
	r.do(desk.TaskIn{To: "wu", Note: "看现场", Incident: pressed.Incident, By: operator("li")})
	r.do(desk.DeviceIn{Device: "gate", Type: "camera", State: "offline", Since: r.now})
	r.do(desk.BlindIn{Camera: "shop", Kind: "unseen", From: r.now, To: r.now.Add(time.Minute), Whole: true})
	r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: r.now})
	r.do(desk.SetAsideIn{Uplink: "hq", ID: "x1", Reason: "400", Lane: bridge.Alarm, Sequence: "1", Type: "watchpost.alert.raised"})
	r.after(3 * time.Minute)
	uplinks := []desk.HandoverUplink{{Name: "hq", Alarm: 3, Since: bridge.At(r.now)}}

	_, _, err := r.try(desk.HandoverIn{By: desk.Actor{Name: "tv", Role: "wall"}})
	var forbidden *desk.ForbiddenError
	require.ErrorAs(t, err, &forbidden)
	records, offered := r.do(desk.HandoverIn{By: operator("li"), Note: "东门坏了", PassClaims: true, Uplinks: uplinks, Idempotency: "k"})
	require.Equal(t, []string{"shift.offered"}, types(records))
	open := r.state.Handover()
	require.Equal(t, offered.Handover, open.ID)
	page := open.Page
	require.Equal(t, uplinks, page.Uplinks)
	require.Equal(t, desk.HandoverCounts{Incidents: 2, Unclaimed: 1, Late: 1, Tasks: 1, Devices: 8, Blind: 2, SetAside: 1, Opened: 2}, page.Counts)
	require.Len(t, page.Incidents, 2)
	require.Equal(t, "li", page.Incidents[0].ClaimedBy)
	require.Equal(t, []desk.HandoverBlind{
		{Camera: "gate", Name: "东门", Kind: "unseen", Open: page.Blind[0].Open},
		{Camera: "shop", Name: "商店", Kind: "unseen", Count: 1, Ms: 60_000},
	}, page.Blind)
	require.Zero(t, page.Configured.Persons)
	require.True(t, page.From.IsZero(), "the first of the room")
	_, again := r.do(desk.HandoverIn{By: operator("li"), Note: "东门坏了", Idempotency: "k"})
	require.True(t, again.Duplicate)
	require.Equal(t, offered.Handover, again.Handover)

	r.do(desk.ActionIn{Incident: other.Incident, Verb: "note", Note: "while they talk", By: operator("li")})
	r.do(press("P-1", "e2", ingest.PressTest, r.now)) // a drill is in no count
	take := desk.TakeOverIn{Handover: open.ID, SHA256: open.SHA256, By: operator("zhao")}
	var conflict *desk.ConflictError
	_, _, err = r.try(desk.HandoverIn{By: operator("sun")})
	require.ErrorAs(t, err, &conflict, "another one waits")
	wrong := take
	wrong.By = operator("li")
	_, _, err = r.try(wrong)
	require.ErrorIs(t, err, desk.ErrSamePerson)
	wrong = take
	wrong.SHA256 = "00"
	_, _, err = r.try(wrong)
	require.ErrorAs(t, err, &conflict, "another page than the one that was signed")
	records, _ = r.after(time.Minute).do(take)
	require.Equal(t, []string{"shift.handed_over", "incident.claimed"}, types(records))
	done := data[desk.ShiftHandedOver](t, records[0])
	require.Equal(t, []string{"li", "zhao", "东门坏了"}, []string{done.Outgoing.Name, done.Incoming.Name, done.Note})
	require.Equal(t, []string{pressed.Incident}, done.Passed)
	require.Len(t, done.Incidents, 2)
	require.Len(t, done.Tasks, 1)
	claimed := data[desk.IncidentChanged](t, records[1])
	require.Equal(t, []string{"zhao", "li", "handover", open.ID}, []string{claimed.By, claimed.From, claimed.Reason, claimed.Handover})
	require.Equal(t, "zhao", r.state.Incident(pressed.Incident).ClaimedBy)

	// Anybody makes the digest again from the event.
	var event struct {
		Page   json.RawMessage `json:"page"`
		SHA256 string          `json:"sha256"`
	}
	require.NoError(t, json.Unmarshal(records[0].Event.Data, &event))
	canonical, err := jcs.Transform(event.Page)
	require.NoError(t, err)
	require.Equal(t, event.SHA256, sha256Of(canonical))

	_, repeated := r.do(take)
	require.True(t, repeated.Duplicate)
	take.By = operator("sun")
	_, _, err = r.try(take)
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, "zhao", conflict.By)
	require.Nil(t, r.state.Handover())
	next := r.rules.HandoverPage(r.state, bridge.At(r.now), nil)
	require.Equal(t, page.At, next.From)
	require.Zero(t, next.Counts.Opened, "the shift's counts begin anew")
	require.Equal(t, 1, next.Counts.Blind, "the open one")
}

// TestAnOfferIsTakenBack by who made it, or by a lead; nobody can take it then,
// and the shift counts on.
func TestAnOfferIsTakenBack(t *testing.T) {
	r := newRoom(t)
	r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	_, offered := r.do(desk.HandoverIn{By: operator("li")})
	open := r.state.Handover()
	back := desk.WithdrawHandoverIn{Handover: offered.Handover, Reason: "接班人未到", By: operator("li"), Idempotency: "b"}
	var forbidden *desk.ForbiddenError
	wrong := back
	wrong.By = operator("sun")
	_, _, err := r.try(wrong)
	require.ErrorAs(t, err, &forbidden)
	var invalid *desk.InvalidError
	wrong = back
	wrong.Reason = ""
	_, _, err = r.try(wrong)
	require.ErrorAs(t, err, &invalid)
	records, _ := r.do(back)
	require.Equal(t, []string{"shift.withdrawn"}, types(records))
	require.Equal(t, "接班人未到", data[desk.ShiftWithdrawn](t, records[0]).Reason)
	_, again := r.do(back)
	require.True(t, again.Duplicate)
	require.Nil(t, r.state.Handover())
	require.Equal(t, 1, r.rules.HandoverPage(r.state, bridge.At(r.now), nil).Counts.Opened)
	var unknown *desk.NotFoundError
	_, _, err = r.try(desk.TakeOverIn{Handover: open.ID, SHA256: open.SHA256, By: operator("zhao")})
	require.ErrorAs(t, err, &unknown)
	records, _ = r.after(time.Hour).do(desk.Tick{})
	for _, typ := range types(records) {
		require.NotEqual(t, "shift.overdue", typ, "nothing waits")
	}
	_, offered = r.do(desk.HandoverIn{By: operator("sun")})
	r.do(desk.WithdrawHandoverIn{Handover: offered.Handover, Reason: "换班取消", By: lead("chen")})
	require.Nil(t, r.state.Handover())
}

// TestNobodyTakesOver: the lead hears of it once, and whoever leaves may renew
// what he signed.
func TestNobodyTakesOver(t *testing.T) {
	r := newRoom(t)
	r.do(desk.HandoverIn{By: operator("li")})
	require.Equal(t, bridge.At(r.now.Add(15*time.Minute)), r.state.Deadline())
	records, _ := r.after(14 * time.Minute).do(desk.Tick{})
	require.Empty(t, records)
	records, _ = r.after(time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"shift.overdue"}, types(records))
	require.Equal(t, "P2", records[0].Event.Severity)
	require.True(t, r.state.Handover().Overdue)
	records, _ = r.after(time.Hour).do(desk.Tick{})
	require.Empty(t, records, "once")
	old := r.state.Handover().ID
	r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	records, _ = r.do(desk.HandoverIn{By: operator("li")})
	require.Equal(t, old, data[desk.ShiftOffered](t, records[0]).Replaces)
	require.Equal(t, 1, r.state.Handover().Page.Counts.Opened)
	records, _ = r.do(desk.HandoverIn{By: lead("chen")})
	require.NotEmpty(t, data[desk.ShiftOffered](t, records[0]).Replaces, "a lead replaces anybody's")
}

// TestAFullRoomFitsAPage: whatever stands, the event has its size, and what is
// left out is counted.
func TestAFullRoomFitsAPage(t *testing.T) {
	d := openDesk(t, newMemory(), newHands(), rand.NewChaCha8([32]byte{1}))
	tell := func(in desk.Input) desk.Result {
		result, err := d.Handle(t.Context(), in)
		require.NoError(t, err)
		return result
	}
	for i := range 300 {
		in := report(operator("li"))
		in.Kind, in.Place = fmt.Sprint("kind-", i), "某某街道某某小区某某号楼"
		tell(in)
		tell(desk.SetAsideIn{Uplink: "hq", ID: fmt.Sprint("x", i), Reason: "400", Lane: bridge.Alarm, Sequence: "1"})
	}
	result := tell(desk.HandoverIn{By: operator("li"), PassClaims: true})
	require.Less(t, len(result.Events[0].Event.Data), 40<<10)
	page := data[desk.ShiftOffered](t, result.Events[0]).Page
	require.Equal(t, 300, page.Counts.Incidents)
	require.Equal(t, page.Counts.Incidents, len(page.Incidents)+page.More["incidents"])
	require.Equal(t, page.Counts.SetAside, len(page.Aside)+page.More["aside"])
	require.Positive(t, page.More["incidents"])
	require.Greater(t, len(page.Incidents), 20)
}

func TestApprovalsOutliveARestart(t *testing.T) {
	r := newRoom(t)
	ask := desk.ApprovalIn{Verb: desk.ApprovalRequest, Act: "unmask", Subject: "incidents/x", Reason: "court", By: lead("chen")}
	_, asked := r.do(ask)
	id := asked.Approval.ID
	_, twice := r.do(ask)
	require.True(t, twice.Duplicate)
	require.Equal(t, id, twice.Approval.ID)
	approve := desk.ApprovalIn{Verb: desk.ApprovalApprove, Approval: id, Grant: true, By: lead("zhou")}
	take := desk.ApprovalIn{Verb: desk.ApprovalTake, Approval: id, Act: "unmask", Subject: "incidents/x", By: lead("chen")}
	refused := func(in desk.ApprovalIn, want error) {
		t.Helper()
		_, _, err := r.try(in)
		require.ErrorIs(t, err, want)
	}
	refused(take, desk.ErrApproval)
	own := approve
	own.By = lead("chen")
	refused(own, desk.ErrSamePerson)
	restart := func() {
		b, err := r.state.Bytes()
		require.NoError(t, err)
		r.state, err = desk.Restore(b)
		require.NoError(t, err)
	}
	restart()
	r.after(9 * time.Minute).do(approve)
	refused(approve, desk.ErrApproval)
	restart()
	other := take
	other.Subject = "incidents/y"
	refused(other, desk.ErrApproval)
	other = take
	other.By = lead("zhou")
	refused(other, desk.ErrApproval)
	records, _ := r.after(9 * time.Minute).do(take)
	require.Equal(t, []string{"access.unmasked"}, types(records))
	require.Equal(t, bridge.Local, records[0].Event.Lane)
	restart()
	refused(take, desk.ErrApproval)

	_, asked = r.do(ask)
	require.Equal(t, asked.Approval.Expires, r.state.Deadline())
	records, _ = r.after(10 * time.Minute).do(desk.Tick{})
	require.Equal(t, []string{"access.expired"}, types(records))
	approve.Approval = asked.Approval.ID
	refused(approve, desk.ErrApproval)
	all := r.state.Approvals()
	require.Equal(t, []desk.ApprovalState{desk.ApprovalDone, desk.ApprovalExpired}, []desk.ApprovalState{all[0].State, all[1].State})

	for i := range 100 {
		ask.Subject = fmt.Sprint("incidents/", i)
		_, asked = r.do(ask)
	}
	ask.Subject = "incidents/x"
	refused(ask, desk.ErrApprovalsMax)
	records, _ = r.do(desk.ApprovalIn{Verb: desk.ApprovalWithdraw, Approval: asked.Approval.ID, By: lead("zhou")})
	require.Equal(t, []string{"access.withdrawn"}, types(records))
	require.Equal(t, desk.ApprovalRefused, data[desk.AccessFact](t, records[0]).Approval.State)
}

func sha256Of(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestAShiftsBlindnessRoundsAndDrills: what the state would forget stands on
// the page until somebody took it, and begins anew at the signature, not at the
// second one.
func TestAShiftsBlindnessRoundsAndDrills(t *testing.T) {
	r := newRoom(t)
	tell := func(typ string, body any) {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		records, _, err := r.m.Append([]bridge.Draft{{ID: "x", Type: typ, Lane: bridge.Notice, Time: bridge.At(r.now), Recorded: bridge.At(r.now), Severity: "P3", Data: raw}})
		require.NoError(t, err)
		require.NoError(t, r.state.Apply(records[0]))
	}
	shift := func() {
		r.do(desk.BlindIn{Camera: "gate", Kind: "unseen", From: r.now, To: r.now.Add(time.Second), Whole: true})
		r.do(desk.BlindIn{Camera: "gate", Kind: "unrecorded", From: r.now, To: r.now.Add(time.Second), Whole: true, Cause: "plan"})
		tell(desk.TypePatrolRound, desk.PatrolRound{Schema: 1, Plan: "night", Name: "夜巡", State: desk.RoundMissed, Due: bridge.At(r.now), Rounds: 3, Cameras: []desk.Looked{}})
		tell(desk.TypePatrolRound, desk.PatrolRound{Schema: 1, Plan: "night", State: desk.RoundDone, Cameras: []desk.Looked{}})
		tell(desk.TypeDrillRun, desk.DrillResult{
			Schema: 1, Target: "pillar:P-1", Begun: bridge.At(r.now), Result: desk.DrillPassed,
			Received: map[string]bridge.Stamp{}, Missing: []string{}, Late: []string{},
		})
		r.after(time.Minute)
	}
	page := func() desk.HandoverPage { return r.rules.HandoverPage(r.state, bridge.At(r.now), nil) }
	shift()
	shift()
	now := page()
	require.Equal(t, []int{2, 6, 2}, []int{now.Counts.Blind, now.Counts.Missed, now.Counts.Drills}, "what the configuration wants is no blindness")
	require.EqualValues(t, 2000, now.Blind[0].Ms)
	require.Equal(t, []string{"pillar:P-1", "步行街南口", "passed"}, []string{now.Drills[0].Target, now.Drills[0].Name, now.Drills[0].Result})
	r.do(desk.HandoverIn{By: operator("li")})
	offered := page()
	shift() // while nobody has taken it
	open := r.state.Handover()
	require.Equal(t, 9, page().Counts.Missed, "it is the outgoing's still")
	r.do(desk.TakeOverIn{Handover: open.ID, SHA256: open.SHA256, By: operator("zhao")})
	next := page()
	require.Equal(t, []int{1, 3, 1}, []int{next.Counts.Blind, next.Counts.Missed, next.Counts.Drills})
	require.Equal(t, offered.At, next.From)
	for range 100 {
		shift()
	}
	next = page()
	require.Equal(t, 101, next.Counts.Drills)
	require.Equal(t, 101, len(next.Drills)+next.More["drills"])
	require.Less(t, len(next.Drills), 101)
}
