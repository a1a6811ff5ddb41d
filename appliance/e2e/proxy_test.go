package e2e

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// line is a TCP line to the box that a test can cut.
type line struct {
	target string
	listen net.Listener

	mu    sync.Mutex
	cut   bool   // nothing passes, and nobody gets through
	lost  string // a request that ends so arrives, and from then on nothing comes back
	mute  bool   // it came
	conns map[net.Conn]bool
}

func newLine(t *testing.T, target string) *line {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &line{target: target, listen: listen, conns: map[net.Conn]bool{}}
	go l.serve()
	t.Cleanup(func() {
		_ = listen.Close()
		l.set(true)
	})
	return l
}

func (l *line) url() string { return "http://" + l.listen.Addr().String() }

// set cuts or heals. A cut drops what there is.
func (l *line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.lost, l.mute = cut, "", false
	for conn := range l.conns {
		if cut {
			_ = conn.Close()
		}
	}
}

// loseAnswerTo lets a POST to a path that ends so arrive, and nothing come back
// any more, until the line is set.
func (l *line) loseAnswerTo(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = path
}

// sends sees what goes to the box before it is there.
func (l *line) sends(bytes []byte) {
	first, _, _ := strings.Cut(string(bytes), "\r\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != "" && strings.HasPrefix(first, "POST ") && strings.HasSuffix(first, l.lost+" HTTP/1.1") {
		l.mute = true
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
		pump(far, near, func(bytes []byte) bool { l.sends(bytes); return true })
	}()
	pump(near, far, func([]byte) bool { return !l.muted() })
}

// pump hands on what passes, until either side is gone.
func pump(to, from net.Conn, passes func([]byte) bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && passes(buffer[:n]) {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
