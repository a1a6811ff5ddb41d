package wall

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/review"
)

// TestEveryColumnAndListHasItsWords: in each language, and none is left over.
func TestEveryColumnAndListHasItsWords(t *testing.T) {
	columns := slices.Concat(reviewHead(), peopleHead(), auditHead())
	slices.Sort(columns)
	columns = slices.Compact(columns)
	require.Equal(t, columns, slices.Sorted(maps.Keys(columnWords())))

	lists := map[string]bool{}
	for _, row := range reviewTable(everyList(), tongue{})[1:] {
		lists[row[0]] = true
	}
	for code := range listWords() {
		require.True(t, lists[code], "a word for list %s that no table has", code)
	}
	for i, language := range tableLanguages() {
		words := tongue{language}
		for _, column := range columns {
			require.NotEmpty(t, columnWords()[column][i], "%s in %s", column, language)
		}
		heads := words.head(reviewHead())
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(heads))), len(heads), "two columns of one name")
		for code := range lists {
			require.NotEqual(t, code, words.list(code), "list in %s", language)
		}
	}
	require.Equal(t, "与上期对比 · 按小时", tongue{"zh-CN"}.list("change_hour"))
	require.Equal(t, "change_hour", tongue{}.list("change_hour"))
}

// everyList is a report with something in each list.
func everyList() review.Report {
	r := review.Report{
		LeftOut: map[string]int{"place": 1}, Missing: []string{"2026-01-01"}, Trend: []review.Trend{{}}, Groups: map[string][]review.Row{},
		Responses: []review.Response{{}}, Repeats: []review.Row{{}}, Cells: []review.Cell{{}}, Orders: []review.Orders{{}},
		Compared: &review.Comparison{Changes: []review.Change{{}}, Groups: map[string][]review.Change{}},
	}
	r.Week = [][]int{{1}}
	for _, kind := range []string{"rule", "camera", "pillar", "drone"} {
		r.Sources = append(r.Sources, review.Source{Kind: kind})
	}
	for _, group := range review.Groups() {
		r.Groups[group] = []review.Row{{}}
		r.Compared.Groups[group] = []review.Change{{}}
	}
	return r
}
