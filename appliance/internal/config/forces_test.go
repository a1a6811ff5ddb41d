package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const staffed = good + `
persons: [{id: zhang, name: 张伟, user: zhangwei, password_file: P-001}, {id: li}]
teams: [{id: t1, name: 巡逻一组, beat: b2, members: [zhang, li]}]
shifts: [{id: night, from: "20:00", to: "08:00", days: [fri, sat], persons: [li], teams: [t1]}]
`

func TestForcesAreCompleted(t *testing.T) {
	c, err := Parse([]byte(staffed), folder(t), Supported{})
	require.NoError(t, err)
	require.Equal(t, "secret", c.Persons[0].Password)
	require.Equal(t, Person{ID: "li", Name: "li", User: "li"}, c.Persons[1])
	require.Equal(t, "patrol", c.Teams[0].Kind)
	require.Equal(t, Shift{ID: "night", Name: "night", From: 20 * 60, To: 8 * 60, Days: []string{"fri", "sat"}, Persons: []string{"li"}, Teams: []string{"t1"}}, c.Shifts[0])
}

func TestProblemsOfForces(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"user: zhangwei", "user: li", `persons[1].user: "li" is the user of person zhang already`},
		{"{id: li}", "{id: li, user: zhang}", `persons[1].user: "zhang" is another person's id`},
		{"{id: li}", "{id: zhang, user: li}", `persons[1].id: "zhang" is used twice`},
		{"{id: zhang, name", "{id: P-001, name", `persons[0].id: "P-001" logs in to the broker as a pillar already`},
		{"id: t1, name", "id: zhangwei, name", `teams[0].id: "zhangwei" is a person's id or user`},
		{"beat: b2", "kind: tank", `teams[0].kind: "tank"; write one of patrol, post, person`},
		{"members: [zhang, li]", "members: [zhang, wu]", `teams[0].members[1]: "wu" is not among the persons`},
		{"members: [zhang, li]", "members: [zhang, zhang]", `teams[0].members[1]: "zhang" stands twice`},
		{`"20:00"`, `"8 pm"`, `shifts[0].from: "8 pm" is no time of the day; write it like 08:00`},
		{`"20:00"`, `"8:00"`, `shifts[0].from: "8:00" is no time of the day`},
		{`"20:00"`, `"24:00"`, `shifts[0].from: "24:00" is the end of a day; write 00:00, where the next one begins`},
		{`"08:00"`, `"24:30"`, `shifts[0].to: "24:30" is no time of the day`},
		{`to: "08:00", `, ``, `shifts[0].to: is missing`},
		{"[fri, sat]", "[fri, fri]", `shifts[0].days[1]: "fri" stands twice`},
		{"[fri, sat]", "[Friday]", `shifts[0].days[0]: "Friday"; write one of sun, mon`},
		{"teams: [t1]}", "teams: [t2]}", `shifts[0].teams[0]: "t2" is not among the teams`},
		{"persons: [li], teams: [t1]}", "}", `shifts[0].persons: is empty, and so is teams`},
	} {
		require.Contains(t, staffed, tc.old)
		_, err := Parse([]byte(strings.Replace(staffed, tc.old, tc.new, 1)), folder(t), Supported{})
		require.ErrorContains(t, err, tc.want, tc.new)
	}
}

// A shift may end where the day does, written as people write it.
func TestShiftToTheEndOfTheDay(t *testing.T) {
	c, err := Parse([]byte(strings.Replace(staffed, `to: "08:00"`, `to: "24:00"`, 1)), folder(t), Supported{})
	require.NoError(t, err)
	require.Equal(t, TimeOfDay(24*60), c.Shifts[0].To)
	require.Equal(t, "24:00", c.Shifts[0].To.String())
}
