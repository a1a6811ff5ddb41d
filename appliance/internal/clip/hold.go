package clip

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
)

// Record is when a camera is recorded.
type Record string

// The ways to record: always, while a clip grows, or never (then a spool,
// which is cleared when the clip is whole, keeps what a growing clip needs).
const (
	Continuous Record = "continuous"
	Incidents  Record = "incidents"
	Off        Record = "off"
)

// Camera is how one camera is held.
type Camera struct {
	ID      string
	Record  Record
	PreRoll time.Duration
}

// FeedSize is how many units a reader for Hold should buffer: ten seconds of
// video while the ring's goroutine gets no processor.
const FeedSize = 256

// units is what Hold reads: a reader of a feed. Next waits for a unit, returns
// feed.ErrClosed at the end of the feed; Dropped counts what was lost.
type units interface {
	Next(context.Context) (*ingest.Unit, error)
	Dropped() uint64
}

// held is one camera that is held.
type held struct {
	camera Camera
	ring   *Ring
	reader units
	failed bool // recording, last time
}

const recordAgain = 5 * time.Second

// Hold keeps the camera's pre-roll, records it and gives its units to clips,
// until ctx or the feed ends. What it holds in memory is gone then.
func (c *Cutter) Hold(ctx context.Context, cam Camera, reader units) error {
	store := c.opt.Store
	h := &held{camera: cam, reader: reader, ring: NewRing(store.Boot(), min(cam.PreRoll, rollMax)+ringMargin, c.opt.RingBytes)}
	c.mu.Lock()
	if c.cameras[cam.ID] != nil {
		c.mu.Unlock()
		return fmt.Errorf("hold %s: held already", cam.ID)
	}
	c.cameras[cam.ID] = h
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { c.record(ctx, h) })
	err := h.fill(ctx)
	cancel()
	wg.Wait()
	c.mu.Lock()
	delete(c.cameras, cam.ID)
	c.mu.Unlock()
	return err
}

// fill moves units from the feed into the ring.
func (h *held) fill(ctx context.Context) error {
	var dropped uint64
	for {
		u, err := h.reader.Next(ctx)
		if errors.Is(err, feed.ErrClosed) || ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("hold %s: %w", h.camera.ID, err)
		}
		lost := false
		if n := h.reader.Dropped(); n != dropped {
			dropped, lost = n, true
		}
		h.ring.Push(u, lost)
	}
}

// record writes what comes into the ring to disk, a fragment at a time. When
// the disk is slow the ring waits for it, for as long as its seconds last.
func (c *Cutter) record(ctx context.Context, h *held) {
	store := c.opt.Store
	class := media.Recordings
	if h.camera.Record != Continuous && h.camera.Record != Incidents {
		class = media.Spool
	}
	w := writer{cutter: c, held: h, class: class, rec: store.Recorder(class, h.camera.ID)}
	for {
		changed := h.ring.Changed()
		samples, newest, missed := h.ring.After(w.seq)
		w.step(samples, newest, missed)
		select {
		case <-ctx.Done():
			samples, newest, missed = h.ring.After(w.seq)
			w.last = true
			w.step(samples, newest, missed)
			c.trouble(h, w.rec.Close())
			return
		case <-changed:
		}
	}
}

// writer is the state of record.
type writer struct {
	cutter  *Cutter
	held    *held
	class   media.Class
	rec     *media.Recorder
	seq     uint64    // the last unit that was written or passed over
	on      bool      // recording
	last    bool      // nothing follows
	cleared bool      // the spool is empty
	again   time.Time // not before, after a failure
}

// step writes what is due of what came after seq.
func (w *writer) step(samples []media.Sample, newest, missed uint64) {
	if !w.wanted() {
		w.idle(samples, newest)
		return
	}
	if missed > 0 && w.on {
		w.cutter.countMissed(missed)
	}
	if broken := !w.again.IsZero(); missed > 0 || !w.on || broken {
		w.seq = newest - uint64(len(samples))
		if time.Now().Before(w.again) {
			return
		}
		if samples = w.fromKey(samples); len(samples) == 0 {
			return
		}
		samples[0].Lost = samples[0].Lost || missed > 0 && w.on || broken
		w.on, w.cleared, w.again = true, false, time.Time{}
	}
	w.write(samples)
}

// write writes the fragments that are full, or all when nothing follows.
func (w *writer) write(samples []media.Sample) {
	for len(samples) > 0 {
		n, next := due(samples), int64(0)
		switch {
		case n == 0 && !w.last:
			return
		case n == 0:
			n = len(samples)
		case sameRun(&samples[n], &samples[n-1]):
			next = samples[n].DTS
		}
		err := w.rec.Write(samples[:n], next)
		if errors.Is(err, media.ErrNotKey) { // a stretch that cannot be decoded
			w.cutter.countMissed(uint64(n))
			err = nil
		}
		w.cutter.trouble(w.held, err)
		if err != nil {
			w.again = time.Now().Add(recordAgain)
			return
		}
		w.seq += uint64(n)
		samples = samples[n:]
	}
}

// idle keeps the place of the newest key unit: recording begins there when it
// is wanted again.
func (w *writer) idle(samples []media.Sample, newest uint64) {
	if w.on {
		w.on = false
		w.cutter.trouble(w.held, w.rec.Close())
	}
	for i := len(samples) - 1; i >= 0; i-- {
		if samples[i].Key {
			w.seq = newest - uint64(len(samples)-i)
			break
		}
	}
	if w.class == media.Spool && !w.cleared {
		w.cleared = true
		if err := w.cutter.opt.Store.ClearSpool(w.held.camera.ID, time.Now()); err != nil {
			w.cutter.log.Warn("spool not cleared", "camera", w.held.camera.ID, "err", err)
		}
	}
}

// fromKey passes over what comes before the first key unit.
func (w *writer) fromKey(samples []media.Sample) []media.Sample {
	for i := range samples {
		if samples[i].Key {
			w.seq += uint64(i)
			return samples[i:]
		}
	}
	return nil
}

// due is how many samples make the next fragment: up to a key unit, a change
// of run or parameters, a step back, or fragmentLength; 0 when it is not full.
// Sound goes with the pictures that it came with.
func due(samples []media.Sample) int {
	last := 0
	for i := 1; i < len(samples); i++ {
		s, before := &samples[i], &samples[last]
		if s.Sound() {
			continue
		}
		last = i
		if s.Key || s.DTS <= before.DTS || !sameRun(s, before) || !media.SameParams(s.Params, before.Params) ||
			media.Duration(s.DTS-samples[0].DTS) >= fragmentLength {
			return i
		}
	}
	return 0
}

// wanted tells whether to record now.
func (w *writer) wanted() bool {
	if w.held.camera.Record == Continuous {
		return true
	}
	c := w.cutter
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open[w.held.camera.ID]) > 0
}

// Stats are for metrics.
type Stats struct {
	Cameras map[string]CameraStats
	Clips   int    // known
	Growing int    // not whole yet
	Untold  int    // with a part that is not announced
	Missed  uint64 // units that left the ring before they were recorded
}

// CameraStats are of one camera that is held.
type CameraStats struct {
	Held    HeldStats
	Dropped uint64 // units lost before the ring
}

// Stats is what the cutter holds now.
func (c *Cutter) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := Stats{Cameras: map[string]CameraStats{}, Clips: len(c.clips), Untold: len(c.untold), Missed: c.lost}
	for _, open := range c.open {
		st.Growing += len(open)
	}
	for id, h := range c.cameras {
		st.Cameras[id] = CameraStats{Held: h.ring.Held(), Dropped: h.reader.Dropped()}
	}
	return st
}

func (c *Cutter) countMissed(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost += n
}

// trouble reports when recording begins to fail and when it is well again.
func (c *Cutter) trouble(h *held, err error) {
	if (err != nil) == h.failed {
		return
	}
	h.failed = err != nil
	if err != nil {
		c.log.Warn("not recorded", "camera", h.camera.ID, "err", err)
	} else {
		c.log.Info("recorded again", "camera", h.camera.ID)
	}
	if c.opt.Trouble != nil {
		c.opt.Trouble(h.camera.ID, err)
	}
}
