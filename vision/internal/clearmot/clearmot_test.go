package clearmot_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision/internal/clearmot"
)

func box(id int, x float64) clearmot.Box { return clearmot.Box{ID: id, X: x, W: 10, H: 20} }

func TestCountsAsPublished(t *testing.T) {
	truth := clearmot.Tracks{1: {box(1, 0), box(2, 100)}, 2: {box(1, 1), box(2, 101)}, 3: {box(1, 2), box(2, 102)}, 4: {box(1, 3)}}
	got := clearmot.Tracks{
		1: {box(7, 0), box(8, 100)},
		2: {box(7, 1), box(9, 50)},  // 2 is missed, 9 is false
		3: {box(7, 2), box(9, 102)}, // 2 is found by another: one switch, though a frame was missed between
		4: {box(7, 3.5), box(9, 3)}, // 9 fits better, but 7 is kept
	}
	s := clearmot.Evaluate(truth, got, 4)
	require.Equal(t, 7, s.Truth)
	require.Equal(t, 6, s.Found)
	require.Equal(t, 2, s.False)
	require.Equal(t, 1, s.Missed)
	require.Equal(t, 1, s.Switches)
	require.InDelta(t, 1-4./7, s.MOTA(), 1e-9)
	require.InDelta(t, 6./8, s.Precision(), 1e-9)
	require.InDelta(t, 6./7, s.Recall(), 1e-9)
}

func TestReadTakesMOTChallengeLines(t *testing.T) {
	got, err := clearmot.Read(strings.NewReader("1,9,499,158,31.03,75.17,1,-4.1,-7.3,0\n2,9,500,158,31,75,0.5,-1,-1,-1\n"))
	require.NoError(t, err)
	require.Equal(t, clearmot.Box{ID: 9, X: 499, Y: 158, W: 31.03, H: 75.17}, got[1][0])
	require.Len(t, got[2], 1)
	_, err = clearmot.Read(strings.NewReader("1,9,x,158,31.03,75.17"))
	require.ErrorContains(t, err, "1,9,x")
	_, err = clearmot.Read(strings.NewReader("1,9"))
	require.ErrorContains(t, err, "want frame,id")
}
