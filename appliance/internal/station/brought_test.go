package station

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/appliance/internal/wall"
	"github.com/watchpost-edge/watchpost/bridge/evidence"
)

// reported makes an order of the press, and a report on it that names pictures.
func (c *command) reported(t *testing.T, pictures ...string) {
	t.Helper()
	wu := desk.Actor{Name: "wu", Role: "operator"}
	issued, err := c.desk.Handle(t.Context(), desk.TaskIn{To: "wu", Note: "去", Incident: c.press.Incident, By: wu})
	require.NoError(t, err)
	for _, verb := range []string{"accept", "arrive", "report"} {
		in := desk.TaskActionIn{Task: issued.Task, Verb: verb, By: wu}
		if verb == "report" {
			in.Report, in.Pictures = "抓获一人", pictures
		}
		_, err = c.desk.Handle(t.Context(), in)
		require.NoError(t, err)
	}
}

// A report's picture stays as long as the desk knows its order, beyond any age,
// also when the box stopped right after the report; what no report names goes.
func TestPictureOfAReportStays(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	c.files(t, c.press.Incident+"-gate-1")
	c.store = media.New(media.Options{Dir: c.cfg.Data.Dir, MinFree: -1, Held: c.held, Budgets: map[media.Class]media.Budget{media.Pictures: {Age: time.Hour}}})
	require.NoError(t, c.store.Open())
	named, err := c.store.PutPicture("wu", []byte("a thief"))
	require.NoError(t, err)
	forgotten, err := c.store.PutPicture("wu", []byte("another report's"))
	require.NoError(t, err)
	c.reported(t, named)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.settlePictures(ctx) }()
	require.Eventually(t, func() bool { return c.store.Brought(named) }, 30*time.Second, 5*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, wallFiles{c.Station}.KeepPictures([]string{forgotten}))
	c.store = media.New(media.Options{Dir: c.cfg.Data.Dir, MinFree: -1, Held: c.held, Budgets: map[media.Class]media.Budget{media.Pictures: {Age: time.Hour}}})
	require.NoError(t, c.store.Open(), "a restart")
	c.store.Sweep(time.Now().Add(2 * time.Hour))
	require.True(t, c.store.Brought(named))
	require.False(t, c.store.Brought(forgotten), "no order names it, and it is old")

	_, err = c.desk.Handle(t.Context(), desk.HoldIn{Incident: c.press.Incident, Reason: "for the court", By: desk.Actor{Name: "li", Role: "lead"}})
	require.NoError(t, err)
	_, err = c.desk.View(t.Context(), func(s *desk.State) {
		require.Equal(t, []string{named}, s.Holds()[0].Snapshots)
		h := holdingOf(s)
		h.named = nil
		require.True(t, h.has(media.Item{Class: media.Pictures, Owner: named, Name: "pictures/x/" + named + ".jpg"}), "by the hold alone")
	})
	require.NoError(t, err)
}

// A report keeps its own pictures, and does nothing to others: what a report of
// before a long stop names may still wait, and is not to be told from what none
// does.
func TestReportLeavesOtherPicturesAlone(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	c.files(t, c.press.Incident+"-gate-1")
	named, err := c.store.PutPicture("wu", []byte("of a report before the stop"))
	require.NoError(t, err)
	c.reported(t, named)
	long := time.Now().Add(-media.PictureWaits - time.Hour)
	waits, err := filepath.Glob(filepath.Join(c.cfg.Data.Dir, "pictures", "new", "*", "*.jpg"))
	require.NoError(t, err)
	require.Len(t, waits, 1)
	require.NoError(t, os.Chtimes(waits[0], long, long))
	c.store = media.New(media.Options{Dir: c.cfg.Data.Dir, MinFree: -1, Held: c.held})
	require.NoError(t, c.store.Open())

	another, err := c.store.PutPicture("li", []byte("of a report after it"))
	require.NoError(t, err)
	require.NoError(t, wallFiles{c.Station}.KeepPictures([]string{another}))
	require.True(t, c.store.Brought(another))
	require.Equal(t, 1, c.store.PicturesWaiting(), "it waits to be settled")
}

// The bundle has the orders' events and the pictures of their reports; of one
// that is not kept it says so.
func TestExportHasThePicturesOfReports(t *testing.T) {
	c := newCommand(t, time.Minute, func(*above) {})
	c.files(t, c.press.Incident+"-gate-1")
	named, err := c.store.PutPicture("wu", []byte("a thief"))
	require.NoError(t, err)
	gone := strings.Repeat("ab", 32)
	c.reported(t, named, gone)
	require.NoError(t, wallFiles{c.Station}.KeepPictures([]string{named}))

	var bundle bytes.Buffer
	require.NoError(t, c.Export(t.Context(), wall.Bundle{Incident: c.press.Incident, By: "wu", Reason: "for the court"}, &bundle))
	public, ok := c.signer.Public().(ed25519.PublicKey)
	require.True(t, ok)
	report, err := evidence.Verify(context.Background(), bytes.NewReader(bundle.Bytes()), int64(bundle.Len()), public)
	require.NoError(t, err)
	require.True(t, report.Good(), report.Problems)
	text := bundle.String()
	require.True(t, strings.Contains(text, "attachments/001-"+named+".jpg") && strings.Contains(text, "a thief") && strings.Contains(text, "watchpost.task.reported"))
	var missing []string
	for _, one := range report.Manifest.Missing {
		missing = append(missing, one.SHA256)
	}
	require.Contains(t, missing, gone)
	require.NotContains(t, missing, named)
}
