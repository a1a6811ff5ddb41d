package hq_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/firmware-sim/hq"
)

func (r *running) orders(t *testing.T) (out []hq.Ordered) {
	t.Helper()
	raw, err := r.Orders()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &out), string(raw))
	return out
}

// told is an event about an order.
func (c *chain) told(t *testing.T, typ string, data string) made {
	t.Helper()
	return c.with(t, data, data, func(e map[string]any) { e["type"] = typ })
}

// What was sent is kept with its answer and its task's way, over a kill.
func TestOrdersAndTheirAnswers(t *testing.T) {
	r := start(t)
	require.Empty(t, r.orders(t))
	b := r.dial(t)
	_, err := r.Order("task", map[string]any{"id": "T1", "to": "wu"})
	require.NoError(t, err)
	_, err = r.Order("task", map[string]any{"to": 7})
	require.NoError(t, err)
	_, err = r.Order("replay", map[string]any{"request": "r"})
	require.NoError(t, err)
	sent := r.orders(t)
	require.Len(t, sent, 2, "a replay is no order")
	require.Nil(t, sent[0].Answer)
	require.JSONEq(t, `{"id":"T1","to":"wu"}`, string(sent[0].Order))

	c := newChain("alarm")
	issued := c.told(t, "watchpost.task.issued", `{"by":"hq","hq_id":"T1","task":"01T"}`)
	taken := c.told(t, "watchpost.order.answered", `{"hq_id":"T1","order":"task","result":"taken","task":"01T","uplink":"hq"}`)
	refused := c.told(t, "watchpost.order.answered", `{"digest":"`+sent[1].Digest+`","hq_id":"","order":"task","reason":"to is no text","result":"refused","uplink":"hq"}`)
	accepted := c.told(t, "watchpost.task.accepted", `{"by":"wu","hq_id":"T1","state":"accepted","task":"01T"}`)
	b.up(t, "now", issued)
	b.up(t, "alarm", issued, taken, refused, accepted)
	b.up(t, "replay/alarm", taken)
	eventually(t, func() bool { return len(r.entries(t)) == 6 })
	r.off(t, errKilled)
	r.on(t)
	sent = r.orders(t)
	require.Equal(t, []string{"taken", "01T", "lane"}, []string{sent[0].Answer.Result, sent[0].Answer.Task, sent[0].Answer.Via})
	require.Equal(t, 2, sent[0].Answers)
	require.Len(t, sent[0].States, 2)
	require.Equal(t, []string{"accepted", "wu"}, []string{sent[0].States[1].State, sent[0].States[1].By})
	require.Equal(t, []string{"refused", "to is no text"}, []string{sent[1].Answer.Result, sent[1].Answer.Reason})
	require.Empty(t, sent[1].States)
}

// One report answers all orders for the same, and what was ordered can be
// cancelled.
func TestFoldedAndCancelledOrders(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	for _, fields := range []map[string]any{{"id": "T1", "to": "wu"}, {"id": "T2", "to": "wu"}, {"id": "T1", "cancel": true, "reason": "不用了"}} {
		_, err := r.Order("task", fields)
		require.NoError(t, err)
	}
	c := newChain("alarm")
	b.up(t, "alarm",
		c.told(t, "watchpost.order.answered", `{"hq_id":"T1","order":"task","result":"taken","task":"01T","uplink":"hq"}`),
		c.told(t, "watchpost.task.repeated", `{"hq_id":"T1","hq_ids":["T1","T2"],"task":"01T"}`),
		c.told(t, "watchpost.order.answered", `{"hq_id":"T2","order":"task","result":"taken","task":"01T","uplink":"hq"}`),
		c.told(t, "watchpost.task.withdrawn", `{"hq_id":"T2","hq_ids":["T2"],"task":"01T"}`),
		c.told(t, "watchpost.order.answered", `{"hq_id":"T1","order":"cancel","result":"taken","task":"01T","uplink":"hq"}`),
	)
	eventually(t, func() bool { return len(r.entries(t)) == 5 })
	sent := r.orders(t)
	require.Equal(t, []string{"task", "task", "cancel"}, []string{sent[0].Kind, sent[1].Kind, sent[2].Kind})
	for _, one := range sent {
		require.NotNil(t, one.Answer)
		require.Equal(t, "taken", one.Answer.Result)
	}
	require.Len(t, sent[0].States, 1)
	require.Len(t, sent[1].States, 2)
}

// What was set aside comes without data in its place, and whole when it is
// sent again.
func TestSetAsideIsCompleted(t *testing.T) {
	r := start(t)
	b := r.dial(t)
	c := newChain("alarm")
	var whole made
	first := c.next(t)
	empty := c.next(t, func(e map[string]any) {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		whole = made{id: e["id"].(string), payload: text}
		delete(e, "data")
		delete(e, "datasalt")
	})
	b.up(t, "alarm", first, empty, c.next(t))
	eventually(t, func() bool { return b.through("alarm") == 3 })
	b.up(t, "replay/alarm", empty, whole, whole)
	eventually(t, func() bool { return len(r.entries(t)) == 6 })
	require.Equal(t, []string{"alarm-2 replay duplicate", "alarm-2 replay completed", "alarm-2 replay duplicate"}, r.verdicts(t)[3:])
	r.off(t, errKilled)
	r.on(t)
	b = r.dial(t)
	b.up(t, "replay/alarm", whole)
	eventually(t, func() bool { return len(r.entries(t)) == 7 })
	require.Equal(t, "alarm-2 replay duplicate", r.verdicts(t)[6], "it is known to be whole")
}
