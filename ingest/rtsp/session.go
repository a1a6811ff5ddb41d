package rtsp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
)

// errStalled ends a session whose packets make no picture: no key unit comes,
// all are broken, or their sender has changed.
var errStalled = errors.New("the camera sends packets but no picture")

// redirectsMax is how often a camera may point elsewhere in one attempt.
const redirectsMax = 3

// session is one connection to the camera.
type session struct {
	source *Source
	client *gortsplib.Client
	line   *line
	offer  offer

	redirects int // that gortsplib followed; it has no limit of its own

	packets  atomic.Uint64 // of RTP
	lost     atomic.Bool   // packets, since a key picture was last asked for
	pictured atomic.Int64  // when the latest Unit came, nanoseconds of the source's epoch
	stalled  atomic.Bool
	began    atomic.Bool // a Unit was made
	keyless  atomic.Bool // pictures came before the first key picture
}

// session connects once and stays until the session or ctx ends. silent
// reports that the camera agreed to play and then sent no packet at all.
func (s *Source) session(ctx context.Context, u *base.URL, udp bool) (silent bool, err error) {
	transport, name := gortsplib.TransportTCP, TCP
	if udp {
		transport, name = gortsplib.TransportUDP, UDP
	}
	s.mu.Lock()
	s.stats.Transport = name
	within := limitsOf(s.tries)
	s.mu.Unlock()
	one := &session{source: s, line: &line{connect: s.cfg.Dial, within: within}}
	one.client = &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host,
		Transport: &transport, ReadTimeout: within.silent, WriteTimeout: writeWithin,
		UserAgent:         "watchpost",
		DialContext:       one.line.dial,
		OnResponse:        one.answered,
		OnPacketsLost:     func(n uint64) { s.packetsLost.Add(n); one.lost.Store(true) },
		OnDecodeError:     func(error) { s.decodeErrors.Add(1) },
		OnTransportSwitch: func(error) {},
	}
	if s.secure() {
		if one.client.TLSConfig, err = s.cfg.TLS.config(); err != nil {
			return false, err
		}
	}
	if err := one.client.Start2(); err != nil {
		return false, fmt.Errorf("start client: %w", err)
	}
	defer one.client.Close()
	stop := context.AfterFunc(ctx, func() {
		one.line.hurry()
		one.client.Close()
	})
	defer stop()
	return one.run(u)
}

func (one *session) run(u *base.URL) (silent bool, err error) {
	if err := one.setUp(u); err != nil {
		return false, err
	}
	if _, err := one.client.Play(nil); err != nil {
		return false, fmt.Errorf("play: %w", err)
	}
	one.pictured.Store(int64(time.Since(one.source.epoch)))
	watch := one.watch()
	defer watch.Stop()
	err = one.client.Wait()
	one.learn()
	if one.stalled.Load() {
		return false, errStalled
	}
	return one.packets.Load() == 0, err
}

// answered sees each answer before gortsplib reads it.
func (one *session) answered(res *base.Response) {
	one.line.answered()
	if res.StatusCode >= base.StatusMovedPermanently && res.StatusCode <= base.StatusUseProxy {
		if one.redirects++; one.redirects > redirectsMax {
			res.StatusCode, res.StatusMessage = base.StatusBadRequest, "redirected again and again"
		}
	}
	if res.StatusCode != base.StatusOK || !isDescription(res) {
		return
	}
	body, offer, err := readable(res.Body)
	if err != nil {
		return // gortsplib says what it thinks of it
	}
	res.Body, one.offer = body, offer
	if len(offer.left) > 0 {
		one.source.log.Debug("left out of the description", "media", strings.Join(offer.left, "; "))
	}
}

// watch ends the session when it has made no picture for too long.
func (one *session) watch() *time.Timer {
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(stalledAfter, func() {
		<-ready
		quiet := time.Since(one.source.epoch) - time.Duration(one.pictured.Load())
		if within := one.pictureWithin(); quiet < within {
			timer.Reset(within - quiet)
			return
		}
		one.stalled.Store(one.packets.Load() > 0)
		one.client.Close()
	})
	close(ready)
	return timer
}
