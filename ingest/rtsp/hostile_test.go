package rtsp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watchpost-edge/watchpost/ingest/rtsp"
)

// scripted is a server that does with each connection what it is told.
func scripted(t *testing.T, serve func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var open sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				serve(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() { cancel(); l.Close(); open.Wait() })
	return "rtsp://" + l.Addr().String() + "/main"
}

// request reads one request and returns its number.
func request(r *bufio.Reader) (method, cseq string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSpace(line)
		if method == "" {
			method, _, _ = strings.Cut(line, " ")
		}
		if n, is := strings.CutPrefix(line, "CSeq: "); is {
			cseq = n
		}
		if line == "" {
			return method, cseq, nil
		}
	}
}

// answering answers requests until one returns "".
func answering(answer func(method, cseq string) string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		for {
			method, cseq, err := request(r)
			if err != nil {
				return
			}
			text := answer(method, cseq)
			if _, err := conn.Write([]byte(text)); err != nil || text == "" {
				return
			}
		}
	}
}

const playable = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"

// playing answers as a camera does, then hands the connection over.
func playing(then func(net.Conn)) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		for {
			method, cseq, err := request(r)
			if err != nil {
				return
			}
			head, body := "RTSP/1.0 200 OK\r\nCSeq: "+cseq+"\r\nSession: 1\r\n", ""
			switch method {
			case "DESCRIBE":
				body = playable
				head += fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n", len(body))
			case "SETUP":
				head += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
			}
			_, _ = conn.Write([]byte(head + "\r\n" + body))
			if method == "PLAY" {
				then(conn)
				return
			}
		}
	}
}

func garbage(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func TestHostileServers(t *testing.T) {
	t.Parallel()
	ok := func(cseq, more string) string { return "RTSP/1.0 200 OK\r\nCSeq: " + cseq + "\r\n" + more }
	for name, serve := range map[string]func(net.Conn, *bufio.Reader){
		"hangs up":       func(net.Conn, *bufio.Reader) {},
		"says nothing":   func(_ net.Conn, r *bufio.Reader) { _, _ = r.WriteTo(discard{}) },
		"speaks garbage": func(c net.Conn, _ *bufio.Reader) { _, _ = c.Write(garbage(1 << 20)) },
		"speaks HTTP":    answering(func(_, _ string) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" }),
		"header never ends": func(c net.Conn, _ *bufio.Reader) {
			_, _ = c.Write([]byte("RTSP/1.0 200 OK\r\n"))
			for _, err := c.Write(bytes.Repeat([]byte("A: b\r\n"), 1000)); err == nil; {
				_, err = c.Write(bytes.Repeat([]byte("A: b\r\n"), 1000))
			}
		},
		"body of a gigabyte":       answering(func(_, cseq string) string { return ok(cseq, "Content-Length: 1000000000\r\n\r\n") }),
		"answers another question": answering(func(_, _ string) string { return ok("999", "\r\n") }),
		"points to itself":         nil,
		"description is empty": answering(func(method, cseq string) string {
			return ok(cseq, "Content-Type: application/sdp\r\nContent-Length: 0\r\n\r\n")
		}),
		"offers no video": answering(func(method, cseq string) string {
			body := strings.Replace(strings.Replace(playable, "m=video", "m=audio", 1), "H264/90000", "speex/8000", 1)
			return ok(cseq, fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		}),
		"plays garbage": playing(func(c net.Conn) { _, _ = c.Write(garbage(1 << 20)) }),
		"plays frames of garbage": playing(func(c net.Conn) {
			for {
				b := garbage(1000)
				if _, err := c.Write(append([]byte{'$', 0, 3, 0xE8}, b...)); err != nil {
					return
				}
			}
		}),
		"plays nothing": playing(func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var url string
			if serve == nil {
				serve = answering(func(_, cseq string) string {
					return "RTSP/1.0 302 Moved\r\nCSeq: " + cseq + "\r\nLocation: " + url + "\r\n\r\n"
				})
			}
			url = scripted(t, serve)
			w := &wall{}
			promptly(t, 12*time.Second, func() time.Duration {
				began := time.Now()
				require.Error(t, rtsp.New(rtsp.Config{Camera: "gate", URL: url, Transport: rtsp.TCP, Deliver: w.deliver}).Run(t.Context()))
				return time.Since(began)
			})
			require.Empty(t, w.all())
		})
	}
}

// A camera that takes longer than the usual attempt waits comes up all the same.
func TestSlowCameraIsWaitedForNowAndThen(t *testing.T) {
	t.Parallel()
	var connections, played atomic.Int64
	url := scripted(t, func(conn net.Conn, r *bufio.Reader) {
		if connections.Add(1) < 8 {
			return // the attempts before: they may as well fail at once
		}
		time.AfterFunc(2*time.Second, func() {
			playing(func(net.Conn) { played.Add(1) })(conn, r)
			conn.Close()
		})
		<-t.Context().Done()
	})
	s := rtsp.New(rtsp.Config{Camera: "gate", URL: url, Transport: rtsp.TCP})
	for range 7 {
		require.Error(t, s.Run(t.Context()))
	}
	for n := 0; played.Load() == 0; n++ { // the eighth is patient, each fifth after it too
		require.Less(t, n, 5*lateMax)
		require.Error(t, s.Run(t.Context()))
	}
	promptly(t, 1900*time.Millisecond, func() time.Duration {
		began := time.Now()
		require.Error(t, s.Run(t.Context()))
		return time.Since(began)
	}) // the next attempts are as quick as ever
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Memory that a server can make the box take is bounded.
func TestGarbageTakesNoMemory(t *testing.T) {
	url := scripted(t, answering(func(_, cseq string) string {
		return "RTSP/1.0 200 OK\r\nCSeq: " + cseq + "\r\nContent-Length: 1000000000\r\n\r\n"
	}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.Error(t, rtsp.New(rtsp.Config{Camera: "gate", URL: url}).Run(t.Context()))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
}
