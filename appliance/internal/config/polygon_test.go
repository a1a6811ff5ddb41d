package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOutline: polygons that go around something pass, whatever their shape and
// wherever one begins; corners in the wrong order do not.
func TestOutline(t *testing.T) {
	check := func(corners [][2]float64) (ps Problems) {
		for range corners { // any corner may be the first
			outline("p", corners, "", &ps)
			corners = append(corners[1:], corners[0])
		}
		return ps
	}
	for name, corners := range map[string][][2]float64{
		"square":         {{0, 0}, {1, 0}, {1, 1}, {0, 1}},
		"the other way":  {{0, 1}, {1, 1}, {1, 0}, {0, 0}},
		"arrow":          {{0, 0}, {0.25, 0}, {0.25, 0.4}, {0.12, 0.2}, {0, 0.4}},
		"closed twice":   {{0, 0}, {1, 0}, {1, 1}, {0, 0}},
		"hole by a slit": {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}, {0.2, 0.2}, {0.2, 0.8}, {0.8, 0.8}, {0.8, 0.2}, {0.2, 0.2}},
	} {
		require.Empty(t, check(corners), name)
	}
	for name, corners := range map[string][][2]float64{
		"bow tie":  {{0, 0}, {1, 1}, {1, 0}, {0, 1}},
		"star":     {{0.5, 0}, {0.8, 1}, {0, 0.4}, {1, 0.4}, {0.2, 1}},
		"two only": {{0, 0}, {1, 1}},
	} {
		require.NotEmpty(t, check(corners), name)
	}
}
