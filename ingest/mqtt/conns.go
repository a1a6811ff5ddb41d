package mqtt

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// conns knows every open connection, also those that have not said CONNECT
// yet, and bounds their number.
type conns struct {
	max     int
	refused atomic.Uint64

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

func newConns(most int) *conns { return &conns{max: most, open: make(map[*conn]struct{})} }

func (cs *conns) add(c *conn) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed || len(cs.open) >= cs.max {
		cs.refused.Add(1)
		return false
	}
	cs.open[c] = struct{}{}
	return true
}

func (cs *conns) remove(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}

// closeAll closes what is open and lets nothing in any more.
func (cs *conns) closeAll() {
	cs.mu.Lock()
	cs.closed = true
	all := make([]*conn, 0, len(cs.open))
	for c := range cs.open {
		all = append(all, c)
	}
	cs.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

// listener accepts until it is closed: mochi stops accepting for good at the
// first error, and a moment without descriptors must not end the broker.
type listener struct {
	net.Listener
	conns *conns
}

// acceptPause is how long to wait after a failed accept.
const acceptPause = 50 * time.Millisecond

func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		c := &conn{Conn: nc, conns: l.conns}
		if !l.conns.add(c) {
			_ = nc.Close()
			continue
		}
		// Until mochi sets the deadline of the client's keep-alive.
		_ = nc.SetReadDeadline(time.Now().Add(connectWithin))
		return c, nil
	}
}

// farewell is mochi's listener with an end of its own: mochi asks for the
// listener's clients under their lock and again for their number, and waits for
// ever when one leaves between the two (v2.7.9, Clients.GetByListener).
type farewell struct {
	*listeners.Net
	server *mochi.Server
}

func (f farewell) Close(listeners.CloseFn) {
	f.Net.Close(func(id string) {
		for _, client := range f.server.Clients.GetAll() {
			if client.Net.Listener == id && !client.Closed() {
				_ = f.server.DisconnectClient(client, packets.ErrServerShuttingDown)
			}
		}
	})
}

// conn is a connection whose writes never wait for ever: mochi holds the
// client's lock while it writes, and whoever publishes to the client needs it.
type conn struct {
	net.Conn
	conns *conns
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}

func (c *conn) Close() error {
	c.conns.remove(c)
	return c.Conn.Close()
}
