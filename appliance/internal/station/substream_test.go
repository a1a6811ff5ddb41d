package station

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/appliance/internal/config"
	"github.com/watchpost-edge/watchpost/ingest"
)

// The small feed is the sub stream while it comes and the main stream while it
// does not; each change begins a Run with a key unit.
func TestSmallPictureFallsBackToTheMainStream(t *testing.T) {
	s := newSmall()
	reader := s.feed.Subscribe(1000, nil)
	defer reader.Close()
	start := time.Now()
	main, sub := &ingest.Params{Width: 1920}, &ingest.Params{Width: 640}
	give := func(second float64, p *ingest.Params, run uint32, key bool) {
		u := &ingest.Unit{Params: p, Run: run, Key: key, Received: start.Add(time.Duration(second * float64(time.Second)))}
		if p == sub {
			s.takeSub(u)
		} else {
			s.takeMain(u)
		}
	}
	give(0.0, main, 1, false) // nothing begins amid a group
	give(0.1, main, 1, true)
	give(0.2, main, 1, false)
	give(0.3, sub, 1, false) // the main stream goes on until the sub stream has a key
	give(0.4, main, 1, false)
	give(0.5, sub, 1, true)
	give(0.6, main, 1, true)
	give(0.7, sub, 1, false)
	give(2.6, main, 1, true) // not gone long enough
	give(2.8, main, 1, false)
	give(2.9, main, 1, true) // now it is
	give(3.0, main, 2, true) // and the main stream came back from something
	give(9.0, sub, 5, true)
	type got struct {
		width int
		run   uint32
		key   bool
	}
	want := []got{{1920, 1, true}, {1920, 1, false}, {1920, 1, false}, {640, 2, true}, {640, 2, false}, {1920, 3, true}, {1920, 4, true}, {640, 5, true}}
	for i, w := range want {
		ctx, cancel := context.WithTimeout(t.Context(), chainWithin)
		u, err := reader.Next(ctx)
		cancel()
		require.NoError(t, err, i)
		require.Equal(t, w, got{u.Params.Width, u.Run, u.Key}, i)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.gop, 1)
}

// A wrong password is tried once, not once for each stream.
func TestOneStreamFindsOutAboutThePassword(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var asked atomic.Int64
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { refuse(conn, &asked) })
		}
	})
	box := &Station{log: slog.New(slog.DiscardHandler)}
	url := "rtsp://" + l.Addr().String()
	c, err := box.newCamera(config.Camera{ID: "gate", Username: "viewer", Password: "wrong", Streams: config.Streams{Main: url + "/main", Sub: url + "/sub"}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var held sync.WaitGroup
	held.Go(func() { _ = c.pull(ctx) })
	held.Go(func() { _ = c.pullSub(ctx) })
	eventually(t, func() bool { return c.source.Stats().Refused })
	require.Never(t, func() bool { return asked.Load() > 1 }, 1500*time.Millisecond, 50*time.Millisecond)
	require.EqualValues(t, 1, asked.Load())
	require.ErrorIs(t, c.trySub(ctx), errRefused)
	codes := []string{}
	for _, f := range c.streamFindings() {
		codes = append(codes, f.Code)
	}
	require.Contains(t, codes, "camera_refused")
	cancel()
	held.Wait()
	require.NoError(t, l.Close())
	open.Wait()
}

// refuse answers every request with 401, and counts those with a password.
func refuse(conn net.Conn, asked *atomic.Int64) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	cseq, authorized := "", false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); {
		case name == "CSeq":
			cseq = value
		case name == "Authorization":
			authorized = true
		case name == "":
			if authorized {
				asked.Add(1)
			}
			authorized = false
			_, _ = fmt.Fprintf(conn, "RTSP/1.0 401 Unauthorized\r\nCSeq: %s\r\nWWW-Authenticate: Basic realm=\"camera\"\r\n\r\n", cseq)
		}
	}
}
