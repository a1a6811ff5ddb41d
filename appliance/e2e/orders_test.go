package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ordered is what headquarters knows of an order that it sent.
type ordered struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Answer *struct {
		Result   string `json:"result"`
		Reason   string `json:"reason"`
		Task     string `json:"task"`
		Incident string `json:"incident"`
		Event    string `json:"event"`
	} `json:"answer"`
	Answers int `json:"answers"`
	States  []struct {
		Type  string `json:"type"`
		Event string `json:"event"`
	} `json:"states"`
}

func (r *rig) orders() map[string]ordered {
	var list []ordered
	r.control("GET", "/hq/orders", "", &list)
	byID := map[string]ordered{}
	for _, one := range list {
		byID[one.ID] = one
	}
	return byID
}

func (o ordered) states() string {
	var names []string
	for _, s := range o.States {
		names = append(names, s.Type)
	}
	return strings.Join(names, " ")
}

// orders: an incident and an order come from above, one of them while the box
// is down; each is answered, once, over kill -9; what cannot be taken is
// refused with the reason; the order goes its way in the room, and headquarters'
// word on the report ends it.
func ordersFromAbove(t *testing.T, r *rig, _ *browser) {
	r.control("POST", "/hq/hq/incident", `{"id":"HQ-I1","kind":"theft","priority":"P1","place":"bxj-south","note":"电动车被盗"}`, nil)
	r.control("POST", "/hq/hq/task", `{"id":"HQ-BAD","note":"派给谁？"}`, nil)
	r.until("both answered", func() bool {
		o := r.orders()
		return o["HQ-I1"].Answer != nil && o["HQ-BAD"].Answer != nil
	})
	require.Equal(t, "taken", r.orders()["HQ-I1"].Answer.Result)
	require.Equal(t, "refused", r.orders()["HQ-BAD"].Answer.Result)
	require.Contains(t, r.orders()["HQ-BAD"].Answer.Reason, `to ""`)

	r.killBox()
	r.control("POST", "/hq/hq/task", `{"id":"HQ-T1","to":"巡逻一组","limit":"30m","note":"到步行街南口核查","incident":"HQ-I1"}`, nil)
	r.startBox()
	r.until("the order that waited at the broker", func() bool { return r.orders()["HQ-T1"].Answer != nil })
	r.killBox() // maybe before its receipt was stored
	r.startBox()
	r.until("a login", func() bool { return r.api("GET", "/api/v1/session", "", nil) == 200 })
	answer := r.orders()["HQ-T1"].Answer
	require.Equal(t, "taken", answer.Result)
	require.Equal(t, r.orders()["HQ-I1"].Answer.Incident, answer.Incident)
	var list struct {
		Items []struct {
			ID, State string
			HQID      string `json:"hq_id"`
		} `json:"items"`
	}
	require.Equal(t, 200, r.api("GET", "/api/v1/tasks?kind=instruction&incident="+answer.Incident, "", &list))
	require.Len(t, list.Items, 1, "once")
	require.Equal(t, []string{answer.Task, "HQ-T1", "issued"}, []string{list.Items[0].ID, list.Items[0].HQID, list.Items[0].State})

	for _, step := range [][2]string{{"accept", "{}"}, {"arrive", "{}"}, {"report", `{"report":"已到场，无异常"}`}} {
		require.Equal(t, 200, r.api("POST", "/api/v1/tasks/"+answer.Task+"/"+step[0], step[1], nil), step[0])
	}
	r.until("the report at headquarters", func() bool { return r.orders()["HQ-T1"].states() == "issued accepted arrived reported" })
	states := r.orders()["HQ-T1"].States
	r.control("POST", "/hq/hq/accept", fmt.Sprintf(`{"id":%q,"by":"赵指挥"}`, states[3].Event), nil)
	r.until("its end", func() bool { return strings.HasSuffix(r.orders()["HQ-T1"].states(), "confirmed") })

	// Sent again, it is not another one: the same answer comes again.
	before := r.orders()["HQ-T1"].Answers
	r.control("POST", "/hq/hq/task", `{"id":"HQ-T1","to":"巡逻一组","note":"再发一次"}`, nil)
	r.until("the answer again", func() bool { return r.orders()["HQ-T1"].Answers > before })
	require.Equal(t, 200, r.api("GET", "/api/v1/tasks?kind=instruction&incident="+answer.Incident, "", &list))
	require.Len(t, list.Items, 1)
}
