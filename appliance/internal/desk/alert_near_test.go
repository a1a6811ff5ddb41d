package desk_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// The town of the labelled alerts: ten corners 150 m apart, each a pillar with
// two cameras that look at it, and a back yard with a camera that nobody sees.
const corners = 10

const metre = 1.0 / 111_195 // of latitude, in degrees

func corner(n int) ingest.Position {
	return ingest.Position{Lat: 28.69 + float64(n/5)*150*metre, Lon: 115.99 + float64(n%5)*171*metre}
}

func town() desk.Setup {
	s := desk.Setup{Station: "test", Box: "a", Config: "sha256:config"}
	for n := range corners {
		at := corner(n)
		s.Pillars = append(s.Pillars, desk.Pillar{ID: fmt.Sprint("P-", n), Position: &at})
		for i, side := range []float64{-1, 1} {
			stand := ingest.Position{Lat: at.Lat, Lon: at.Lon + side*35*metre}
			s.Cameras = append(s.Cameras, desk.Camera{
				ID: fmt.Sprintf("C-%d-%d", n, i), Position: &stand, Bearing: 180 - side*90 + 180, FOV: 70, RangeM: 60,
			})
		}
		yard := ingest.Position{Lat: at.Lat + 75*metre, Lon: at.Lon}
		s.Cameras = append(s.Cameras, desk.Camera{ID: fmt.Sprint("Y-", n), Position: &yard, Bearing: 0, FOV: 60, RangeM: 30})
	}
	return s
}

// told is one input with the thing that really happened behind it.
type told struct {
	at    time.Duration
	truth int
	in    func(now time.Time) desk.Input
}

// story makes what happens in the town, and what the box hears of it.
type story struct {
	*rand.Rand
	told []told
	n    int
}

func (s *story) say(truth int, at time.Duration, in func(time.Time) desk.Input) {
	s.n++
	s.told = append(s.told, told{at, truth, in})
}

func (s *story) within(d time.Duration) time.Duration { return time.Duration(s.Int64N(int64(d))) }

func (s *story) seen(truth int, at time.Duration, camera, kind string) {
	id := fmt.Sprint("s", s.n)
	s.say(truth, at, func(now time.Time) desk.Input { return sighting(id, vision.Raised, camera, kind, now, now) })
}

func (s *story) call(truth int, at time.Duration, n int, kind string) {
	where := corner(n)
	where.Lat += (s.Float64() - 0.5) * 28 * metre
	where.Lon += (s.Float64() - 0.5) * 28 * metre
	s.say(truth, at, func(time.Time) desk.Input {
		return desk.ReportIn{Source: "call_110", Kind: kind, Position: &where, By: operator("li")}
	})
}

// emergency is a press, mostly with more presses, sightings and calls; now and
// then a camera saw it coming.
func (s *story) emergency(truth, n int, at time.Duration) {
	if s.IntN(5) == 0 {
		s.seen(truth, at-s.within(20*time.Second), fmt.Sprintf("C-%d-%d", n, s.IntN(2)), "crowd")
	}
	for i := range 1 + s.IntN(3) {
		id := fmt.Sprint("e", s.n)
		s.say(truth, at+time.Duration(i)*s.within(20*time.Second), func(now time.Time) desk.Input {
			return press(fmt.Sprint("P-", n), id, ingest.PressAlarm, now)
		})
	}
	for range s.IntN(5) {
		s.seen(truth, at+time.Second+s.within(100*time.Second), fmt.Sprintf("C-%d-%d", n, s.IntN(2)), []string{"crowd", "intrusion", "fast_move"}[s.IntN(3)])
	}
	for range s.IntN(3) {
		s.call(truth, at+time.Second+s.within(90*time.Second), n, "fight")
	}
}

// scenario is what the seed tells: every 6 minutes, two things at once at
// different corners, one of three kinds each.
func scenario(seed uint64, turns int) []told {
	s := &story{Rand: rand.New(rand.NewPCG(seed, 7))}
	for turn := range turns {
		began := time.Duration(turn+1) * 6 * time.Minute
		for i, n := range s.Perm(corners)[:2] {
			truth, at := 2*turn+i, began+s.within(30*time.Second)
			switch s.IntN(5) {
			case 0: // somebody in a back yard
				for range 2 + s.IntN(4) {
					s.seen(truth, at+s.within(90*time.Second), fmt.Sprint("Y-", n), "intrusion")
				}
			case 1: // a fire: many calls
				for range 2 + s.IntN(3) {
					s.call(truth, at+s.within(90*time.Second), n, "fire")
				}
			default:
				s.emergency(truth, n, at)
			}
		}
	}
	slices.SortStableFunc(s.told, func(a, b told) int { return cmp.Compare(a.at, b.at) })
	return s.told
}

// TestCorrelation: on labelled alerts no two pillars' presses and no two
// things' presses are one incident, and the pairs that are one incident are
// mostly those that are one thing.
func TestCorrelation(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		f := newFlood(t)
		var err error
		f.rules, err = desk.NewRules(town())
		require.NoError(t, err)
		type placed struct {
			thing    int
			incident string
			pillar   string
		}
		var all []placed
		for _, one := range scenario(seed, 60) {
			f.now = start().Add(one.at)
			f.endOld(4 * time.Minute)
			in := one.in(f.now)
			_, answer := f.do(in)
			p := placed{thing: one.truth, incident: answer.Incident}
			if pressed, ok := in.(desk.PressIn); ok {
				p.pillar = pressed.Press.Pillar
			}
			all = append(all, p)
		}
		require.GreaterOrEqual(t, len(all), 300)
		var both, made, truth, over float64
		for i, a := range all {
			for _, b := range all[:i] {
				one, same := a.incident == b.incident, a.thing == b.thing
				if one && same {
					both++
				}
				if one {
					made++
				}
				if same {
					truth++
				}
				if one && a.pillar != "" && b.pillar != "" && (a.pillar != b.pillar || !same) {
					over++
				}
			}
		}
		precision, recall := both/made, both/truth
		f1 := 2 * precision * recall / (precision + recall)
		t.Logf("seed %d: %d alerts of %d things: pairwise precision %.3f, recall %.3f, F1 %.3f; presses over-merged %.0f", seed, len(all), 120, precision, recall, f1, over)
		require.Zero(t, over)
		require.Greater(t, f1, 0.85)
	}
}

// endOld is the room's work: what gave no sign for so long is closed.
func (f *flood) endOld(d time.Duration) {
	for _, inc := range f.state.OpenIncidents() {
		if f.now.Sub(inc.History[len(inc.History)-1].At.Time) > d {
			f.do(desk.ActionIn{Incident: inc.ID, Verb: "claim", By: operator("li")})
			f.do(desk.ActionIn{Incident: inc.ID, Verb: "close", Result: "resolved", By: operator("li")})
		}
	}
}

// TestTenPressesAndAFlood: ten pillars within one second while a camera floods
// are ten incidents, each with the cameras that see its pillar.
func TestTenPressesAndAFlood(t *testing.T) {
	f := newFlood(t)
	var err error
	f.rules, err = desk.NewRules(town())
	require.NoError(t, err)
	incidents := map[string]int{}
	for i := range 1000 {
		f.now = f.now.Add(time.Millisecond)
		if i%100 == 0 {
			n := i / 100
			_, answer := f.do(press(fmt.Sprint("P-", n), "e", ingest.PressAlarm, f.now))
			incidents[answer.Incident] = n
		}
		f.do(sighting(fmt.Sprint("s", i), vision.Raised, "C-0-0", "crowd", f.now, f.now))
	}
	require.Len(t, incidents, 10)
	require.Len(t, f.state.OpenIncidents(), 10, "the camera looks at the first pillar: what it sees belongs there")
	for id, n := range incidents {
		require.ElementsMatch(t, []string{fmt.Sprintf("C-%d-0", n), fmt.Sprintf("C-%d-1", n)}, f.state.Incident(id).Cameras)
	}
	require.Len(t, f.state.AlertsOf(f.state.Incidents()[9].ID), 2)
	require.Equal(t, 1000, f.state.AlertsOf(f.state.Incidents()[9].ID)[1].Count)
}

// TestNeighboursAreLinked: presses of two pillars in one place are two
// incidents that name each other.
func TestNeighboursAreLinked(t *testing.T) {
	r := newRoom(t)
	_, first := r.do(press("P-1", "e1", ingest.PressAlarm, r.now))
	_, other := r.after(time.Second).do(press("P-2", "e1", ingest.PressAlarm, r.now))
	require.Equal(t, []string{first.Incident}, r.state.Incident(other.Incident).Linked)
	require.Equal(t, []string{other.Incident}, r.state.Incident(first.Incident).Linked)
}

// TestTheNewestOfOneSpot: a report from the middle of a place and a press at the
// pillar that stands there lie a rounding error apart; what is seen afterwards
// belongs to the newer of them.
func TestTheNewestOfOneSpot(t *testing.T) {
	r := newRoom(t)
	var err error
	r.rules, err = desk.NewRules(town())
	require.NoError(t, err)
	spot := corner(0)
	spot.Lon -= 1e-12 // a hair nearer to what the camera looks at
	r.do(desk.ReportIn{Source: "call_110", Kind: "robbery", Position: &spot, By: operator("li")})
	_, pressed := r.after(5 * time.Second).do(press("P-0", "e1", ingest.PressAlarm, r.now))
	_, seen := r.after(5 * time.Second).do(sighting("s1", vision.Raised, "C-0-0", "intrusion", r.now, r.now))
	require.Equal(t, pressed.Incident, seen.Incident)
}
