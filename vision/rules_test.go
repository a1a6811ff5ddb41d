package vision_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
)

// only is a configuration with one rule.
func only(r vision.Rule) vision.Config {
	cfg := config()
	r.Name = "rule"
	cfg.Rules = []vision.Rule{r}
	return cfg
}

// car is a box of a car at x, standing on the same ground as person's.
func car(x float64) vision.Detection {
	return vision.Detection{Class: vision.Car, Score: 0.7, Box: vision.Box{X: x - 0.1, Y: 0.45, W: 0.2, H: 0.15}}
}

// row is n people beside each other in the yard.
func row(n int) []vision.Detection {
	var out []vision.Detection
	for i := range n {
		out = append(out, person(0.55+0.08*float64(i), 0.4, 0.7))
	}
	return out
}

func TestACrowdIsOneSightingWhileItLasts(t *testing.T) {
	// Four, from 4 s five, one hidden for a moment now and then, from 20 s three.
	e := &eyes{people: func(n int) []vision.Detection {
		switch {
		case n < 100:
			return row(4)
		case n < 500:
			return row(5 - min(1, n/40%3/2))
		}
		return row(3)
	}}
	sink, stats := play(t, only(vision.Rule{Kind: vision.Crowd, Zone: "yard", Count: 5, Dwell: 2 * time.Second}), e, 900, nil)
	raised := sink.of(vision.Raised)
	require.Len(t, raised, 1)
	require.Len(t, sink.of(vision.Ended), 1)
	require.Equal(t, 5, raised[0].Count)
	require.InDelta(t, 2, raised[0].FrameAt.Sub(raised[0].From).Seconds(), 0.5)
	require.Greater(t, raised[0].Box.W, 0.3, "around all of them")
	require.Zero(t, stats.Open)
}

func TestCountingSaysEachSoMany(t *testing.T) {
	// One after another walks over the line, two a tenth of the picture apart.
	e := &eyes{people: func(n int) []vision.Detection {
		var out []vision.Detection
		for i := range 6 {
			if x := 0.1 + 0.16*float64(n)/25 - 0.4*float64(i); x > 0.02 && x < 0.95 {
				out = append(out, person(x, 0.4, 0.7))
			}
		}
		return out
	}}
	for every, want := range map[int][]int{0: {1, 2, 3, 4, 5, 6}, 3: {3, 6}} {
		var counts []int
		sink, _ := play(t, only(vision.Rule{Kind: vision.Counting, Line: "up", Count: every}), e, 500, nil)
		for _, s := range sink.of(vision.Raised) {
			counts = append(counts, s.Count)
			require.Equal(t, vision.LeftToRight, s.Direction)
		}
		require.Equal(t, want, counts)
		e = &eyes{people: e.people}
	}
	sink, _ := play(t, only(vision.Rule{Kind: vision.Counting, Zone: "yard"}), e, 500, nil)
	require.Len(t, sink.of(vision.Raised), 6, "entries")
	require.Len(t, sink.of(vision.Ended), 6)
}

// TestWhoTurnsBackIsCountedBack: what goes in and out over a line adds up, though
// somebody turns back at once, and a box that trembles on the line crosses once.
func TestWhoTurnsBackIsCountedBack(t *testing.T) {
	directions := func(x func(second float64) float64, direction string) (out []string) {
		e := &eyes{people: func(n int) []vision.Detection { return []vision.Detection{person(x(float64(n)/25), 0.4, 0.7)} }}
		sink, _ := play(t, only(vision.Rule{Kind: vision.Tripwire, Line: "up", Direction: direction}), e, 250, nil)
		for _, s := range sink.of(vision.Raised) {
			out = append(out, s.Direction)
		}
		return out
	}
	over := func(s float64) float64 { return min(0.3+0.16*s, 0.6) }
	back := func(s float64) float64 { return max(0.3, min(over(s), 0.86-0.16*s)) } // turns at 0.58
	tremble := func(s float64) float64 {
		if at := over(s); at < 0.48 || at > 0.54 {
			return at
		}
		return 0.5 + 0.02*float64(1-2*(int(s*5)%2))
	}
	require.Equal(t, []string{vision.LeftToRight}, directions(over, ""))
	require.Equal(t, []string{vision.LeftToRight, vision.RightToLeft}, directions(back, ""))
	require.Equal(t, []string{vision.LeftToRight}, directions(back, vision.LeftToRight))
	require.Equal(t, []string{vision.RightToLeft}, directions(back, vision.RightToLeft))
	require.Equal(t, []string{vision.LeftToRight}, directions(tremble, ""))
	require.Equal(t, []string{vision.LeftToRight}, directions(tremble, vision.LeftToRight))
}

func TestTheWrongWay(t *testing.T) {
	for direction, want := range map[string]int{vision.LeftToRight: 1, vision.RightToLeft: 0} {
		sink, _ := play(t, only(vision.Rule{Kind: vision.WrongWay, Line: "up", Direction: direction}), &eyes{people: walker(always)}, 200, nil)
		require.Len(t, sink.of(vision.Raised), want, direction)
	}
	for direction, want := range map[string]int{vision.Right: 1, vision.Left: 0, vision.Up: 0, vision.Down: 0} {
		sink, _ := play(t, only(vision.Rule{Kind: vision.WrongWay, Zone: "yard", Direction: direction}), &eyes{people: walker(func(n int) bool { return n < 250 })}, 400, nil)
		require.Len(t, sink.of(vision.Raised), want, direction)
		require.Len(t, sink.of(vision.Ended), want, direction)
		for _, s := range sink.of(vision.Raised) {
			require.Equal(t, direction, s.Direction)
		}
	}
}

func TestFastMoveIsMeasuredInTheObjectsOwnHeight(t *testing.T) {
	// A person of 0.15 of the picture's height; the picture is 16:9 when nobody
	// says. Walking: 0.08 widths a second are 1 height; running: 5.
	run := func(speed float64) func(int) []vision.Detection {
		return func(n int) []vision.Detection {
			x := 0.05 + speed*float64(n)/25
			if x > 0.95 {
				return nil
			}
			return []vision.Detection{person(x, 0.4, 0.7)}
		}
	}
	sink, _ := play(t, only(vision.Rule{Kind: vision.FastMove}), &eyes{people: run(0.08)}, 200, nil)
	require.Empty(t, sink.of(vision.Raised))
	sink, _ = play(t, only(vision.Rule{Kind: vision.FastMove}), &eyes{people: run(0.45)}, 200, nil)
	require.Len(t, sink.of(vision.Raised), 1)
	require.Len(t, sink.of(vision.Ended), 1)
}

func TestMotionNeedsNoObject(t *testing.T) {
	e := &eyes{people: func(int) []vision.Detection { return nil }, moving: func(n int) bool { return n >= 100 && n < 200 && n/10%2 == 0 }}
	sink, _ := play(t, only(vision.Rule{Kind: vision.MotionSeen, Zone: "yard"}), e, 450, nil)
	require.Len(t, sink.of(vision.Raised), 1)
	require.Len(t, sink.of(vision.Ended), 1)
	require.Positive(t, sink.of(vision.Raised)[0].Confidence)
}

func TestAParkedCarAlertsOnce(t *testing.T) {
	// Drives in, stands, and is found one second in ten from then on, in a
	// picture where nothing else moves.
	e := &eyes{
		people: func(n int) []vision.Detection {
			at := car(min(0.7, 0.1+0.1*float64(n)/25))
			if n > 300 && n/25%10 != 0 {
				return nil
			}
			return []vision.Detection{at}
		},
		moving: func(n int) bool { return n < 160 || n%500 < 50 },
	}
	cfg := only(vision.Rule{Kind: vision.Intrusion, Zone: "yard", Objects: []vision.Class{vision.Car}})
	sink, stats := play(t, cfg, e, 5000, nil)
	require.Len(t, sink.of(vision.Raised), 1)
	require.Len(t, sink.of(vision.Ended), 1, "at the end of the footage")
	require.Equal(t, 1, stats.Open)
}

func TestASignIsNobody(t *testing.T) {
	// The sign is found in every picture from the start; somebody walks past it.
	e := &eyes{people: func(n int) []vision.Detection {
		out := []vision.Detection{person(0.7, 0.4, 0.6)}
		if x := 0.1 + 0.1*float64(n-100)/25; n >= 100 && x < 0.95 {
			out = append(out, person(x, 0.45, 0.8))
		}
		return out
	}, region: func(n int) []vision.Box {
		return []vision.Box{{X: 0.1 + 0.1*float64(n-100)/25 - 0.05, Y: 0.45, W: 0.1, H: 0.2}}
	}}
	cfg := only(vision.Rule{Kind: vision.Intrusion, Zone: "yard"})
	sink, _ := play(t, cfg, e, 600, nil)
	require.Len(t, sink.of(vision.Raised), 1, "who walks past")
	require.Len(t, sink.of(vision.Ended), 1)
	require.Less(t, sink.of(vision.Ended)[0].To.Sub(sink.of(vision.Ended)[0].From), 8*time.Second)
}

func TestSmallOnesDoNotCount(t *testing.T) {
	for least, want := range map[float64]int{0.1: 1, 0.2: 0} {
		e := &eyes{people: walker(always)} // 0.15 tall
		sink, _ := play(t, only(vision.Rule{Kind: vision.Intrusion, Zone: "yard", MinHeight: least}), e, 250, nil)
		require.Len(t, sink.of(vision.Raised), want)
	}
}

func TestABetterSnapshotReplacesTheFirst(t *testing.T) {
	// Comes nearer: half as tall at first.
	e := &eyes{people: func(n int) []vision.Detection {
		k := 0.5 + min(0.5, float64(n)/400)
		return []vision.Detection{{Class: vision.Person, Score: 0.7, Box: vision.Box{X: 0.7, Y: 0.6 - 0.3*k, W: 0.15 * k, H: 0.4 * k}}}
	}}
	sink, _ := play(t, config(), e, 300, nil)
	better := 0
	for _, s := range sink.of(vision.Updated) {
		if s.Snapshot != nil {
			better++
		}
	}
	require.Positive(t, better)
	require.LessOrEqual(t, better, 4, "not with every update")
}
