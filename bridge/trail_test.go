package bridge

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Years of moves stay bounded, in memory and on the disk: the oldest go first,
// and are said as not known.
func TestTrailIsBounded(t *testing.T) {
	f := folder(t.TempDir())
	lanes := []*laneWindow{{lane: Alarm}}
	trail := small()
	require.NoError(t, trail.load(f, "E", lanes))
	began := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const moves, laneMax, idsMax = 20_000, 1000, 100
	for n := uint64(1); n <= moves; n++ {
		trail.add(Alarm, MarkReceived, n, began.Add(time.Duration(n)*time.Second))
		if n%500 == 0 {
			trail.save(trail.unsaved())
		}
	}
	for n := range 3 * idsMax {
		trail.overtook(fmt.Sprint(n), At(began), At(began))
	}
	trail.save(trail.unsaved())
	require.NoError(t, trail.close())
	require.LessOrEqual(t, len(trail.points[trailKey{Alarm, MarkReceived}]), laneMax)
	require.Len(t, trail.ids, idsMax)
	file, err := os.Stat(trail.path)
	require.NoError(t, err)
	require.Less(t, file.Size(), int64(5*laneMax*100))

	lanes[0].cursor = moves + 5 // moved within the second that the crash took
	again := small()
	require.NoError(t, again.load(f, "E", lanes))
	require.Equal(t, At(began.Add(moves*time.Second)), again.at(Alarm, MarkReceived, moves))
	require.Equal(t, At(began.Add((moves-100)*time.Second)), again.at(Alarm, MarkReceived, moves-100))
	require.True(t, again.at(Alarm, MarkReceived, 1).IsZero(), "too old")
	require.True(t, again.at(Alarm, MarkReceived, moves+1).IsZero(), "never written")
	require.True(t, again.at(Alarm, MarkReceived, moves+9).IsZero(), "not received")
	require.LessOrEqual(t, len(again.points[trailKey{Alarm, MarkReceived}]), laneMax)
}

// A trail as long as it may be, of all lanes, is not written whole each second.
func TestLongTrailIsWrittenWholeSeldom(t *testing.T) {
	trail := small()
	require.NoError(t, trail.load(folder(t.TempDir()), "E", nil))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	whole, written := 0, 0
	for n := uint64(1); n <= 10_000; n++ {
		at = at.Add(time.Second)
		for _, lane := range []Lane{Alarm, Notice, Clip} {
			trail.add(lane, MarkSent, n, at)
			trail.add(lane, MarkReceived, n, at)
		}
		content, all := trail.unsaved()
		trail.save(content, all)
		written += len(content)
		if all {
			whole++
		}
	}
	require.NoError(t, trail.close())
	require.Positive(t, whole)
	require.Less(t, whole, 30)
	file, err := os.Stat(trail.path)
	require.NoError(t, err)
	require.Less(t, file.Size(), int64(3*6*trail.laneMax*100))
	require.Less(t, written, 3*60_000*100)
}

// small is a trail with limits that a test reaches.
func small() *trail {
	t := newTrail(slog.New(slog.DiscardHandler))
	t.laneMax, t.idsMax = 1000, 100
	return t
}

// Moves that follow each other closely are one point.
func TestTrailJoinsCloseMoves(t *testing.T) {
	trail := newTrail(slog.New(slog.DiscardHandler))
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for n := uint64(1); n <= 1000; n++ { // 10,000 a second
		trail.add(Alarm, MarkSent, n*100, at.Add(time.Duration(n)*10*time.Millisecond))
	}
	require.LessOrEqual(t, len(trail.points[trailKey{Alarm, MarkSent}]), 41)
	for _, sequence := range []uint64{1, 5000, 99_999} {
		is := at.Add(time.Duration((sequence+99)/100) * 10 * time.Millisecond)
		require.WithinDuration(t, is, trail.at(Alarm, MarkSent, sequence).Time, trailEvery)
	}
	trail.add(Alarm, MarkSent, 50, at.Add(time.Hour))
	require.Less(t, trail.at(Alarm, MarkSent, 50).Sub(at), time.Minute, "sent again was sent before")
}
