package rtsp

import (
	"bufio"
	"context"
	"net"
	"sync"
	"time"
)

// readBuffer holds a few large packets: gortsplib's own 4 KB would mean a
// system call for each.
const readBuffer = 64 << 10

// line makes the connection of one session and can hurry it to its end.
type line struct {
	mu      sync.Mutex
	conn    *lineConn
	hurried bool
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &lineConn{Conn: nc, line: l, r: bufio.NewReaderSize(nc, readBuffer)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = c
	return c, nil
}

// hurry bounds what is still written, TEARDOWN above all.
func (l *line) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurried = true
	if l.conn != nil {
		_ = l.conn.Conn.SetWriteDeadline(time.Now().Add(goodbyeWithin))
	}
}

type lineConn struct {
	net.Conn
	line *line
	r    *bufio.Reader
}

func (c *lineConn) Read(p []byte) (int, error) { return c.r.Read(p) }

func (c *lineConn) SetWriteDeadline(t time.Time) error {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	if c.line.hurried {
		return nil // the shorter deadline stands
	}
	return c.Conn.SetWriteDeadline(t)
}
