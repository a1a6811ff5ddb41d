package render

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/ingest/feed"
	"github.com/watchpost-edge/watchpost/vision"
)

// What a rendition is at most.
const (
	WidthMax  = 1280 // pixels
	HeightMax = 720
	FPSMax    = 12.0
	FPSStills = 1.0
)

// gopMax bounds what is kept for a first picture at once.
const gopMax = 64

// Encoder turns pictures into an H.264 stream without B-frames. It is used by
// one goroutine.
type Encoder interface {
	// Encode takes a picture (planar YUV 4:2:0 without gaps) and returns its
	// NAL units, parameter sets with every key picture; none when it is kept
	// back, which a rendition treats as a failure.
	Encode(i420 []byte, pts int64) (nals [][]byte, key bool, err error)
	Close()
}

// Units is where a rendition reads: a *feed.Reader[*ingest.Unit] that resumes
// at key units.
type Units interface {
	Next(ctx context.Context) (*ingest.Unit, error)
	Dropped() uint64
}

// Config of a rendition.
type Config struct {
	Camera  ingest.CameraID
	Masks   [][]vision.Point // at least one polygon, but with Plain
	Plain   bool             // for a browser that cannot play the camera's codec: nothing is masked
	Stills  bool             // one picture a second, of key units alone
	Decoder func() vision.Decoder
	Encoder func(width, height int, fps float64) (Encoder, error)
	Log     *slog.Logger
}

// Stats is what a rendition has done.
type Stats struct {
	Pictures uint64 // encoded
	Errors   uint64
	Dropped  uint64 // units lost, because it was behind
	Spent    time.Duration
}

// Rendition is one camera's.
type Rendition struct {
	cfg  Config
	feed *feed.Feed[*ingest.Unit]

	// Used by the goroutine of Run only.
	dec    vision.Decoder
	enc    Encoder
	canvas *canvas
	params *ingest.Params
	run    uint32 // of the rendition
	of     uint32 // the Run at the source
	next   int64  // PTS from which a picture is due
	begun  bool

	mu    sync.Mutex
	gop   []*ingest.Unit
	stats Stats
}

// ErrNoMask refuses a picture that nothing would hide.
var ErrNoMask = errors.New("no mask in force, no picture")

// New makes a rendition that has not started.
func New(cfg Config) (*Rendition, error) {
	for _, m := range cfg.Masks {
		if len(m) < 3 {
			return nil, fmt.Errorf("make rendition of %s: a mask has %d corners: %w", cfg.Camera, len(m), ErrNoMask)
		}
	}
	if len(cfg.Masks) == 0 != cfg.Plain {
		return nil, fmt.Errorf("make rendition of %s: %w", cfg.Camera, ErrNoMask)
	}
	return &Rendition{cfg: cfg, feed: feed.New[*ingest.Unit]()}, nil
}

// Feed is where the rendition's units come. They have the times of the
// pictures they are made of.
func (r *Rendition) Feed() *feed.Feed[*ingest.Unit] { return r.feed }

// GOP is the newest key unit and what followed: a first picture at once. It is
// empty before the first.
func (r *Rendition) GOP() []*ingest.Unit {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gop
}

// Stats may be called from any goroutine.
func (r *Rendition) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// Run renders until ctx ends or the feed is closed; an error says that the
// encoder failed. It may be run again.
func (r *Rendition) Run(ctx context.Context, units Units) error {
	r.dec = r.cfg.Decoder()
	defer r.dec.Close()
	defer r.stop()
	var dropped uint64
	for {
		u, err := units.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, feed.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read units of camera %s: %w", r.cfg.Camera, err)
		}
		if n := units.Dropped(); n != dropped {
			r.note(func(s *Stats) { s.Dropped += n - dropped })
			dropped = n
			r.dec.Reset()
		}
		if r.cfg.Stills && !u.Key {
			continue
		}
		if r.cfg.Stills {
			r.dec.Reset() // the key units between were not fed
		}
		if err := r.unit(u); err != nil {
			return err
		}
	}
}

// unit decodes one unit and encodes what comes out. Damage is counted.
func (r *Rendition) unit(u *ingest.Unit) error {
	began := time.Now()
	var failed error
	err := r.dec.Decode(u, func(f *vision.Frame) error {
		failed = r.picture(f)
		return failed
	})
	r.note(func(s *Stats) {
		s.Spent += time.Since(began)
		if err != nil {
			s.Errors++
		}
	})
	return failed
}

func (r *Rendition) fps() float64 {
	if r.cfg.Stills {
		return FPSStills
	}
	return FPSMax
}

// picture masks, encodes and publishes one picture, if it is due.
func (r *Rendition) picture(f *vision.Frame) error {
	if !r.due(f) {
		return nil
	}
	if r.canvas == nil || !r.canvas.fits(f) {
		if err := r.begin(f); err != nil {
			return err
		}
	}
	nals, key, err := r.enc.Encode(r.canvas.draw(f), f.PTS)
	if err == nil && len(nals) == 0 {
		err = errors.New("the encoder keeps pictures back")
	}
	if err != nil {
		return fmt.Errorf("render camera %s: %w", r.cfg.Camera, err)
	}
	r.publish(f, nals, key)
	return nil
}

// due tells whether the picture is to be shown, at the rendition's pace.
func (r *Rendition) due(f *vision.Frame) bool {
	if !r.begun || f.Run != r.of {
		r.begun, r.of, r.next = true, f.Run, f.PTS
		r.run++
		r.stop() // what comes now does not continue what was
	}
	step := int64(ingest.ClockRate / r.fps())
	if f.PTS+step/20 < r.next { // a little for clocks that do not divide
		return false
	}
	if r.next += step; r.next < f.PTS {
		r.next = f.PTS + step
	}
	return true
}

// begin makes canvas and encoder for pictures like f.
func (r *Rendition) begin(f *vision.Frame) error {
	if r.enc != nil { // another size within a run
		r.stop()
		r.run++
	}
	r.canvas = newCanvas(f, r.cfg.Masks)
	enc, err := r.cfg.Encoder(r.canvas.w, r.canvas.h, r.fps())
	if err != nil {
		r.canvas = nil
		return fmt.Errorf("render camera %s: %w", r.cfg.Camera, err)
	}
	r.enc = enc
	r.params = &ingest.Params{Codec: ingest.H264, Width: r.canvas.w, Height: r.canvas.h, FPS: r.fps()}
	return nil
}

func (r *Rendition) stop() {
	if r.enc != nil {
		r.enc.Close()
	}
	r.enc, r.canvas = nil, nil
	r.mu.Lock()
	r.gop = nil
	r.mu.Unlock()
}

// publish makes a unit of the encoded picture. Parameter sets go into Params,
// as with a camera's units.
func (r *Rendition) publish(f *vision.Frame, nals [][]byte, key bool) {
	const sps, pps, aud = 7, 8, 9 // H.264, table 7-1
	u := &ingest.Unit{
		Camera: r.cfg.Camera, Run: r.run, PTS: f.PTS, DTS: f.PTS, Key: key, Received: f.Received, Captured: f.Captured,
	}
	for _, n := range nals {
		switch n[0] & 0x1f {
		case sps:
			r.learn(&r.params.SPS, n)
		case pps:
			r.learn(&r.params.PPS, n)
		case aud:
		default:
			u.NALs = append(u.NALs, n)
			u.Bytes += len(n)
		}
	}
	u.Params = r.params
	r.mu.Lock()
	r.stats.Pictures++
	switch {
	case key:
		r.gop = []*ingest.Unit{u}
	case len(r.gop) > 0 && len(r.gop) < gopMax:
		r.gop = append(r.gop[:len(r.gop):len(r.gop)], u)
	default:
		r.gop = nil
	}
	r.mu.Unlock()
	r.feed.Publish(u)
}

// learn keeps a parameter set; units that were published keep theirs.
func (r *Rendition) learn(set *[]byte, n []byte) {
	if string(*set) == string(n) {
		return
	}
	isSPS := set == &r.params.SPS
	p := *r.params
	if isSPS {
		p.SPS = n
	} else {
		p.PPS = n
	}
	r.params = &p
}

func (r *Rendition) note(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}
