package vision_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision"
)

const step = 200 * time.Millisecond // 5 pictures a second

func person(x, y, score float64) vision.Detection {
	return vision.Detection{Class: vision.Person, Score: score, Box: vision.Box{X: x, Y: y, W: 0.04, H: 0.15}}
}

func TestTrackIsConfirmedAndKeepsItsIdentityOverAnOcclusion(t *testing.T) {
	var k vision.Tracker
	var id uint64
	for i := range 40 {
		at := time.Duration(i) * step
		x := 0.1 + 0.01*float64(i) // 0.05 of the picture a second
		var dets []vision.Detection
		if i < 15 || i >= 22 { // 1.4 s behind a pillar
			dets = append(dets, person(x, 0.4, 0.7))
		}
		tracks := k.Update(at, dets, everywhere())
		switch {
		case i == 0:
			require.Empty(t, tracks)
		case i == 1:
			require.Len(t, tracks, 1)
			id = tracks[0].ID
		default:
			require.Len(t, tracks, 1)
			require.Equal(t, id, tracks[0].ID, "frame %d", i)
			require.Equal(t, len(dets) == 1, tracks[0].Seen)
		}
	}
	require.Empty(t, k.Update(60*step, nil, everywhere()), "lost for too long")
	require.Zero(t, k.Live())
}

func TestTwoWhoMeetKeepTheirIdentities(t *testing.T) {
	var k vision.Tracker
	ids := map[uint64]float64{} // direction
	for i := range 40 {
		right, left := 0.2+0.012*float64(i), 0.68-0.012*float64(i)
		dets := []vision.Detection{person(right, 0.4, 0.7), person(left, 0.43, 0.7)}
		if math.Abs(right-left) < 0.02 { // one hides the other
			dets = dets[1:]
		}
		for _, tr := range k.Update(time.Duration(i)*step, dets, everywhere()) {
			if i == 1 {
				ids[tr.ID] = tr.Box.X
			}
			require.Contains(t, ids, tr.ID, "frame %d", i)
			if i == 39 && ids[tr.ID] < 0.5 {
				require.InDelta(t, right, tr.Box.X, 0.02)
			} else if i == 39 {
				require.InDelta(t, left, tr.Box.X, 0.02)
			}
		}
	}
	require.Len(t, ids, 2)
}

func TestUnsureDetectionsContinueTracksButBeginNone(t *testing.T) {
	var k vision.Tracker
	for i := range 5 {
		require.Empty(t, k.Update(time.Duration(i)*step, []vision.Detection{person(0.5, 0.5, 0.2)}, everywhere()))
	}
	for i := range 3 {
		k.Update(time.Duration(10+i)*step, []vision.Detection{person(0.5, 0.5, 0.6)}, everywhere())
	}
	for i := range 10 {
		tracks := k.Update(time.Duration(13+i)*step, []vision.Detection{person(0.5, 0.5, 0.2)}, everywhere())
		require.Len(t, tracks, 1)
		require.True(t, tracks[0].Seen)
	}
}

func TestAFlashIsNoTrack(t *testing.T) {
	var k vision.Tracker
	require.Empty(t, k.Update(0, []vision.Detection{person(0.5, 0.5, 0.9)}, everywhere()))
	for i := 1; i < 4; i++ {
		require.Empty(t, k.Update(time.Duration(i)*step, nil, everywhere()))
	}
	require.Zero(t, k.Live())
}

func TestACarIsNotContinuedByAPerson(t *testing.T) {
	var k vision.Tracker
	car := person(0.5, 0.5, 0.8)
	car.Class = vision.Car
	for i := range 3 {
		k.Update(time.Duration(i)*step, []vision.Detection{car}, everywhere())
	}
	truck := car
	truck.Class = vision.Truck
	tracks := k.Update(3*step, []vision.Detection{person(0.5, 0.5, 0.8), truck}, everywhere())
	require.Len(t, tracks, 1)
	require.Equal(t, 2, k.Live())
}

// everywhere is motion in all of the picture.
func everywhere() []vision.Box { return []vision.Box{{W: 1, H: 1}} }

func TestMorePicturesASecondSayNoMore(t *testing.T) {
	var k vision.Tracker
	for i := range 5 { // one picture of a camera of 10 a second, sent as 50
		require.Empty(t, k.Update(time.Duration(i)*20*time.Millisecond, []vision.Detection{person(0.3, 0.4, 0.6)}, everywhere()))
	}
	require.Empty(t, k.Update(200*time.Millisecond, nil, everywhere()))
	require.Empty(t, k.Update(300*time.Millisecond, nil, everywhere()))
	require.Zero(t, k.Live())
}

// TestWhatIsNeverSureAndNeverMovesIsNobody has somebody walk past a sign that
// the detector is half sure of.
func TestWhatIsNeverSureAndNeverMovesIsNobody(t *testing.T) {
	var k vision.Tracker
	seen := func(i int, x, score float64) int {
		at := time.Duration(i) * step
		return len(k.Update(at, []vision.Detection{person(x, 0.4, score)}, everywhere()))
	}
	for i := range 3 {
		seen(i, 0.5, 0.6)
	}
	for i := 3; i < 25; i++ {
		seen(i, 0.5, 0.4)
	}
	require.Zero(t, seen(25, 0.5, 0.4))
	require.Zero(t, seen(26, 0.5, 0.6), "nor is it when it is sure for once")
	require.Zero(t, seen(27, 0.5, 0.6))

	k = vision.Tracker{}
	for i := range 20 {
		seen(i, 0.2+0.01*float64(i), 0.7)
	}
	for i := 20; i < 60; i++ { // who came on foot is believed to stand there
		require.Equal(t, 1, seen(i, 0.39, 0.4))
	}
}
