package hq

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tus/tusd/v2/pkg/filestore"
	tus "github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	expslog "golang.org/x/exp/slog"

	"github.com/watchpost-edge/watchpost/firmware-sim/client"
	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

const (
	filesPath         = "/files/"
	headerTimeout     = 10 * time.Second
	shutdownTimeout   = 2 * time.Second
	statusChecksum    = 460 // of the tus checksum extension
	clipsFile         = "clips.jsonl"
	clipsDir          = "clips"
	clipMetadataError = "ERR_CLIP_METADATA"
)

// clip is one finished upload.
type clip struct {
	ID       string `json:"id"`
	Part     string `json:"part"`
	Incident string `json:"incident"`
	Drill    bool   `json:"drill,omitempty"`
	Camera   string `json:"camera"`
	From     string `json:"from"`
	To       string `json:"to"`
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`  // of the bytes that came
	Claimed  string `json:"claimed"` // by the upload's metadata
	OK       bool   `json:"ok"`      // both are the same
	Received string `json:"received"`
	Path     string `json:"path,omitempty"` // absent when it was not kept
}

// clips takes uploads over tus 1.0 (tusd) and keeps an index of the finished
// ones. Unfinished ones survive restarts, in the store's own files.
type clips struct {
	dir  string
	port *fault.Port
	log  *slog.Logger

	server  *http.Server
	serving chan struct{} // closed when the listener has ended
	busy    client.Works  // requests

	mu    sync.Mutex // of the index
	index *os.File
}

func openClips(dir string, port *fault.Port, log *slog.Logger) (*clips, error) {
	c := &clips{dir: filepath.Join(dir, clipsDir), port: port, log: log, serving: make(chan struct{})}
	if err := os.MkdirAll(c.dir, 0o750); err != nil {
		return nil, fmt.Errorf("open clips: %w", err)
	}
	var err error
	if c.index, err = os.OpenFile(filepath.Join(dir, clipsFile), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640); err != nil {
		return nil, fmt.Errorf("open clips: %w", err)
	}
	good, err := scanLines(c.index, func(raw []byte) error { return json.Unmarshal(raw, &clip{}) })
	if err == nil {
		err = c.index.Truncate(good)
	}
	if err == nil {
		err = c.serve()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open clips %s: %w", c.index.Name(), err), c.index.Close())
	}
	return c, nil
}

func (c *clips) serve() error {
	store, locks := filestore.New(c.dir), memorylocker.New()
	composer := tus.NewStoreComposer()
	store.UseIn(composer)
	locks.UseIn(composer)
	handler, err := tus.NewHandler(tus.Config{
		BasePath:                  filesPath,
		StoreComposer:             composer,
		DisableDownload:           true,
		Logger:                    expslog.New(expslog.NewTextHandler(io.Discard, nil)),
		PreUploadCreateCallback:   checkMetadata,
		PreFinishResponseCallback: c.finish,
	})
	if err != nil {
		return err
	}
	ln, err := c.port.Listen()
	if err != nil {
		return err
	}
	files := http.StripPrefix(filesPath, handler)
	c.server = &http.Server{ReadHeaderTimeout: headerTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.busy.Begin() {
			panic(http.ErrAbortHandler) // its connection is closed already
		}
		defer c.busy.Done()
		files.ServeHTTP(w, r)
	})}
	go func() {
		defer close(c.serving)
		if err := c.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			c.log.Error("stopped taking clips", "err", err)
		}
	}()
	return nil
}

// checkMetadata refuses an upload that does not say what it is.
func checkMetadata(event tus.HookEvent) (tus.HTTPResponse, tus.FileInfoChanges, error) {
	var missing []string
	for _, name := range []string{"id", "part", "incident", "camera", "from", "to", "sha256"} {
		if event.Upload.MetaData[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return tus.HTTPResponse{}, tus.FileInfoChanges{}, tus.NewError(clipMetadataError, "missing metadata: "+strings.Join(missing, ", "), http.StatusBadRequest)
	}
	return tus.HTTPResponse{}, tus.FileInfoChanges{}, nil
}

// finish checks the whole file before the last byte is answered. A file that
// is not what was announced is removed, so that the sender starts anew.
func (c *clips) finish(event tus.HookEvent) (tus.HTTPResponse, error) {
	meta, path := event.Upload.MetaData, event.Upload.Storage["Path"]
	sum, size, err := sumFile(path)
	if err != nil {
		return tus.HTTPResponse{}, fmt.Errorf("check clip %s: %w", meta["id"], err)
	}
	done := clip{
		ID: meta["id"], Part: meta["part"], Incident: meta["incident"], Drill: meta["drill"] == "true", Camera: meta["camera"], From: meta["from"], To: meta["to"],
		Bytes: size, SHA256: sum, Claimed: meta["sha256"], Received: stamp(time.Now()), Path: path,
	}
	done.OK = strings.EqualFold(sum, strings.TrimPrefix(done.Claimed, sha256TextPrefix))
	if !done.OK {
		err = errors.Join(os.Remove(path), os.Remove(event.Upload.Storage["InfoPath"]))
		done.Path = ""
	}
	if err := errors.Join(err, c.note(done)); err != nil {
		return tus.HTTPResponse{}, fmt.Errorf("keep clip %s: %w", done.ID, err)
	}
	if !done.OK {
		return tus.HTTPResponse{}, tus.NewError("ERR_CHECKSUM_MISMATCH", "the file has sha256 "+sum, statusChecksum)
	}
	return tus.HTTPResponse{}, nil
}

func (c *clips) note(done clip) error {
	raw, err := json.Marshal(done)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.index.Write(append(raw, '\n')); err != nil {
		return err
	}
	return c.index.Sync()
}

// sumFile syncs a file and returns its SHA-256 in hex and its size.
func sumFile(path string) (sum string, size int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, f.Sync()
}

// close ends all uploads: killed ones are reset, others may finish within
// moments. What arrived stays.
func (c *clips) close(ctx context.Context, killed bool) error {
	if !killed {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		_ = c.server.Shutdown(patience) // who is not done by then is cut off below
		cancel()
	}
	err := c.server.Close()
	if killed {
		err = nil // its listener was closed before
		c.port.Kill()
	}
	<-c.serving
	c.busy.End()
	return errors.Join(err, c.index.Close())
}
