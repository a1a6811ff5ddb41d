package e2e

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// line is a TCP line to the box that a test can cut.
type line struct {
	target string
	listen net.Listener

	mu    sync.Mutex
	cut   bool // nothing passes, and nobody gets through
	mute  bool // what is sent arrives, and no answer comes back
	conns map[net.Conn]bool
}

func newLine(t *testing.T, target string) *line {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &line{target: target, listen: listen, conns: map[net.Conn]bool{}}
	go l.serve()
	t.Cleanup(func() {
		_ = listen.Close()
		l.set(true, false)
	})
	return l
}

func (l *line) url() string { return "http://" + l.listen.Addr().String() }

// set cuts, mutes or heals. A cut drops what there is.
func (l *line) set(cut, mute bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.mute = cut, mute
	for conn := range l.conns {
		if cut {
			_ = conn.Close()
		}
	}
}

func (l *line) muted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mute
}

// hold keeps a connection so that a cut ends it; false: the line is cut.
func (l *line) hold(conn net.Conn, held bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !held {
		delete(l.conns, conn)
		return true
	}
	if !l.cut {
		l.conns[conn] = true
	}
	return !l.cut
}

func (l *line) serve() {
	for {
		near, err := l.listen.Accept()
		if err != nil {
			return
		}
		go l.pass(near)
	}
}

func (l *line) pass(near net.Conn) {
	defer near.Close()
	if !l.hold(near, true) {
		return
	}
	defer l.hold(near, false)
	far, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer far.Close()
	go func() {
		defer far.Close()
		_, _ = io.Copy(far, near)
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := far.Read(buffer)
		if n > 0 && !l.muted() {
			if _, err := near.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
