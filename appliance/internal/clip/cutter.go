package clip

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/appliance/internal/media"
)

// Parts of a clip.
const (
	Part1     = "1"
	PartWhole = "whole"
)

// Limits.
const (
	clipMax        = 15 * time.Minute // longest clip; an alert beyond it begins the next
	rollMax        = 10 * time.Minute // longest pre-roll and post-roll
	lagMax         = 2 * time.Second  // how long the whole waits for pictures that are on their way
	lagMaxPart1    = 600 * time.Millisecond
	lagMargin      = 100 * time.Millisecond
	announceAgain  = time.Second
	sealAgain      = 2 * time.Second
	writersPart1   = 4 // ten presses at once: the first clips are there early, not all of them late
	writersWhole   = 2
	gopMax         = 10 * time.Second // key units are expected at least this often
	ringMargin     = 5 * time.Second  // held beyond the pre-roll, for alerts that come late
	DefaultRing    = 64 << 20         // bytes a camera
	fragmentLength = time.Second
)

// Want asks for the recording around one alert.
type Want struct {
	Incident string
	Camera   string
	Alert    string    // its id: the same one is asked for once, however often
	At       time.Time // when it occurred
	PreRoll  time.Duration
	PostRoll time.Duration
	Upload   bool // this incident's parts are uploaded: part 1 is kept until SetUploadDone
}

// Ready is one part of a clip that is on disk and will not change.
type Ready struct {
	ID            string    `json:"id"` // {incident}-{camera}-{n}
	Part          string    `json:"part"`
	Incident      string    `json:"incident"`
	Camera        string    `json:"camera"`
	From          time.Time `json:"from"` // presented
	To            time.Time `json:"to"`
	WantedFrom    time.Time `json:"wanted_from"`
	WantedTo      time.Time `json:"wanted_to"`
	Gaps          []Gap     `json:"gaps"`
	OffsetMS      float64   `json:"offset_ms"` // how far the camera's clock is ahead of the box's
	UncertaintyMS float64   `json:"uncertainty_ms"`
	SHA256        string    `json:"sha256"`
	Bytes         int64     `json:"bytes"`
	Path          string    `json:"-"`
}

// Empty says that a part will not be, and why.
type Empty struct {
	ID, Part, Incident, Camera string
	WantedFrom, WantedTo       time.Time
	Why                        string
}

// Options of a Cutter. Ready and Empty are called from one goroutine, and
// again until they return nil, also after a restart: at least once each, part
// 1 before the whole.
type Options struct {
	Store *media.Store
	Log   *slog.Logger
	Ready func(context.Context, Ready) error
	Empty func(context.Context, Empty) error
	// Clock is how far a camera's clock is ahead of the box's, and how unsure that is;
	// may be nil.
	Clock func(camera string) (offset, uncertainty time.Duration)
	// Trouble is told when recording a camera fails (err) and when it works
	// again (nil); may be nil.
	Trouble func(camera string, err error)
	// RingBytes bounds the pre-roll of a camera; 0: DefaultRing.
	RingBytes int64
}

// Cutter holds the cameras and makes the clips.
type Cutter struct {
	opt Options
	log *slog.Logger

	mu      sync.Mutex
	clips   map[string]*clip
	cases   map[string][]*clip            // by incident
	open    map[string]map[*clip]struct{} // by camera: whole not sealed
	untold  map[*clip]struct{}
	cameras map[string]*held
	running context.Context // of Run; nil before and after
	tasks   sync.WaitGroup
	tell    chan struct{}
	lost    uint64

	turns [32]sync.Mutex           // of Want, by incident and camera
	slots map[string]chan struct{} // by part: how many are written at once
}

// New makes a cutter; the store may be opened later, but before Open.
func New(opt Options) *Cutter {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.RingBytes <= 0 {
		opt.RingBytes = DefaultRing
	}
	return &Cutter{
		opt: opt, log: opt.Log, clips: map[string]*clip{}, cases: map[string][]*clip{}, open: map[string]map[*clip]struct{}{},
		untold: map[*clip]struct{}{}, cameras: map[string]*held{}, tell: make(chan struct{}, 1),
		slots: map[string]chan struct{}{Part1: make(chan struct{}, writersPart1), PartWhole: make(chan struct{}, writersWhole)},
	}
}

// Run grows the clips that are open and announces what is ready until ctx
// ends. What is not finished then is finished after the next start.
func (c *Cutter) Run(ctx context.Context) error {
	c.mu.Lock()
	c.running = ctx
	for _, cl := range c.clips {
		c.start(cl)
	}
	c.mu.Unlock()
	c.announce(ctx)
	c.mu.Lock()
	c.running = nil
	c.mu.Unlock()
	c.tasks.Wait()
	return nil
}

// know puts a clip into the indexes; the caller holds the lock.
func (c *Cutter) know(cl *clip) {
	c.clips[cl.ID] = cl
	c.cases[cl.Incident] = append(c.cases[cl.Incident], cl)
	if !cl.Sealed[PartWhole] {
		if c.open[cl.Camera] == nil {
			c.open[cl.Camera] = map[*clip]struct{}{}
		}
		c.open[cl.Camera][cl] = struct{}{}
	}
	if !cl.Told[Part1] || !cl.Told[PartWhole] {
		c.untold[cl] = struct{}{}
	}
}

// forget takes a clip out of the indexes; the caller holds the lock.
func (c *Cutter) forget(cl *clip) {
	delete(c.clips, cl.ID)
	delete(c.open[cl.Camera], cl)
	delete(c.untold, cl)
	c.cases[cl.Incident] = slices.DeleteFunc(c.cases[cl.Incident], func(x *clip) bool { return x == cl })
	if len(c.cases[cl.Incident]) == 0 {
		delete(c.cases, cl.Incident)
	}
}

// start lets a clip grow; the caller holds the lock.
func (c *Cutter) start(cl *clip) {
	if c.running == nil || cl.growing || cl.Sealed[PartWhole] {
		return
	}
	cl.growing = true
	ctx := c.running
	c.tasks.Go(func() { c.grow(ctx, cl) })
}

// Want asks for a clip, or for more of one: an alert within a clip that still
// grows extends it. It returns the clip's id once the wish is synced to disk,
// and the same id for the same alert.
func (c *Cutter) Want(ctx context.Context, w Want) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("want clip of %s: %w", w.Camera, err)
	}
	if w.Incident == "" || w.Camera == "" || w.Alert == "" || w.At.IsZero() {
		return "", fmt.Errorf("want clip of %q for %q: incident, camera, alert and time are needed: %w", w.Camera, w.Incident, ErrRefused)
	}
	w.PreRoll, w.PostRoll = min(max(w.PreRoll, 0), rollMax), min(max(w.PostRoll, 0), rollMax)
	w.At = w.At.UTC().Round(0)
	if now := time.Now(); w.At.After(now) { // by a clock that is ahead: nothing can have occurred yet
		w.At = now.UTC().Round(0)
	}
	// One alert asked for twice at the same moment is still one wish; other
	// cameras do not wait for this one's disk.
	turn := &c.turns[fnv32(w.Incident, w.Camera)%uint32(len(c.turns))]
	turn.Lock()
	defer turn.Unlock()
	for {
		c.mu.Lock()
		cl, fresh, known := c.match(w)
		id := cl.ID
		c.mu.Unlock()
		if known {
			return id, nil
		}
		taken := false
		err := c.update(cl, func(s *state) bool {
			if taken = fresh || s.takes(w); taken {
				*s = s.with(w)
			}
			return taken
		})
		if err != nil {
			return "", fmt.Errorf("want clip %s: %w", id, err)
		}
		if !taken { // it became whole in this moment
			continue
		}
		c.mu.Lock()
		cl.schedule(time.Now())
		if fresh {
			c.know(cl)
		}
		c.start(cl)
		c.mu.Unlock()
		cl.poke()
		return id, nil
	}
}

func fnv32(parts ...string) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		h.Write([]byte(p))
	}
	return h.Sum32()
}

// match finds the clip that an alert belongs to, or makes the next one.
func (c *Cutter) match(w Want) (cl *clip, fresh, known bool) {
	n := 0
	for _, x := range c.cases[w.Incident] {
		if x.Camera != w.Camera {
			continue
		}
		n = max(n, x.N)
		if x.has(w.Alert) {
			return x, false, true
		}
		if x.takes(w) && (cl == nil || x.N > cl.N) {
			cl = x
		}
	}
	if cl != nil {
		return cl, false, false
	}
	cl = &clip{state: state{
		ID: fmt.Sprintf("%s-%s-%d", w.Incident, w.Camera, n+1), Incident: w.Incident, Camera: w.Camera, N: n + 1, At: w.At,
	}, wake: make(chan struct{}, 1)}
	return cl, true, false
}

// SetUploadDone says that a part's upload has ended, well or not: part 1 goes
// once the whole is there too. A part that is not known is no error.
func (c *Cutter) SetUploadDone(id, part string) error {
	c.mu.Lock()
	cl, ok := c.clips[id]
	c.mu.Unlock()
	if !ok {
		return nil
	}
	err := c.update(cl, func(s *state) bool {
		if s.Uploaded[part] {
			return false
		}
		s.Uploaded[part] = true
		return true
	})
	if err != nil {
		return fmt.Errorf("note upload of clip %s part %s: %w", id, part, err)
	}
	c.opt.Store.SetUploaded(c.name(id, part))
	return c.retire(cl)
}

// Clips are the parts on disk of an incident's clips, oldest first; part 1
// only until the whole is ready.
func (c *Cutter) Clips(incident string) []Ready {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Ready
	for _, cl := range sorted(slices.Values(c.cases[incident])) {
		for _, part := range []string{PartWhole, Part1} {
			if r, err := c.part(&cl.state, part); err == nil {
				out = append(out, r)
				break
			}
		}
	}
	return out
}

// Part is one part of a clip on disk, with the path of its file and its size:
// media.ErrNotFound when it is not there (any more).
func (c *Cutter) Part(id, part string) (Ready, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl, ok := c.clips[id]
	if !ok {
		return Ready{}, fmt.Errorf("open clip %s part %s: %w", id, part, media.ErrNotFound)
	}
	return c.part(&cl.state, part)
}

// Interval cuts any interval of a camera out of what is recorded and held.
// The Movie must be closed. ErrNothing says that there is nothing, ErrRefused
// that it cannot be true.
func (c *Cutter) Interval(camera string, from, to time.Time) (*Movie, error) {
	if err := possible(from, to, time.Now()); err != nil {
		return nil, fmt.Errorf("cut %s: %w", camera, err)
	}
	m, err := c.cut(camera, "", from, to, nil)
	if err != nil {
		return nil, fmt.Errorf("cut %s: %w", camera, err)
	}
	return m, nil
}
