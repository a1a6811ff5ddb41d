package avcodec

import (
	"errors"
	"time"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// pendingMax bounds the units whose pictures have not come out yet: H.264 and
// H.265 reorder at most 16 pictures.
const pendingMax = 32

// stamp is what a frame takes over from its unit.
type stamp struct {
	pts                int64 // as the decoder knows it
	shown              int64 // the frame's
	received, captured time.Time
	key                bool
	bytes              int
}

// Decoder decodes one camera. It opens itself at the first key unit.
type Decoder struct {
	opts    Options
	film    *Reader // nil: a camera
	room    []byte  // of a picture that is turned
	grey    []byte  // of one without colour
	camera  ingest.CameraID
	params  *ingest.Params
	run     uint32
	ctx     *context
	dirty   bool // something was fed since it was opened or flushed
	waiting bool // for a key unit
	pending []stamp
}

var _ vision.Decoder = (*Decoder)(nil)

// New returns a decoder that has not taken any memory yet.
func New(o Options) *Decoder { return &Decoder{opts: o, waiting: true} }

// Decode implements vision.Decoder. Its errors are *Error, or what each
// returned.
func (d *Decoder) Decode(u *ingest.Unit, each func(*vision.Frame) error) error {
	if u.Params == nil {
		return d.fail("open", u.Camera, errors.New("unit without parameters"))
	}
	if d.ctx != nil && (u.Run != d.run || u.Params != d.params) {
		d.follow(u)
	}
	if d.waiting && !u.Key {
		return nil
	}
	if d.ctx == nil {
		ctx, err := openContext(u.Params, d.opts, d.film)
		if err != nil {
			return d.fail("open", u.Camera, err)
		}
		d.ctx, d.params = ctx, u.Params
	}
	d.waiting, d.dirty, d.run, d.camera = false, true, u.Run, u.Camera
	if err := d.send(u); err != nil {
		return d.fail("send", u.Camera, err)
	}
	return d.receive(each)
}

// Drain gives the pictures that the decoder still holds back, when no unit
// follows. The next key unit starts anew.
func (d *Decoder) Drain(each func(*vision.Frame) error) error {
	if d.ctx == nil || d.waiting {
		return nil
	}
	d.ctx.end()
	err := d.receive(each)
	d.Reset()
	return err
}

// follow prepares for a unit that does not continue the last one: another
// codec or size needs another context, anything else a clean start.
func (d *Decoder) follow(u *ingest.Unit) {
	was := d.params
	if u.Run == d.run && same(was, u.Params) {
		d.params = u.Params
		return
	}
	d.Reset()
	if was.Codec != u.Params.Codec || was.Width != u.Params.Width || was.Height != u.Params.Height {
		d.release()
	}
	d.params = u.Params
}

func same(a, b *ingest.Params) bool {
	return a.Codec == b.Codec && string(a.SPS) == string(b.SPS) && string(a.PPS) == string(b.PPS) && string(a.VPS) == string(b.VPS)
}

// Reset implements vision.Decoder.
func (d *Decoder) Reset() {
	if d.ctx != nil && d.dirty {
		d.ctx.flush()
	}
	d.waiting, d.dirty, d.pending = true, false, d.pending[:0]
}

// Close implements vision.Decoder.
func (d *Decoder) Close() {
	d.release()
	d.waiting, d.pending = true, nil
}

func (d *Decoder) release() {
	if d.ctx != nil {
		d.ctx.free()
	}
	d.ctx, d.dirty = nil, false
}

// fail forgets everything, the context too: what damage has left in it is not
// worth finding out.
func (d *Decoder) fail(op string, id ingest.CameraID, err error) error {
	d.Reset()
	d.release()
	return &Error{Op: op, Camera: id, Err: err}
}

func annexB(c ingest.Codec) bool { return c == ingest.H264 || c == ingest.H265 }

// send feeds the unit in the form that libavcodec wants: Annex B, on key units
// with the parameter sets in front (an SEI before the SPS draws a warning, and
// streams that never repeat them in band would not start).
func (d *Decoder) send(u *ingest.Unit) error {
	var sets [3][]byte
	code := 0
	if annexB(u.Params.Codec) {
		code = len(startCode)
		if u.Key {
			sets = [3][]byte{u.Params.VPS, u.Params.SPS, u.Params.PPS}
		}
	}
	size := 0
	for _, list := range [][][]byte{sets[:], u.NALs} {
		for _, n := range list {
			if len(n) > 0 {
				size += code + len(n)
			}
		}
	}
	buf, err := d.ctx.fill(size)
	if err != nil {
		return err
	}
	buf = buf[:0]
	for _, list := range [][][]byte{sets[:], u.NALs} {
		for _, n := range list {
			if len(n) > 0 {
				buf = append(append(buf, startCode[:code]...), n...)
			}
		}
	}
	if len(d.pending) == pendingMax {
		d.pending = append(d.pending[:0], d.pending[1:]...)
	}
	d.pending = append(d.pending, stamp{pts: u.PTS, shown: u.PTS, received: u.Received, captured: u.Captured, key: u.Key, bytes: u.Bytes})
	return d.ctx.send(u.PTS, u.DTS)
}

const startCode = "\x00\x00\x00\x01"

func (d *Decoder) receive(each func(*vision.Frame) error) error {
	for {
		ok, err := d.ctx.receive()
		if err != nil {
			return d.fail("receive", d.camera, err)
		}
		if !ok {
			return nil
		}
		f, err := d.picture()
		if err != nil {
			d.ctx.unref()
			return d.fail("frame", d.camera, err)
		}
		d.stamp(f)
		if d.film == nil || f.PTS >= 0 || !d.film.hidden {
			err = each(f)
		}
		d.ctx.unref()
		if err != nil {
			return err
		}
	}
}

// picture is what the decoder gave, as a frame.
func (d *Decoder) picture() (*vision.Frame, error) {
	from := d.ctx.frame
	if d.film != nil && !taken(from.format) {
		var err error
		if from, err = d.ctx.plain.convert(from); err != nil {
			return nil, err
		}
	}
	f, err := d.borrow(from)
	if err == nil && d.film != nil && d.film.turned != 0 {
		d.room = turn(f, d.film.turned, d.room)
	}
	return f, err
}

// stamp gives the frame the times of the unit with its PTS, and forgets the
// units before it in presentation. Where units have no times of presentation
// pictures come out in order all the same: the earliest time is the next's.
func (d *Decoder) stamp(f *vision.Frame) {
	if d.film != nil && d.film.timeless {
		d.order(f.PTS)
	}
	kept := d.pending[:0]
	for _, s := range d.pending {
		switch {
		case s.pts == f.PTS:
			f.Received, f.Captured, f.Key, f.Bytes = s.received, s.captured, s.key, s.bytes
			f.PTS = s.shown
		case s.pts > f.PTS || d.film != nil && d.film.timeless:
			kept = append(kept, s)
		}
	}
	d.pending = kept
}

// order gives the unit with that PTS the earliest of the times.
func (d *Decoder) order(pts int64) {
	own, first := -1, 0
	for i, s := range d.pending {
		if s.pts == pts {
			own = i
		}
		if s.shown < d.pending[first].shown {
			first = i
		}
	}
	if own >= 0 {
		a, b := &d.pending[own], &d.pending[first]
		a.shown, b.shown = b.shown, a.shown
		a.received, b.received = b.received, a.received
		a.captured, b.captured = b.captured, a.captured
	}
}
