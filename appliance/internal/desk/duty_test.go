package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/bridge"
)

// TestShiftsByTheClock: a shift that begins on Friday evening is Saturday's
// until morning; the zone's clock counts, not UTC's.
func TestShiftsByTheClock(t *testing.T) {
	r := staffedRoom(t)
	zone := r.rules.Zone()
	for _, tc := range []struct {
		at              string // 2026-03-06 is a Friday
		he, zhang, team bool
	}{
		{"2026-03-06 07:59", false, false, false}, {"2026-03-06 08:00", true, false, false}, {"2026-03-06 19:59", true, false, false},
		{"2026-03-06 20:00", false, true, true}, {"2026-03-07 00:00", false, true, true}, {"2026-03-07 07:59", false, true, true},
		{"2026-03-07 08:00", true, false, false}, {"2026-03-07 21:00", false, false, false}, {"2026-03-06 03:00", false, false, false},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", tc.at, zone)
		require.NoError(t, err)
		require.Equal(t, tc.he, r.rules.PersonDuty(r.state, "he", at).On, "he %s", tc.at)
		require.Equal(t, tc.zhang, r.rules.PersonDuty(r.state, "zhang", at).On, "zhang %s", tc.at)
		team := r.rules.TeamDuty(r.state, "t1", at)
		require.Equal(t, tc.team, team.On, "t1 %s", tc.at)
		if team.On {
			require.Equal(t, "night", team.Shift)
			require.Equal(t, "2026-03-06T12:00:00.000Z", team.Since.String(), "20:00 at the station")
			require.Equal(t, "2026-03-07T00:00:00.000Z", team.Until.String(), "08:00 of the next day at the station")
		}
	}
	whole := desk.Shift{From: 8 * time.Hour, To: 8 * time.Hour}
	_, until, on := whole.On(time.Date(2026, 3, 6, 7, 0, 0, 0, time.UTC), time.UTC)
	require.True(t, on, "a shift that ends when it began lasts a day")
	require.Equal(t, 6, until.Day())
	late := desk.Shift{From: 20 * time.Hour, To: 24 * time.Hour}
	for _, tc := range []struct {
		hour int
		on   bool
	}{{19, false}, {20, true}, {23, true}, {24, false}, {31, false}} {
		_, until, on = late.On(time.Date(2026, 3, 6, tc.hour, 59, 59, 0, r.rules.Zone()), r.rules.Zone())
		require.Equal(t, tc.on, on, "a shift to 24:00 at %d:59", tc.hour)
		require.True(t, !on || until.Equal(time.Date(2026, 3, 7, 0, 0, 0, 0, r.rules.Zone())))
	}
	_, _, on = (&desk.Shift{To: 24 * time.Hour}).On(time.Date(2026, 3, 6, 23, 59, 59, 0, time.UTC), time.UTC)
	require.True(t, on, "from 00:00 to 24:00 is the day")
	// Summer time begins at 02:00 on 2026-03-29: the night is an hour short.
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	night := desk.Shift{From: 22 * time.Hour, To: 6 * time.Hour}
	_, until, on = night.On(time.Date(2026, 3, 29, 3, 30, 0, 0, berlin), berlin)
	require.True(t, on)
	require.Equal(t, time.Date(2026, 3, 29, 6, 0, 0, 0, berlin), until)
}

func TestAWordOnDuty(t *testing.T) {
	r := staffedRoom(t) // 2026-03-01 22:00 at the station, a Sunday: nobody is on duty
	require.False(t, r.rules.PersonDuty(r.state, "zhang", r.now).On)
	r.do(desk.DutyIn{Team: "t1", On: true, Until: r.now.Add(2 * time.Hour), Reason: "增援", By: lead("chen")})
	zhang := r.rules.PersonDuty(r.state, "zhang", r.now)
	require.Equal(t, desk.Standing{On: true, Team: "t1", Since: bridge.At(r.now), Until: bridge.At(r.now.Add(2 * time.Hour)), By: "chen", Reason: "增援"}, zhang)

	records, _ := r.do(desk.DutyIn{Person: "zhangwei", Reason: "生病", By: lead("chen"), Idempotency: "k1"})
	require.Equal(t, "watchpost.duty.changed", records[0].Event.Type)
	require.Equal(t, "persons/zhang", records[0].Event.Subject)
	require.Equal(t, bridge.Local, records[0].Event.Lane, "why somebody is off duty leaves no box")
	word := data[desk.DutyChanged](t, records[0])
	require.Equal(t, bridge.At(r.now.Add(12*time.Hour)), word.Until, "a word without an end says which it got")
	require.False(t, r.rules.PersonDuty(r.state, "zhang", r.now).On, "his own word counts more than his team's")
	records, answer := r.do(desk.DutyIn{Person: "zhangwei", Reason: "生病", By: lead("chen"), Idempotency: "k1"})
	require.Empty(t, records)
	require.True(t, answer.Duplicate)

	units := r.rules.Units(r.state, r.now)
	require.Equal(t, []string{"li"}, units[0].Crew)
	require.True(t, units[0].Sendable())
	r.do(desk.DutyIn{Person: "li", Reason: "会议", By: lead("chen")})
	units = r.rules.Units(r.state, r.now)
	require.True(t, units[0].Duty.On)
	require.False(t, units[0].Sendable(), "a team without a crew is nobody to send")

	r.after(3 * time.Hour)
	require.False(t, r.rules.TeamDuty(r.state, "t1", r.now).On, "the word has lapsed")
	r.do(desk.DutyIn{Person: "he", On: true, Reason: "加班", By: operator("wu")})
	b, err := r.state.Bytes()
	require.NoError(t, err)
	require.NotContains(t, string(b), `"team":"t1"`, "what has lapsed leaves the state")
	again, err := desk.Restore(b)
	require.NoError(t, err)
	require.Equal(t, r.rules.Units(r.state, r.now), r.rules.Units(again, r.now))
}

func TestWordsOnDutyThatAreRefused(t *testing.T) {
	r := staffedRoom(t)
	ok := desk.DutyIn{Person: "he", On: true, Reason: "r", By: lead("chen")}
	for want, change := range map[string]func(*desk.DutyIn){
		"exactly one of them":         func(in *desk.DutyIn) { in.Team = "t1" },
		"person":                      func(in *desk.DutyIn) { in.Person = "" },
		`person "nobody"`:             func(in *desk.DutyIn) { in.Person = "nobody" },
		`team "t9"`:                   func(in *desk.DutyIn) { in.Person, in.Team = "", "t9" },
		"why the shifts do not count": func(in *desk.DutyIn) { in.Reason = "" },
		"a time to come":              func(in *desk.DutyIn) { in.Until = r.now },
		"within a year":               func(in *desk.DutyIn) { in.Until = r.now.Add(367 * 24 * time.Hour) },
		"within a week":               func(in *desk.DutyIn) { in.Until = r.now.Add(8 * 24 * time.Hour) },
		"officer\" may not":           func(in *desk.DutyIn) { in.By = officer("he") },
	} {
		in := ok
		change(&in)
		_, _, err := r.try(in)
		require.Error(t, err, want)
		require.ErrorContains(t, err, want)
	}
}

func TestWhomToSend(t *testing.T) {
	r := staffedRoom(t)
	for _, team := range []string{"t1", "t2"} {
		r.do(desk.DutyIn{Team: team, On: true, Reason: "r", By: lead("chen")})
	}
	r.do(desk.DutyIn{Person: "he", On: true, Reason: "r", By: lead("chen")})
	in := report(operator("chen"))
	in.Position = at(28.6900, 115.9912)
	_, opened := r.do(in)
	inc := r.state.Incident(opened.Incident)
	where := map[string]*desk.Whereabouts{}
	order := func() (ids []string) {
		for _, c := range r.rules.Candidates(r.state, r.now, inc, func(p string) *desk.Whereabouts { return where[p] }) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	require.Equal(t, []string{"t1", "t2", "he"}, order(), "nobody knows where they are: the place's own beat first")
	where["he"] = &desk.Whereabouts{Position: *at(28.7, 115.9912), At: r.now}
	require.Equal(t, []string{"he", "t1", "t2"}, order(), "known before unknown")
	where["wang"] = &desk.Whereabouts{Position: *at(28.6905, 115.9912), At: r.now, Stale: true}
	require.Equal(t, []string{"he", "t2", "t1"}, order(), "an old position is behind a fresh one, before none")
	where["li"] = &desk.Whereabouts{Position: *at(28.6910, 115.9912), At: r.now}
	where["zhang"] = &desk.Whereabouts{Position: *at(28.6, 115.9912), At: r.now.Add(-time.Hour), Stale: true}
	list := r.rules.Candidates(r.state, r.now, inc, func(p string) *desk.Whereabouts { return where[p] })
	require.Equal(t, "t1", list[0].ID)
	require.InDelta(t, 111, *list[0].Metres, 1, "of the member heard last")
	_, answer := r.do(desk.TaskIn{To: "t1", Note: "去", By: operator("chen")})
	require.Equal(t, []string{"he", "t2", "t1"}, order(), "busy ones last")
	require.Equal(t, []string{answer.Task}, r.rules.Units(r.state, r.now)[0].Tasks)
	require.Equal(t, []string{answer.Task}, r.rules.Units(r.state, r.now)[2].Tasks, "a team's order is its members'")
	r.do(desk.DutyIn{Person: "zhang", Reason: "r", By: lead("chen")})
	require.Empty(t, r.rules.Units(r.state, r.now)[2].Tasks, "while they are on duty")
	inc = &desk.Incident{}
	for _, c := range r.rules.Candidates(r.state, r.now, inc, func(p string) *desk.Whereabouts { return where[p] }) {
		require.Nil(t, c.Metres, "nobody knows where the incident is")
	}
}

// BenchmarkUnits is a station of 200 people in 40 teams and three shifts, with
// 50 words in force: what the box asks ten times a second at most.
func BenchmarkUnits(b *testing.B) {
	s := setup()
	for i := range 200 {
		s.Persons = append(s.Persons, desk.Person{ID: fmt.Sprint("p", i)})
	}
	for i := range 40 {
		team := desk.Team{ID: fmt.Sprint("t", i)}
		for j := range 5 {
			team.Members = append(team.Members, fmt.Sprint("p", i*5+j))
		}
		s.Teams = append(s.Teams, team)
	}
	for i := range 3 {
		shift := desk.Shift{ID: fmt.Sprint("s", i), From: time.Duration(i*8) * time.Hour, To: time.Duration(i*8+8) % 24 * time.Hour}
		for j := range 40 {
			shift.Teams = append(shift.Teams, fmt.Sprint("t", j))
		}
		s.Shifts = append(s.Shifts, shift)
	}
	rules, err := desk.NewRules(s)
	require.NoError(b, err)
	r := newRoom(b)
	r.rules = rules
	for i := range 50 {
		r.do(desk.DutyIn{Person: fmt.Sprint("p", i), Reason: "r", By: lead("chen")})
	}
	b.ReportAllocs()
	for b.Loop() {
		rules.Units(r.state, r.now)
	}
}

// TestOldWordsOnDuty: journals of older releases have the words in lane notice;
// they count as they did, and their keys are found.
func TestOldWordsOnDuty(t *testing.T) {
	r := staffedRoom(t)
	in := desk.DutyIn{Team: "t1", On: true, Reason: "增援", By: lead("chen"), Idempotency: "k1"}
	drafts, _, err := r.rules.Step(r.state, bridge.At(r.now), [16]byte{1}, in, nil)
	require.NoError(t, err)
	drafts[0].Lane = bridge.Notice
	records, _, err := r.m.Append(drafts)
	require.NoError(t, err)
	require.NoError(t, r.state.Apply(records[0]))
	require.True(t, r.rules.TeamDuty(r.state, "t1", r.now).On)
	_, again := r.do(in)
	require.True(t, again.Duplicate)
}
