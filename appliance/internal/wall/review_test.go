package wall_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/access"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/review"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/vision"
)

// newReview is the projection of the box, running.
func newReview(t *testing.T, j bridge.Reader, d *desk.Desk, dir string) *review.Book {
	book := review.New(review.Options{
		Journal: j, Desk: d, Dir: dir, Zone: time.UTC, Log: slog.New(slog.DiscardHandler),
		Team: func(to string) string { return review.TeamRow(d.Rules().Party(to)) },
		Write: func(path string, write func(io.Writer) error) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return write(f)
		},
	})
	require.NoError(t, book.Open())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- book.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return book
}

// TestReviewAnswers: counts of the period, of today when none is named, with
// the configuration's names; what is asked wrongly is named.
func TestReviewAnswers(t *testing.T) {
	b := newBox(t)
	b.press(t, "1")
	user := b.as(t, "operator")
	body := user.get("/api/v1/review?compare_from=2026-01-05&compare_to=2026-01-11", "Review")
	require.EqualValues(t, 1, body["totals"].(object)["incidents"])
	require.Equal(t, true, body["exact"])
	place := body["groups"].(object)["place"].([]any)[0].(object)
	require.Equal(t, "device:P-001", place["key"])
	require.Equal(t, "步行街", place["name"])
	require.Len(t, body["missing"], 6, "the box was not there")
	body = user.get("/api/v1/review?by=hour,team", "Review")
	require.Len(t, body["groups"], 2)

	for query, field := range map[string]string{
		"from=monday": "from", "from=2026-03-02&to=2026-03-01": "to", "by=shoes": "by", "compare_from=2026-03-01": "compare_to", "from=2020-01-01": "to",
	} {
		status, problem := user.do("GET", "/api/v1/review?"+query, nil)
		require.Equal(t, http.StatusUnprocessableEntity, status, query)
		require.Equal(t, field, problem["field"], query)
	}
}

// column is what the rows of one list have in a column.
func column(rows [][]string, list, name string) []string {
	var cells []string
	for _, row := range rows[1:] {
		if row[0] == list {
			cells = append(cells, row[slices.Index(rows[0], name)])
		}
	}
	return cells
}

// TestReviewIsATable: as spreadsheets read it, with every list of the report.
func TestReviewIsATable(t *testing.T) {
	b := newBox(t)
	_, err := b.desk.Handle(t.Context(), desk.TaskIn{Kind: desk.PlainTask, To: "patrol-1", Incident: b.press(t, "1").Incident, Note: "x", By: desk.Actor{Name: "operator", Role: "operator"}})
	require.NoError(t, err)
	_, err = b.desk.Handle(t.Context(), desk.ReportIn{Source: "walk_in", Kind: "=1+1", Place: "街口", By: desk.Actor{Name: "operator", Role: "operator"}})
	require.NoError(t, err)
	answer := b.as(t, "operator").raw("GET", "/api/v1/review.csv?compare_from=2026-01-05&compare_to=2026-01-11", nil)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/csv; charset=utf-8", answer.Header.Get("Content-Type"))
	require.Contains(t, answer.Header.Get("Content-Disposition"), ".csv")
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(text, []byte("\xef\xbb\xbflist,key,name")))
	require.Contains(t, string(text), "\r\nkind,'=1+1,", "nothing of it calculates")
	require.NotContains(t, string(text), "街口", "what somebody said of a place is not kept")
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 5)
	require.Equal(t, "total", rows[1][0])
	require.Equal(t, []string{"1"}, column(rows, "order", "n"), "the order of the press's incident")
	require.Len(t, column(rows, "cell", "lat"), 1)
	require.Len(t, column(rows, "week", "incidents"), 1)
	require.Contains(t, column(rows, "count", "key"), "unshown")
	require.Contains(t, column(rows, "change_kind", "key"), "alarm")
	exported := b.events(t, "watchpost.access.exported")
	require.Len(t, exported, 1)
	require.Contains(t, string(exported[0].Data), `"why":"review"`)
}

// TestTablesSpeakTheLanguageThatIsAskedFor: one that nobody knows is refused,
// and nothing is recorded as exported.
func TestTablesSpeakTheLanguageThatIsAskedFor(t *testing.T) {
	b := newBox(t)
	b.press(t, "1")
	lead := b.as(t, "lead")
	for _, path := range []string{"/api/v1/review.csv", "/api/v1/review/people.csv", "/api/v1/audit.csv"} {
		status, problem := lead.do("GET", path+"?language=fr", nil)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.Equal(t, "language", problem["field"])
		require.Contains(t, problem["detail"], "zh-CN or en")
	}
	require.Empty(t, b.events(t, "watchpost.access.exported"))
	zh := string(lead.text("/api/v1/review.csv?language=zh-CN"))
	require.Contains(t, zh, "\ufeff清单,键,名称,警情数,")
	require.Contains(t, zh, "\r\n合计,")
	require.Contains(t, zh, "\r\n按类别,一键报警,")
	require.Contains(t, zh, "\r\n热点方格,,", "a square has no name")
	require.Contains(t, zh, "\r\n误报来源：报警柱,P-001,步行街,", "a device by its name")
	require.Contains(t, string(lead.text("/api/v1/review.csv")), "\r\npillar,P-001,,", "codes for programs")
	require.Contains(t, string(lead.text("/api/v1/review.csv?language=en")), "\r\nTotal,")
	require.Contains(t, string(lead.text("/api/v1/review/people.csv?language=zh-CN")), "\ufeff用户名,名称,周（周一）,")
}

// TestTalliesArePersonal: a lead sees everybody's, which is recorded; others
// their own, which is not.
func TestTalliesArePersonal(t *testing.T) {
	b := newBox(t)
	incident := b.press(t, "1").Incident
	operator := desk.Actor{Name: "operator", Role: "operator"}
	for _, in := range []desk.ActionIn{
		{Incident: incident, Verb: "claim", By: operator}, {Incident: incident, Verb: "close", By: operator, Result: "resolved"},
	} {
		_, err := b.desk.Handle(t.Context(), in)
		require.NoError(t, err)
	}
	own := b.as(t, "operator").get("/api/v1/review/people", "ReviewPeople")
	require.Len(t, own["items"], 1)
	require.EqualValues(t, 20, own["items"].([]any)[0].(object)["points"])
	require.Empty(t, b.as(t, "officer").get("/api/v1/review/people", "ReviewPeople")["items"])
	require.Empty(t, b.events(t, desk.TypeLooked), "his own is his own")

	status, problem := b.as(t, "officer").do("GET", "/api/v1/review/people?person=operator", nil)
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "person", problem["field"])
	status, _ = b.as(t, "wall").do("GET", "/api/v1/review/people", nil)
	require.Equal(t, http.StatusForbidden, status)

	lead := b.as(t, "lead")
	require.Len(t, lead.get("/api/v1/review/people", "ReviewPeople")["items"], 1)
	require.Empty(t, lead.get("/api/v1/review/people?person=somebody", "ReviewPeople")["items"])
	looks := b.events(t, desk.TypeLooked)
	require.Len(t, looks, 2)
	require.Contains(t, string(looks[0].Data), `"why":"tally of everybody"`)
	require.Contains(t, string(looks[1].Data), `"why":"tally of somebody"`)
	require.Equal(t, bridge.Local, looks[0].Lane)

	require.Equal(t, 422, first(lead.do("GET", "/api/v1/review/people?from="+strings.Repeat("x", 5000), nil)))
	require.Len(t, b.events(t, desk.TypeLooked), 2, "what was not answered was not looked at")

	answer := lead.raw("GET", "/api/v1/review/people.csv", nil)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "\r\noperator,operator,")
	require.Len(t, b.events(t, "watchpost.access.exported"), 1)
}

// TestReviewOfSomeCameras: who may see some cameras only is not told how others
// do.
func TestReviewOfSomeCameras(t *testing.T) {
	b := newBox(t)
	now := time.Now()
	_, err := b.desk.Handle(t.Context(), desk.SightingIn{Sighting: vision.Sighting{
		ID: "1", Camera: "east", Rule: "yard", Kind: "intrusion", Phase: vision.Raised, From: now, To: now, FrameAt: now, ReceivedAt: now,
	}})
	require.NoError(t, err)
	require.Len(t, b.as(t, "operator").get("/api/v1/review", "Review")["sources"], 2, "the rule and its camera")
	require.NoError(t, b.users.AddLimited("part", password, access.Operator, access.Scope{Cameras: []string{"west"}}))
	body := b.as(t, "part").get("/api/v1/review", "Review")
	require.Empty(t, body["sources"])
	require.EqualValues(t, 1, body["totals"].(object)["incidents"])
}
