package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

// staffed is the small station with people: zhang and li are the patrol, wang
// is on nobody's list, he sits at the desk by day.
func staffed() desk.Setup {
	s := setup()
	s.Zone = time.FixedZone("CST", 8*3600)
	s.Persons = []desk.Person{{ID: "zhang", Name: "张伟", User: "zhangwei"}, {ID: "li", Name: "李娜"}, {ID: "wang"}, {ID: "he"}}
	s.Teams = []desk.Team{
		{ID: "t1", Name: "巡逻一组", Kind: "patrol", Beat: "b2", Members: []string{"zhang", "li"}},
		{ID: "t2", Name: "巡逻二组", Kind: "patrol", Members: []string{"wang"}},
	}
	s.Shifts = []desk.Shift{
		{ID: "day", Name: "白班", From: 8 * time.Hour, To: 20 * time.Hour, Persons: []string{"he"}},
		{ID: "night", Name: "夜班", From: 20 * time.Hour, To: 8 * time.Hour, Days: []time.Weekday{time.Friday}, Teams: []string{"t1"}},
	}
	return s
}

func staffedRoom(t testing.TB) *room {
	r := newRoom(t)
	rules, err := desk.NewRules(staffed())
	require.NoError(t, err)
	r.rules = rules
	return r
}

func TestWhomAnOrderIsFor(t *testing.T) {
	r := staffedRoom(t)
	for to, want := range map[string]desk.Party{
		"zhang": {Kind: "person", ID: "zhang", Name: "张伟"}, "zhangwei": {Kind: "person", ID: "zhang", Name: "张伟"},
		"he": {Kind: "person", ID: "he", Name: "he"}, "t1": {Kind: "team", ID: "t1", Name: "巡逻一组"}, "wu": {Kind: "user", ID: "wu", Name: "wu"},
	} {
		require.Equal(t, want, r.rules.Party(to), to)
	}
	for by, own := range map[string][]string{
		"zhangwei": {"zhangwei", "zhang", "t1"}, "li": {"li", "t1"}, "zhang": nil, "wang": {"wang", "t2"}, "wu": {"wu"}, "": nil,
	} {
		for _, to := range []string{"zhangwei", "zhang", "li", "wang", "t1", "t2", "wu", ""} {
			mine := false
			for _, one := range own {
				mine = mine || one == to
			}
			require.Equal(t, mine, r.rules.Acts(officer(by), to), "%s %s", by, to)
		}
	}
}

func TestAnOfficerActsOnHisTeamsOrders(t *testing.T) {
	r := staffedRoom(t)
	_, answer := r.do(desk.TaskIn{To: "t1", Note: "去", By: operator("chen")})
	for _, by := range []desk.Actor{officer("wang"), officer("zhang")} { // zhang's user is zhangwei
		_, _, err := r.try(desk.TaskActionIn{Task: answer.Task, Verb: "accept", By: by})
		var forbidden *desk.ForbiddenError
		require.ErrorAs(t, err, &forbidden)
		require.Empty(t, r.rules.Possible(r.state.Task(answer.Task), by))
	}
	r.do(desk.TaskActionIn{Task: answer.Task, Verb: "accept", By: officer("zhangwei")})
	r.do(desk.TaskActionIn{Task: answer.Task, Verb: "arrive", By: officer("li")})
	require.Equal(t, desk.Arrived, r.state.Task(answer.Task).State)
}

func TestForcesThatDoNotFit(t *testing.T) {
	for want, change := range map[string]func(*desk.Setup){
		"configured twice":                      func(s *desk.Setup) { s.Persons[1].ID = "zhang" },
		"person has that id or user":            func(s *desk.Setup) { s.Teams[0].ID = "zhangwei" },
		`person "wu" is not configured`:         func(s *desk.Setup) { s.Teams[0].Members = []string{"wu"} },
		`shift day: team "t3" is not`:           func(s *desk.Setup) { s.Shifts[0].Teams = []string{"t3"} },
		`shift night: person "wu" is not`:       func(s *desk.Setup) { s.Shifts[1].Persons = []string{"wu"} },
		"user of a person zhangwei: configured": func(s *desk.Setup) { s.Persons[1].User = "zhangwei" },
	} {
		s := staffed()
		change(&s)
		_, err := desk.NewRules(s)
		require.ErrorContains(t, err, want)
	}
}
