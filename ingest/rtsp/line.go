package rtsp

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// readBuffer holds a few large packets: gortsplib's own 4 KB would mean a
// system call for each.
const readBuffer = 64 << 10

// line makes the connection of one session and can hurry it to its end.
type line struct {
	connect func(ctx context.Context, network, address string) (net.Conn, error) // nil: a plain dialer
	within  limits

	mu      sync.Mutex
	conn    *lineConn
	spoken  bool // the camera has answered
	hurried bool
}

// dial connects. Until the first answer reading has a limit of its own:
// gortsplib has none for a TLS handshake that stands still.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	connect := l.connect
	if connect == nil {
		connect = (&net.Dialer{}).DialContext
	}
	limited, stop := context.WithTimeout(ctx, l.within.dial)
	defer stop()
	nc, err := connect(limited, network, address)
	if err != nil {
		return nil, err
	}
	if err := nc.SetReadDeadline(time.Now().Add(l.within.answer)); err != nil {
		return nil, err
	}
	c := &lineConn{Conn: nc, line: l, r: bufio.NewReaderSize(nc, readBuffer)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.spoken = c, false
	return c, nil
}

// answered lifts the limit of dial.
func (l *line) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil && !l.spoken {
		l.spoken = true
		_ = l.conn.Conn.SetReadDeadline(time.Time{})
	}
}

// hurry bounds what is still written, TEARDOWN above all, and a handshake.
func (l *line) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hurried = true
	if l.conn == nil {
		return
	}
	soon := time.Now().Add(goodbyeWithin)
	_ = l.conn.Conn.SetWriteDeadline(soon)
	if !l.spoken {
		_ = l.conn.Conn.SetReadDeadline(soon)
	}
}

type lineConn struct {
	net.Conn
	line *line
	r    *bufio.Reader
}

func (c *lineConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// Close reads on until the camera has closed too, for as long as a goodbye may
// take: a connection that is closed with video unread is reset, and a reset
// overtakes the TEARDOWN that was written before it.
func (c *lineConn) Close() error {
	c.line.mu.Lock()
	spoken := c.line.spoken
	c.line.mu.Unlock()
	half, can := c.Conn.(interface{ CloseWrite() error })
	if spoken && can && half.CloseWrite() == nil && c.Conn.SetReadDeadline(time.Now().Add(goodbyeWithin)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn) // its end, or the deadline
	}
	return c.Conn.Close()
}

func (c *lineConn) SetWriteDeadline(t time.Time) error {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	if c.line.hurried {
		return nil // the shorter deadline stands
	}
	return c.Conn.SetWriteDeadline(t)
}

var _ net.Conn = (*lineConn)(nil)
