package upload_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/bridge/upload"
)

const (
	senderDirEnv = "WATCHPOST_TEST_UPLOAD_DIR" // makes this binary a sender of the clips there
	senderURLEnv = "WATCHPOST_TEST_UPLOAD_URL"
	soakEnv      = "WATCHPOST_SOAK" // so many times as long
	killsShort   = 10
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(senderDirEnv); dir != "" {
		if err := sendAll(dir, os.Getenv(senderURLEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// sendAll does what the box does with each clip: send it, note that it is
// there, forget the upload. A clip that is noted is not sent.
func sendAll(dir, url string) error {
	c := upload.New(upload.Options{URL: url, Dir: filepath.Join(dir, "uploads")})
	clips, err := filepath.Glob(filepath.Join(dir, "*.mp4"))
	if err != nil {
		return err
	}
	for _, path := range clips {
		id := strings.TrimSuffix(filepath.Base(path), ".mp4")
		if _, err := os.Stat(noteOf(dir, id)); !errors.Is(err, fs.ErrNotExist) {
			if err := errors.Join(err, c.Forget(id)); err != nil {
				return err
			}
			continue
		}
		at, err := patiently(c, upload.Job{ID: id, Path: path, Metadata: map[string]string{"id": id}})
		if err != nil {
			return err
		}
		if err := os.WriteFile(noteOf(dir, id)+".tmp", []byte(at), 0o600); err != nil {
			return err
		}
		if err := errors.Join(os.Rename(noteOf(dir, id)+".tmp", noteOf(dir, id)), c.Forget(id)); err != nil {
			return err
		}
	}
	return nil
}

// patiently tries again what is not final: tusd may still hold the upload for
// the connection of a sender that was killed.
func patiently(c *upload.Client, job upload.Job) (string, error) {
	for {
		at, err := c.Send(context.Background(), job)
		var refused *upload.Refused
		if err == nil || errors.As(err, &refused) {
			return at, err
		}
		<-time.After(10 * time.Millisecond)
	}
}

func noteOf(dir, id string) string { return filepath.Join(dir, id+".sent") }

// TestKilledAtAnyMoment kills the sender with SIGKILL at seeded points of the
// conversation with a real tusd: as a request comes in, in the middle of a
// body, after tusd has done its work and before the answer. Every clip arrives
// whole, once, and its source stays.
func TestKilledAtAnyMoment(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	kills := killsShort
	if times, err := strconv.Atoi(os.Getenv(soakEnv)); err == nil {
		kills *= times
	}
	for kills > 0 {
		s := newShoot(t, random)
		for s.step(kills > 0) {
			kills--
		}
		s.check()
	}
}

// shoot is a folder of clips, its sender, and where the next bullet hits.
type shoot struct {
	*receiver
	t      *testing.T
	random *rand.Rand
	dir    string
	clips  map[string][]byte

	mu     sync.Mutex
	left   int // moments until the sender is killed; below 0 never
	sender *exec.Cmd
}

func newShoot(t *testing.T, random *rand.Rand) *shoot {
	s := &shoot{receiver: newReceiver(t), t: t, random: random, dir: t.TempDir(), clips: map[string][]byte{}, left: -1}
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.moment()
		req.Body = &watched{ReadCloser: req.Body, moment: s.moment}
		answer := &late{ResponseWriter: w, moment: s.moment}
		inner.ServeHTTP(answer, req)
	})
	for n := range 3 {
		id := fmt.Sprintf("clip-%d", n)
		b := make([]byte, 1<<20+random.IntN(4<<20))
		for i := 0; i < len(b); i += 8 {
			b[i] = byte(random.Uint32())
		}
		s.clips[id] = b
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, id+".mp4"), b, 0o600))
	}
	return s
}

// moment is a point of the conversation at which the sender may die.
func (s *shoot) moment() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left == 0 {
		_ = s.sender.Process.Kill()
	}
}

// step runs the sender, to be killed or to its end, and reports whether it was
// killed.
func (s *shoot) step(kill bool) bool {
	var errs bytes.Buffer
	s.mu.Lock()
	s.left = -1
	if kill {
		s.left = 1 + s.random.IntN(150)
	}
	s.sender = exec.Command(os.Args[0])
	s.sender.Env = append(os.Environ(), senderDirEnv+"="+s.dir, senderURLEnv+"="+s.URL+"/files/")
	s.sender.Stderr = &errs
	err := s.sender.Start()
	s.mu.Unlock()
	require.NoError(s.t, err)
	if err = s.sender.Wait(); err == nil {
		return false
	}
	require.ErrorContains(s.t, err, "killed", errs.String())
	return true
}

// check: what tusd has is each clip once and whole; an upload that was created
// and never told of is empty.
func (s *shoot) check() {
	infos, err := filepath.Glob(filepath.Join(s.store, "*.info"))
	require.NoError(s.t, err)
	whole := map[string]int{}
	for _, path := range infos {
		var info struct {
			Size     int64
			MetaData map[string]string
		}
		text, err := os.ReadFile(path)
		require.NoError(s.t, err)
		require.NoError(s.t, json.Unmarshal(text, &info))
		got, err := os.ReadFile(strings.TrimSuffix(path, ".info"))
		require.NoError(s.t, err)
		if len(got) == 0 {
			continue
		}
		id := info.MetaData["id"]
		require.Equal(s.t, sum(s.clips[id]), sum(got), id)
		whole[id]++
	}
	for id, b := range s.clips {
		require.Equal(s.t, 1, whole[id], "%s arrives once", id)
		at, err := os.ReadFile(noteOf(s.dir, id))
		require.NoError(s.t, err)
		require.Equal(s.t, sum(b), sum(s.bytes(s.t, string(at))))
		source, err := os.ReadFile(filepath.Join(s.dir, id+".mp4"))
		require.NoError(s.t, err)
		require.Equal(s.t, sum(b), sum(source), "an upload never touches its source")
	}
	left, err := os.ReadDir(filepath.Join(s.dir, "uploads"))
	require.NoError(s.t, err)
	for _, f := range left { // a kill between note and Forget leaves one, and the next start takes it away
		require.Contains(s.t, f.Name(), ".tmp", "an upload that is over is forgotten")
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// watched tells of every read of a body.
type watched struct {
	io.ReadCloser
	moment func()
}

func (w *watched) Read(b []byte) (int, error) {
	w.moment()
	return w.ReadCloser.Read(b)
}

// late tells of an answer before it goes out.
type late struct {
	http.ResponseWriter
	moment func()
}

func (l *late) WriteHeader(status int) {
	l.moment()
	l.ResponseWriter.WriteHeader(status)
}

func (l *late) Unwrap() http.ResponseWriter { return l.ResponseWriter }
