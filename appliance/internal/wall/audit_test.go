package wall_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
)

// recording is a box whose accesses go into its journal, as a station's do.
func recording(t *testing.T) *box {
	t.Helper()
	var b *box
	b = newBox(t, func(o *wall.Options) {
		o.Access = func(in desk.AccessIn) {
			_, err := b.desk.Handle(context.WithoutCancel(t.Context()), in)
			require.NoError(t, err)
		}
	})
	return b
}

func (c *client) text(path string) []byte {
	c.t.Helper()
	answer := c.raw("GET", path, nil)
	defer answer.Body.Close()
	require.Equal(c.t, 200, answer.StatusCode, path)
	text, err := io.ReadAll(answer.Body)
	require.NoError(c.t, err)
	return text
}

func TestAuditTellsWhoDidWhat(t *testing.T) {
	b := recording(t)
	lead, operator := b.as(t, "lead"), b.as(t, "operator")
	require.Equal(t, 403, first(operator.do("GET", "/api/v1/audit", nil)), "and that is told too")
	b.as(t, "").do("POST", "/api/v1/session", object{"name": "=1+1", "password": "wrong horse"})
	operator.text("/api/v1/cameras/east/snapshot.jpg")

	page := lead.get("/api/v1/audit", "AuditPage")
	var kinds []any
	for _, one := range page["items"].([]any) {
		kinds = append(kinds, one.(object)["kind"])
	}
	require.Equal(t, []any{"look_opened", "refused", "refused", "login", "login"}, kinds, "newest first")
	require.Len(t, lead.get("/api/v1/audit?kind=login&by=operator", "AuditPage")["items"], 1)
	require.Len(t, lead.get("/api/v1/audit?camera=east", "AuditPage")["items"], 1)

	seen, cursor := 0, ""
	for {
		page := lead.get("/api/v1/audit?limit=2"+cursor, "AuditPage")
		seen += len(page["items"].([]any))
		if page["cursor"] == nil {
			break
		}
		cursor = "&cursor=" + page["cursor"].(string)
	}
	require.Equal(t, 5, seen)
}

func TestAuditIsExportedWithItsChain(t *testing.T) {
	b := recording(t)
	lead := b.as(t, "lead")
	b.as(t, "").do("POST", "/api/v1/session", object{"name": "=1+1", "password": "wrong horse"})
	b.press(t, "1") // other lanes are no part of it
	require.Equal(t, 200, first(lead.do("POST", "/api/v1/alerts/"+b.press(t, "2").Alert+"/shown", object{"screen": "left"})))

	previous, lines := "", 0
	for text := range bytes.Lines(lead.text("/api/v1/audit.jsonl")) {
		var e bridge.Event
		require.NoError(t, json.Unmarshal(text, &e))
		require.Equal(t, bridge.Local, e.Lane)
		require.NoError(t, journal.CheckData(&e))
		if previous != "" {
			require.Equal(t, previous, e.PrevHash, "the chain of %s", e.Sequence)
		}
		previous = e.Hash()
		lines++
	}
	require.Equal(t, int(b.journal.LastSequence(bridge.Local)), lines)

	table := lead.text("/api/v1/audit.csv")
	require.True(t, bytes.HasPrefix(table, []byte("\ufeffsequence,")))
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, lines+2, "a heading, and the export itself")
	require.Equal(t, "'=1+1", rows[2][3], "nothing that a spreadsheet would calculate")
	require.Equal(t, "watchpost.access.exported", rows[len(rows)-1][2])
	require.True(t, bytes.HasPrefix(lead.text("/api/v1/audit.csv?language=zh-CN"), []byte("\ufeff序号,记录时间,")))
	zh := string(lead.text("/api/v1/audit.csv?language=zh-CN"))
	require.Contains(t, zh, ",登录,lead,值班领导,")
	require.Contains(t, zh, ",已上屏,")
	require.Contains(t, zh, "审计记录（csv）")
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	require.Empty(t, lead.text("/api/v1/audit.jsonl?from="+later))
}

// tornJournal can read the first events of a lane, and no more.
type tornJournal struct{ *journal.Journal }

func (j tornJournal) ReadLane(lane bridge.Lane, after uint64, limit int) ([]bridge.Record, error) {
	if after > 0 {
		return nil, errors.New("disk is gone")
	}
	return j.Journal.ReadLane(lane, after, min(limit, 1))
}

func TestAuditThatCannotBeFinishedIsNoWholeAnswer(t *testing.T) {
	var b *box
	b = newBox(t, func(o *wall.Options) {
		o.Journal = tornJournal{o.Journal.(*journal.Journal)}
		o.Access = func(in desk.AccessIn) { _, _ = b.desk.Handle(context.WithoutCancel(t.Context()), in) }
	})
	lead := b.as(t, "lead")
	for _, path := range []string{"/api/v1/audit.jsonl", "/api/v1/audit.csv"} {
		answer, err := lead.http.Get(lead.url + path)
		if err == nil {
			_, err = io.ReadAll(answer.Body)
			answer.Body.Close()
		}
		require.Error(t, err, "%s: a part must not look like the whole", path)
	}
}
