package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ordered is what became of an order from above; a cancellation is one too.
func (s *shift) ordered(kind, id string) ordered {
	s.t.Helper()
	var list []ordered
	s.control("GET", "/hq/orders", "", &list)
	i := slices.IndexFunc(list, func(o ordered) bool { return o.Kind == kind && o.ID == id })
	require.GreaterOrEqual(s.t, i, 0, "%s %s was sent", kind, id)
	return list[i]
}

// answered waits for the box's word on orders, and gives their tasks.
func (s *shift) answered(ids ...string) (tasks []string) {
	s.t.Helper()
	for _, id := range ids {
		s.until("the box's word on "+id, func() bool { return s.ordered("task", id).Answer != nil })
		answer := s.ordered("task", id).Answer
		require.Equal(s.t, "taken", answer.Result, answer.Reason)
		tasks = append(tasks, answer.Task)
	}
	return tasks
}

// judged lets headquarters accept the report on its orders, and waits until it
// has heard that each of them is at its end.
func (s *shift) judged(ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		s.until("the report on "+id, func() bool { return strings.HasSuffix(s.ordered("task", id).states(), "reported") })
	}
	states := s.ordered("task", ids[0]).States
	s.control("POST", "/hq/hq/accept", fmt.Sprintf(`{"id":%q,"by":"赵指挥"}`, states[len(states)-1].Event), nil)
	for _, id := range ids {
		s.until("the end of "+id, func() bool { return strings.HasSuffix(s.ordered("task", id).states(), "confirmed") })
	}
}

// instructions: one is signed for, one comes three times and is answered once,
// one is taken back; the power goes in between.
func instructions(t *testing.T, s *shift) {
	down := func(verb, body string) { s.control("POST", "/hq/hq/"+verb, body, nil) }
	down("task", `{"id":"HQ-S","priority":"P1","to":"zhang","note":"立即核查在逃人员线索"}`)
	down("task", `{"id":"HQ-R1","priority":"P3","to":"patrol-1","note":"夜间加强步行街巡逻"}`)
	down("task", `{"id":"HQ-C","priority":"P3","to":"patrol-2","note":"查找走失老人"}`)
	told := s.answered("HQ-S", "HQ-R1", "HQ-C")
	s.zhang.acts("/tasks/"+told[0], [2]string{"accept", "{}"}, [2]string{"report", `{"report":"已核查，线索不实"}`})

	s.killBox()
	for _, id := range []string{"HQ-R2", "HQ-R3"} {
		down("task", fmt.Sprintf(`{"id":%q,"priority":"P3","to":"patrol-1","note":"夜间加强步行街巡逻"}`, id))
	}
	down("cancel", `{"id":"HQ-C","reason":"老人已找到","by":"赵指挥"}`)
	s.startBox()
	s.judged("HQ-S")
	for _, task := range s.answered("HQ-R2", "HQ-R3") {
		require.Equal(t, told[1], task, "what is said again is one order")
	}
	s.repeated = told[1]
	s.zhang.acts("/tasks/"+s.repeated, [2]string{"accept", "{}"}, [2]string{"report", `{"report":"已安排两班巡逻"}`})
	s.judged("HQ-R1", "HQ-R2", "HQ-R3")
	// A broker need not keep the order of what waited with it.
	require.ElementsMatch(t, []string{"HQ-R1", "HQ-R2", "HQ-R3"}, s.order(s.repeated).HQIDs)
	s.until("the box's word on the cancellation", func() bool { return s.ordered("cancel", "HQ-C").Answer != nil })
	require.Equal(t, "taken", s.ordered("cancel", "HQ-C").Answer.Result)
	require.Equal(t, "cancelled", s.order(told[2]).State)
}

// scored: the officers report, the issuer confirms, closing scores; a lead
// corrects, and the closed incident demands a visit.
func scored(t *testing.T, s *shift) {
	on := "/tasks/" + s.cell
	s.zhang.does(422, "POST", on+"/report", `{"report":"嫌疑人已控制","steps":[3,4]}`, nil)
	s.zhang.acts(on, [2]string{"report", `{"report":"嫌疑人已控制","steps":[3,4],"reason":"手机没电，未拍照"}`})
	s.qian.does(403, "POST", on+"/confirm", `{}`, nil)
	s.zhao.acts(on, [2]string{"confirm", "{}"})
	robbery := "/incidents/" + s.robbery
	s.zhao.acts(robbery, [2]string{"close", `{"result":"resolved"}`})
	var closed struct {
		Incident struct {
			Score *struct {
				Points int
				By     string
				Steps  []struct{ State, Name string }
			}
		}
	}
	s.zhao.does(200, "GET", robbery, "", &closed)
	require.Equal(t, "box", closed.Incident.Score.By)
	var steps []string
	for _, one := range closed.Incident.Score.Steps {
		steps = append(steps, one.State+one.Name)
	}
	require.ElementsMatch(t, []string{"open", "acknowledged", "dispatched", "on_scene", "接单出发", "到场", "控制现场"}, steps, "each state, and each step of the order with a limit")
	s.zhao.does(403, "POST", robbery+"/score", `{"points":33,"reason":"照片缺失"}`, nil)
	s.wang.does(200, "POST", robbery+"/score", `{"points":33,"reason":"照片缺失"}`, &closed)
	require.Equal(t, []any{33, user}, []any{closed.Incident.Score.Points, closed.Incident.Score.By})
	visit := s.zhao.orders(robbery+"/follow_up", `{"to":"liu"}`)
	require.Equal(t, "visit", visit.Kind)
	s.liu.acts("/tasks/"+visit.ID, [2]string{"accept", "{}"}, [2]string{"report", `{"report":"报警人满意","steps":[1,2]}`})
	s.zhao.acts("/tasks/"+visit.ID, [2]string{"confirm", "{}"})

	var picture []byte
	s.until("a picture of the gate, after the box's start", func() bool {
		var status int
		status, picture = s.apiBytes("GET", "/api/v1/cameras/gate/snapshot.jpg", "")
		return status == 200
	})
	var brought struct{ SHA256 string }
	s.liu.does(201, "POST", "/pictures", string(picture), &brought)
	s.liu.acts("/tasks/"+s.check, [2]string{"report", fmt.Sprintf(`{"report":"已送医","steps":[1,2,3],"pictures":[%q]}`, brought.SHA256)})
	s.zhao.acts("/tasks/"+s.check, [2]string{"confirm", "{}"})
	s.zhao.acts("/incidents/"+s.press, [2]string{"close", `{"result":"resolved"}`})
	s.wang.acts("/incidents/"+s.mine, [2]string{"close", `{"result":"resolved"}`})
	s.guard = s.zhao.orders("/tasks", fmt.Sprintf(`{"template":"guard","to":"liu","incident":%q}`, s.passed)).ID
	s.liu.acts("/tasks/"+s.guard, [2]string{"accept", "{}"})
}

// drill: from the pillar to headquarters' receipt, each step with its time.
func drill(t *testing.T, s *shift) {
	var begun struct {
		Incident string
		Drill    struct{ Run struct{ Alert string } }
	}
	s.zhao.does(403, "POST", "/drills/pillar:P-002/run", "", nil)
	s.wang.does(201, "POST", "/drills/pillar:P-002/run", "", &begun)
	s.wang.does(200, "POST", "/alerts/"+begun.Drill.Run.Alert+"/shown", `{"screen":"wall-1"}`, nil)
	s.wang.claims(begun.Incident, "")
	type run struct {
		Result  string
		Missing []string
		Late    []string
	}
	var last *run
	s.until("the drill's result", func() bool {
		var list struct {
			Items []struct {
				Target string
				Last   *run
			}
		}
		s.wang.does(200, "GET", "/drills", "", &list)
		for _, one := range list.Items {
			if one.Target == "pillar:P-002" {
				last = one.Last
			}
		}
		return last != nil
	})
	require.Empty(t, last.Missing)
	if len(last.Late) == 0 {
		require.Equal(t, "passed", last.Result)
	}
	inc, _ := s.incident(begun.Incident)
	require.Equal(t, "closed", inc.State)
}

// handover: both sign the same page, the claims go along, and what the shift
// missed stands on it.
func handover(t *testing.T, s *shift) {
	s.until("the round that nobody walked", func() bool {
		var list struct {
			Items []struct {
				Plan string
				Last []struct{ State string }
			}
		}
		s.qian.does(200, "GET", "/patrols", "", &list)
		for _, one := range list.Items {
			if one.Plan == "night" && len(one.Last) > 0 {
				return one.Last[0].State == "missed"
			}
		}
		return false
	})
	require.True(t, slices.ContainsFunc(s.tasks("?kind=supervision"), func(o order) bool { return o.About == "patrols/night" && o.State == "issued" }))

	var offer struct {
		Handover struct {
			ID, SHA256 string
			Page       struct {
				Claims    []string
				Incidents []struct{ ID string }
				Rounds    []struct{ Plan string }
				Drills    []struct{ Target, Result string }
				Counts    struct{ Incidents, Unclaimed, Opened, Closed, Drills int }
			}
		}
	}
	s.zhao.does(201, "POST", "/handover", `{"note":"电动车被盗一起，已派员守候","pass_claims":true}`, &offer)
	page := offer.Handover.Page
	require.Equal(t, []string{s.passed}, page.Claims)
	require.Len(t, page.Incidents, 1)
	require.Equal(t, s.passed, page.Incidents[0].ID)
	require.Equal(t, "night", page.Rounds[0].Plan)
	require.Equal(t, "pillar:P-002", page.Drills[0].Target)
	require.Equal(t, []int{1, 0, 8, 1}, []int{page.Counts.Incidents, page.Counts.Unclaimed, page.Counts.Opened, page.Counts.Drills})
	take := func(who *actor, want int, sum string) {
		who.does(want, "POST", "/handover/"+offer.Handover.ID+"/take", fmt.Sprintf(`{"sha256":%q}`, sum), nil)
	}
	take(s.zhao, 403, offer.Handover.SHA256)
	take(s.qian, 409, strings.Repeat("0", 64))
	take(s.qian, 200, offer.Handover.SHA256)
	inc, _ := s.incident(s.passed)
	require.Equal(t, "qian", inc.ClaimedBy)

	var round struct{ Round struct{ ID string } }
	s.qian.does(201, "POST", "/patrols/night/begin", `{}`, &round)
	s.qian.acts("/rounds/"+round.Round.ID, [2]string{"see", `{"camera":"gate","seen":true}`}, [2]string{"finish", `{}`})
	for _, one := range s.tasks("?kind=supervision") {
		require.Equal(t, "confirmed", one.State, "about %s", one.About)
	}
}

// counted is one row of the review.
type counted struct {
	Key       string
	Incidents int
	False     int `json:"false_alarms"`
}

// reviewed: the review of the day over the API against what this test did.
func reviewed(t *testing.T, s *shift) {
	type tally struct {
		Incidents, Open, Resolved, Transferred, Merged, Reopened int
		False                                                    int `json:"false_alarms"`
	}
	type kindOf struct {
		Kind              string
		Issued, Confirmed int
		HandedBack        int `json:"handed_back"`
		Cancelled         int
	}
	var got struct {
		Totals struct {
			tally
			Alerts int
		}
		Groups map[string][]counted
		Orders []kindOf
	}
	s.wang.does(200, "GET", "/review", "", &got)
	require.Equal(t, tally{Incidents: 8, Open: 1, Resolved: 4, Reopened: 1, False: 3}, got.Totals.tally)
	rows := func(group string) []counted {
		return slices.DeleteFunc(got.Groups[group], func(c counted) bool { return c.Incidents == 0 })
	}
	require.ElementsMatch(t, []counted{{"theft", 3, 1}, {"alarm", 2, 1}, {"robbery", 1, 0}, {"parking", 1, 0}, {"suspicious", 1, 1}}, rows("kind"))
	require.ElementsMatch(t, []counted{{"call_110", 4, 1}, {"press", 2, 1}, {"walk_in", 1, 0}, {"patrol", 1, 1}}, rows("source"))
	require.ElementsMatch(t, []counted{{"patrol-1", 1, 0}, {"patrol-2", 1, 0}, {"parking", 1, 0}, {"traffic-police", 1, 0}, {"persons", 1, 0}}, rows("team"))
	got.Orders = slices.DeleteFunc(got.Orders, func(o kindOf) bool { return o.Kind == "supervision" }) // as many as were late
	require.ElementsMatch(t, []kindOf{
		{Kind: "task", Issued: 3, Confirmed: 2}, {Kind: "visit", Issued: 1, Confirmed: 1},
		{Kind: "work_order", Issued: 2, Confirmed: 1, HandedBack: 1}, {Kind: "instruction", Issued: 3, Confirmed: 2, Cancelled: 1},
	}, got.Orders)
	require.Equal(t, s.alertsAbove(), got.Totals.Alerts, "alerts, as headquarters counts them, drills not")

	var people struct {
		Items []struct {
			Person            string
			Points, Corrected int
		}
	}
	s.wang.does(200, "GET", "/review/people", "", &people)
	i := slices.IndexFunc(people.Items, func(p struct {
		Person            string
		Points, Corrected int
	}) bool {
		return p.Person == "zhao"
	})
	require.GreaterOrEqual(t, i, 0)
	require.NotZero(t, people.Items[i].Corrected, "what the lead made of his incident")
	s.zhao.does(403, "GET", "/review/people?person=qian", "", nil)
}

// alertsAbove counts the alerts that headquarters has, each once.
func (s *shift) alertsAbove() (n int) {
	s.t.Helper()
	s.until("headquarters has everything", s.upToDate)
	for _, line := range s.ledger() {
		if line.Taken && line.Type == "watchpost.alert.raised" && !line.Event.Drill {
			n++
		}
	}
	return n
}

// whole: headquarters' ledger is the journal, lane by lane, without a hole and
// nothing twice; every order has an end, or somebody who answers for it.
func whole(t *testing.T, s *shift) {
	for _, one := range s.tasks("?limit=500") {
		if slices.Contains([]string{"confirmed", "handed_back", "cancelled"}, one.State) {
			continue
		}
		require.Equal(t, s.guard, one.ID, "%s order to %s is %s", one.Kind, one.To, one.State)
		inc, _ := s.incident(one.Incident)
		require.Equal(t, []string{"dispatched", "qian"}, []string{inc.State, inc.ClaimedBy})
	}
	lanes := []string{"alarm", "notice", "clip"}
	var sent, got map[string][]string
	s.until("the ledger is as long as the journal", func() bool {
		sent = s.lanes()
		got = s.received()
		return !slices.ContainsFunc(lanes, func(lane string) bool { return len(got[lane]) < len(sent[lane]) })
	})
	for _, lane := range lanes {
		require.NotEmpty(t, sent[lane])
		require.Equal(t, sent[lane], got[lane][:len(sent[lane])], lane)
		t.Logf("%s: %d events, each once and in order", lane, len(sent[lane]))
	}
	require.Empty(t, got["local"], "what never leaves the box")
}

// lanes are the ids of all events in the journal, by lane.
func (s *shift) lanes() map[string][]string {
	s.t.Helper()
	lanes, cursor := map[string][]string{}, ""
	for {
		var page struct {
			Items  []struct{ Event struct{ ID, Lane string } }
			Cursor string
		}
		s.wang.does(200, "GET", "/journal?limit=500&cursor="+url.QueryEscape(cursor), "", &page)
		for _, one := range page.Items {
			lanes[one.Event.Lane] = append(lanes[one.Event.Lane], one.Event.ID)
		}
		if cursor = page.Cursor; cursor == "" {
			return lanes
		}
	}
}

// received are the ids of what headquarters took, by lane; a hole or something
// that came twice fails.
func (s *shift) received() map[string][]string {
	s.t.Helper()
	lanes, seen := map[string][]string{}, map[string]bool{}
	for _, line := range s.ledger() {
		require.Contains(s.t, []string{"ok", "duplicate", "gap"}, line.Verdict, line.Reason)
		if !line.Taken {
			continue
		}
		number, err := strconv.Atoi(strings.Trim(string(line.Sequence), `"`))
		require.NoError(s.t, err)
		require.Equal(s.t, len(lanes[line.Lane])+1, number, "%s has no hole", line.Lane)
		require.False(s.t, seen[line.ID], "%s is there twice", line.ID)
		seen[line.ID] = true
		lanes[line.Lane] = append(lanes[line.Lane], line.ID)
	}
	return lanes
}
