package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shift is one shift of the room: who works in it, and what goes from one part
// to the next.
type shift struct {
	*rig
	wang, zhao, qian *actor // lead, operator of this shift, operator of the next
	zhang, liu       *actor // officers of patrol-1 and patrol-2

	mine, passed  string // thefts that wang and zhao claimed
	robbery, cell string // the report's incident, and its order
	press         string // the incident of the press that everything sees
	check, guard  string // orders of patrol-2
	parked        string // the incident that partners got
	repeated      string // the order that headquarters gave three times
}

// actor is somebody with a login of his own.
type actor struct {
	r       *rig
	name    string
	session *http.Cookie
}

// TestShift plays one shift of the room on one station, from two browsers to
// the review of the day.
func TestShift(t *testing.T) {
	beside(t)
	s := &shift{rig: newRig(t, shiftRig)}
	for _, partner := range []string{"parking", "traffic-police"} {
		s.control("POST", "/partner/"+partner+"/broker", fmt.Sprintf(`{"url":"mqtt://%s"}`, s.boxAt.MQTT), nil)
	}
	s.wang = &actor{s.rig, user, s.cookie}
	s.zhao, s.qian = s.hire("zhao", "operator"), s.hire("qian", "operator")
	s.zhang, s.liu = s.hire("zhang", "officer"), s.hire("liu", "officer")
	for _, part := range []struct {
		name string
		play func(*testing.T, *shift)
	}{
		{"TwoBrowsersAndHeadquartersAgree", theyAgree},
		{"AReportIsDispatchedToTheNearestFree", report},
		{"APressIsSeenByAllThatSeeIt", correlation},
		{"ARoundIsWalked", patrolRound},
		{"WhatIsNoPoliceWorkGoesToPartners", partners},
		{"APressIsOneIncident", correlated},
		{"InstructionsComeThroughAKill", instructions},
		{"TheOfficerReportsAndIsScored", scored},
		{"ADrillGoesAllTheWay", drill},
		{"TheShiftIsHandedOver", handover},
		{"TheReviewIsWhatWasDone", reviewed},
		{"NothingIsLostAndNothingWithoutAnOwner", whole},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			parent := s.t
			s.t = t
			defer func() { s.t = parent }()
			part.play(t, s)
		})
		if !ok {
			return // what follows stands on what came before
		}
	}
}

// shiftRig is the demo's station on which nothing happens by itself: the gate's
// rule is taken away, the drone stands over a pillar, a second partner has a
// line and refuses everything, and two rounds are due soon.
func shiftRig(r *rig) {
	soon := func(minutes int) string {
		return time.Now().Add(time.Duration(minutes) * time.Minute).In(time.FixedZone("", 8*3600)).Format("15:04")
	}
	first := 1
	if time.Now().Second() > 55 {
		first = 2 // the box is hardly up by then
	}
	r.simChanges = [][2]string{
		{`center: {lat: 28.6903, lon: 115.9915}`, `center: {lat: 28.6902, lon: 115.9914}, radius_m: 5, speed_mps: 1`},
		{"\nhq:\n", `
partners:
  - {id: parking, password: parking-password, accept_s: 0.2, done_s: 0.2}
  - {id: traffic-police, password: traffic-police-password, accept_s: 0.2, refuses: true}
hq:
`},
	}
	r.boxChanges = [][2]string{
		{"    rules:\n      - {name: at-the-door, label: 门口有人, kind: intrusion, zone: door, priority: P2}\n", ""},
		{"secrets/parking}\n", "secrets/parking}\n    - {id: traffic-police, kind: mqtt, password_file: secrets/traffic-police}\n"},
		{`["08:00", "10:00", "12:00", "14:00", "16:00", "18:00", "20:00", "22:00"], within: 1h`, fmt.Sprintf(`[%q], within: 20m`, soon(8))},
		{`["23:30", "02:30"], within: 30m`, fmt.Sprintf(`[%q, %q], within: 1m`, soon(first), soon(first+1))},
	}
	for _, at := range []string{"09:00", "09:30", "09:40"} { // the demo's own drills, whenever this runs
		r.boxChanges = append(r.boxChanges, [2]string{fmt.Sprintf("at: %q", at), fmt.Sprintf("at: %q", soon(12*60))})
	}
}

// hire is a new user who is logged in.
func (s *shift) hire(name, role string) *actor {
	s.addUser(name, role)
	mine := s.cookie
	defer func() { s.cookie = mine }()
	s.loginAs(name)
	return &actor{s.rig, name, s.cookie}
}

// does asks the box as the actor and wants that status.
func (a *actor) does(want int, method, path, body string, into any) {
	a.r.t.Helper()
	status, answer := a.r.ask(a.session, method, "/api/v1"+path, body)
	require.Equal(a.r.t, want, status, "%s: %s %s %s: %s", a.name, method, path, body, answer)
	if into != nil {
		require.NoError(a.r.t, json.Unmarshal(answer, into), string(answer))
	}
}

// acts does one verb after the other on a resource, each with a body.
func (a *actor) acts(on string, steps ...[2]string) {
	a.r.t.Helper()
	for _, step := range steps {
		a.does(200, "POST", on+"/"+step[0], step[1], nil)
	}
}

// claims takes an incident and closes it, if a result is given.
func (a *actor) claims(incident, result string) {
	a.r.t.Helper()
	a.acts("/incidents/"+incident, [2]string{"claim", "{}"})
	if result != "" {
		a.acts("/incidents/"+incident, [2]string{"close", fmt.Sprintf(`{"result":%q}`, result)})
	}
}

// reports makes a report of it, as some 110 call or walk-in.
func (a *actor) reports(body string) (made incident) {
	a.r.t.Helper()
	var answer struct{ Incident incident }
	a.does(201, "POST", "/incidents", body, &answer)
	return answer.Incident
}

// order is a task as far as this shift looks at it.
type order struct {
	ID, Kind, State, To, By, Owner, Incident, About string
	HQIDs                                           []string `json:"hq_ids"`
}

func (a *actor) orders(path, body string) order {
	a.r.t.Helper()
	var answer struct{ Task order }
	a.does(201, "POST", path, body, &answer)
	return answer.Task
}

func (s *shift) order(id string) order {
	s.t.Helper()
	var answer struct{ Task order }
	s.wang.does(200, "GET", "/tasks/"+id, "", &answer)
	return answer.Task
}

// report: three fields and a key, and cameras, teams and look-back are bound at
// once; the nearest team gets the order by template, and goes.
func report(t *testing.T, s *shift) {
	for _, one := range s.incidentsTold() {
		if one.Kind == "alarm" {
			s.wang.claims(one.ID, "false_alarm") // the press before: children
		}
	}
	var near struct {
		Cameras []struct {
			ID       string
			From, To time.Time
		}
		Forces []unit
	}
	s.until("both teams are known by their phones", func() bool {
		s.zhao.does(200, "GET", "/nearby?place=bxj-south&kind=robbery", "", &near)
		return len(near.Forces) == 2 && near.Forces[0].Metres != nil && near.Forces[1].Metres != nil
	})
	require.Equal(t, "patrol-1", near.Forces[0].ID)
	require.Len(t, near.Cameras, 2)
	for _, one := range near.Cameras {
		require.True(t, one.From.Before(one.To), "%s is looked back on", one.ID)
	}
	made := s.zhao.reports(`{"source":"walk_in","kind":"robbery","place":"bxj-south","note":"手机被抢，向南逃走"}`)
	s.robbery = made.ID
	require.ElementsMatch(t, []string{near.Cameras[0].ID, near.Cameras[1].ID}, made.Cameras, "what it said before is bound")
	s.zhao.claims(s.robbery, "")
	s.cell = s.dispatch(s.robbery, "respond", "patrol-1")
	s.liu.does(404, "GET", "/tasks/"+s.cell, "", nil)
	s.zhang.acts("/tasks/"+s.cell, [2]string{"accept", "{}"}, [2]string{"arrive", "{}"}, [2]string{"tick", `{"steps":[1]}`})
	inc, _ := s.incident(s.robbery)
	require.Equal(t, "on_scene", inc.State)
}

// dispatch sends the first of whom the incident's list names, by template.
func (s *shift) dispatch(incident, template, want string) string {
	s.t.Helper()
	var best struct{ Items []unit }
	s.zhao.does(200, "GET", "/incidents/"+incident+"/forces", "", &best)
	require.Equal(s.t, want, best.Items[0].ID, "the nearest that is free")
	made := s.zhao.orders("/tasks", fmt.Sprintf(`{"template":%q,"to":%q,"incident":%q}`, template, want, incident))
	require.Equal(s.t, "task", made.Kind)
	inc, _ := s.rig.incident(incident)
	require.Equal(s.t, "dispatched", inc.State)
	return made.ID
}

// correlation: a pillar is pressed below a drone that falls silent, before a
// camera that will see somebody there.
func correlation(t *testing.T, s *shift) {
	s.until("the drone's position", func() bool {
		d := s.room().Drones
		return len(d) == 1 && d[0].Telemetry != nil && d[0].Telemetry.Position != nil
	})
	s.control("POST", "/camera/yard/start", "", nil)
	press := s.rig.press("P-001", "alarm")
	s.until("the pillar's ack", func() bool {
		s.press = s.simState().Pillars["P-001"].Acks[press].Incident
		return s.press != ""
	})
	s.control("POST", "/drone/uav-1/stop", "", nil)
	s.zhao.claims(s.press, "")
	s.check = s.dispatch(s.press, "check", "patrol-2") // patrol-1 is nearer, and busy
	s.liu.acts("/tasks/"+s.check, [2]string{"accept", "{}"}, [2]string{"arrive", "{}"})
}

// patrolRound: the round that is due soon is walked, signed off camera by
// camera, and finds something.
func patrolRound(t *testing.T, s *shift) {
	s.until("both cameras are live", func() bool {
		return !slices.ContainsFunc(s.room().Cameras, func(c camera) bool { return !c.Live.Live })
	})
	var round struct {
		Round struct {
			ID, State string
			Due       time.Time
			Findings  int
		}
		Incident string
	}
	s.qian.does(201, "POST", "/patrols/street/begin", `{}`, &round)
	require.False(t, round.Round.Due.IsZero(), "it counts for the time that is due")
	s.zhao.does(409, "POST", "/patrols/street/begin", `{}`, nil)
	on := "/rounds/" + round.Round.ID
	s.until("the journal knows that the yard is back", func() bool {
		var seen struct {
			Round struct {
				Cameras []struct {
					Camera string
					Seen   bool
				}
			}
		}
		s.qian.does(200, "POST", on+"/see", `{"camera":"yard","seen":true}`, &seen)
		return seen.Round.Cameras[0].Seen
	})
	s.qian.does(422, "POST", on+"/finish", `{}`, nil)
	s.qian.does(200, "POST", on+"/see", `{"camera":"gate","seen":true,"finding":{"kind":"suspicious","note":"有人徘徊"}}`, &round)
	found := round.Incident
	require.NotEmpty(t, found)
	require.NotEqual(t, s.press, found)
	s.qian.does(200, "POST", on+"/finish", `{"note":"其余正常"}`, &round)
	require.Equal(t, []any{"done", 1}, []any{round.Round.State, round.Round.Findings})
	s.qian.claims(found, "false_alarm")
}

// partners: one incident goes to two partners and is closed; one of them does
// the work, the other hands it back, and the room has it again.
func partners(t *testing.T, s *shift) {
	s.until("both partners' lines", func() bool {
		var state struct {
			Partners map[string]struct{ Connected bool } `json:"partners"`
		}
		s.control("GET", "/state", "", &state)
		return state.Partners["parking"].Connected && state.Partners["traffic-police"].Connected
	})
	s.parked = s.zhao.reports(`{"source":"call_110","kind":"parking","position":{"lat":28.6950,"lon":115.9990},"place":"河西路 8 号","note":"车挡住消防通道"}`).ID
	s.zhao.acts("/incidents/"+s.parked, [2]string{"route", `{"kind":"parked-car","close":true}`})
	state := func() map[string]string {
		states := map[string]string{}
		for _, one := range s.tasks("?kind=work_order&incident=" + s.parked) {
			states[one.To] = one.State
		}
		return states
	}
	s.until("both have answered", func() bool {
		now := state()
		return now["parking"] == "reported" && now["traffic-police"] == "handed_back"
	})
	inc, _ := s.incident(s.parked)
	require.Equal(t, "acknowledged", inc.State, "it came back: the room has it again")
	for _, one := range s.tasks("?kind=work_order&incident=" + s.parked) {
		if one.To == "parking" {
			s.zhao.acts("/tasks/"+one.ID, [2]string{"confirm", "{}"})
		}
	}
	s.zhao.claims(s.parked, "resolved")
	s.until("the partner knows that the room is content", func() bool {
		var sim struct {
			Partners map[string]struct {
				Orders map[string]struct{ News []string } `json:"orders"`
			} `json:"partners"`
		}
		s.control("GET", "/state", "", &sim)
		for _, one := range sim.Partners["parking"].Orders {
			return strings.Join(one.News, " ") == "issued confirmed"
		}
		return false
	})
}

// tasks are all that the query asks for.
func (s *shift) tasks(query string) []order {
	s.t.Helper()
	var list struct{ Items []order }
	s.wang.does(200, "GET", "/tasks"+query, "", &list)
	return list.Items
}

// correlated: the press, the person whom the camera saw and the drone above are
// one incident.
func correlated(t *testing.T, s *shift) {
	var one struct {
		Alerts []struct{ Origin string }
	}
	s.until("press, sighting and drone in one incident", func() bool {
		s.zhao.does(200, "GET", "/incidents/"+s.press, "", &one)
		origins := map[string]bool{}
		for _, a := range one.Alerts {
			origins[a.Origin] = true
		}
		return origins["press"] && origins["sighting"] && origins["drone"]
	})
	s.control("POST", "/camera/yard/stop", "", nil)
	inc, _ := s.incident(s.press)
	require.ElementsMatch(t, []string{"yard", "gate"}, inc.Cameras)
}
