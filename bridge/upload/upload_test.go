package upload_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"

	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tus/tusd/v2/pkg/filestore"
	tusd "github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	"golang.org/x/exp/slog"

	"github.com/watchpost-edge/watchpost/bridge/upload"
)

// receiver is a real tusd behind a door that can be shut in mid-body.
type receiver struct {
	*httptest.Server
	store   string
	cutAt   atomic.Int64 // cut the connection after so many body bytes; 0 never
	creates atomic.Int64
	patched atomic.Int64 // body bytes that reached tusd
	refuse  atomic.Int64 // answer PATCH with this status
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{store: t.TempDir()}
	composer := tusd.NewStoreComposer()
	filestore.New(r.store).UseIn(composer)
	memorylocker.New().UseIn(composer)
	h, err := tusd.NewHandler(tusd.Config{BasePath: "/files/", StoreComposer: composer, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	inner := http.StripPrefix("/files/", h)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost {
			r.creates.Add(1)
		}
		if req.Method == http.MethodPatch {
			if status := r.refuse.Load(); status != 0 {
				http.Error(w, "not these", int(status))
				return
			}
			req.Body = &counted{ReadCloser: req.Body, r: r}
		}
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Server.Close)
	return r
}

type counted struct {
	io.ReadCloser
	r *receiver
}

func (c *counted) Read(b []byte) (int, error) {
	if cut := c.r.cutAt.Load(); cut > 0 && c.r.patched.Load() >= cut {
		c.r.cutAt.Store(0)
		c.r.CloseClientConnections()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.ReadCloser.Read(b)
	c.r.patched.Add(int64(n))
	return n, err
}

func source(t *testing.T, size int) (string, []byte) {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	path := filepath.Join(t.TempDir(), "clip.mp4")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path, b
}

func (r *receiver) bytes(t *testing.T, location string) []byte {
	b, err := os.ReadFile(filepath.Join(r.store, location[strings.LastIndex(location, "/")+1:]))
	require.NoError(t, err)
	return b
}

func TestWholeFileArrivesWithItsMetadata(t *testing.T) {
	r := newReceiver(t)
	path, want := source(t, 9<<20) // three chunks
	c := upload.New(upload.Options{URL: r.URL + "/files/", Dir: t.TempDir()})
	at, err := c.Send(context.Background(), upload.Job{ID: "a/1", Path: path, Metadata: map[string]string{"id": "a", "part": "1"}})
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, r.bytes(t, at)))
	info, err := os.ReadFile(filepath.Join(r.store, at[strings.LastIndex(at, "/")+1:]+".info"))
	require.NoError(t, err)
	require.Contains(t, string(info), `"part":"1"`)
	require.FileExists(t, path, "an upload never deletes its source")
}

func TestResumesAtTheOffsetAfterACutAndARestart(t *testing.T) {
	r := newReceiver(t)
	path, want := source(t, 3<<20)
	dir := t.TempDir()
	job := upload.Job{ID: "a/whole", Path: path}
	r.cutAt.Store(1 << 20)
	_, err := upload.New(upload.Options{URL: r.URL + "/files/", Dir: dir}).Send(context.Background(), job)
	require.Error(t, err)

	restarted := upload.New(upload.Options{URL: r.URL + "/files/", Dir: dir})
	at, err := restarted.Send(context.Background(), job)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, r.bytes(t, at)))
	require.EqualValues(t, 1, r.creates.Load())
	require.Less(t, r.patched.Load(), int64(len(want)+1<<20), "what had arrived is not sent again")
}

// A kill between the last byte and the caller's own note of it costs a question
// to the receiver, not the whole clip again.
func TestFinishedIsRememberedUntilTheCallerHasIt(t *testing.T) {
	r := newReceiver(t)
	path, want := source(t, 1<<20)
	dir := t.TempDir()
	job := upload.Job{ID: "a/1", Path: path}
	first, err := upload.New(upload.Options{URL: r.URL + "/files/", Dir: dir}).Send(t.Context(), job)
	require.NoError(t, err)
	restarted := upload.New(upload.Options{URL: r.URL + "/files/", Dir: dir})
	second, err := restarted.Send(t.Context(), job)
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.EqualValues(t, 1, r.creates.Load())
	require.EqualValues(t, len(want), r.patched.Load())
	require.NoError(t, restarted.Forget(job.ID))
	require.NoError(t, restarted.Forget(job.ID), "however often")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestBeginsAnewWhenTheReceiverForgot(t *testing.T) {
	first, second := newReceiver(t), newReceiver(t)
	path, want := source(t, 2<<20)
	dir := t.TempDir()
	job := upload.Job{ID: "a/1", Path: path}
	first.cutAt.Store(1 << 20)
	_, err := upload.New(upload.Options{URL: first.URL + "/files/", Dir: dir}).Send(context.Background(), job)
	require.Error(t, err)
	entries, err := os.ReadDir(first.store)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, os.Remove(filepath.Join(first.store, e.Name())))
	}
	at, err := upload.New(upload.Options{URL: second.URL + "/files/", Dir: dir}).Send(context.Background(), job)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, second.bytes(t, at)))
}

func TestRefusalIsFinalAndOutageIsNot(t *testing.T) {
	r := newReceiver(t)
	path, _ := source(t, 1<<10)
	c := upload.New(upload.Options{URL: r.URL + "/files/", Dir: t.TempDir()})
	var refused *upload.Refused
	r.refuse.Store(422)
	_, err := c.Send(context.Background(), upload.Job{ID: "a/1", Path: path})
	require.ErrorAs(t, err, &refused)
	require.Contains(t, err.Error(), "422: not these")
	for _, status := range []int64{401, 404, 429, 503} {
		r.refuse.Store(status)
		_, err = c.Send(context.Background(), upload.Job{ID: "b/1", Path: path})
		require.Error(t, err)
		require.False(t, errors.As(err, &refused), "%d is the line's failure", status)
	}
	r.refuse.Store(0)
	_, err = c.Send(context.Background(), upload.Job{ID: "b/1", Path: path})
	require.NoError(t, err)
}

func TestRateIsKeptAndEndsWithTheContext(t *testing.T) {
	r := newReceiver(t)
	path, _ := source(t, 1<<20)
	c := upload.New(upload.Options{URL: r.URL + "/files/", Dir: t.TempDir(), Rate: 800_000}) // 100 kB/s
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err := c.Send(ctx, upload.Job{ID: "a/1", Path: path})
	require.Error(t, err)
	require.Less(t, r.patched.Load(), int64(100_000))
}

// A receiver that takes the connection and then nothing does not hold up the
// clips behind it for ever.
func TestMuteReceiverIsGivenUp(t *testing.T) {
	for name, inBody := range map[string]bool{"in the body": true, "in the answer": false} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == http.MethodPost {
					w.Header().Set("Location", "/files/1")
					w.WriteHeader(http.StatusCreated)
					if inBody {
						return
					}
					_ = http.NewResponseController(w).Flush()
				}
				<-release
			}))
			defer server.Close()
			defer close(release)
			path, _ := source(t, 8<<20)
			c := upload.New(upload.Options{URL: server.URL, Dir: t.TempDir(), Idle: 200 * time.Millisecond})
			_, err := c.Send(t.Context(), upload.Job{ID: "c/1", Path: path})
			require.ErrorContains(t, err, "nothing moved for 200ms")
		})
	}
}

// Bytes that were damaged on their way, or there, are sent anew once; a file
// that is damaged here is refused then.
func TestDamagedIsSentAnewOnce(t *testing.T) {
	for damaged, want := range map[int]bool{1: true, 2: false} {
		var creates, patches int
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			if req.Method == http.MethodPost {
				creates++
				w.Header().Set("Location", "/files/1")
				w.WriteHeader(http.StatusCreated)
				return
			}
			if patches++; patches <= damaged {
				http.Error(w, "checksum mismatch", 460)
				return
			}
			w.Header().Set("Upload-Offset", "9")
			w.WriteHeader(http.StatusNoContent)
		}))
		path, _ := source(t, 9)
		_, err := upload.New(upload.Options{URL: server.URL, Dir: t.TempDir()}).Send(t.Context(), upload.Job{ID: "c/1", Path: path})
		server.Close()
		require.Equal(t, 2, creates)
		require.Equal(t, want, err == nil, "%v", err)
		if !want {
			var refused *upload.Refused
			require.ErrorAs(t, err, &refused)
		}
	}
}
