package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/health"
)

func TestAWarningShowsOnceItHasLasted(t *testing.T) {
	var now []health.Finding
	b := health.NewBoard(
		health.Code{ID: "camera_lost", Title: "camera lost", Severity: health.Bad, After: 5 * time.Second},
		health.Code{ID: "journal_refuses", Title: "journal refuses", Severity: health.Critical},
	)
	b.Watch(func() []health.Finding { return now })
	t0 := time.Unix(1000, 0)
	require.Empty(t, b.Warnings(t0))

	now = []health.Finding{{Code: "camera_lost", Subject: "gate", Text: "no picture"}}
	require.Empty(t, b.Warnings(t0), "a hiccup is no news")
	require.Len(t, b.Warnings(t0.Add(5*time.Second)), 1)

	now = append(now, health.Finding{Code: "journal_refuses", Text: "disk full"})
	list := b.Warnings(t0.Add(6 * time.Second))
	require.Equal(t, []string{"journal_refuses", "camera_lost"}, []string{list[0].Code, list[1].Code}, "worst first")
	require.Equal(t, t0, list[1].Since)

	now = nil
	require.Empty(t, b.Warnings(t0.Add(7*time.Second)))
	now = []health.Finding{{Code: "camera_lost", Subject: "gate"}}
	require.Empty(t, b.Warnings(t0.Add(8*time.Second)), "it begins anew")
}

func TestAnUndeclaredCodeIsAProgrammersError(t *testing.T) {
	b := health.NewBoard()
	b.Watch(func() []health.Finding { return []health.Finding{{Code: "nope"}} })
	require.Panics(t, func() { b.Warnings(time.Now()) })
}
