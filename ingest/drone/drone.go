// Package drone owns the way from a drone's MAVLink (versions 1 and 2, over
// UDP) to Telemetry: the last known state of one drone, at most ten times a
// second.
//
// It only listens. It never sends a frame: a drone that heard a ground station
// in us would count on it for its fail-safe.
//
// It refuses nothing loudly: frames of other systems, frames that cannot be
// read and messages that say nothing we keep are counted. That a drone has
// fallen silent is not decided here; Stats tells when it last spoke.
//
// How it fails: Open when the address is taken, and then says so; nothing that
// arrives ends Run.
package drone

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bluenviron/gomavlib/v3/pkg/dialect"
	"github.com/bluenviron/gomavlib/v3/pkg/frame"

	"github.com/watchpost-edge/watchpost/ingest"
)

const (
	interval         = 100 * time.Millisecond // between reports
	datagramBytesMax = 64 << 10
)

// Config is one drone.
type Config struct {
	Drone    string
	Listen   string // "udp:host:port"
	SystemID byte   // 0 takes every system's frames
	Deliver  func(ingest.Telemetry)
	Now      func() time.Time // nil for time.Now
	Logger   *slog.Logger
}

// Stats counts what was received.
type Stats struct {
	Frames    uint64 // of this drone, that said something we keep
	Other     uint64 // of this drone, of other kinds
	Foreign   uint64 // of other systems
	Malformed uint64 // datagrams with something that is no frame
	Delivered uint64
	Last      time.Time // box time of the latest frame of this drone; zero before the first
}

// Source is one drone's telemetry.
type Source struct {
	cfg  Config
	read *dialect.ReadWriter

	mu    sync.Mutex
	conn  net.PacketConn
	addr  string
	stats Stats
}

// New returns a source that does nothing until Open or Run.
func New(cfg Config) *Source {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	read := &dialect.ReadWriter{Dialect: messages()}
	if err := read.Initialize(); err != nil {
		panic(err) // our own list of messages
	}
	return &Source{cfg: cfg, read: read}
}

// Open takes the address; Run does it when it was not done.
func (s *Source) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return nil
	}
	address, ok := strings.CutPrefix(s.cfg.Listen, "udp:")
	if !ok {
		return fmt.Errorf("listen for drone %s: %q: want udp:host:port", s.cfg.Drone, s.cfg.Listen)
	}
	conn, err := net.ListenPacket("udp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen for drone %s on %s: the address is taken: stop the other program (a ground station?) or choose another port: %w", s.cfg.Drone, address, err)
	}
	if err != nil {
		return fmt.Errorf("listen for drone %s on %s: %w", s.cfg.Drone, address, err)
	}
	s.conn, s.addr = conn, conn.LocalAddr().String()
	return nil
}

// Addr is the address that Open took, "" before.
func (s *Source) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Stats is a snapshot.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run delivers until ctx ends; see ingest.Source.
func (s *Source) Run(ctx context.Context) error {
	if err := s.Open(); err != nil {
		return err
	}
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close()
		s.mu.Lock()
		s.conn = nil
		s.mu.Unlock()
	}()
	err := s.receive(ctx, conn)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("receive from drone %s: %w", s.cfg.Drone, err)
}

// receive reads datagrams; what changed is delivered at once, or as soon as the
// interval allows.
func (s *Source) receive(ctx context.Context, conn net.PacketConn) error {
	var known state
	known.t.Drone = s.cfg.Drone
	buf := make([]byte, datagramBytesMax)
	var delivered time.Time // on the monotonic clock
	changed := false
	for ctx.Err() == nil {
		var deadline time.Time
		if changed {
			deadline = delivered.Add(interval)
		}
		if err := conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		n, _, err := conn.ReadFrom(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err == nil && s.datagram(&known, buf[:n]) {
			changed = true
		}
		if changed && time.Since(delivered) >= interval {
			changed, delivered = false, time.Now()
			s.mu.Lock()
			s.stats.Delivered++
			s.mu.Unlock()
			s.cfg.Deliver(known.t)
		}
	}
	return ctx.Err()
}

// datagram merges the frames of one datagram and reports whether any said
// something we keep. What follows a frame that cannot be read is not looked at:
// there is no telling where the next would begin.
func (s *Source) datagram(known *state, data []byte) (changed bool) {
	now := s.cfg.Now()
	r := &frame.Reader{BufByteReader: bufio.NewReaderSize(bytes.NewReader(data), 512), DialectRW: s.read}
	if err := r.Initialize(); err != nil {
		panic(err) // a reader without a source
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if _, err := r.BufByteReader.Peek(1); err != nil {
			return changed
		}
		f, err := r.Read()
		if err != nil {
			s.stats.Malformed++
			return changed
		}
		if s.cfg.SystemID != 0 && f.GetSystemID() != s.cfg.SystemID {
			s.stats.Foreign++
			continue
		}
		s.stats.Last = now
		if known.apply(f.GetMessage(), now) {
			s.stats.Frames++
			changed = true
		} else {
			s.stats.Other++
		}
	}
}

var _ ingest.Source = (*Source)(nil)
