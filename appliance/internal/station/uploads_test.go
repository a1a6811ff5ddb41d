package station

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/clip"
	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/bridge"
	"github.com/watchpost-edge/watchpost/bridge/journal"
	"github.com/watchpost-edge/watchpost/bridge/upload"
	"github.com/watchpost-edge/watchpost/ingest"
)

// bench is a box with a desk and clips on its disk, and nothing else.
type bench struct {
	*Station
	full     *fullDisk
	dir      string
	incident string
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), Source: "/stations/test/boxes/a"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	full := &fullDisk{Appender: j}
	d, err := desk.New(desk.Setup{
		Cameras: []desk.Camera{{ID: "gate"}}, Pillars: []desk.Pillar{{ID: "P-1", Cameras: []string{"gate"}}},
	}, full, desk.SystemClock(), slog.New(slog.DiscardHandler), rand.Reader)
	require.NoError(t, err)
	require.NoError(t, d.Open(t.Context()))
	result, err := d.Handle(t.Context(), desk.PressIn{Press: ingest.Press{Pillar: "P-1", ID: "e1", Kind: ingest.PressAlarm}})
	require.NoError(t, err)
	s := &Station{cfg: &config.Config{}, log: slog.New(slog.DiscardHandler), journal: j, desk: d}
	s.store = media.New(media.Options{Dir: dir, MinFree: -1})
	require.NoError(t, s.store.Open())
	return &bench{s, full, dir, result.Incident}
}

// fullDisk is a journal that refuses when it is told to, and tells of appends.
type fullDisk struct {
	bridge.Appender
	is     atomic.Bool
	before func([]bridge.Draft) // told of each append, before it happens
}

func (f *fullDisk) Append(drafts []bridge.Draft) ([]bridge.Record, bridge.Ticket, error) {
	if f.is.Load() {
		return nil, nil, journal.ErrFull
	}
	if f.before != nil {
		f.before(drafts)
	}
	return f.Appender.Append(drafts)
}

// clip puts a clip of both parts onto the disk and tells the desk of them.
func (b *bench) clip(t *testing.T, id string) {
	b.clipFiles(t, id)
	b.tell(t, id, clip.Part1)
	b.tell(t, id, clip.PartWhole)
}

func (b *bench) clipFiles(t *testing.T, id string) {
	folder, err := media.Folder(id)
	require.NoError(t, err)
	folder = b.store.Path(media.Clips, folder)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	write := func(name string, v any) {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), raw, 0o600))
	}
	now := time.Now().UTC()
	both := map[string]bool{clip.Part1: true, clip.PartWhole: true}
	write("clip.json", map[string]any{
		"id": id, "incident": b.incident, "camera": "gate", "n": 1, "at": now, "from": now, "to": now,
		"alerts": []string{"a"}, "upload": true, "sealed": both, "told": both,
	})
	for part := range both {
		require.NoError(t, os.WriteFile(filepath.Join(folder, part+".mp4"), []byte("pictures"), 0o600))
		write(part+".json", clip.Ready{ID: id, Part: part, Incident: b.incident, Camera: "gate", Bytes: 8})
	}
}

func (b *bench) tell(t *testing.T, id, part string) {
	_, err := b.desk.Handle(t.Context(), desk.ClipIn{Clip: desk.Clip{ID: id, Part: part, Incident: b.incident, Camera: "gate", SHA256: "aa"}})
	require.NoError(t, err)
}

// uploads makes the uploader of a receiver at the address.
func (b *bench) uploadsTo(t *testing.T, url string) *uploader {
	b.cfg.Upload.URL = url
	b.cutter = clip.New(clip.Options{Store: b.store})
	require.NoError(t, b.cutter.Open())
	return &uploader{station: b.Station, refused: map[string]string{}, client: upload.New(upload.Options{URL: url, Dir: filepath.Join(b.dir, "uploads")})}
}

func (b *bench) has(id, part string) bool {
	_, err := b.cutter.Part(id, part)
	return err == nil
}

// The box was killed after the desk had noted an upload and before the cutter
// had: part 1, which waits for that, goes after the start.
func TestPartSentBeforeAKillGoesAfterTheStart(t *testing.T) {
	b := newBench(t)
	id := b.incident + "-gate-1"
	b.clip(t, id)
	for _, part := range []string{clip.Part1, clip.PartWhole} {
		_, err := b.desk.Handle(t.Context(), desk.ClipUploadedIn{Clip: id, Part: part, Location: "/files/1"})
		require.NoError(t, err)
	}
	u := b.uploadsTo(t, "http://127.0.0.1:1/files/")
	require.True(t, b.has(id, clip.Part1))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.run(ctx) }()
	eventually(t, func() bool { return !b.has(id, clip.Part1) })
	require.True(t, b.has(id, clip.PartWhole))
	stop()
	require.NoError(t, <-ended)
}

// Pictures of an exercise say so, where headquarters has only the upload.
func TestClipsOfDrillsSaySo(t *testing.T) {
	b := newBench(t)
	b.clip(t, b.incident+"-gate-1")
	result, err := b.desk.Handle(t.Context(), desk.PressIn{Press: ingest.Press{Pillar: "P-1", ID: "e2", Kind: ingest.PressTest}})
	require.NoError(t, err)
	b.incident = result.Incident
	b.clip(t, b.incident+"-gate-1")
	due, err := b.uploadsTo(t, "http://127.0.0.1:1/files/").due(t.Context())
	require.NoError(t, err)
	require.Len(t, due, 4)
	for _, one := range due {
		said := one.metadata()["drill"]
		require.Equal(t, map[bool]string{true: "true", false: ""}[one.Incident == b.incident], said, one.key())
	}
}

// A receiver whose address for a clip cannot be recorded does not hold up the
// clips behind it.
func TestClipThatCannotBeRecordedIsLeftOut(t *testing.T) {
	b := newBench(t)
	first, second := b.incident+"-gate-1", b.incident+"-gate-2"
	b.clip(t, first)
	b.clip(t, second)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			at := "/files/ok"
			if strings.Contains(req.Header.Get("Upload-Metadata"), "filename "+base64.StdEncoding.EncodeToString([]byte(first+"-whole.mp4"))) {
				at = "/files/" + strings.Repeat("x", 3000)
			}
			w.Header().Set("Location", at)
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.Header().Set("Upload-Offset", "8")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	u := b.uploadsTo(t, server.URL)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.run(ctx) }()
	eventually(t, func() bool {
		sent := false
		_, err := b.desk.View(t.Context(), func(s *desk.State) { sent = !s.Clip(second, clip.PartWhole).UploadedAt.IsZero() })
		u.mu.Lock()
		defer u.mu.Unlock()
		return err == nil && sent && u.refused[first+"/whole"] != ""
	})
	stop()
	require.NoError(t, <-ended)
	require.Contains(t, u.refused[first+"/whole"], "location")
}

// A clip whose file the disk gives no more, a folder in its place here, does not
// hold up the clips behind it.
func TestClipThatCannotBeReadIsLeftOut(t *testing.T) {
	b := newBench(t)
	first, second := b.incident+"-gate-1", b.incident+"-gate-2"
	b.clip(t, first)
	b.clip(t, second)
	folder, err := media.Folder(first)
	require.NoError(t, err)
	path := b.store.Path(media.Clips, folder, clip.PartWhole+".mp4")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			w.Header().Set("Location", "/files/ok")
			w.WriteHeader(http.StatusCreated)
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		w.Header().Set("Upload-Offset", "8")
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	u := b.uploadsTo(t, server.URL)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.MkdirAll(filepath.Join(path, "of some size"), 0o700))
	info, err := os.Stat(path)
	require.NoError(t, err)
	raw, err := json.Marshal(clip.Ready{ID: first, Part: clip.PartWhole, Incident: b.incident, Camera: "gate", Bytes: info.Size()})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(b.store.Path(media.Clips, folder, clip.PartWhole+".json"), raw, 0o600))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.run(ctx) }()
	eventually(t, func() bool {
		sent := false
		_, err := b.desk.View(t.Context(), func(s *desk.State) { sent = !s.Clip(second, clip.PartWhole).UploadedAt.IsZero() })
		return err == nil && sent
	})
	stop()
	require.NoError(t, <-ended)
	require.Contains(t, u.refused[first+"/whole"], "is a directory")
}
