package wall

import (
	"errors"
	"fmt"
	"net"
	"os"
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
// long clips.
type cutting struct {
	net.Listener
	within time.Duration
	cut    prometheus.Counter
}

func (l cutting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &boundConn{Conn: conn, within: l.within, cut: l.cut}, nil
}

type boundConn struct {
	net.Conn
	within time.Duration
	cut    prometheus.Counter
}

func (c *boundConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.within)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.cut.Inc()
	}
	return n, err
}
