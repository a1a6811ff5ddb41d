package wall

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// listen opens the wall's port.
func listen(address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on http.listen %s: the port is taken: end what uses it (ss -ltnp shows it) or choose another in the configuration (port 0: any): %w", address, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("listen on http.listen %s: not allowed: choose a port above 1023: %w", address, err)
	case err != nil:
		return nil, fmt.Errorf("listen on http.listen %s: %w", address, err)
	}
	return ln, nil
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
	ended bool
}

func newCutting(ln net.Listener, within time.Duration, cut prometheus.Counter) *cutting {
	return &cutting{Listener: ln, within: within, cut: cut, open: map[*boundConn]struct{}{}}
}

func (l *cutting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &boundConn{Conn: conn, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		_ = conn.Close()
		return c, nil // its first read fails
	}
	l.open[c] = struct{}{}
	return c, nil
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
	from *cutting
}

func (c *boundConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.from.within)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.from.cut.Inc()
	}
	return n, err
}

func (c *boundConn) Close() error {
	c.from.mu.Lock()
	delete(c.from.open, c)
	c.from.mu.Unlock()
	return c.Conn.Close()
}
