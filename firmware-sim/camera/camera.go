// Package camera owns simulated IP cameras: each serves one piece of H.264,
// H.265 or MJPEG footage over RTSP, with or without sound, in real time and in
// a loop, on a port of its own.
//
// Timestamps keep rising over the loop by the exact duration of the footage,
// RTCP sender reports carry the box's clock, TCP and UDP are spoken, and a
// user name asks for Basic or Digest. The camera plays whether or not anybody
// watches, as cameras do. It refuses footage with B-frames.
//
// A stopped camera refuses connections and keeps its address; a killed one
// resets them first. Faults come from its fault.Injector. Run returns when its
// goroutines have ended, with an error only if the server ended by itself.
package camera

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"golang.org/x/sync/errgroup"

	"github.com/watchpost-edge/watchpost/firmware-sim/fault"
)

// writeQueuePackets holds a large key frame per reader; a power of two.
const writeQueuePackets = 4096

// clockRate of H.264 over RTP (RFC 6184, section 8.2.1).
const clockRate = 90000

// Config is one camera.
type Config struct {
	ID       string
	Listen   string // host:port; port 0: the system chooses at the first Open
	Path     string // of the stream, without a slash
	Username string // empty: everybody may watch
	Password string
	Footage  *Footage
	Other    *Footage // the same film in another size, for the fault that resizes; nil: none
	Sound    *Sound   // nil: a camera without a microphone
	Requests bool     // goes on with the next key frame when a reader asks for one, as an encoder would
}

// Camera is a device that can be switched on and off.
type Camera struct {
	conf  Config
	log   *slog.Logger
	fault *fault.Injector
	port  *fault.Port // reserved at the first Open, then kept

	server *gortsplib.Server // both between Open and the end of Run
	stream *gortsplib.ServerStream

	mu      sync.Mutex
	readers map[*gortsplib.ServerSession]struct{}
	asked   bool // for a key frame
	state   State
}

// State is what the camera is doing. A time is absent while there is none.
type State struct {
	Running     bool         `json:"running"`
	URL         string       `json:"url"`
	Readers     int          `json:"readers"`
	Frames      int          `json:"frames"`      // in one loop
	DurationMS  int64        `json:"duration_ms"` // of one loop
	Rate        float64      `json:"fps"`
	Started     *time.Time   `json:"started,omitempty"`      // switched on
	Loop        int          `json:"loop"`                   // from 0 since then
	LoopStarted *time.Time   `json:"loop_started,omitempty"` // when frame 0 of this loop was sent
	LastWrap    *time.Time   `json:"last_wrap,omitempty"`    // when the footage last began again
	Frame       int          `json:"frame"`                  // sent last, from 0
	FrameAt     *time.Time   `json:"frame_at,omitempty"`
	Made        int          `json:"made"` // frames since it was switched on, those a fault kept back too
	Fault       fault.Status `json:"fault"`
}

// New is a camera that is off.
func New(conf Config, faults *fault.Injector, log *slog.Logger) *Camera {
	return &Camera{conf: conf, fault: faults, log: log.With("camera", conf.ID), readers: map[*gortsplib.ServerSession]struct{}{}}
}

// HasOther tells whether the camera has its film in another size.
func (c *Camera) HasOther() bool { return c.conf.Other != nil }

// URL is where the camera is watched; empty before the first Open.
func (c *Camera) URL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url()
}

func (c *Camera) url() string {
	if c.port == nil {
		return ""
	}
	return "rtsp://" + c.port.Addr() + "/" + c.conf.Path
}

// State is a copy of what the camera is doing.
func (c *Camera) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.URL, s.Readers = c.url(), len(c.readers)
	f := c.conf.Footage
	s.Frames, s.DurationMS, s.Rate = len(f.Frames), f.Duration*1000/f.TimeScale, f.Rate()
	s.Fault = c.fault.Status()
	return s
}

// Reserve takes the camera's address; Open does it where it was not done.
func (c *Camera) Reserve() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.port != nil {
		return nil
	}
	port, err := fault.NewPort(c.conf.Listen)
	if err != nil {
		return fmt.Errorf("open camera %s: %w", c.conf.ID, err)
	}
	c.port = port
	return nil
}

// Open starts to accept connections. Run must follow.
func (c *Camera) Open() error {
	if err := c.Reserve(); err != nil {
		return err
	}
	rtp, rtcp, err := listenUDPPair(c.port.Addr())
	if err != nil {
		return fmt.Errorf("open camera %s: %w", c.conf.ID, err)
	}
	c.mu.Lock() // a request that comes at once waits for the stream
	defer c.mu.Unlock()
	server := c.newServer(rtp, rtcp)
	if err := server.Start(); err != nil {
		_, _ = rtp.Close(), rtcp.Close() // closed by the server where it got that far
		return fmt.Errorf("open camera %s: %w", c.conf.ID, err)
	}
	stream := &gortsplib.ServerStream{Server: server, Desc: c.description(false)}
	if err := stream.Initialize(); err != nil {
		server.Close()
		return fmt.Errorf("open camera %s: %w", c.conf.ID, err)
	}
	c.server, c.stream = server, stream
	c.state = State{Running: true, Started: stamp(time.Now())}
	return nil
}

func (c *Camera) newServer(rtp, rtcp *net.UDPConn) *gortsplib.Server {
	udp := map[string]*net.UDPConn{rtp.LocalAddr().String(): rtp, rtcp.LocalAddr().String(): rtcp}
	return &gortsplib.Server{
		DisableRTCPSenderReports: true, // report.go
		Handler:                  &handler{camera: c},
		RTSPAddress:              c.port.Addr(),
		UDPRTPAddress:            rtp.LocalAddr().String(),
		UDPRTCPAddress:           rtcp.LocalAddr().String(),
		WriteQueueSize:           writeQueuePackets,
		Listen: func(string, string) (net.Listener, error) {
			ln, err := c.port.Listen()
			if err != nil {
				return nil, err
			}
			return &mutableListener{Listener: ln, silent: c.fault.Silent}, nil
		},
		ListenPacket: func(_, address string) (net.PacketConn, error) { return udp[address], nil },
	}
}

// Run plays until ctx ends. With fault.ErrKilled as its cause, connections are
// reset; otherwise they are closed.
func (c *Camera) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	start := time.Now()
	g.Go(func() error { return c.play(running, start) })
	if c.conf.Sound != nil {
		g.Go(func() error { return c.speak(running, start) })
	}
	g.Go(c.server.Wait) // returns when the server is closed, or cannot go on
	g.Go(func() error {
		<-running.Done()
		if errors.Is(context.Cause(ctx), fault.ErrKilled) {
			c.port.Kill()
		}
		c.stream.Close()
		c.server.Close()
		return nil
	})
	err := g.Wait()
	c.mu.Lock()
	c.state.Running = false
	clear(c.readers)
	c.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("run camera %s: %w", c.conf.ID, err)
}

func (c *Camera) authorized(conn *gortsplib.ServerConn, verify func(user, password string) bool) bool {
	if c.fault.Now().Refuses {
		return false
	}
	if c.conf.Username == "" {
		return true
	}
	ok := verify(c.conf.Username, c.conf.Password)
	if !ok {
		c.log.Debug("refused a reader", "remote", conn.NetConn().RemoteAddr().String())
	}
	return ok
}

func (c *Camera) serves(path string) bool { return strings.Trim(path, "/") == c.conf.Path }

func stamp(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// listenUDPPair finds an even port and the odd one after it, as RTP and RTCP
// want them (RFC 3550, section 11), on the host of addr.
func listenUDPPair(addr string) (rtp, rtcp *net.UDPConn, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	ip := net.ParseIP(host)
	const attempts = 100
	for range attempts {
		first, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ip})
		if err != nil {
			return nil, nil, err
		}
		port := first.LocalAddr().(*net.UDPAddr).Port
		second, err := net.ListenUDP("udp4", &net.UDPAddr{IP: ip, Port: port ^ 1})
		if err != nil {
			_ = first.Close() // the neighbour is taken: try another pair
			continue
		}
		if port%2 == 1 {
			first, second = second, first
		}
		return first, second, nil
	}
	return nil, nil, fmt.Errorf("listen on a pair of UDP ports: none free after %d attempts", attempts)
}
