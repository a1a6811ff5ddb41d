package clip

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// grow follows one clip: part 1 when the first alert's pictures are there,
// the whole when the post-roll's are. A crash between any two steps repeats
// the one that is not noted in the clip's state.
func (c *Cutter) grow(ctx context.Context, cl *clip) {
	if !c.sealed(cl, Part1) {
		c.await(ctx, cl, lagMaxPart1, func() (time.Time, time.Time) { return cl.At, cl.atDue })
		c.seal(ctx, cl, Part1)
	}
	for ctx.Err() == nil {
		c.await(ctx, cl, lagMax, func() (time.Time, time.Time) { return cl.To, cl.toDue })
		if c.seal(ctx, cl, PartWhole) {
			break
		}
	}
	c.mu.Lock()
	cl.growing = false
	c.mu.Unlock()
}

func (c *Cutter) sealed(cl *clip, part string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cl.Sealed[part]
}

// await returns when the pictures up to a time have arrived, or when it is
// over and they are not on their way: the camera's usual lag is waited for,
// up to lag.
func (c *Cutter) await(ctx context.Context, cl *clip, lag time.Duration, end func() (wall, due time.Time)) {
	for ctx.Err() == nil {
		c.mu.Lock()
		wall, due := end()
		h := c.cameras[cl.Camera]
		c.mu.Unlock()
		var changed <-chan struct{}
		if h != nil {
			changed = h.ring.Changed()
			l, last := h.ring.Lag()
			// Captured before it came: the clock was set, and says nothing.
			if h.ring.Reached(wall) && l >= 0 {
				return
			}
			if time.Since(last) < lag {
				due = due.Add(min(max(l, 0)+lagMargin, lag))
			}
		}
		wait := time.Until(due)
		if wait <= 0 {
			return
		}
		timer := time.NewTimer(min(wait, lagMax))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-cl.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// seal makes a part, writes it and notes it. It tells false when the clip was
// extended meanwhile, and tries again when the disk refuses.
func (c *Cutter) seal(ctx context.Context, cl *clip, part string) bool {
	for ctx.Err() == nil {
		select {
		case c.slots[part] <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		s := c.stateOf(cl)
		err := c.make(&s, part)
		<-c.slots[part]
		var why string
		if errors.Is(err, ErrNothing) {
			why, err = c.why(s.Camera), nil
		}
		if err == nil {
			var done bool
			if done, err = c.note(cl, part, s, why); err == nil {
				return done
			}
		}
		c.log.Warn("clip not written, trying again", "clip", s.ID, "part", part, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(sealAgain):
		}
	}
	return false
}

// why there is nothing.
func (c *Cutter) why(camera string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cameras[camera] == nil {
		return "camera is not held"
	}
	return whySilent
}

// note makes a part count: from here on it is announced.
func (c *Cutter) note(cl *clip, part string, made state, why string) (bool, error) {
	extended := false
	err := c.update(cl, func(s *state) bool {
		extended = part == PartWhole && (!s.To.Equal(made.To) || !s.From.Equal(made.From))
		if extended {
			return false
		}
		s.Sealed[part] = true
		if why != "" {
			s.Empty[part] = why
		}
		return true
	})
	if err != nil || extended {
		return false, err
	}
	if part == PartWhole {
		c.mu.Lock()
		delete(c.open[cl.Camera], cl)
		c.mu.Unlock()
	}
	c.register(cl, part)
	select {
	case c.tell <- struct{}{}:
	default:
	}
	return true, nil
}

// make cuts and writes a part, and what describes it: the file first.
func (c *Cutter) make(s *state, part string) error {
	dir, err := c.dir(s)
	if err != nil {
		return err
	}
	to := s.To
	if part == Part1 {
		to = s.At
	}
	if _, ok := written(dir, part); ok && part == Part1 {
		return nil // finished just before a stop: it is not made again
	}
	m, err := c.cut(s.Camera, dir, s.From, to, c.clock(s.Camera))
	if err != nil {
		return err
	}
	defer m.Close()
	r := Ready{
		ID: s.ID, Part: part, Incident: s.Incident, Camera: s.Camera, From: m.From.UTC(), To: m.To.UTC(),
		WantedFrom: s.From, WantedTo: to, Gaps: m.Gaps, OffsetMS: m.OffsetMS, UncertaintyMS: m.UncertaintyMS, Bytes: m.Size(),
	}
	h := sha256.New()
	err = media.WriteFile(filepath.Join(dir, part+".mp4"), func(w io.Writer) error {
		_, err := io.CopyBuffer(io.MultiWriter(w, h), struct{ io.Reader }{m}, make([]byte, 1<<20))
		return err
	})
	if err != nil {
		return fmt.Errorf("write clip %s part %s: %w", s.ID, part, err)
	}
	r.SHA256 = hex.EncodeToString(h.Sum(nil))
	if part == Part1 {
		if err := writeSamples(dir, m); err != nil {
			return fmt.Errorf("write clip %s part %s: %w", s.ID, part, err)
		}
	}
	return writeJSON(filepath.Join(dir, part+".json"), r)
}

// announce tells what is ready, in order, until ctx ends.
func (c *Cutter) announce(ctx context.Context) {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for ctx.Err() == nil {
		var again <-chan time.Time
		if err := c.announceAll(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("clip not announced, trying again", "err", err)
			again = time.After(announceAgain)
		}
		select {
		case <-ctx.Done():
		case <-c.tell:
		case <-again:
		case now := <-hourly.C:
			c.forgetOld(now)
		}
	}
}

func (c *Cutter) announceAll(ctx context.Context) error {
	c.mu.Lock()
	list := sorted(maps.Keys(c.untold))
	c.mu.Unlock()
	var errs []error
	for _, cl := range list {
		for _, part := range []string{Part1, PartWhole} {
			if err := c.announceOne(ctx, cl, part); err != nil {
				errs = append(errs, err)
				break // part 1 first
			}
		}
	}
	return errors.Join(errs...)
}

func (c *Cutter) announceOne(ctx context.Context, cl *clip, part string) error {
	s := c.stateOf(cl)
	r, missing := c.part(&s, part)
	if !s.Sealed[part] || s.Told[part] {
		return nil
	}
	var err error
	switch {
	case missing == nil && c.opt.Ready != nil:
		err = c.opt.Ready(ctx, r)
	case missing != nil && c.opt.Empty != nil:
		e := Empty{ID: s.ID, Part: part, Incident: s.Incident, Camera: s.Camera, WantedFrom: s.From, WantedTo: s.To, Why: s.Empty[part]}
		if part == Part1 {
			e.WantedTo = s.At
		}
		if e.Why == "" {
			e.Why = "file is gone"
		}
		err = c.opt.Empty(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("announce clip %s part %s: %w", s.ID, part, err)
	}
	if err := c.update(cl, func(s *state) bool { s.Told[part] = true; return true }); err != nil {
		return fmt.Errorf("announce clip %s part %s: %w", s.ID, part, err)
	}
	if part == PartWhole {
		c.mu.Lock()
		delete(c.untold, cl)
		c.mu.Unlock()
	}
	return c.retire(cl)
}
