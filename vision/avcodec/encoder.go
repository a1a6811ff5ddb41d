package avcodec

// #include <stdlib.h>
// #include <string.h>
// #include <libavcodec/avcodec.h>
// #include <libavutil/opt.h>
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"
)

// Encoder makes an H.264 stream of pictures that any browser plays: baseline,
// no B-frames, one packet for each picture at once, a key frame at least every
// two seconds with its parameter sets in it. It is used by one goroutine.
type Encoder struct {
	width, height int
	codec         *C.AVCodecContext
	pkt           *C.AVPacket
	frame         *C.AVFrame
}

// encoderCRF is the quality.
const (
	encoderCRF = "26"
	keyEvery   = 2 // seconds
)

// NewEncoder begins a stream of pictures of width×height (even) at up to fps.
func NewEncoder(width, height int, fps float64) (*Encoder, error) {
	e := &Encoder{width: width, height: height, pkt: C.av_packet_alloc(), frame: C.av_frame_alloc()}
	if err := e.open(fps); err != nil {
		e.Close()
		return nil, fmt.Errorf("open encoder for %d×%d: %w", width, height, err)
	}
	return e, nil
}

func (e *Encoder) open(fps float64) error {
	enc := C.avcodec_find_encoder(C.AV_CODEC_ID_H264)
	if enc == nil {
		return errors.New("libavcodec has no H.264 encoder here")
	}
	e.codec = C.avcodec_alloc_context3(enc)
	c := e.codec
	c.width, c.height, c.pix_fmt = C.int(e.width), C.int(e.height), C.AV_PIX_FMT_YUV420P
	c.time_base.num, c.time_base.den = 1, 90_000
	c.framerate.num, c.framerate.den = C.int(max(1, fps*1000)), 1000
	c.gop_size, c.max_b_frames, c.thread_count = C.int(max(1, keyEvery*fps)), 0, 1
	for key, value := range map[string]string{
		"preset": "superfast", "tune": "zerolatency", "profile": "baseline", "crf": encoderCRF,
		"x264-params": "scenecut=0:repeat-headers=1:vbv-maxrate=2500:vbv-bufsize=2500",
	} {
		k, v := C.CString(key), C.CString(value)
		C.av_opt_set(c.priv_data, k, v, 0) // another encoder than libx264 has defaults of its own
		C.free(unsafe.Pointer(k))
		C.free(unsafe.Pointer(v))
	}
	if code := C.avcodec_open2(c, enc, nil); code < 0 {
		return lavError(code)
	}
	e.frame.width, e.frame.height, e.frame.format = c.width, c.height, C.int(c.pix_fmt)
	if code := C.av_frame_get_buffer(e.frame, 0); code < 0 {
		return lavError(code)
	}
	return nil
}

// Encode takes a picture (planar YUV 4:2:0 without gaps) at pts, in ticks of
// ingest.ClockRate and growing, and returns its NAL units without start codes,
// and whether decoding can begin with it. No NAL units: it comes later.
func (e *Encoder) Encode(i420 []byte, pts int64) (nals [][]byte, key bool, err error) {
	if err := fillFrame(e.frame, i420, e.width, e.height); err != nil {
		return nil, false, err
	}
	e.frame.pts = C.int64_t(pts)
	if code := C.avcodec_send_frame(e.codec, e.frame); code < 0 {
		return nil, false, fmt.Errorf("encode picture: %w", lavError(code))
	}
	code := C.avcodec_receive_packet(e.codec, e.pkt)
	if code == -C.EAGAIN {
		return nil, false, nil
	}
	if code < 0 {
		return nil, false, fmt.Errorf("encode picture: %w", lavError(code))
	}
	defer C.av_packet_unref(e.pkt)
	data := C.GoBytes(unsafe.Pointer(e.pkt.data), e.pkt.size)
	for part := range bytes.SplitSeq(data, []byte{0, 0, 1}) {
		if n := bytes.TrimRight(part, "\x00"); len(n) > 0 {
			nals = append(nals, n)
		}
	}
	return nals, e.pkt.flags&C.AV_PKT_FLAG_KEY != 0, nil
}

// Close frees all memory. The encoder must not be used afterwards.
func (e *Encoder) Close() {
	C.avcodec_free_context(&e.codec)
	C.av_packet_free(&e.pkt)
	C.av_frame_free(&e.frame)
}

// fillFrame copies a picture without gaps into a frame of the same size.
func fillFrame(frame *C.AVFrame, i420 []byte, width, height int) error {
	cw, ch := width/2, height/2
	if len(i420) < width*height+2*cw*ch {
		return fmt.Errorf("take picture: %d bytes are no %d×%d", len(i420), width, height)
	}
	if code := C.av_frame_make_writable(frame); code < 0 {
		return fmt.Errorf("take picture: %w", lavError(code))
	}
	for i, size := range [3][2]int{{width, height}, {cw, ch}, {cw, ch}} {
		stride := int(frame.linesize[i])
		dst := unsafe.Slice((*byte)(unsafe.Pointer(frame.data[i])), stride*size[1])
		for y := range size[1] {
			copy(dst[y*stride:y*stride+size[0]], i420[:size[0]])
			i420 = i420[size[0]:]
		}
	}
	return nil
}
