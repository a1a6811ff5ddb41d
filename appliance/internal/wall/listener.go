package wall

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchpost-edge/watchpost/appliance/internal/picture"
)

// connectionsPerAddress bounds what one machine holds open, so that it cannot
// keep the others out; a wall with its streams has a handful. Loopback, behind
// which a proxy may stand, is not bound.
const connectionsPerAddress = 128

// listen opens a port of the wall.
func (s *Server) listen(key, address string) (*cutting, error) {
	ln, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s %s: the port is taken: end what uses it (ss -ltnp shows it) or choose another in the configuration (port 0: any): %w", key, address, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on %s %s: not allowed: choose a port above 1023: %w", key, address, err)
	case err != nil:
		return nil, fmt.Errorf("listen on %s %s: %w", key, address, err)
	}
	return newCutting(ln, s.o.Limits.Write, s.m.cut), nil
}

// cutting is a listener whose connections bound each write. A deadline for the
// whole answer, which is what the server could set, would cut streams and
// long clips. It holds the connections, because at the end the server only
// waits for them: one that takes a clip slowly, and one that a browser keeps
// for its next request, it would wait for.
type cutting struct {
	net.Listener
	within time.Duration
	cut    prometheus.Counter

	mu    sync.Mutex
	open  map[*boundConn]struct{}
	from  map[string]int // connections by address
	ended bool
}

func newCutting(ln net.Listener, within time.Duration, cut prometheus.Counter) *cutting {
	return &cutting{Listener: ln, within: within, cut: cut, open: map[*boundConn]struct{}{}, from: map[string]int{}}
}

func (l *cutting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &boundConn{Conn: conn, on: l, from: peer(conn)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || c.from != "" && l.from[c.from] >= connectionsPerAddress {
		if !l.ended {
			l.cut.Inc()
		}
		_ = conn.Close()
		return c, nil // its first read fails
	}
	l.open[c] = struct{}{}
	if c.from != "" {
		l.from[c.from]++
	}
	return c, nil
}

// peer is the address of the other end; empty for this machine.
func peer(conn net.Conn) string {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return ""
	}
	return tcp.IP.String()
}

// forget is for a connection that was closed, the first time.
func (l *cutting) forget(c *boundConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.open[c]; !open {
		return
	}
	delete(l.open, c)
	if l.from[c.from]--; l.from[c.from] <= 0 {
		delete(l.from, c.from)
	}
}

// closeAll closes every connection, and those that still come.
func (l *cutting) closeAll() {
	l.mu.Lock()
	open := l.open
	l.open, l.ended = map[*boundConn]struct{}{}, true
	l.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close() // the server notices, and closes what hangs on it
	}
}

type boundConn struct {
	net.Conn
	on      *cutting
	from    string // address of the other end
	lingers atomic.Bool
}

func (c *boundConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.on.within)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.on.cut.Inc()
	}
	return n, err
}

// How much is still taken of a request that was refused before it was read,
// and for how long.
const (
	lingerBytesMax = 2 * picture.BytesMax
	lingerWithin   = 2 * time.Second
)

// Close is at once, but after an answer that the other end is to read while it
// still sends: what lies unread when a connection is closed makes the kernel
// reset it, and a reset takes the answer away from who has not read it.
func (c *boundConn) Close() error {
	defer c.on.forget(c)
	if half, can := c.Conn.(interface{ CloseWrite() error }); c.lingers.Load() && can && half.CloseWrite() == nil {
		if c.SetReadDeadline(time.Now().Add(lingerWithin)) == nil {
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytesMax)
		}
	}
	return c.Conn.Close()
}

// linger makes the connection's end wait until its last answer can be read.
func linger(conn net.Conn) {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	if c, is := conn.(*boundConn); is {
		c.lingers.Store(true)
	}
}
