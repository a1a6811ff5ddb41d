package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// say gives the box a message as its transport does.
func (c *command) fromAbove(t *testing.T, kind bridge.MessageKind, text string) {
	t.Helper()
	require.NoError(t, c.hq.line().Receive(t.Context(), kind, []byte(text)))
}

// answers are all answers in the journal, with their events' ids.
func (c *command) answers(t *testing.T) (said []desk.OrderAnswered, ids []string) {
	t.Helper()
	records, err := c.journal.ReadLane(bridge.Alarm, 0, 10_000)
	require.NoError(t, err)
	for i := range records {
		if a := answered(records[i : i+1]); a != nil {
			said, ids = append(said, *a), append(ids, records[i].Event.ID)
		}
	}
	return said, ids
}

func (c *command) tasks(t *testing.T) []*desk.Task {
	t.Helper()
	var tasks []*desk.Task
	_, err := c.desk.View(t.Context(), func(s *desk.State) { tasks = s.Tasks() })
	require.NoError(t, err)
	return tasks
}

func TestOrdersFromAbove(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	eventually(t, func() bool { return c.forwarder.Status()[0].Connected })
	c.fromAbove(t, bridge.KindIncident, `{"id":"I1","kind":"theft","priority":"P1","place":"步行街","note":"电动车被盗"}`)
	order := fmt.Sprintf(`{"id":"T1","template":"patrol","to":"巡逻一组","limit":%q,"note":"去步行街","incident":"I1","unknown":1}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	c.fromAbove(t, bridge.KindTask, order)
	c.fromAbove(t, bridge.KindTask, `{"id":"T2","to":"wu","limit":"30m","note":"去"}`)

	tasks := c.tasks(t)
	require.Len(t, tasks, 2)
	require.WithinDuration(t, time.Now().Add(30*time.Minute), tasks[0].Limit.Time, time.Minute)
	require.Equal(t, []string{"T1", "巡逻一组", "patrol", "hq"}, []string{tasks[1].HQID, tasks[1].To, tasks[1].Template, tasks[1].Uplink})
	require.Equal(t, "P1", tasks[1].Priority)
	said, ids := c.answers(t)
	require.Len(t, said, 3)
	require.Equal(t, said[0].Incident, tasks[1].Incident, "headquarters named it by its own id")
	require.Equal(t, desk.OrderAnswered{Schema: 1, Uplink: "hq", Order: "task", HQID: "T1", Result: "taken", Task: tasks[1].ID, Incident: tasks[1].Incident}, said[1])

	// Sent again it is not another order; its answer comes again.
	c.fromAbove(t, bridge.KindTask, order)
	require.Len(t, c.tasks(t), 2)
	eventually(t, func() bool {
		c.hq.mu.Lock()
		defer c.hq.mu.Unlock()
		return slices.Contains(c.hq.again, ids[1])
	})
	again, _ := c.answers(t)
	require.Equal(t, said, again, "the journal does not grow by it")

	// Headquarters' word on the report is its end.
	task := tasks[1].ID
	for _, verb := range []string{"accept", "arrive", "report"} {
		_, err := c.desk.Handle(t.Context(), desk.TaskActionIn{Task: task, Verb: verb, Report: "已查", By: desk.Actor{Name: "li", Role: "operator"}})
		require.NoError(t, err)
	}
	c.hq.say(c.tasks(t)[1].ReportEvent, `"accepted","by":"zhao"`)
	require.Equal(t, desk.Confirmed, c.tasks(t)[1].State)
}

// What can never be taken is answered with the reason, once.
func TestRefusedOrders(t *testing.T) {
	began := time.Now()
	c := newCommand(t, time.Minute, func(*above) {})
	eventually(t, func() bool { return c.forwarder.Status()[0].Connected })
	for _, row := range []struct {
		kind        bridge.MessageKind
		text        string
		id, because string
	}{
		{bridge.KindTask, `{"id":"A","to":"wu"`, "", "JSON as in contracts.md"},
		{bridge.KindTask, `{"id":"B","to":7}`, "B", "JSON as in contracts.md: to is of another kind: number"},
		{bridge.KindTask, `{"to":"wu","note":"去"}`, "", `id "": want`},
		{bridge.KindTask, `{"id":"C","note":"去"}`, "C", `to "": want`},
		{bridge.KindTask, `{"id":"D","to":"wu","note":"去","incident":"none"}`, "D", `incident "none": not found`},
		{bridge.KindTask, `{"id":"E","to":"wu","note":"去","limit":"soon"}`, "E", `limit "soon": want RFC 3339`},
		{bridge.KindTask, `{"id":"F","to":"wu","note":"` + strings.Repeat("x", 5000) + `"}`, "F", "at most 4096 bytes"},
		{bridge.KindTask, `{"id":"G","to":"wu","note":"去","limit":"2099-01-01T00:00:00Z"}`, "G", "within a year"},
		{bridge.KindIncident, `{"id":"H"}`, "H", `place "": want`},
		{bridge.KindIncident, `[]`, "", "JSON as in contracts.md: the message is of another kind: array"},
		{bridge.KindIncident, `{"id":"` + strings.Repeat("J", 600) + `","place":"x"}`, strings.Repeat("J", 512), "at most 512 bytes"},
	} {
		before, _ := c.answers(t)
		c.fromAbove(t, row.kind, row.text)
		c.fromAbove(t, row.kind, row.text)
		said, _ := c.answers(t)
		require.Len(t, said, len(before)+1, row.text)
		got := said[len(said)-1]
		require.Equal(t, []string{"refused", row.id, string(row.kind)}, []string{got.Result, got.HQID, got.Order}, row.text)
		require.Contains(t, got.Reason, row.because)
		require.Equal(t, desk.Digest([]byte(row.text)), got.Digest)
	}
	require.Empty(t, c.tasks(t))

	// Headquarters' clock may be ahead: that is no reason to refuse a report.
	c.fromAbove(t, bridge.KindIncident, `{"id":"I","place":"y","at":"2099-01-01T00:00:00Z"}`)
	said, _ := c.answers(t)
	require.Equal(t, []string{"taken", "I"}, []string{said[len(said)-1].Result, said[len(said)-1].HQID})

	// The id of one kind is not taken for the other.
	c.fromAbove(t, bridge.KindIncident, `{"id":"X","place":"x"}`)
	c.fromAbove(t, bridge.KindTask, `{"id":"X","to":"wu","note":"去"}`)
	said, _ = c.answers(t)
	require.Contains(t, said[len(said)-1].Reason, "another kind of order")

	// A flood of nonsense does not fill the journal.
	for n := range 200 {
		c.fromAbove(t, bridge.KindTask, fmt.Sprintf(`{"id":"flood-%d"}`, n))
	}
	said, _ = c.answers(t)
	require.LessOrEqual(t, len(said), 2+refusalsBurst+1+int(time.Since(began).Minutes()*refusalsPerMinute), "two were taken")
	require.Greater(t, c.counts.downRefused.Load(), uint64(200))
}

// An order that the journal cannot take is not taken: it comes again, and is
// there once when there is space.
func TestOrderOnAFullDisk(t *testing.T) {
	full := &fullDisk{}
	c := newCommand(t, time.Minute, func(*above) {}, func(j *journal.Journal) bridge.Appender {
		full.Appender = j
		return full
	})
	eventually(t, func() bool { return c.forwarder.Status()[0].Connected })
	order := []byte(`{"id":"T1","to":"wu","note":"去"}`)
	full.is.Store(true)
	require.ErrorIs(t, c.hq.line().Receive(context.Background(), bridge.KindTask, order), journal.ErrFull)
	require.ErrorIs(t, c.hq.line().Receive(context.Background(), bridge.KindTask, []byte(`{}`)), journal.ErrFull, "its refusal cannot be told either")
	_, err := c.Down(t.Context(), "hq", bridge.KindTask, order)
	require.ErrorIs(t, err, journal.ErrFull)
	full.is.Store(false)
	said, err := c.Down(t.Context(), "hq", bridge.KindTask, order)
	require.NoError(t, err)
	require.Equal(t, "taken", said.Result)
	c.fromAbove(t, bridge.KindTask, string(order))
	require.Len(t, c.tasks(t), 1)
}

// A headquarters that calls by itself is told what came of it.
func TestWayDownOfAWebhook(t *testing.T) {
	c := newCommand(t, time.Minute, func(a *above) { a.mute = true })
	said, err := c.Down(t.Context(), "hq", bridge.KindIncident, []byte(`{"id":"I1","place":"x"}`))
	require.NoError(t, err)
	require.Equal(t, "taken", said.Result)
	same, err := c.Down(t.Context(), "hq", bridge.KindIncident, []byte(`{"id":"I1","place":"x"}`))
	require.NoError(t, err)
	require.Equal(t, said, same)
	said, err = c.Down(t.Context(), "hq", bridge.KindTask, []byte(`{"id":"T"}`))
	require.NoError(t, err)
	require.Equal(t, "refused", said.Result)

	alert := c.press.Events[1].Event
	body, err := json.Marshal(bridge.Receipt{ID: alert.ID, Result: bridge.Accepted, By: "zhao"})
	require.NoError(t, err)
	_, err = c.Down(t.Context(), "hq", bridge.KindReceipt, body)
	require.NoError(t, err)
	require.Equal(t, bridge.MarkAccepted, c.forwarder.Deliveries(&alert)[0].Mark)
	var unread *bridge.MessageError
	_, err = c.Down(t.Context(), "hq", bridge.KindReceipt, []byte(`{`))
	require.True(t, errors.As(err, &unread))
	_, err = c.Down(t.Context(), "city", bridge.KindReplay, fmt.Appendf(nil, `{"request":"r","epoch":%q,"lane":"alarm","from":1,"to":2}`, c.journal.Epoch()))
	require.ErrorIs(t, err, bridge.ErrNoUplink)
	_, err = c.Down(t.Context(), "hq", bridge.KindReplay, fmt.Appendf(nil, `{"request":"r","epoch":%q,"lane":"alarm","from":1,"to":2}`, c.journal.Epoch()))
	require.NoError(t, err)
	eventually(t, func() bool {
		c.hq.mu.Lock()
		defer c.hq.mu.Unlock()
		return slices.Contains(c.hq.again, alert.ID)
	})
}

func FuzzDecodeOrder(f *testing.F) {
	f.Add([]byte(`{"id":"T1","template":"patrol","to":"wu","limit":"2026-01-02T03:04:05Z","note":"去","incident":"I1","priority":"P1"}`))
	f.Add([]byte(`{"id":"T2","to":"wu","limit":"1h30m"}`))
	f.Add([]byte(`{"id":"I1","kind":"theft","place":"x","position":{"lat":1,"lon":2},"at":"2026-01-02T03:04:05.678+08:00"}`))
	f.Add([]byte(`{"limit":"-5m"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := decodeOrder[taskFromAbove](b); err == nil {
			again, err := json.Marshal(map[string]any{"id": o.ID, "to": o.To, "note": o.Note})
			require.NoError(t, err)
			same, err := decodeOrder[taskFromAbove](again)
			require.NoError(t, err)
			require.Equal(t, []string{o.ID, o.To, o.Note}, []string{same.ID, same.To, same.Note})
			require.False(t, o.Limit.in < 0)
		}
		_, _ = decodeOrder[incidentFromAbove](b)
	})
}

// Headquarters cancels its own order over its line or its own call, once, and
// is told when there is nothing to cancel.
func TestHeadquartersCancelsItsOrder(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	eventually(t, func() bool { return c.forwarder.Status()[0].Connected })
	for _, id := range []string{"T1", "T2", "T3"} {
		c.fromAbove(t, bridge.KindTask, fmt.Sprintf(`{"id":%q,"to":"wu","note":"例行检查","priority":"P3"}`, id))
	}
	tasks := c.tasks(t)
	require.Len(t, tasks, 1, "said three times, ordered once")
	require.Equal(t, desk.Instruction, tasks[0].Kind)
	require.Equal(t, []string{"T1", "T2", "T3"}, tasks[0].HQIDs)

	cancel := `{"id":"T2","cancel":true,"reason":"重复","by":"zhao"}`
	c.fromAbove(t, bridge.KindTask, cancel)
	c.fromAbove(t, bridge.KindTask, cancel)
	said, _ := c.answers(t)
	require.Len(t, said, 4, "the repeat adds nothing")
	require.Equal(t, []string{"cancel", "T2", "taken"}, []string{said[3].Order, said[3].HQID, said[3].Result})
	require.Equal(t, []string{"T1", "T3"}, c.tasks(t)[0].HQIDs)
	for _, id := range []string{"T1", "T3"} {
		answer, err := c.Down(t.Context(), "hq", bridge.KindTask, fmt.Appendf(nil, `{"id":%q,"cancel":true,"reason":"取消"}`, id))
		require.NoError(t, err)
		require.Equal(t, "taken", answer.Result)
	}
	require.Equal(t, []any{desk.Cancelled, "取消"}, []any{c.tasks(t)[0].State, c.tasks(t)[0].Reason})

	for text, because := range map[string]string{
		`{"id":"T9","cancel":true,"reason":"r"}`: `order "T9": not found`, `{"id":"T8","cancel":true}`: `reason "": want why`,
	} {
		c.fromAbove(t, bridge.KindTask, text)
		said, _ := c.answers(t)
		last := said[len(said)-1]
		require.Equal(t, []string{"cancel", "refused"}, []string{last.Order, last.Result}, text)
		require.Contains(t, last.Reason, because)
	}
}
