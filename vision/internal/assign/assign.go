// Package assign pairs rows with columns at the least total cost (the
// assignment problem; Kuhn 1955, in the O(n²m) form with potentials).
//
// It refuses nothing and keeps no state: pairs that must not be are given a
// cost of Never, and come out unpaired when there is no other way.
package assign

import "math"

// Never is the cost of a pair that must not be.
const Never = 1e6

// Best returns the column of each row, -1 for rows without one. All rows of
// cost must be of one length. As many rows are paired as can be without Never.
func Best(cost [][]float64) []int {
	out := make([]int, len(cost))
	for i := range out {
		out[i] = -1
	}
	if len(cost) == 0 || len(cost[0]) == 0 {
		return out
	}
	at := func(r, c int) float64 { return cost[r][c] }
	rows, columns := len(cost), len(cost[0])
	flipped := rows > columns
	if flipped {
		rows, columns = columns, rows
		at = func(r, c int) float64 { return cost[c][r] }
	}
	for c, r := range solve(rows, columns, at) {
		switch {
		case r < 0 || at(r, c) >= Never:
		case flipped:
			out[c] = r
		default:
			out[r] = c
		}
	}
	return out
}

// solve returns the row of each column, -1 for none; rows ≤ columns.
func solve(rows, columns int, cost func(r, c int) float64) []int {
	u, v := make([]float64, rows+1), make([]float64, columns+1)
	row, way := make([]int, columns+1), make([]int, columns+1) // of each column, from 1; 0 is none
	for r := 1; r <= rows; r++ {
		row[0] = r
		least, used := make([]float64, columns+1), make([]bool, columns+1)
		for c := range least {
			least[c] = math.Inf(1)
		}
		c0 := 0
		for row[c0] != 0 {
			used[c0] = true
			delta, c1 := math.Inf(1), 0
			for c := 1; c <= columns; c++ {
				if used[c] {
					continue
				}
				if slack := cost(row[c0]-1, c-1) - u[row[c0]] - v[c]; slack < least[c] {
					least[c], way[c] = slack, c0
				}
				if least[c] < delta {
					delta, c1 = least[c], c
				}
			}
			for c := 0; c <= columns; c++ {
				if used[c] {
					u[row[c]] += delta
					v[c] -= delta
				} else {
					least[c] -= delta
				}
			}
			c0 = c1
		}
		for c0 != 0 {
			row[c0] = row[way[c0]]
			c0 = way[c0]
		}
	}
	out := make([]int, columns)
	for c := range out {
		out[c] = row[c+1] - 1
	}
	return out
}
