package fault

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// Port is a TCP address that stays the device's own while the device is off.
// Connections to it are then refused, as by a machine without power.
//
// Without it the system could hand the number to somebody else in the
// meantime, or to the very client that dials it: such a socket connects to
// itself. So a second socket stays bound, never listening, which Linux allows
// beside a listener when both have SO_REUSEADDR, and never gives away.
type Port struct {
	addr *net.TCPAddr
	fd   int

	mu    sync.Mutex
	ln    net.Listener // the last one; closed or not
	conns map[*portConn]struct{}
}

// NewPort reserves addr (host:port, IPv4; port 0: the system chooses).
func NewPort(addr string) (*Port, error) {
	want, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, fmt.Errorf("reserve port %s: %w", addr, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve port %s: %w", addr, err)
	}
	got, err := bind(fd, want)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reserve port %s: %w", addr, err), unix.Close(fd))
	}
	return &Port{addr: got, fd: fd, conns: map[*portConn]struct{}{}}, nil
}

func bind(fd int, want *net.TCPAddr) (*net.TCPAddr, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return nil, err
	}
	sa := &unix.SockaddrInet4{Port: want.Port}
	copy(sa.Addr[:], want.IP.To4())
	if err := unix.Bind(fd, sa); err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	got, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return nil, errors.New("not an IPv4 socket")
	}
	return &net.TCPAddr{IP: net.IP(got.Addr[:]), Port: got.Port}, nil
}

// Addr is the reserved address, host:port.
func (p *Port) Addr() string { return p.addr.String() }

// Listen opens the port. Closing the listener closes it again, and leaves
// accepted connections alone.
func (p *Port) Listen() (net.Listener, error) {
	ln, err := net.Listen("tcp4", p.Addr())
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", p.Addr(), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ln = ln
	return &portListener{Listener: ln, port: p}, nil
}

// Kill closes the port and breaks every connection with a TCP RST.
func (p *Port) Kill() {
	p.mu.Lock()
	ln := p.ln
	p.mu.Unlock()
	if ln != nil {
		_ = ln.Close() // closed already where its owner stopped in time
	}
	p.each(func(c *portConn) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a connection that is gone already needs no reset
		}
		_ = c.Close()
	})
}

// Disconnect closes every accepted connection in the ordinary way.
func (p *Port) Disconnect() {
	p.each(func(c *portConn) { _ = c.Close() })
}

func (p *Port) each(f func(*portConn)) {
	p.mu.Lock()
	conns := make([]*portConn, 0, len(p.conns))
	for c := range p.conns {
		conns = append(conns, c)
	}
	p.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}

// Release gives the address back to the system.
func (p *Port) Release() error { return unix.Close(p.fd) }

type portListener struct {
	net.Listener
	port *Port
}

func (l *portListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &portConn{Conn: conn, port: l.port}
	l.port.mu.Lock()
	l.port.conns[c] = struct{}{}
	l.port.mu.Unlock()
	return c, nil
}

type portConn struct {
	net.Conn
	port *Port
}

func (c *portConn) Close() error {
	c.port.mu.Lock()
	delete(c.port.conns, c)
	c.port.mu.Unlock()
	return c.Conn.Close()
}
