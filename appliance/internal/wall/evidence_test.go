package wall_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
)

func exportsOf(t *testing.T, b *box) (found []string) {
	records, err := b.journal.Read(0, 1000)
	require.NoError(t, err)
	for _, r := range records {
		if r.Event.Type == "watchpost.access.exported" {
			found = append(found, string(r.Event.Data))
		}
	}
	return found
}

// A bundle leaves only with a reason, and after the journal has who and why.
func TestEvidenceIsExported(t *testing.T) {
	b := newBox(t)
	path := "/api/v1/incidents/" + b.press(t, "1").Incident + "/evidence.zip"
	c := b.as(t, "lead")
	status, problem := c.do("GET", path, nil)
	require.Equal(t, []any{422, "field_missing", "reason"}, []any{status, problem["code"], problem["field"]})
	require.Equal(t, 422, first(c.do("GET", path+"?reason="+strings.Repeat("x", 301), nil)))
	require.Equal(t, 404, first(c.do("GET", "/api/v1/incidents/x/evidence.zip?reason=y", nil)))
	require.Equal(t, 403, first(b.as(t, "operator").do("GET", path+"?reason=y", nil)))
	require.Equal(t, 200, first(c.do("HEAD", path+"?reason=y", nil)))
	require.Empty(t, exportsOf(t, b))

	answer := c.raw("GET", path+"?reason="+url.QueryEscape("检察院调取"), nil)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, errors.Join(err, answer.Body.Close()))
	require.Equal(t, "PK", string(text))
	require.Equal(t, "application/zip", answer.Header.Get("Content-Type"))
	require.Contains(t, answer.Header.Get("Content-Disposition"), "evidence-1-")
	require.Len(t, exportsOf(t, b), 1)
	require.Contains(t, exportsOf(t, b)[0], "检察院调取")
	require.Contains(t, exportsOf(t, b)[0], `"by":"lead"`)
}

// One that cannot be finished never looks whole, and one that nobody takes
// any more ends.
func TestEvidenceThatBreaks(t *testing.T) {
	b := newBox(t)
	path := "/api/v1/incidents/" + b.press(t, "1").Incident + "/evidence.zip?reason=x"
	b.station.set(func(s *station) {
		s.bundle = func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("PK", 5000))
			return errors.Join(err, errors.New("the disk is gone"))
		}
	})
	c := b.as(t, "admin")
	answer := c.raw("GET", path, nil)
	_, err := io.ReadAll(answer.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, answer.Body.Close())

	ended := make(chan error, 3)
	b.station.set(func(s *station) {
		s.bundle = func(ctx context.Context, w io.Writer) error {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					ended <- ctx.Err()
					return err
				}
			}
		}
	})
	two := [2]io.Closer{c.raw("GET", path, nil).Body, b.as(t, "lead").raw("GET", path, nil).Body}
	status, problem := c.do("GET", path, nil)
	require.Equal(t, []any{503, "exports_exhausted"}, []any{status, problem["code"]})
	for _, body := range two {
		require.NoError(t, body.Close())
	}
	require.Error(t, <-ended)
	require.Error(t, <-ended)
	_, err = b.desk.View(t.Context(), func(*desk.State) {})
	require.NoError(t, err)
}
