package review_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// rule is one rule of a camera: how often it is wrong.
type rule struct {
	name, kind, priority string
	wrong                float64
}

// rules: the bad one fires at leaves.
func rules() []rule {
	return []rule{{"yard", "intrusion", "P1", 0.15}, {"gate", "tripwire", "P2", 0.2}, {"leaves", "loitering", "P2", 0.85}}
}

// plan fills the days: some things happen, some devices flood, people work on
// all of it, shifts change, lines fail.
func (s *sim) plan(days, perDay, incidentsPerDay int) {
	begin := s.clock.Wall()
	for day := range days {
		morning := begin.AddDate(0, 0, day)
		for range incidentsPerDay {
			s.later(s.moment(morning), func() { s.something() })
		}
		floods := max(1, perDay/2000)
		each := (perDay - incidentsPerDay*2) / floods
		for n := range floods {
			place, stuck := s.rand.IntN(placesN), n%4 == 0
			at := morning.Add(time.Duration(s.rand.Int64N(int64(22 * time.Hour))))
			for i := range each {
				s.later(at.Add(time.Duration(i)*2500*time.Millisecond+time.Duration(s.rand.IntN(1000))*time.Millisecond), func() {
					if stuck {
						s.press(place%pillarsN, ingest.PressTalk)
					} else {
						s.sight(place, 1, 2)
					}
				})
			}
		}
		for hour := 8; hour < 24; hour += 12 {
			s.later(morning.Add(time.Duration(hour)*time.Hour), s.handover)
		}
		s.later(morning.Add(10*time.Hour), s.drill)
		s.later(morning.Add(time.Duration(s.rand.Int64N(int64(20*time.Hour)))), s.outage)
		s.later(morning.Add(24*time.Hour+time.Minute), func() {
			s.catchUp()
			require.NoError(s.t, s.book.Tell(s.t.Context()))
		})
	}
}

// restarts takes the box down every second day.
func (s *sim) restarts(days int) {
	for day := 1; day < days; day += 2 {
		s.later(s.clock.Wall().AddDate(0, 0, day).Add(15*time.Hour+30*time.Minute), func() { s.restart(3 * time.Minute) })
	}
}

// moment is some time of the day, oftener in the evening.
func (s *sim) moment(morning time.Time) time.Time {
	hour := s.rand.NormFloat64()*4 + 19
	if s.rand.Float64() < 0.4 {
		hour = s.rand.Float64() * 24
	}
	hour = math.Mod(hour+48, 24)
	return morning.Add(time.Duration(min(hour, 23.9) * float64(time.Hour)))
}

// something happens at a place; some places see more than others.
func (s *sim) something() {
	place := min(s.rand.IntN(placesN), s.rand.IntN(placesN))
	switch x := s.rand.Float64(); {
	case x < 0.15:
		s.press(place%pillarsN, ingest.PressAlarm)
		s.in(20*time.Second, func() { s.sight(place%pillarsN, 0, 0) })
	case x < 0.2:
		s.press(place%pillarsN, ingest.PressTalk)
	case x < 0.6:
		s.report(place)
		s.in(time.Duration(s.rand.IntN(90))*time.Second, func() { s.sight(place, s.rand.IntN(2), 0) })
	default:
		s.sight(place, s.rand.IntN(2), s.rand.IntN(3))
		s.in(time.Minute, func() { s.sight(place, 0, 1) })
	}
}

func (s *sim) now() time.Time { return s.clock.Wall().In(s.zone) }

// press presses a pillar's button; a screen draws nearly every P0 at once.
func (s *sim) press(i int, kind ingest.PressKind) {
	s.n++
	now := s.now()
	result := s.do(desk.PressIn{Press: ingest.Press{
		Pillar: pillar(i), ID: fmt.Sprint(s.n), Kind: kind, At: now, AtText: now.UTC().Format(time.RFC3339Nano), Seq: uint64(s.n), Received: now,
	}})
	if kind == ingest.PressTest {
		s.in(time.Minute, func() { s.mustAct(result.Incident, "close", lead(), func(in *desk.ActionIn) { in.Result = "drill" }) })
		return
	}
	priority := "P1"
	if kind == ingest.PressAlarm {
		priority = "P0"
		if s.rand.Float64() < 0.98 {
			s.in(time.Second, func() { s.do(desk.ShownIn{Alert: result.Alert, Screen: "wall-1", At: s.now()}) })
		}
	}
	s.work(told{origin: "pillar/" + pillar(i), source: "press", kind: string(kind), place: placeID(i), priority: priority, at: now}, result, 0.08)
}

// sight gives one sighting of a rule, begun and ended.
func (s *sim) sight(place, side, n int) {
	s.n++
	r, now := rules()[n], s.now()
	result := s.do(desk.SightingIn{Sighting: vision.Sighting{
		ID: fmt.Sprintf("s-%d", s.n), Camera: ingest.CameraID(camera(place, side)), Rule: r.name, Kind: r.kind, Priority: r.priority, Phase: vision.Ended,
		From: now, To: now, FrameAt: now, ReceivedAt: now, Confidence: 0.8,
	}})
	s.work(told{
		origin: "rule/" + camera(place, side) + "/" + r.name, source: "sighting", kind: r.kind, place: placeID(place), priority: r.priority, at: now,
	}, result, r.wrong)
}

func (s *sim) report(place int) {
	kinds, sources := []string{"theft", "fight", "noise"}, []string{"call_110", "walk_in", "patrol"}
	kind, source := kinds[s.rand.IntN(3)], sources[s.rand.IntN(3)]
	result := s.do(desk.ReportIn{Source: source, Kind: kind, Place: placeID(place), By: s.onDuty()})
	s.work(told{source: source, kind: kind, place: placeID(place), priority: "P2", at: s.now()}, result, 0.04)
}

// onDuty is one of the four operators of the shift.
func (s *sim) onDuty() desk.Actor {
	return operator(s.now().Hour()/8*room/3 + s.rand.IntN(room/3))
}

// work notes an alert, and what becomes of an incident that it opens.
func (s *sim) work(one told, result desk.Result, wrong float64) {
	i := s.truth.alert(one, s.now(), result)
	if i == nil {
		return
	}
	s.in(s.while(40*time.Second), func() { s.answer(i, wrong) })
}

// while is a time around a median, with a long tail.
func (s *sim) while(median time.Duration) time.Duration {
	return time.Duration(float64(median) * math.Exp(s.rand.NormFloat64()*0.9)).Truncate(time.Millisecond)
}

// act does a verb on an incident, and reports whether the desk took it.
func (s *sim) act(id, verb string, by desk.Actor, change func(*desk.ActionIn)) error {
	in := desk.ActionIn{Incident: id, Verb: verb, By: by}
	if change != nil {
		change(&in)
	}
	_, err := s.try(in)
	return err
}

func (s *sim) mustAct(id, verb string, by desk.Actor, change func(*desk.ActionIn)) {
	require.NoError(s.t, s.act(id, verb, by, change), verb)
}

// answer claims an incident and decides what it is.
func (s *sim) answer(i *known, wrong float64) {
	if i.result != "" {
		return
	}
	by := s.onDuty()
	s.mustAct(i.id, "claim", by, nil)
	i.claimed = by.Name
	i.becomes(desk.Acknowledged, s.now())
	switch x := s.rand.Float64(); {
	case x < wrong:
		s.in(s.while(3*time.Minute), func() { s.end(i, "false_alarm") })
	case x < wrong+0.05:
		s.in(s.while(10*time.Minute), func() { s.end(i, "transferred") })
	case x < wrong+0.08 && len(i.alerts) > 1:
		s.split(i)
		s.in(time.Minute, func() { s.send(i) })
	case x < wrong+0.12 && s.merge(i):
	default:
		s.in(s.while(4*time.Minute), func() { s.send(i) })
	}
}

// send gives a team an order, and follows it to its end.
func (s *sim) send(i *known) {
	if i.result != "" {
		return
	}
	n := s.rand.IntN(teamsN)
	issuer := operator(s.rand.IntN(room))
	result := s.do(desk.TaskIn{To: team(n), Incident: i.id, By: issuer, Note: "go", Limit: s.now().Add(2 * time.Hour)})
	order := &ordered{date: s.now().Format(time.DateOnly), kind: "task", to: team(n), state: "issued"}
	s.truth.orders[result.Task] = order
	i.teams = append(i.teams, team(n))
	if i.state == desk.Acknowledged {
		i.becomes(desk.Dispatched, s.now())
	}
	by := officerOf(n)
	s.in(s.while(time.Minute), func() {
		if !s.onTask(result.Task, "accept", by) {
			return
		}
		order.by = by.Name
		s.in(s.while(9*time.Minute), func() {
			if !s.onTask(result.Task, "arrive", by) {
				return
			}
			if i.state == desk.Acknowledged || i.state == desk.Dispatched {
				i.becomes(desk.OnScene, s.now())
			}
			s.in(s.while(25*time.Minute), func() {
				if s.onTask(result.Task, "report", by) && s.onTask(result.Task, "confirm", issuer) {
					order.state = "confirmed"
				}
				s.end(i, "resolved")
			})
		})
	})
}

// onTask reports whether the order was still there to be worked on.
func (s *sim) onTask(id, verb string, by desk.Actor) bool {
	in := desk.TaskActionIn{Task: id, Verb: verb, By: by}
	if verb == "report" {
		in.Report = "done"
	}
	_, err := s.try(in)
	var illegal *desk.IllegalError
	if errors.As(err, &illegal) {
		return false // its incident was closed, and it with it
	}
	require.NoError(s.t, err, verb)
	return true
}

// end closes an incident; a press that came a moment ago is answered first.
func (s *sim) end(i *known, result string) {
	if i.result != "" {
		return
	}
	by := s.onDuty()
	closing := func(in *desk.ActionIn) { in.Result, in.Reason = result, "seen" }
	if err := s.act(i.id, "close", by, closing); err != nil {
		s.mustAct(i.id, "acknowledge", by, nil)
		s.mustAct(i.id, "close", by, closing)
	}
	i.becomes(desk.Closed, s.now())
	i.result = result
	s.scored(i)
	switch x := s.rand.Float64(); {
	case x < 0.02:
		points := s.rand.IntN(30)
		s.in(5*time.Minute, func() {
			if i.result == "" {
				return
			}
			s.mustAct(i.id, "score", lead(), func(in *desk.ActionIn) { in.Points, in.Reason = &points, "looked at it" })
			i.word = points - i.score.Points
		})
	case x < 0.03 && !i.again:
		i.again = true
		s.in(10*time.Minute, func() {
			s.mustAct(i.id, "reopen", by, func(in *desk.ActionIn) { in.Reason = "again" })
			i.result, i.claimed = "", ""
			i.becomes(desk.Acknowledged, s.now())
			s.in(20*time.Minute, func() { s.end(i, "resolved") })
		})
	}
}

// scored notes the desk's own word on the steps, which its state has.
func (s *sim) scored(i *known) {
	_, err := s.desk.View(s.t.Context(), func(state *desk.State) { i.score, i.word = state.Incident(i.id).Score, 0 })
	require.NoError(s.t, err)
	require.NotNil(s.t, i.score)
}

// split makes the incident's newest alert one of its own.
func (s *sim) split(i *known) {
	moved := i.alerts[len(i.alerts)-1]
	by := s.onDuty()
	result, err := s.try(desk.ActionIn{Incident: i.id, Verb: "split", By: by, Reason: "two things", Alerts: []string{moved}})
	require.NoError(s.t, err)
	fresh := ""
	for _, r := range result.Events {
		if r.Event.Type == desk.TypeIncidentOpened {
			fresh = r.Event.Subject[len("incidents/"):]
		}
	}
	other := s.truth.incident(fresh, s.truth.alerts[moved], s.now())
	other.split = true
	s.truth.move(i, other, []string{moved})
	other.becomes(desk.Acknowledged, s.now())
	s.in(s.while(5*time.Minute), func() { s.send(other) })
}

// merge makes another incident of the place part of this one, if there is one
// that nobody else is at.
func (s *sim) merge(i *known) bool {
	for _, id := range slices.Sorted(maps.Keys(s.truth.incidents)) {
		other := s.truth.incidents[id]
		if other == i || other.place != i.place || other.claimed != "" || other.result != "" || other.state != desk.Open {
			continue
		}
		by := s.onDuty()
		s.mustAct(i.id, "merge", by, func(in *desk.ActionIn) { in.Other, in.Reason = other.id, "one thing" })
		s.truth.move(other, i, slices.Clone(other.alerts))
		other.result = "merged"
		s.in(s.while(5*time.Minute), func() { s.send(i) })
		return true
	}
	return false
}

// handover is signed by both.
func (s *sim) handover() {
	hour := s.now().Hour()
	out, in := operator((hour+4)/8*room/3%room), operator(hour/8*room/3+1)
	s.do(desk.HandoverIn{Note: "all quiet", By: out})
	var id, sum string
	_, err := s.desk.View(s.t.Context(), func(state *desk.State) { id, sum = state.Handover().ID, state.Handover().SHA256 })
	require.NoError(s.t, err)
	s.in(time.Minute, func() { s.do(desk.TakeOverIn{Handover: id, SHA256: sum, By: in}) })
}

// drill is never counted.
func (s *sim) drill() { s.press(s.rand.IntN(pillarsN), ingest.PressTest) }

// outage takes the uplink, a camera and a pillar away for a while.
func (s *sim) outage() {
	devices := []desk.DeviceIn{{Device: "hq", Type: "uplink"}, {Device: camera(3, 0), Type: "camera"}, {Device: pillar(2), Type: "pillar"}}
	for i, d := range devices {
		d.State, d.Since, d.Why = "offline", s.now(), "no route"
		s.do(d)
		s.in(time.Duration(20+i)*time.Minute, func() {
			d.State, d.Since = "online", s.now()
			s.do(d)
		})
	}
}
