package vision_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
)

func TestInside(t *testing.T) {
	// An L: the notch is its upper right.
	l := []vision.Point{{X: 0.1, Y: 0.1}, {X: 0.5, Y: 0.1}, {X: 0.5, Y: 0.5}, {X: 0.9, Y: 0.5}, {X: 0.9, Y: 0.9}, {X: 0.1, Y: 0.9}}
	for _, c := range []struct {
		p    vision.Point
		want bool
	}{
		{vision.Point{X: 0.3, Y: 0.3}, true},
		{vision.Point{X: 0.7, Y: 0.3}, false},
		{vision.Point{X: 0.7, Y: 0.7}, true},
		{vision.Point{X: 0.05, Y: 0.5}, false},
		{vision.Point{X: 0.5, Y: 0.95}, false},
	} {
		require.Equal(t, c.want, vision.Inside(c.p, l), "%v", c.p)
	}
	require.False(t, vision.Inside(vision.Point{X: 0.5, Y: 0.5}, l[:2]))
}

func TestIoU(t *testing.T) {
	a := vision.Box{X: 0, Y: 0, W: 0.2, H: 0.2}
	require.Equal(t, 1.0, vision.IoU(a, a))
	require.InDelta(t, 1./3, vision.IoU(a, vision.Box{X: 0.1, Y: 0, W: 0.2, H: 0.2}), 1e-9)
	require.Zero(t, vision.IoU(a, vision.Box{X: 0.5, Y: 0.5, W: 0.1, H: 0.1}))
	require.Zero(t, vision.IoU(vision.Box{}, vision.Box{}))
}

func TestLeftOfALineIsLeft(t *testing.T) {
	// Up the picture: y grows downwards, so the smaller x is on the left.
	up := vision.Line{From: vision.Point{X: 0.5, Y: 0.9}, To: vision.Point{X: 0.5, Y: 0.1}}
	require.InDelta(t, -0.2, up.Offset(vision.Point{X: 0.3, Y: 0.5}), 1e-9)
	require.InDelta(t, 0.2, up.Offset(vision.Point{X: 0.7, Y: 0.5}), 1e-9)
	require.True(t, up.CrossedBy(vision.Point{X: 0.4, Y: 0.5}, vision.Point{X: 0.6, Y: 0.5}))
	require.False(t, up.CrossedBy(vision.Point{X: 0.4, Y: 0.95}, vision.Point{X: 0.6, Y: 0.95}), "past its end")
	require.False(t, up.CrossedBy(vision.Point{X: 0.4, Y: 0.5}, vision.Point{X: 0.45, Y: 0.5}))
}

func TestSchedule(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	at := func(clock string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-07-01 "+clock, shanghai)
		require.NoError(t, err)
		return v.UTC()
	}
	for _, c := range []struct {
		schedule string
		in, out  []string
	}{
		{"", []string{"00:00:00", "12:00:00"}, nil},
		{"22:00-06:00", []string{"22:00:00", "23:59:59", "00:00:00", "05:59:59"}, []string{"06:00:00", "21:59:59", "12:00:00"}},
		{"08:00-12:00, 14:00-24:00", []string{"08:00:00", "14:00:00", "23:59:59"}, []string{"12:00:00", "13:59:59", "00:00:00"}},
	} {
		s, err := vision.ParseSchedule(c.schedule)
		require.NoError(t, err)
		for _, clock := range c.in {
			require.True(t, s.Covers(at(clock), shanghai), "%s in %q", clock, c.schedule)
		}
		for _, clock := range c.out {
			require.False(t, s.Covers(at(clock), shanghai), "%s not in %q", clock, c.schedule)
		}
	}
	for _, bad := range []string{"22:00", "25:00-01:00", "22:00-22:00", "24:00-06:00", "x-y", "22:00-06:00,"} {
		_, err := vision.ParseSchedule(bad)
		require.ErrorContains(t, err, bad)
	}
}

func TestRulesThatCannotBeCarriedOutAreRefused(t *testing.T) {
	zones := map[string][]vision.Point{"yard": {{}, {X: 1}, {X: 1, Y: 1}}, "thin": {{}, {X: 1}}}
	lines := map[string]vision.Line{"gate": {To: vision.Point{X: 1}}}
	for _, c := range []struct {
		rule vision.Rule
		want string
	}{
		{vision.Rule{Name: "a", Kind: "smile", Zone: "yard"}, `kind: "smile" is not built; want one of intrusion, loitering, tripwire`},
		{vision.Rule{Name: "a", Kind: vision.Crowd}, "zone: crowd needs one of the camera's"},
		{vision.Rule{Name: "a", Kind: vision.Counting}, "zone, line: counting needs one of both"},
		{vision.Rule{Name: "a", Kind: vision.Counting, Zone: "yard", Line: "gate"}, "zone, line: counting needs one of both"},
		{vision.Rule{Name: "a", Kind: vision.WrongWay, Line: "gate"}, "direction: wrong_way needs one of left_to_right, right_to_left, up, down, left, right"},
		{vision.Rule{Name: "a", Kind: vision.WrongWay, Zone: "yard", Direction: vision.LeftToRight}, "a zone is gone through up, down, left or right"},
		{vision.Rule{Name: "a", Kind: vision.VideoFrozen, Zone: "yard"}, "zone: video_frozen has none"},
		{vision.Rule{Name: "a", Kind: vision.Intrusion, Zone: "yard", Line: "gate"}, "line: intrusion has none"},
		{vision.Rule{Name: "a", Kind: vision.Intrusion, Zone: "yard", Direction: "up"}, "direction: intrusion has none"},
		{vision.Rule{Name: "a", Kind: vision.MotionSeen, MinArea: 2}, "min area: 2: want 0 to 1"},
		{vision.Rule{Name: "a", Kind: vision.Intrusion, Zone: "court"}, `zone: camera has no zone "court"`},
		{vision.Rule{Name: "a", Kind: vision.Intrusion, Zone: "thin"}, `zone: camera has no zone "thin" with three points`},
		{vision.Rule{Name: "a", Kind: vision.Tripwire, Line: "door"}, `line: camera has no line "door"`},
		{vision.Rule{Name: "a", Kind: vision.Tripwire, Line: "gate", Direction: "up"}, `direction: "up": want left_to_right, right_to_left, or none`},
		{vision.Rule{Kind: vision.Intrusion, Zone: "yard"}, "name: missing"},
		{vision.Rule{Name: "a", Kind: vision.Intrusion, Zone: "yard", Objects: []vision.Class{"dog"}}, `objects: "dog" is unknown`},
		{vision.Rule{Name: "a", Kind: vision.Intrusion, Zone: "yard", Schedule: "night"}, `schedule "night"`},
		{vision.Rule{Name: "a", Kind: vision.Intrusion, Zone: "yard", Priority: "P9"}, `priority: "P9"`},
	} {
		require.ErrorContains(t, c.rule.Check(zones, lines), c.want)
	}
	require.NoError(t, vision.Rule{Name: "a", Kind: vision.Tripwire, Line: "gate", Direction: vision.LeftToRight}.Check(zones, lines))
	require.NoError(t, vision.Rule{Name: "a", Kind: vision.WrongWay, Zone: "yard", Direction: vision.Up}.Check(zones, lines))
	require.NoError(t, vision.Rule{Name: "a", Kind: vision.FastMove}.Check(zones, lines))
	require.False(t, vision.Supported("smile"))
	require.True(t, vision.Supported("intrusion"))
}

func TestUnseenSaysWhatTheDetectorLacks(t *testing.T) {
	rules := []vision.Rule{{Name: "people", Kind: vision.Intrusion}, {Name: "moves", Kind: vision.MotionSeen}, {Name: "cars", Kind: vision.Intrusion, Objects: []vision.Class{vision.Person, vision.Car, vision.Bus}}}
	require.Equal(t, []string{"rule cars: the detector does not find car, bus"},
		vision.Unseen(rules, []vision.Class{vision.Person}, []vision.Class{vision.Person}))
	require.Len(t, vision.Unseen(rules, []vision.Class{vision.Person}, nil), 2)
}
