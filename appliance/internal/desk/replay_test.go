package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// seed is of the run's random inputs; WATCHPOST_SEED repeats one.
func seed(t testing.TB) uint64 {
	s := uint64(time.Now().UnixNano())
	if text := os.Getenv("WATCHPOST_SEED"); text != "" {
		var err error
		s, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("WATCHPOST_SEED=%d", s)
	return s
}

// hasty folds early and waits for screens.
func hasty() desk.Setup {
	s := staffed()
	s.FoldAfter, s.FloodIncidents, s.ShownWithin, s.JudgeWithin = 3, 1, 2*time.Second, time.Minute
	s.Partners, s.Classes = partners()
	s.Templates = standards().Templates
	withWalk(&s)
	withDrills(&s)
	return s
}

// chance makes inputs of all kinds, right and wrong ones, that often speak of
// the same things.
type chance struct {
	*rand.Rand
	clock     *hands
	incidents []string
	alerts    []string
	walks     []string
	runs      []desk.DrillBegun
	approvals []string
	handovers []string
	page      string // digest of the newest handover's
	orders    []string
	news      []desk.DeliveredIn
	n         int
}

func (c *chance) pick(from []string) string {
	if len(from) == 0 || c.IntN(30) == 0 {
		return "01J0000000000000000000NONE"
	}
	return from[max(0, len(from)-1-c.IntN(min(len(from), 12)))]
}

func (c *chance) actor() desk.Actor {
	return desk.Actor{Name: fmt.Sprint("op", c.IntN(3)), Role: []string{"operator", "operator", "lead", "wall"}[c.IntN(4)]}
}

func (c *chance) input() desk.Input {
	c.n++
	c.clock.pass(time.Duration(c.IntN(20_000)) * time.Millisecond)
	if c.IntN(60) == 0 {
		c.clock.pass(time.Duration(c.IntN(72)) * time.Hour)
	}
	if c.IntN(40) == 0 {
		c.clock.set(time.Duration(c.IntN(4000)-2000) * time.Millisecond)
	}
	if c.IntN(5) == 0 {
		return c.walkOrDrill()
	}
	if c.IntN(4) == 0 {
		return c.work()
	}
	now := c.clock.Wall()
	camera := []string{"gate", "shop", "roof"}[c.IntN(3)]
	switch c.IntN(15) {
	case 0, 1:
		kinds := []ingest.PressKind{ingest.PressAlarm, ingest.PressDuress, ingest.PressTalk, ingest.PressTest, "nonsense"}
		return press([]string{"P-1", "P-2"}[c.IntN(2)], fmt.Sprint("e", c.IntN(40)), kinds[c.IntN(5)], now.Truncate(time.Minute))
	case 2, 3, 4:
		return sighting(fmt.Sprint("s", c.n/9), []vision.Phase{vision.Raised, vision.Updated, vision.Ended}[c.IntN(3)],
			camera, []string{"intrusion", "loitering"}[c.IntN(2)], now.Add(-time.Duration(c.IntN(9))*time.Second), now)
	case 5:
		in := report(c.actor())
		in.Idempotency = fmt.Sprint("r", c.IntN(20))
		return in
	case 6, 7, 8:
		return desk.ActionIn{
			Incident: c.pick(c.incidents), Verb: append(desk.IncidentVerbs(), "close", "claim")[c.IntN(len(desk.IncidentVerbs())+2)],
			Other: c.pick(c.incidents), Alerts: []string{c.pick(c.alerts)}, Points: &c.n,
			Result: []string{"resolved", "false_alarm", "drill"}[c.IntN(3)], Note: "n", By: c.actor(),
			Reason: []string{"", "because"}[c.IntN(2)], Idempotency: []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)],
		}
	case 9:
		return desk.DeviceIn{Device: "uav-1", Type: "drone", State: []string{"online", "silent"}[c.IntN(2)], Since: now}
	case 10:
		in := desk.BlindIn{Camera: camera, Kind: []string{"unseen", "frozen"}[c.IntN(2)], From: now}
		if c.IntN(2) == 0 {
			in.To = now
		}
		return in
	case 11:
		incident := c.pick(c.incidents)
		clip := fmt.Sprintf("%s-%s-%d", incident, camera, c.IntN(2)+1)
		part := []string{"1", "whole"}[c.IntN(2)]
		switch c.IntN(3) {
		case 0:
			return desk.ClipUploadedIn{Clip: clip, Part: part, Location: "https://hq/1"}
		case 1:
			return desk.ClipEvictedIn{Clip: clip, Part: part, Why: "budget"}
		}
		return desk.ClipIn{Clip: desk.Clip{ID: clip, Part: part, Incident: incident, Camera: camera, From: bridge.At(now), To: bridge.At(now), SHA256: "aa"}}
	case 12:
		return desk.ShownIn{Alert: c.pick(c.alerts), Screen: fmt.Sprint("tv", c.IntN(2)), At: now}
	case 13:
		switch id := fmt.Sprint("x", c.IntN(5)); c.IntN(3) {
		case 0:
			return desk.SetAsideIn{Uplink: "hq", ID: id, Reason: "400", Lane: bridge.Alarm, Sequence: "1"}
		case 1:
			return desk.ResentIn{Uplink: "hq", ID: id, Reason: "mended", By: c.actor(), Idempotency: []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)]}
		}
		return desk.UnreceivedIn{Incident: c.pick(c.incidents), Uplink: "hq", Since: now}
	}
	if c.IntN(2) == 0 {
		return c.signature()
	}
	if c.IntN(2) == 0 {
		return c.order()
	}
	if c.IntN(8) == 0 {
		return desk.StartedIn{Version: "1", Boot: "b", Config: "sha256:x"}
	}
	if c.IntN(4) == 0 {
		return desk.DutyIn{
			Person: []string{"he", "zhangwei", ""}[c.IntN(3)], Team: []string{"", "", "t1"}[c.IntN(3)], On: c.IntN(2) == 0, By: c.actor(),
			Until: now.Add(time.Duration(c.IntN(50)) * time.Hour), Reason: "r", Idempotency: []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)],
		}
	}
	return desk.Tick{}
}

// signature is a word that needs two people.
func (c *chance) signature() desk.Input {
	if c.IntN(2) == 0 {
		return desk.ApprovalIn{
			Verb: []string{"request", "approve", "withdraw", "take"}[c.IntN(4)], Approval: c.pick(c.approvals), Act: "unmask",
			Subject: fmt.Sprint("incidents/", c.IntN(2)), Reason: "because", Grant: c.IntN(2) == 0, By: c.actor(),
			Idempotency: []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)],
		}
	}
	if c.IntN(2) == 0 {
		return desk.HandoverIn{By: c.actor(), PassClaims: true, Idempotency: []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)]}
	}
	if c.IntN(4) == 0 {
		return desk.WithdrawHandoverIn{Handover: c.pick(c.handovers), Reason: "stays", By: c.actor(), Idempotency: []string{"", fmt.Sprint("a", c.IntN(50))}[c.IntN(2)]}
	}
	return desk.TakeOverIn{Handover: c.pick(c.handovers), SHA256: c.page, By: c.actor()}
}

func (c *chance) heard(result desk.Result) {
	if result.Incident != "" && len(result.Events) > 0 {
		c.incidents = append(c.incidents, result.Incident)
	}
	if result.Alert != "" {
		c.alerts = append(c.alerts, result.Alert)
	}
	c.exercised(result)
	if result.Approval != nil {
		c.approvals = append(c.approvals, result.Approval.ID)
	}
	if result.Handover != "" {
		c.handovers = append(c.handovers, result.Handover)
	}
	c.ordered(result)
	for _, rec := range result.Events {
		var offered desk.ShiftOffered
		if rec.Event.Type == desk.TypeShiftOffered && json.Unmarshal(rec.Event.Data, &offered) == nil {
			c.page = offered.SHA256
		}
	}
}

// TestReplayIsLive: after any inputs, live, folded from nothing, folded from a
// checkpoint, and opened anew are the same state byte for byte; a desk that
// was restored decides as the one that never stopped.
func TestReplayIsLive(t *testing.T) {
	s := seed(t)
	onEach(t, func(t *testing.T, j bridge.Appender) {
		ctx := context.Background()
		clock := newHands()
		c := &chance{Rand: rand.New(rand.NewPCG(s, 1)), clock: clock}
		d := openDeskOf(t, hasty(), j, clock, rand.NewChaCha8([32]byte{2}))
		rounds, inputs := 4, 200
		if _, synced := j.(*memory); !synced {
			rounds, inputs = 3, 150 // each is a sync
		}
		for range rounds {
			_, err := d.Handle(ctx, desk.StartedIn{Version: "1", Boot: "b", Config: "sha256:x"})
			require.NoError(t, err)
			for range inputs {
				result, err := d.Handle(ctx, c.input())
				if err == nil {
					c.heard(result)
				}
			}
			live := bytesOf(t, d)
			require.Equal(t, live, fold(t, j))
			again := openDeskOf(t, hasty(), j, clock, rand.NewChaCha8([32]byte{3}))
			require.Equal(t, live, bytesOf(t, again), "the newest checkpoint and the journal after it")
			sameDecisions(t, live, fold2(t, j), c)
			if c.IntN(2) == 0 {
				require.NoError(t, d.Checkpoint(ctx))
			}
			d = openDeskOf(t, hasty(), j, clock, rand.NewChaCha8([32]byte{byte(c.n)}))
		}
		require.Greater(t, j.Last(), uint64(rounds*inputs/3))
	})
}

// fold2 is the folded state itself.
func fold2(t testing.TB, journal bridge.Reader) *desk.State {
	s := desk.NewState()
	records, err := journal.Read(0, 1<<20)
	require.NoError(t, err)
	for _, rec := range records {
		require.NoError(t, s.Apply(rec))
	}
	return s
}

// sameDecisions: a folded state and a restored one, whose indexes were made in
// different ways, give the same events for the same inputs.
func sameDecisions(t *testing.T, live string, folded *desk.State, c *chance) {
	restored, err := desk.Restore([]byte(live))
	require.NoError(t, err)
	rules, err := desk.NewRules(hasty())
	require.NoError(t, err)
	require.Equal(t, folded.Deadline(), restored.Deadline())
	for i := range 60 {
		in, now := c.input(), bridge.At(folded.Now().Add(time.Duration(i)*time.Second))
		a, answerA, errA := rules.Step(folded, now, [16]byte{byte(i)}, in, nil)
		b, answerB, errB := rules.Step(restored, now, [16]byte{byte(i)}, in, nil)
		require.Equal(t, errA, errB)
		require.Equal(t, answerA, answerB)
		require.Equal(t, a, b)
	}
}
