package assign_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/vision/internal/assign"
)

func TestBestIsTheLeastTotal(t *testing.T) {
	require.Equal(t, []int{1, 0}, assign.Best([][]float64{{1, 2}, {2, 100}}), "greedy would take 1 and 100")
	require.Equal(t, []int{-1, 0}, assign.Best([][]float64{{assign.Never, assign.Never}, {3, assign.Never}}))
	require.Equal(t, []int{-1, -1}, assign.Best([][]float64{{}, {}}))
	require.Empty(t, assign.Best(nil))
}

// TestBestAgainstAllWays compares with every way there is, wide and tall.
func TestBestAgainstAllWays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		cost := make([][]float64, 1+r.IntN(5))
		columns := 1 + r.IntN(5)
		for i := range cost {
			for range columns {
				v := float64(r.IntN(20))
				if r.IntN(5) == 0 {
					v = assign.Never
				}
				cost[i] = append(cost[i], v)
			}
		}
		got, n := 0.0, 0
		taken := map[int]bool{}
		for i, c := range assign.Best(cost) {
			if c >= 0 {
				require.False(t, taken[c])
				taken[c] = true
				got += cost[i][c]
				n++
			}
		}
		pairs, total := brute(cost, 0, map[int]bool{})
		require.Equal(t, pairs, n)
		require.Equal(t, total, got)
	}
}

// brute returns the most pairs there can be, and their least total.
func brute(cost [][]float64, row int, used map[int]bool) (int, float64) {
	if row == len(cost) {
		return 0, 0
	}
	pairs, total := brute(cost, row+1, used)
	for c, v := range cost[row] {
		if used[c] || v >= assign.Never {
			continue
		}
		used[c] = true
		p, s := brute(cost, row+1, used)
		delete(used, c)
		if p+1 > pairs || p+1 == pairs && s+v < total {
			pairs, total = p+1, s+v
		}
	}
	return pairs, total
}
