package review

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// RelativeError bounds how far a quantile from a histogram is from the exact
// one, relative to it.
const RelativeError = 0.02

// growth is the ratio of a bucket's bounds: no value is further than
// RelativeError from the middle of its bucket (DDSketch, Masson et al. 2019,
// section 2.1).
const growth = (1 + RelativeError) / (1 - RelativeError)

// waitMax is the longest time that is told from longer ones.
const waitMax = 365 * 24 * time.Hour

// histogram counts durations in buckets that grow by the same ratio. Bucket 0
// is below a millisecond. Two of them are added bucket by bucket.
type histogram map[int]int

func (h histogram) add(d time.Duration) { h[bucketOf(d)]++ }

func (h histogram) merge(buckets [][2]int) {
	for _, b := range buckets {
		h[b[0]] += b[1]
	}
}

// buckets are those that are not empty, shortest first.
func (h histogram) buckets() [][2]int {
	list := make([][2]int, 0, len(h))
	for bucket, n := range h {
		list = append(list, [2]int{bucket, n})
	}
	slices.SortFunc(list, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	return list
}

// quantile is the nearest-rank quantile; 0 of nothing.
func (h histogram) quantile(q float64) time.Duration {
	n := 0
	for _, count := range h {
		n += count
	}
	left := rank(q, n)
	for _, b := range h.buckets() {
		if left -= b[1]; left <= 0 {
			return middle(b[0])
		}
	}
	return 0
}

// rank is which of n sorted values is the quantile, from 1.
func rank(q float64, n int) int { return max(1, int(math.Ceil(q*float64(n)))) }

func bucketOf(d time.Duration) int {
	ms := float64(min(d, waitMax)) / float64(time.Millisecond)
	if ms < 1 {
		return 0
	}
	return 1 + int(math.Log(ms)/math.Log(growth))
}

// middle is the duration that stands for a bucket.
func middle(bucket int) time.Duration {
	if bucket <= 0 {
		return 0
	}
	return time.Duration(2 * math.Pow(growth, float64(bucket)) / (1 + growth) * float64(time.Millisecond))
}

// exactQuantile is the nearest-rank quantile of sorted values; 0 of nothing.
func exactQuantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[rank(q, len(sorted))-1]
}
