// Package avcodec turns access units into frames with libavcodec (FFmpeg 5.1).
//
// It owns decoder contexts and nothing else: the planes of a frame are
// borrowed from the decoder without a copy and are valid until the callback
// returns. It refuses pictures that are not 8-bit planar YUV 4:2:0 or 4:2:2,
// and codecs it was not built for. Damaged data is an Error; the decoder then
// waits for the next key unit. All memory is C memory: Close frees it.
//
// Decoding runs on the caller's thread and on no other (threads: 1): more
// would hold frames back and fight over the box's cores.
package avcodec

// #cgo pkg-config: libavcodec libavutil
// #include <libavutil/frame.h>
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/asticode/go-astiav"

	"github.com/watchpost-edge/watchpost/ingest"
	"github.com/watchpost-edge/watchpost/vision"
)

// padding is how many zero bytes libavcodec may read past a packet
// (AV_INPUT_BUFFER_PADDING_SIZE).
const padding = 64

// pendingMax bounds the units whose pictures have not come out yet: H.264 and
// H.265 reorder at most 16 pictures.
const pendingMax = 32

// ErrPixelFormat says that pictures are in a format that is not taken.
var ErrPixelFormat = errors.New("pixel format not supported")

// Error is a failure of libavcodec.
type Error struct {
	Op     string // open, send, receive, frame
	Camera ingest.CameraID
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s decoder of camera %s: %v", e.Op, e.Camera, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

// Options of a decoder.
type Options struct {
	// SkipLoopFilter leaves the deblocking filter out: 10 to 20 % cheaper on
	// full decoding, slightly blocky. Never for pictures that people see.
	SkipLoopFilter bool
}

// stamp is what a frame takes over from its unit.
type stamp struct {
	pts                int64
	received, captured time.Time
	key                bool
}

// Decoder decodes one camera. It opens itself at the first key unit.
type Decoder struct {
	opts    Options
	params  *ingest.Params
	run     uint32
	ctx     *astiav.CodecContext
	pkt     *astiav.Packet
	frame   *astiav.Frame
	waiting bool // for a key unit
	scratch []byte
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
		if err := d.open(u); err != nil {
			return d.fail("open", u.Camera, err)
		}
	}
	d.waiting, d.run = false, u.Run
	if err := d.send(u); err != nil {
		return d.fail("send", u.Camera, err)
	}
	return d.receive(u, each)
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
	d.waiting, d.pending = true, d.pending[:0]
	if d.ctx != nil {
		// go-astiav v0.13 has no avcodec_flush_buffers; a context is cheap.
		d.release()
	}
}

// Close implements vision.Decoder.
func (d *Decoder) Close() {
	d.release()
	d.waiting, d.scratch, d.pending = true, nil, nil
}

func (d *Decoder) release() {
	if d.frame != nil {
		d.frame.Free()
	}
	if d.pkt != nil {
		d.pkt.Free()
	}
	if d.ctx != nil {
		d.ctx.Free()
	}
	d.ctx, d.pkt, d.frame = nil, nil, nil
}

func (d *Decoder) fail(op string, id ingest.CameraID, err error) error {
	d.Reset()
	return &Error{Op: op, Camera: id, Err: err}
}

func codecID(c ingest.Codec) (astiav.CodecID, error) {
	switch c {
	case ingest.H264:
		return astiav.CodecIDH264, nil
	case ingest.H265:
		return astiav.CodecIDHevc, nil
	case ingest.MJPEG:
		return astiav.CodecIDMjpeg, nil
	}
	return 0, fmt.Errorf("codec %q not supported", c)
}

func (d *Decoder) open(u *ingest.Unit) error {
	id, err := codecID(u.Params.Codec)
	if err != nil {
		return err
	}
	codec := astiav.FindDecoder(id)
	if codec == nil {
		return fmt.Errorf("libavcodec has no decoder for %s", u.Params.Codec)
	}
	// What it would print to stderr comes back as error codes.
	astiav.SetLogLevel(astiav.LogLevelQuiet)
	dict := astiav.NewDictionary()
	defer dict.Free()
	if d.opts.SkipLoopFilter {
		if err := dict.Set("skip_loop_filter", "all", astiav.DictionaryFlags(0)); err != nil {
			return fmt.Errorf("set skip_loop_filter: %w", err)
		}
	}
	if d.ctx = astiav.AllocCodecContext(codec); d.ctx == nil {
		return errors.New("no memory for a codec context")
	}
	d.ctx.SetThreadCount(1)
	d.ctx.SetFlags(astiav.NewCodecContextFlags(astiav.CodecContextFlagLowDelay))
	if err := d.ctx.Open(codec, dict); err != nil {
		return err
	}
	d.pkt, d.frame = astiav.AllocPacket(), astiav.AllocFrame()
	if d.pkt == nil || d.frame == nil {
		return errors.New("no memory for a packet and a frame")
	}
	d.params = u.Params
	return nil
}

// send feeds the unit in the form that libavcodec wants: Annex B, on key units
// with the parameter sets in front (an SEI before the SPS draws a warning, and
// streams that never repeat them in band would not start).
func (d *Decoder) send(u *ingest.Unit) error {
	buf := d.scratch[:0]
	if u.Params.Codec == ingest.MJPEG {
		for _, n := range u.NALs {
			buf = append(buf, n...)
		}
	} else {
		if u.Key {
			for _, n := range [][]byte{u.Params.VPS, u.Params.SPS, u.Params.PPS} {
				buf = appendNAL(buf, n)
			}
		}
		for _, n := range u.NALs {
			buf = appendNAL(buf, n)
		}
	}
	size := len(buf)
	buf = append(buf, make([]byte, padding)...)
	d.scratch = buf
	if err := d.pkt.FromData(buf); err != nil {
		return err
	}
	defer d.pkt.Unref()
	d.pkt.SetSize(size)
	d.pkt.SetPts(u.PTS)
	d.pkt.SetDts(u.DTS)
	if len(d.pending) == pendingMax {
		d.pending = append(d.pending[:0], d.pending[1:]...)
	}
	d.pending = append(d.pending, stamp{pts: u.PTS, received: u.Received, captured: u.Captured, key: u.Key})
	return d.ctx.SendPacket(d.pkt)
}

func appendNAL(buf, nal []byte) []byte {
	if len(nal) == 0 {
		return buf
	}
	return append(append(buf, 0, 0, 0, 1), nal...)
}

func (d *Decoder) receive(u *ingest.Unit, each func(*vision.Frame) error) error {
	for {
		err := d.ctx.ReceiveFrame(d.frame)
		if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return nil
		}
		if err != nil {
			return d.fail("receive", u.Camera, err)
		}
		f, err := d.borrow(u)
		if err != nil {
			d.frame.Unref()
			return d.fail("frame", u.Camera, err)
		}
		err = each(f)
		d.frame.Unref()
		if err != nil {
			return err
		}
	}
}

// borrow describes the decoded picture without copying its planes.
func (d *Decoder) borrow(u *ingest.Unit) (*vision.Frame, error) {
	c := (*C.AVFrame)(unsafe.Pointer(d.frame.UnsafeTypedPointer()))
	f := &vision.Frame{
		Camera: u.Camera, Run: u.Run, PTS: int64(c.pts),
		Width: int(c.width), Height: int(c.height), FullRange: c.color_range == C.AVCOL_RANGE_JPEG,
		StrideY: int(c.linesize[0]), StrideU: int(c.linesize[1]), StrideV: int(c.linesize[2]),
	}
	chromaRows, chromaStep := (f.Height+1)/2, 1
	switch C.int(c.format) {
	case C.AV_PIX_FMT_YUV420P:
	case C.AV_PIX_FMT_YUVJ420P:
		f.FullRange = true
	case C.AV_PIX_FMT_YUV422P:
		chromaStep = 2 // every second chroma row makes it 4:2:0
	case C.AV_PIX_FMT_YUVJ422P:
		f.FullRange, chromaStep = true, 2
	default:
		return nil, fmt.Errorf("%w: %s, want yuv420p, yuvj420p, yuv422p or yuvj422p",
			ErrPixelFormat, d.frame.PixelFormat().Name())
	}
	f.StrideU, f.StrideV = f.StrideU*chromaStep, f.StrideV*chromaStep
	f.Y = plane(c.data[0], f.StrideY, f.Height)
	f.U = plane(c.data[1], f.StrideU, chromaRows)
	f.V = plane(c.data[2], f.StrideV, chromaRows)
	if f.Y == nil || f.U == nil || f.V == nil {
		return nil, errors.New("picture without planes")
	}
	d.stamp(f)
	return f, nil
}

func plane(p *C.uint8_t, stride, rows int) []byte {
	if p == nil || stride <= 0 || rows <= 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), stride*rows)
}

// stamp gives the frame the times of the unit with its PTS, and forgets the
// units before it in presentation.
func (d *Decoder) stamp(f *vision.Frame) {
	kept := d.pending[:0]
	for _, s := range d.pending {
		switch {
		case s.pts == f.PTS:
			f.Received, f.Captured, f.Key = s.received, s.captured, s.key
		case s.pts > f.PTS:
			kept = append(kept, s)
		}
	}
	d.pending = kept
}
