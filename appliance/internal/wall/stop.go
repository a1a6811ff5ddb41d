package wall

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// The end of the wall. Whoever stops the box waits for it, and so do the parts
// behind it: a browser must not hold that up.
const (
	graceWithin = 2 * time.Second        // for requests under way
	stopWithin  = 4 * time.Second        // for all of it
	lateWithin  = 100 * time.Millisecond // for each part after that
)

// Run serves until ctx ends, then ends streams and live pictures. Requests that
// are under way have graceWithin; then their connections are closed. It returns
// when all has ended, and soon after stopWithin in any case: the log tells what
// still hung.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	var liveErr error
	wg.Go(func() { liveErr = s.live.Run(s.ctx) })
	wg.Go(func() { s.sample(s.ctx) })
	wg.Go(func() { s.sweepLooks(s.ctx) })
	served := make(chan error, 1)
	go func() { served <- s.serve() }()

	var err error
	asked := false
	select {
	case err = <-served:
	case <-ctx.Done():
		asked = true
	}
	s.cancel()
	over, stop := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer stop()
	end := ending{over: over, log: s.o.Log}
	if asked {
		err = s.shutdown(served, end)
	}
	end.await("event streams and exports", s.streams.Wait)
	if end.await("live pictures", wg.Wait) {
		err = errors.Join(err, liveErr)
	}
	end.await("record of looks", s.looks.closeAll)
	return err
}

// shutdown ends the HTTP server: with grace, then hard.
func (s *Server) shutdown(served <-chan error, end ending) error {
	err := s.app.ShutdownWithTimeout(graceWithin)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
		s.o.Log.Info("closing connections that are still open", "waited", graceWithin)
	}
	for _, ln := range s.listeners() {
		ln.closeAll()
	}
	var ended error
	if end.await("server", func() { ended = <-served }) {
		err = errors.Join(err, ended)
	}
	return err
}

// ending is the time that is left.
type ending struct {
	over context.Context
	log  *slog.Logger
}

// await waits for a part; false when the time is over. The part then goes on
// for as long as the process does.
func (e ending) await(part string, wait func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait()
	}()
	select {
	case <-done:
		return true
	case <-e.over.Done():
	}
	select {
	case <-done:
		return true
	case <-time.After(lateWithin):
		e.log.Warn("a part of the wall did not end", "part", part)
		return false
	}
}
