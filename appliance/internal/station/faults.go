package station

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/desk"
	"github.com/watchpost-edge/watchpost/appliance/internal/health"
	"github.com/watchpost-edge/watchpost/vision"
)

// faultsWaiting is how many faults of one camera's picture wait for a journal
// that refuses; then the analysis of the camera waits too.
const faultsWaiting = 64

// faults tells the desk of what hides a camera's view, as blind intervals.
type faults struct {
	news chan vision.Blindness

	mu  sync.Mutex
	now map[string]string // why, by kind
}

func newFaults() *faults {
	return &faults{news: make(chan vision.Blindness, faultsWaiting), now: map[string]string{}}
}

// blindKind is a fault's name as a blind interval.
func blindKind(fault string) string { return strings.TrimPrefix(fault, "video_") }

// blinded takes the word of the camera's analysis.
func (c *camera) blinded(ctx context.Context, b vision.Blindness) {
	f := c.faults
	f.mu.Lock()
	if delete(f.now, blindKind(b.Kind)); b.To.IsZero() {
		f.now[blindKind(b.Kind)] = b.Why
	}
	f.mu.Unlock()
	select {
	case f.news <- b:
	case <-ctx.Done():
	}
}

// tellFaults tells the desk of each, in order. What the last run of the box
// left open ends here: the view is learnt again, and what is still wrong with
// it is not known to this one.
func (c *camera) tellFaults(ctx context.Context) error {
	began := time.Now()
	var left []desk.BlindIn
	_, err := c.station.desk.View(ctx, func(s *desk.State) {
		if d := s.Device(c.cfg.ID); d != nil {
			for _, b := range d.Blinds {
				if slices.Contains([]string{"covered", "defocused", "moved", "frozen"}, b.Kind) {
					left = append(left, desk.BlindIn{Camera: c.cfg.ID, Kind: b.Kind, To: began, Why: b.Why + "; the box started anew and learns the view again"})
				}
			}
		}
	})
	if err != nil {
		return nil // only at a stop
	}
	for _, in := range left {
		c.tellBlind(ctx, in)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-c.faults.news:
			c.tellBlind(ctx, desk.BlindIn{Camera: c.cfg.ID, Kind: blindKind(b.Kind), From: b.From, To: b.To, Cause: "camera", Why: b.Why})
		}
	}
}

func (c *camera) tellBlind(ctx context.Context, in desk.BlindIn) {
	// An error is the stop; what cannot ever be told was logged.
	_ = c.station.persist(ctx, c.station.log.With("camera", c.cfg.ID), func() error {
		_, err := c.station.desk.Handle(ctx, in)
		return err
	})
}

// faultFindings are the faults that last.
func (c *camera) faultFindings() []health.Finding {
	f := c.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []health.Finding
	for _, kind := range slices.Sorted(maps.Keys(f.now)) {
		list = append(list, health.Finding{Code: "camera_" + kind, Subject: c.cfg.ID, Text: f.now[kind], Params: said("why", f.now[kind])})
	}
	return list
}

func faultCodes() []health.Code {
	return []health.Code{
		{ID: "camera_covered", Title: "camera is covered", Severity: health.Bad},
		{ID: "camera_defocused", Title: "camera is out of focus", Severity: health.Bad},
		{ID: "camera_moved", Title: "camera looks elsewhere than before", Severity: health.Bad},
		{ID: "camera_frozen", Title: "camera sends the same picture again and again", Severity: health.Bad},
	}
}
