package station

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// Every state of the disk has its warning, and every warning is declared.
func TestSpaceFindings(t *testing.T) {
	declared := map[string]bool{}
	for _, c := range codes() {
		declared[c.ID] = true
	}
	ids := func(list []health.Finding) []string {
		all := []string{}
		for _, f := range list {
			require.True(t, declared[f.Code], f.Code)
			all = append(all, f.Code)
		}
		return all
	}
	const gib = 1 << 30
	require.Empty(t, spaceFindings(journal.Space{Free: 9 * gib, Ballast: gib, Reserve: gib, Wanted: gib}, "/data"))
	require.Empty(t, spaceFindings(journal.Space{Free: 9 * gib}, "/data"), "no reserve is wanted")
	require.Equal(t, []string{"journal_reserve"}, ids(spaceFindings(journal.Space{Free: gib / 2, Reserve: gib, Wanted: gib, Level: journal.LevelAlarms}, "/data")))
	require.Equal(t, []string{"journal_full"}, ids(spaceFindings(journal.Space{Reserve: gib, Wanted: gib, Level: journal.LevelNone}, "/data")))
	require.Equal(t, []string{"journal_reserve_small"}, ids(spaceFindings(journal.Space{Free: gib, Reserve: gib / 4, Wanted: gib}, "/data")))
	require.Equal(t, []string{"journal_reserve_small"}, ids(spaceFindings(journal.Space{Free: gib, Wanted: gib, Reserve: gib, Trouble: "no fallocate"}, "/data")))
}
