package uplinktest

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Cable is a line to a peer that can be cut, held and slowed. While the peer
// is not there, it refuses as the peer would.
type Cable struct {
	t        testing.TB
	listener net.Listener
	to       string

	mu     sync.Mutex
	conns  []net.Conn
	rate   int           // bytes/s a direction and connection; 0: as fast as it goes
	held   chan struct{} // not nil while nothing passes
	closed chan struct{}
}

// NewCable lays a cable to the address.
func NewCable(t testing.TB, to string) *Cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &Cable{t: t, listener: l, to: to, closed: make(chan struct{})}
	t.Cleanup(func() {
		close(c.closed)
		_ = l.Close()
		c.Cut()
	})
	go c.accept()
	return c
}

// Addr is the near end, host:port.
func (c *Cable) Addr() string { return c.listener.Addr().String() }

func (c *Cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, near, far)
		c.mu.Unlock()
		go c.pump(far, near)
		go c.pump(near, far)
	}
}

func (c *Cable) pump(to, from net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err == nil && c.pass(n) {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// pass waits as long as n bytes take.
func (c *Cable) pass(n int) bool {
	c.mu.Lock()
	held, rate := c.held, c.rate
	c.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-c.closed:
			return false
		}
	}
	if rate > 0 {
		timer := time.NewTimer(time.Duration(n) * time.Second / time.Duration(rate))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.closed:
			return false
		}
	}
	return true
}

// Slow sets the rate, bytes/s; 0 is as fast as it goes.
func (c *Cable) Slow(rate int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate = rate
}

// Hold lets nothing pass, or again: the connections stand meanwhile.
func (c *Cable) Hold(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case on && c.held == nil:
		c.held = make(chan struct{})
	case !on && c.held != nil:
		close(c.held)
		c.held = nil
	}
}

// Cut breaks every connection.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}
