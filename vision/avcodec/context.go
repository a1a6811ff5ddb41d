package avcodec

// #cgo pkg-config: libavcodec libavformat libavutil
// #include <stdlib.h>
// #include <libavcodec/avcodec.h>
// #include <libavutil/opt.h>
// #include <libavutil/log.h>
//
// static int again(void) { return AVERROR(EAGAIN); }
// static int ended(void) { return AVERROR_EOF; }
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/watchpost-edge/watchpost/ingest"
)

// context is one libavcodec decoder with the packet and the frame it works on.
type context struct {
	codec *C.AVCodecContext
	pkt   *C.AVPacket
	frame *C.AVFrame
	plain plain // of footage
}

// lavError is an error code of libav in words.
func lavError(code C.int) error {
	var text [C.AV_ERROR_MAX_STRING_SIZE]C.char
	C.av_strerror(code, &text[0], C.AV_ERROR_MAX_STRING_SIZE)
	return errors.New(C.GoString(&text[0]))
}

func findDecoder(c ingest.Codec, any bool) (*C.AVCodec, error) {
	id := uint32(C.AV_CODEC_ID_NONE)
	switch c {
	case ingest.H264:
		id = C.AV_CODEC_ID_H264
	case ingest.H265:
		id = C.AV_CODEC_ID_HEVC
	case ingest.MJPEG:
		id = C.AV_CODEC_ID_MJPEG
	default:
		if !any {
			return nil, fmt.Errorf("codec %q not supported", c)
		}
		name := C.CString(string(c))
		defer C.free(unsafe.Pointer(name))
		if d := C.avcodec_descriptor_get_by_name(name); d != nil {
			id = d.id
		}
	}
	dec := C.avcodec_find_decoder(id)
	if dec == nil {
		return nil, fmt.Errorf("libavcodec has no decoder for %q", c)
	}
	return dec, nil
}

// openContext takes what film says of its codec too, where there is one.
func openContext(p *ingest.Params, o Options, film *Reader) (_ *context, err error) {
	dec, err := findDecoder(p.Codec, film != nil)
	if err != nil {
		return nil, err
	}
	// What it would print to stderr comes back as error codes.
	C.av_log_set_level(C.AV_LOG_QUIET)
	c := &context{codec: C.avcodec_alloc_context3(dec), pkt: C.av_packet_alloc(), frame: C.av_frame_alloc()}
	defer func() {
		if err != nil {
			c.free()
		}
	}()
	if c.codec == nil || c.pkt == nil || c.frame == nil {
		return nil, errors.New("no memory for a codec context, a packet and a frame")
	}
	c.codec.thread_count = 1
	if film == nil { // of MPEG-2 and MPEG-4 it would give B-frames out of order
		c.codec.flags |= C.AV_CODEC_FLAG_LOW_DELAY
	}
	if o.SkipLoopFilter {
		c.codec.skip_loop_filter = C.AVDISCARD_ALL
	}
	if film != nil && !annexB(p.Codec) { // what stands outside its packets
		if code := C.avcodec_parameters_to_context(c.codec, film.stream.codecpar); code < 0 {
			return nil, lavError(code)
		}
	}
	if code := C.avcodec_open2(c.codec, dec, nil); code < 0 {
		return nil, lavError(code)
	}
	return c, nil
}

// fill makes room for a packet of size bytes, which the caller writes.
func (c *context) fill(size int) ([]byte, error) {
	C.av_packet_unref(c.pkt)
	if code := C.av_new_packet(c.pkt, C.int(size)); code < 0 {
		return nil, lavError(code)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(c.pkt.data)), size), nil
}

// send feeds the packet that was filled.
func (c *context) send(pts, dts int64) error {
	c.pkt.pts, c.pkt.dts = C.int64_t(pts), C.int64_t(dts)
	code := C.avcodec_send_packet(c.codec, c.pkt)
	C.av_packet_unref(c.pkt)
	if code < 0 {
		return lavError(code)
	}
	return nil
}

// end says that nothing follows: what is held back comes out.
func (c *context) end() { C.avcodec_send_packet(c.codec, nil) }

// receive gets the next picture into frame, if there is one.
func (c *context) receive() (bool, error) {
	code := C.avcodec_receive_frame(c.codec, c.frame)
	switch {
	case code == C.again() || code == C.ended():
		return false, nil
	case code < 0:
		return false, lavError(code)
	}
	return true, nil
}

func (c *context) unref() { C.av_frame_unref(c.frame) }

// flush forgets what was fed; the memory stays for what follows.
func (c *context) flush() { C.avcodec_flush_buffers(c.codec) }

func (c *context) free() {
	c.plain.free()
	C.av_frame_free(&c.frame)
	C.av_packet_free(&c.pkt)
	C.avcodec_free_context(&c.codec)
}
