package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// partners are two with a line and one that is called.
func partners() ([]desk.Partner, []desk.RouteClass) {
	return []desk.Partner{
			{ID: "lights", Name: "路灯管理所", Line: "webhook", Backlog: 3},
			{ID: "works", Name: "市政设施管护中心", Line: "mqtt", Pictures: true},
			{ID: "council", Name: "街道综治中心"},
		}, []desk.RouteClass{
			{ID: "municipal", Name: "市政设施", Kinds: []desk.RouteKind{
				{ID: "street-light", Name: "路灯不亮", Reports: []string{"street_light"}, Partners: []string{"lights"}, Limit: 48 * time.Hour},
				{ID: "road", Name: "路面塌陷", Partners: []string{"works", "council"}, Limit: 4 * time.Hour},
			}},
		}
}

func routedRoom(t testing.TB) *room {
	r := newRoom(t)
	setup := staffed()
	setup.Partners, setup.Classes = partners()
	var err error
	r.rules, err = desk.NewRules(setup)
	require.NoError(t, err)
	return r
}

func says(partner, order, result string) desk.ReplyIn {
	return desk.ReplyIn{
		Partner: partner, Order: order, Result: result, Report: "已修复", Reason: "不属于我单位", By: desk.Actor{Name: "partner/" + partner, Role: "partner"},
	}
}

// reported gives an incident, and the orders that the kind gives it.
func (r *room) routed(kind string, closes bool) (incident string, orders []*desk.Task) {
	_, told := r.do(report(operator("li")))
	r.do(desk.RouteIn{Incident: told.Incident, Kind: kind, Close: closes, By: operator("li")})
	return told.Incident, r.state.TasksOf(told.Incident)
}

// orderedAbout goes the whole way, for what replays it.
func orderedAbout(r *room) {
	_, orders := r.routed("road", true)
	for _, task := range orders {
		if task.Order.Line != "" {
			r.do(desk.DeliveredIn{Task: task.ID, Message: task.Order.Waiting[0].Event, News: desk.NewsIssued})
		}
	}
	r.do(says("works", orders[0].ID, desk.ReplyDone))
	r.do(desk.TaskActionIn{Task: orders[0].ID, Verb: "return", Reason: "还在", By: operator("li")})
	r.do(says("council", orders[1].ID, desk.ReplyRefused))
}

// Several parties get their orders in one step, with the place and nothing of
// the room; the incident that nobody had answered is answered and handed over.
func TestRouteToSeveral(t *testing.T) {
	r := routedRoom(t)
	_, told := r.do(report(operator("li")))
	in := desk.RouteIn{Incident: told.Incident, Kind: "road", Note: "南口路面塌陷两米", Close: true, By: operator("li"), Idempotency: "k"}
	records, _ := r.do(in)
	require.Equal(t, []string{
		"incident.acknowledged", "task.issued", "task.issued", "incident.dispatched", "incident.closed", "incident.scored", "task.kept", "task.kept",
	}, types(records))
	inc := r.state.Incident(told.Incident)
	require.Equal(t, []any{desk.Closed, "transferred"}, []any{inc.State, inc.Result})
	works, council := r.state.TasksOf(inc.ID)[0], r.state.TasksOf(inc.ID)[1]
	require.Equal(t, desk.WorkOrder, works.Kind)
	require.Equal(t, []string{"works", "li", "li", "南口路面塌陷两米"}, []string{works.To, works.By, works.Owner, works.Note})
	require.Equal(t, r.now.Add(4*time.Hour), works.Limit.Time)
	require.Equal(t, []string{"road", "路面塌陷", "municipal", "步行街", "360111"},
		[]string{works.Order.RouteKind, works.Order.KindName, works.Order.Class, works.Order.Place.Name, works.Order.Place.AddressCode})
	require.Equal(t, desk.Party{Kind: "partner", ID: "works", Name: "市政设施管护中心"}, r.rules.Party("works"))
	require.Len(t, works.Order.Waiting, 1)
	require.Empty(t, council.Order.Waiting, "it is called")

	again, answer, err := r.try(in)
	require.NoError(t, err)
	require.True(t, answer.Duplicate)
	require.Empty(t, again)
	in.Incident = "other"
	_, _, err = r.try(in)
	require.ErrorContains(t, err, "idempotency_key")
}

func TestRouteRefuses(t *testing.T) {
	r := routedRoom(t)
	incident, _ := r.routed("street-light", false)
	for name, c := range map[string]struct {
		in   desk.RouteIn
		want string
	}{
		"an officer":       {desk.RouteIn{Incident: incident, Kind: "road", By: officer("wu")}, `role "officer" may not`},
		"nowhere":          {desk.RouteIn{Incident: "x", Kind: "road", By: operator("li")}, "not found"},
		"no such kind":     {desk.RouteIn{Incident: incident, Kind: "x", By: operator("li")}, "the id of a configured kind"},
		"it has it":        {desk.RouteIn{Incident: incident, Kind: "street-light", By: operator("li")}, "order 1 to 路灯管理所 is open"},
		"too long":         {desk.RouteIn{Incident: incident, Kind: "road", Note: strings.Repeat("x", 5000), By: operator("li")}, "at most 4096 bytes"},
		"nobody":           {desk.RouteIn{Incident: incident, Kind: "road", By: desk.Actor{Role: "operator"}}, "by"},
		"what has no kind": {desk.RouteIn{Incident: incident, By: operator("li")}, "kind"},
	} {
		_, _, err := r.try(c.in)
		require.ErrorContains(t, err, c.want, name)
	}
	for range 2 {
		r.after(time.Hour).routed("street-light", true)
	}
	_, told := r.after(time.Hour).do(report(operator("li")))
	_, _, err := r.try(desk.RouteIn{Incident: told.Incident, Kind: "street-light", By: operator("li")})
	require.ErrorContains(t, err, "3 orders wait for the line to 路灯管理所")
	r.do(desk.ActionIn{Incident: told.Incident, Verb: "close", Result: "false_alarm", By: operator("li")})
	_, _, err = r.try(desk.RouteIn{Incident: told.Incident, Kind: "road", By: operator("li")})
	require.ErrorContains(t, err, "reopen it first")
}

// What a partner says, by the state of its order; the same again is once in
// effect.
func TestReplies(t *testing.T) {
	for _, c := range []struct {
		first []string
		reply string
		state desk.TaskState
		types []string
	}{
		{nil, desk.ReplyAccepted, desk.Accepted, []string{"task.accepted"}},
		{nil, desk.ReplyDone, desk.Reported, []string{"task.accepted", "task.reported"}},
		{nil, desk.ReplyRefused, desk.HandedBack, []string{"task.handed_back", "incident.reopened"}},
		{[]string{desk.ReplyAccepted}, desk.ReplyAccepted, desk.Accepted, []string{}},
		{[]string{desk.ReplyAccepted}, desk.ReplyDone, desk.Reported, []string{"task.reported"}},
		{[]string{desk.ReplyAccepted}, desk.ReplyRefused, desk.HandedBack, []string{"task.handed_back", "incident.reopened"}},
		{[]string{desk.ReplyDone}, desk.ReplyDone, desk.Reported, nil},
		{[]string{desk.ReplyDone}, desk.ReplyRefused, desk.Reported, nil},
		{[]string{desk.ReplyRefused}, desk.ReplyAccepted, desk.HandedBack, nil},
	} {
		r := routedRoom(t)
		_, orders := r.routed("street-light", true)
		for _, result := range c.first {
			r.do(says("lights", orders[0].ID, result))
		}
		in := says("lights", orders[0].ID, c.reply)
		in.ID = "r1"
		records, _, err := r.after(time.Minute).try(in)
		task := r.state.Task(orders[0].ID)
		require.Equal(t, c.state, task.State, "%v %s", c.first, c.reply)
		if c.types == nil {
			var illegal *desk.IllegalError
			require.ErrorAs(t, err, &illegal)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.types, types(records))
		if len(c.types) > 0 {
			require.Equal(t, []any{c.reply, bridge.At(r.now)}, []any{task.Order.Reply, task.Order.RepliedAt})
			require.Equal(t, "partner/lights", task.History[len(task.History)-1].By)
		}
		_, answer, err := r.try(in)
		require.NoError(t, err)
		require.True(t, answer.Duplicate)
		in.Order = "another"
		_, _, err = r.try(in)
		require.Error(t, err)
	}
}

func TestRepliesAreHeldToTheirOwn(t *testing.T) {
	r := routedRoom(t)
	_, orders := r.routed("street-light", false)
	var forbidden *desk.ForbiddenError
	_, _, err := r.try(says("works", orders[0].ID, desk.ReplyDone))
	require.ErrorAs(t, err, &forbidden)
	plain, _ := r.do(desk.TaskIn{To: "works", Note: "n", By: operator("li")})
	_, _, err = r.try(says("lights", data[desk.TaskIssued](t, plain[0]).Task, desk.ReplyDone))
	require.ErrorAs(t, err, &forbidden)
	for field, in := range map[string]desk.ReplyIn{
		"result":   says("lights", orders[0].ID, "perhaps"),
		"report":   {Partner: "lights", Order: orders[0].ID, Result: desk.ReplyDone, By: operator("li")},
		"reason":   {Partner: "lights", Order: orders[0].ID, Result: desk.ReplyRefused, By: operator("li")},
		"pictures": {Partner: "lights", Order: orders[0].ID, Result: desk.ReplyDone, Report: "r", Pictures: []string{"x"}, By: operator("li")},
		"may not":  {Partner: "lights", Order: orders[0].ID, Result: desk.ReplyDone, Report: "r", By: desk.Actor{Name: "tv", Role: "wall"}},
	} {
		_, _, err := r.try(in)
		require.ErrorContains(t, err, field)
	}
	// Over the telephone, written down by somebody of the room.
	in := says("lights", orders[0].ID, desk.ReplyDone)
	in.By = operator("zhao")
	records, _ := r.do(in)
	require.Equal(t, "zhao", data[desk.TaskChanged](t, records[1]).By)
}

// What was handed over and comes back is the room's again, with a limit.
func TestHandedBackReopens(t *testing.T) {
	r := routedRoom(t)
	incident, orders := r.routed("road", true)
	records, _ := r.do(says("works", orders[0].ID, desk.ReplyRefused))
	require.Equal(t, []string{"task.handed_back", "incident.reopened"}, types(records))
	inc := r.state.Incident(incident)
	require.Equal(t, []any{desk.Acknowledged, "", false}, []any{inc.State, inc.Result, inc.Limit.IsZero()})
	require.Equal(t, []string{"partner/works", "不属于我单位"}, []string{inc.History[len(inc.History)-1].By, inc.History[len(inc.History)-1].Reason})
	records, _ = r.do(says("council", orders[1].ID, desk.ReplyRefused))
	require.Equal(t, []string{"task.handed_back"}, types(records), "it is open already")
}

// What a partner is told, in order, until its line has taken it; what its line
// refuses ends the order's way and is shown.
func TestNews(t *testing.T) {
	r := routedRoom(t)
	_, orders := r.routed("street-light", true)
	id := orders[0].ID
	next := func(want string) desk.DeliveredIn {
		task, news, n := r.state.News("lights")
		require.Equal(t, 1, n)
		require.Equal(t, []string{id, want}, []string{task.ID, news.News})
		return desk.DeliveredIn{Task: id, Message: news.Event, News: news.News}
	}
	in := next(desk.NewsIssued)
	records, _ := r.after(time.Minute).do(in)
	require.Equal(t, []string{"task.delivered"}, types(records))
	require.Equal(t, bridge.Notice, records[0].Event.Lane)
	require.Equal(t, bridge.At(r.now), r.state.Task(id).Order.DeliveredAt)
	_, again := r.do(in)
	require.True(t, again.Duplicate)

	for range 2 { // what was not told yet is overtaken
		r.do(says("lights", id, desk.ReplyDone))
		r.do(desk.TaskActionIn{Task: id, Verb: "return", Reason: "还不亮", By: operator("li")})
	}
	r.do(next(desk.NewsReturned))
	r.do(says("lights", id, desk.ReplyDone))
	r.do(desk.TaskActionIn{Task: id, Verb: "confirm", By: operator("li")})
	r.after(8*24*time.Hour).routed("road", false)
	require.NotNil(t, r.state.Task(id), "the partner does not know the end of it yet")
	in = next(desk.NewsConfirmed)
	in.Refused = "422 no such order"
	records, _ = r.do(in)
	require.Equal(t, []string{"task.undeliverable"}, types(records))
	_, news, n := r.state.News("lights")
	require.Equal(t, []any{"", 0}, []any{news.News, n})
	r.after(time.Minute).do(desk.Tick{})
	r.do(press("P-1", "e9", "alarm", r.now))
	require.Nil(t, r.state.Task(id), "and now it goes")

	_, orders = r.routed("street-light", false)
	id = orders[len(orders)-1].ID
	in = next(desk.NewsIssued)
	in.Refused = "400 nonsense"
	r.do(in)
	r.do(desk.TaskActionIn{Task: id, Verb: "cancel", Reason: "已电话告知", By: operator("li")})
	task := r.state.Task(id)
	require.Equal(t, []any{"400 nonsense", true, 0}, []any{task.Order.SetAside, task.Order.DeliveredAt.IsZero(), len(task.Order.Waiting)})

	late := desk.OrderNews{At: bridge.At(r.now)}
	require.Empty(t, desk.StaleNews(late, r.now.Add(time.Hour), time.Hour))
	require.Contains(t, desk.StaleNews(late, r.now.Add(2*time.Hour), time.Hour), "its line was not there since")
}

// An order without an answer is overdue like any other.
func TestSilentPartnerIsOverdue(t *testing.T) {
	r := routedRoom(t)
	_, orders := r.routed("road", true)
	records, _ := r.after(4*time.Hour + time.Second).do(desk.Tick{})
	require.Contains(t, types(records), "task.overdue")
	require.False(t, r.state.Task(orders[1].ID).OverdueAt.IsZero(), "the one that is called too")
}

// order is what is done about orders, right and wrong.
func (c *chance) order() desk.Input {
	partner := []string{"lights", "works", "council"}[c.IntN(3)]
	by := c.actor()
	switch c.IntN(4) {
	case 0:
		return desk.RouteIn{Incident: c.pick(c.incidents), Kind: []string{"street-light", "road"}[c.IntN(2)], Close: c.IntN(2) == 0, By: by}
	case 1:
		if len(c.news) > 0 {
			in := c.news[c.IntN(len(c.news))]
			in.Refused = []string{"", "", "422"}[c.IntN(3)]
			return in
		}
	case 2:
		return desk.TaskActionIn{Task: c.pick(c.orders), Verb: desk.TaskVerbs()[c.IntN(len(desk.TaskVerbs()))], Reason: "r", Report: "r", By: by}
	}
	if c.IntN(2) == 0 {
		by = desk.Actor{Name: "partner/" + partner, Role: "partner"}
	}
	return desk.ReplyIn{
		Partner: partner, Order: c.pick(c.orders), ID: []string{"", fmt.Sprint("p", c.IntN(50))}[c.IntN(2)],
		Result: []string{desk.ReplyAccepted, desk.ReplyDone, desk.ReplyRefused}[c.IntN(3)], Report: "r", Reason: "r", By: by,
	}
}

// ordered remembers orders and what their partners are to be told.
func (c *chance) ordered(result desk.Result) {
	for _, rec := range result.Events {
		task, is := strings.CutPrefix(rec.Event.Subject, "tasks/")
		if !is {
			continue
		}
		c.orders = append(c.orders, task)
		for _, news := range []string{desk.NewsIssued, desk.NewsReturned, desk.NewsCancelled, desk.NewsConfirmed} {
			if rec.Event.Type == "watchpost.task."+news {
				c.news = append(c.news, desk.DeliveredIn{Task: task, Message: rec.Event.ID, News: news})
			}
		}
	}
}
