package review

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestQuantilesOfHistograms: no quantile is further off than it says, whatever
// the times are like, and adding histograms up changes nothing.
func TestQuantilesOfHistograms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, one := range map[string]func() time.Duration{
		"seconds to hours": func() time.Duration { return time.Duration(r.ExpFloat64() * float64(10*time.Minute)) },
		"all the same":     func() time.Duration { return 61 * time.Second },
		"two humps": func() time.Duration {
			return time.Duration(1+r.IntN(2)*1000) * time.Duration(float64(time.Second)*(1+r.Float64()))
		},
		"milliseconds to weeks": func() time.Duration { return time.Duration(float64(time.Millisecond) * (1 + r.ExpFloat64()*1e8)) },
	} {
		t.Run(name, func(t *testing.T) {
			whole, parts := []time.Duration{}, histogram{}
			for range 20 {
				part := histogram{}
				for range 1 + r.IntN(300) {
					took := one().Truncate(time.Millisecond)
					whole = append(whole, took)
					part.add(took)
				}
				parts.merge(part.buckets())
			}
			slices.Sort(whole)
			for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
				exact := exactQuantile(whole, q)
				require.InEpsilon(t, exact.Seconds()+1e-9, parts.quantile(q).Seconds()+1e-9, RelativeError+1e-6, "%v", q)
			}
		})
	}
	require.Zero(t, histogram{}.quantile(0.5))
	require.Zero(t, exactQuantile(nil, 0.5))
	long := histogram{}
	long.add(100 * waitMax)
	require.InEpsilon(t, waitMax.Seconds(), long.quantile(0.5).Seconds(), RelativeError)
}
